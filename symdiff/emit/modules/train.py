"""The training modules of a package: train.py, and with it _planned.py.

In: a unit and the model's optimiser. Out: module texts. Invariant: train.py is readable
lines on top of backward.py; the planned pair computes the same numbers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symdiff.declare.init import as_init
from symdiff.emit.listing import Listed
from symdiff.emit.lower.context import stored_name
from symdiff.emit.lower.texts import expression
from symdiff.emit.modules.assembly import (
    BUILD,
    Module,
    Options,
    header,
    helper_texts,
    imports_of,
    listed,
    sealed,
    stored_constants,
)
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.modules.functions import (
    Written,
    printed,
)
from symdiff.emit.modules.halves import Halves
from symdiff.emit.modules.optimizer import (
    decays,
    schedule_statements,
    update_statements,
)
from symdiff.emit.modules.render import render
from symdiff.emit.modules.results import (
    divisors_function,
    evaluate_function,
    metrics_function,
)
from symdiff.emit.modules.shared import HANDED_ON, imports_from
from symdiff.emit.modules.step_arguments import (
    checked_arguments,
    given_arguments,
    range_checks,
)
from symdiff.emit.modules.train_constants import loop_constant, train_constants
from symdiff.emit.python import code as py
from symdiff.graph.errors import DeclarationError
from symdiff.graph.tensor import Tensor
from symdiff.graph.widths import any_declared, is_declared
from symdiff.plan.fingerprint import fingerprint
from symdiff.plan.update import Equations
from symdiff.plan.widths import trains_apart


@dataclass(frozen=True)
class TrainingFunctions:
    """The functions of train.py that are the model's own, lowered.

    ``divisors`` are functions by name; ``update`` are the statements before the loop
    over the parameters, and the loop's body; ``averages`` is the result of `decays`, if
    there are running averages, and ``schedules`` the body of ``_hyper``.
    """

    metrics: Written | None
    evaluate: Written
    divisors: Mapping[str, Written]
    update: tuple[py.Printed, py.Printed]
    averages: Mapping[str, object] | None
    schedules: py.Printed | None

    @property
    def written(self) -> dict[str, Written]:
        """The functions that are written for this model alone, by name."""
        found = {} if self.metrics is None else {"metrics": self.metrics}
        return found | {"evaluate": self.evaluate, **self.divisors}


def training_functions(unit: Unit) -> TrainingFunctions:
    """Lower the functions of train.py other than the gradients."""
    p, updating = unit.program, unit.functions.update
    assert updating is not None
    found = updating.equations
    metrics = metrics_function(unit) if p.metrics else None
    evaluated = evaluate_function(unit)
    names = [name for name, _ in p.beside if name != "evaluate"]
    divisors = {name: divisors_function(unit, name) for name in names}
    apart = _has_free(found) or trains_apart(p)
    whole = "flat_grads" if apart else "state.flat_grads"
    update = update_statements(updating, unit, whole)
    averages = decays(updating, unit) if "ema" in found.optimizer.hyper else None
    schedules = None
    if found.scheduled is not None:
        schedules = schedule_statements(updating, unit)
    return TrainingFunctions(metrics, evaluated, divisors, update, averages, schedules)


def _has_free(found: Equations) -> bool:
    """Whether the clipped norm leaves out the gradients of frozen parameters."""
    return bool(found.frozen) and "clip_norm" in found.optimizer.hyper


def train_module(
    unit: Unit,
    found: Halves,
    training: TrainingFunctions,
    options: Options,
    origin: str,
    *,
    planned: bool,
) -> Module:
    """Return train.py."""
    update = unit.program.update
    assert update is not None
    made = train_parts(unit, found, training, planned=planned)
    written = training.written
    bodies = [*(w.code for w in written.values()), *made.step]
    had = helper_texts([found.primal.code, found.backward.code])
    helpers = [text for text in helper_texts(bodies) if text not in had]
    functions = [made.first, made.state, *made.functions]
    everything = "\n".join([*functions, *helpers])
    stored = stored_constants(unit, everything, single=False)
    text = render(
        "train.py",
        header=header(unit, options, origin, *_unplanned(unit, options)),
        name=unit.program.name,
        optimizer=type(update.optimizer).__name__,
        imports=imports_of(everything, *(["pathlib"] if stored else [])),
        imported=_imported(everything, had),
        planned=planned,
        pair=planned and update.flat is not None,
        constants="\n".join(part for part in (BUILD, made.constants, stored) if part),
        functions=functions,
        helpers=helpers,
        loop=made.loop,
        public=_public(functions),
    )
    return Module(sealed(text), [*listed(written), *made.listed])


def _imported(text: str, helpers: Sequence[str]) -> str:
    """Return the imports from other modules of the package, which text reads."""
    own = [re.match(r"def (\w+)", helper) for helper in helpers]
    asked = ["_check", "_fitted", "_check_range", *(found[1] for found in own if found)]
    names = [n for n in asked if re.search(rf"\b{n}\(", text)]
    backward = ("backward", "loss_and_residuals", *names)
    return imports_from({**HANDED_ON, "backward": backward})


def _public(functions: Sequence[str]) -> str:
    """Return the statement that lists what train.py has, and hands on, for callers."""
    defined = re.findall(
        r"^(?:def|class) ([A-Za-z]\w*)", "\n".join(functions), re.MULTILINE
    )
    handed = [n for names in HANDED_ON.values() for n in names if n.islower()]
    shown = [n for n in sorted([*defined, *handed]) if n[0] != "_"]
    value = py.Tuple_(tuple(py.Lit(name) for name in shown))
    return py.print_stmts([py.Assign((py.Name("__all__"),), value)], indent=0).rstrip()


def _unplanned(unit: Unit, options: Options) -> list[str]:
    """Return the header's line on why a planned step is missing, if it is."""
    if options.level < 2 or not trains_apart(unit.program):
        return []
    kinds = dict.fromkeys(t.dtype.name for t in unit.program.params)
    why = f"parameters are declared {' and '.join(kinds)}"
    return [f"no planned step: {why}, and it works on vectors of one width"]


@dataclass(frozen=True)
class TrainParts:
    """The text of train.py, or of a part of the one file.

    ``first`` is init_params, ``state`` makes states, ``functions`` are the others in
    order, ``step`` those of a step among them; ``loop`` is what fit must know.
    """

    constants: str
    first: str
    state: str
    functions: Sequence[str]
    step: Sequence[str]
    loop: str
    listed: Sequence[Listed]  # those that are laid out by templates


def train_parts(
    unit: Unit, found: Halves, training: TrainingFunctions, *, planned: bool = False
) -> TrainParts:
    """Return the constants and the functions of training that are this model's own."""
    p = unit.program
    assert p.update is not None
    assert p.batches is not None
    step = _step(unit, found, training, planned=planned)
    initial = _initial(unit)
    own = any_declared((*p.params, *p.states))
    first = render(
        "init_params.py",
        draws=initial.body,
        random="rng." in initial.body,
        declared=own,
    )
    functions = []
    if training.metrics is not None:
        functions.append(
            render("function.py", name="metrics", written=training.metrics)
        )
    functions.append(render("function.py", name="evaluate", written=training.evaluate))
    for name, function in training.divisors.items():
        functions.append(render("function.py", name=name, written=function))
    functions += step
    whole = p.batches.divided.whole
    if whole and not p.batches.divided.refused:
        drawn = training.metrics is not None and training.metrics.draws
        functions.append(render("of_whole.py", whole=whole, draws=drawn))
    declared = [str(leaf.name) for leaf in (*p.inputs, *p.targets)]
    constants = train_constants(unit, p.update, declared, p.batches)
    told_apart = "".join([fingerprint(p), constants, *step])
    digest = hashlib.sha256(told_apart.encode()).hexdigest()
    told = py.Assign(
        (py.Name("MODEL"),),
        py.Lit(f"{p.name} {digest[:16]}"),
        "tells checkpoints apart",
    )
    constants = "\n".join([constants, py.print_stmts([told], indent=0).rstrip("\n")])
    more = [Listed("init_params", "", (initial,), {})]
    more.append(Listed("apply_update", "state", training.update, {}))
    if training.schedules is not None:
        more.append(Listed("_hyper", "state", (training.schedules,), {}))
    return TrainParts(
        constants,
        first.strip(),
        render("init_state.py").strip(),
        [f.strip() for f in functions],
        step,
        loop_constant(p.update, p.batches, draws=training.evaluate.draws),
        more,
    )


def _step(
    unit: Unit, found: Halves, training: TrainingFunctions, *, planned: bool
) -> list[str]:
    """Return the functions of a step."""
    p = unit.program
    assert p.update is not None
    optimizer = p.update.optimizer
    primal, backward, trained = found.primal, found.backward, training.metrics
    frozen, apart = bool(p.update.frozen), trains_apart(p)
    unpacked, update = (piece.body for piece in training.update)
    schedules = "" if training.schedules is None else training.schedules.body
    averages = ""
    if training.averages is not None:
        averages = render("averaged.py", frozen=frozen, **training.averages)
    names = [unit.names.of(leaf) for leaf in (*p.inputs, *p.targets)]
    values = {
        "arguments": ", ".join(names),
        "optimizer": type(optimizer).__name__,
        "updates": bool(p.updates),
        "metrics": bool(p.metrics),
        "draws": primal.draws
        or backward.draws
        or (trained is not None and trained.draws),
        "unpacked": unpacked,
        "update": update,
        "planned": planned,
        "frozen": frozen,
        "uniform": p.update.flat is not None,
        "limits": bool(optimizer.max_norm),
        "averages": averages.rstrip("\n"),
        "free": _has_free(p.update) or (apart and "flat_grads" in unpacked + update),
        "schedules": schedules,
        "hyper": "_hyper(state)" if schedules else "state.hyper",
        "lines": _step_lines(unit, names, primal, backward, trained),
    }
    parts = ["grads.py", "step.py", *(["planned_step.py"] if planned else [])]
    return [render(part, **values) for part in parts]


def _step_lines(
    unit: Unit,
    names: Sequence[str],
    primal: Written,
    backward: Written,
    trained: Written | None,
) -> dict[str, str]:
    """Return the text of the calls in a training step."""
    state_params = py.name("state.params")
    arguments = tuple(py.Name(n) for n in names)
    draws = primal.draws or backward.draws or (trained is not None and trained.draws)

    def key(wanted: bool) -> tuple[py.Expr, ...]:
        return (py.Name("key"),) if wanted else ()

    handed = ["loss", "residuals"] + (["updates"] if unit.program.updates else [])
    named = (("key", py.Name("key")),) if backward.draws else ()
    planned = (py.call("_key", py.Name("state")),) if draws else ()
    calls = {
        "primal": py.Assign(
            tuple(py.Name(n) for n in handed),
            py.Call(
                py.Name("loss_and_residuals"),
                (state_params, *arguments, *key(primal.draws)),
            ),
        ),
        "backward": py.Assign(
            (py.Name("gradients"),),
            py.Call(py.Name("backward"), (state_params, py.Name("residuals")), named),
        ),
        "given": given_arguments(unit),
        "metrics": py.Assign(
            (py.Name("found"),),
            py.Call(
                py.Name("metrics"),
                (state_params, *arguments, *key(trained is not None and trained.draws)),
            ),
        ),
        "planned": py.Assign(
            (py.Name("found"),),
            py.Call(
                py.name("_planned.compute_grads"),
                (
                    py.Name("plan"),
                    state_params,
                    py.name("state.grads"),
                    *arguments,
                    *planned,
                ),
            ),
        ),
    }
    lines = {k: printed([stmt]) for k, stmt in calls.items()}
    inner = {"checked": checked_arguments(unit), "ranges": range_checks(unit)}
    for name, stmts in inner.items():
        lines[name] = py.print_stmts(stmts, indent=8).rstrip("\n")
    return lines


def _initial(unit: Unit) -> py.Printed:
    """Return the statement of init_params that draws every parameter.

    An array that is too large for a literal is read from beside the module.
    """
    pairs = []
    for t in (*unit.program.params, *unit.program.states):
        text = draw_text(t)
        if text == "_array":
            array = as_init(t.node.attrs["init"], t.shape).array
            assert array is not None
            key = stored_name(array, unit.constants)
            text = f"_CONSTANTS[{key!r}].copy()"
        drawn = expression(text, lambda name: None)
        own = unit.target.kind(t.dtype.name) if is_declared(t.dtype) else None
        made = unit.target.as_array(drawn, own or py.Name("dtype"))
        pairs.append((py.Lit(str(t.name)), made))
    return py.printed([py.Return(py.Dict_(tuple(pairs)))])


def draw_text(leaf: Tensor) -> str:
    """Return the expression that draws a parameter's initial value."""
    shape = leaf.shape
    symbolic = [d for d in shape if not isinstance(d, int)]
    if symbolic:
        raise DeclarationError(
            f"parameter {leaf.name!r} has the symbolic shape {shape}; give it numbers, "
            "so that "
            "init_params can make it."
        )
    return as_init(leaf.node.attrs.get("init"), shape).draw_text(shape)
