"""The entry points of a package: ``__init__.py`` with lazy exports, ``__main__.py``.

In: a unit and the names of the modules. Out: the text of both. Invariant: the
self-check in ``__main__.py`` imports NumPy alone, draws valid arguments as declared,
and compares the derived gradient with differences of the generated forward pass.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdiff.declare.init import Init
from symdiff.emit.lower.texts import expression
from symdiff.emit.modules.agreement import of_forward, of_planned, of_training
from symdiff.emit.modules.assembly import (
    BUILD,
    STRICT,
    TOLERANCE,
    Options,
    header,
    sealed,
)
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.modules.functions import asked_of, length_by_name
from symdiff.emit.modules.halves import Halves
from symdiff.emit.modules.lengths import WISHES, LengthError, dims_of, lengths
from symdiff.emit.modules.lowering import LoweredFunctions
from symdiff.emit.modules.render import render
from symdiff.emit.modules.train import draw_text
from symdiff.emit.python import code as py
from symdiff.graph.node import topological
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim
from symdiff.graph.widths import any_declared
from symdiff.ops.core.leaf import RANDOM
from symdiff.ops.core.text import dim_text, shape_text
from symdiff.plan.program import Program
from symdiff.plan.widths import computes_widths, declares_widths

_KIND = {True: "model", False: "function"}
_TRAINS = " | train DATA.npz"


def init_module(
    unit: Unit,
    options: Options,
    origin: str,
    modules: Sequence[str],
    more: Sequence[str] = (),
) -> str:
    """Return __init__.py; ``more`` are functions of train.py that few models have."""
    p = unit.program
    exports = {}
    if "forward" in modules:
        exports["predict"] = ("forward", "forward")
    if "backward" in modules and p.is_model:
        exports |= {
            n: ("backward", n) for n in ("loss_and_residuals", "value_and_grad")
        }
    elif "backward" in modules:
        exports["forward_with_residuals"] = ("backward", "forward_with_residuals")
    if "train" in modules:
        names = ["init_params", "init_state", "train_step", "evaluate"]
        exports |= {n: ("train", n) for n in names}
        exports["fit"] = ("_fit", "fit")
        exports |= {n: ("_files", n) for n in ("save", "load")}
        exports |= {n: ("train", n) for n in more}
    entries = tuple(
        (py.Lit(k), py.Tuple_((py.Lit(m), py.Lit(a)))) for k, (m, a) in exports.items()
    )
    shown = py.print_stmts(
        [py.Assign((py.Name("_EXPORTS"),), py.Dict_(entries))], indent=0
    )
    inputs = ", ".join(unit.names.of(leaf) for leaf in p.inputs)
    call = f"params, {inputs}" if p.is_model else inputs
    usage = [f"    from {p.name}.forward import forward", f"    forward({call})"]
    if "backward" in modules:
        usage.append(f"    python -m {p.name}  # checks the gradients with NumPy alone")
    text = render(
        "__init__.py",
        header=header(unit, options, origin),
        summary=f"{p.name}: a {_KIND[p.is_model]} compiled to NumPy.",
        usage="\n".join(usage),
        exports=shown.split("= ", 1)[1].rstrip("\n"),
        names=textwrap.fill(f"Exports: {', '.join(exports)}.", 88),
        modules=py.expr_text(py.Tuple_(tuple(py.Lit(m) for m in modules))),
        build=BUILD,
        one_compilation=render("one_compilation.py").strip(),
        forget=render("forget.py").strip(),
    )
    return sealed(text)


def _smooth(unit: Unit) -> tuple[py.Expr, ...]:
    """Return the names of the variables of differentiation in the check's points.

    There are none if numerical slopes cannot check the gradient.
    """
    p = unit.program
    if p.stopped:
        return ()
    params = {t.node for t in p.params}
    return tuple(
        py.Lit(f"params[{str(t.name)!r}]" if t.node in params else str(t.name))
        for t in p.wrt
    )


def _lengths(unit: Unit) -> list[dict[str, int]]:
    """Return the lengths of dims at random points, in turn; none without dims.

    Lengths are arbitrary if none meet the checks.
    """
    names = [str(s) for s in dims_of(unit.program)]
    try:
        found = lengths(unit.program)
    except LengthError:  # every call of the module will raise
        return [{n: WISHES[i % len(WISHES)] for i, n in enumerate(names)}]
    return [at for i, at in enumerate(found) if at not in found[:i]]


WIDE = 10_000  # elements of a parameter
SCALE = "scale"  # a variable of the check's draws


def _concrete(shape: Sequence[Dim], at: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(d if isinstance(d, int) else _number(d, at) for d in shape)


def _number(length: sp.Expr, at: Mapping[str, int]) -> int:
    """Return a length as an int; `subs` is slow for symbols that do not occur."""
    return int(length.subs({s: at[str(s)] for s in length.free_symbols}))


def _sample_text(unit: Unit, leaf: Tensor, sizes: Sequence[dict[str, int]]) -> str:
    """Return the expression that draws a valid argument in float64."""
    shown = shape_text(leaf.shape)
    sample = leaf.node.attrs.get("sample")
    if isinstance(sample, Init) and (sample.array is None or sample.array.size <= 64):
        shapes = [_concrete(leaf.shape, at) for at in sizes or [{}]]
        texts = [sample.draw_text(shape) for shape in shapes]
        same = len(set(texts)) == 1
        drawn = texts[0] if same else f"({', '.join(texts)})[turn % {len(texts)}]"
        return f"np.asarray({drawn}, float)" if leaf.dtype.is_float else drawn
    low, high = asked_of(unit, leaf)[:2]
    if leaf.dtype.is_bool:
        return f"rng.random({shown}) < 0.5"
    if leaf.dtype.is_integer:
        return f"rng.integers({_range(low, high, int, 5)}, {shown})"
    if low is not None or high is not None:
        return f"rng.uniform({_range(low, high, float, 1)}, {shown})"
    return f"np.asarray({SCALE} * rng.standard_normal({shown}))"


def _range(low: Any, high: Any, kind: type, width: int) -> str:
    """Return the ends of the range that is drawn from, also where one end is open."""
    if low is None:
        low = 0 if kind is int else high - width
    ends = (low, low + width if high is None else high)
    return ", ".join(
        f"({dim_text(end)})" if isinstance(end, sp.Expr) else repr(kind(end))
        for end in ends
    )


def _param_text(leaf: Tensor) -> str:
    """Return a parameter's draw: its initial value, perturbed to break symmetries."""
    shape = leaf.shape
    shown = py.expr_text(py.Tuple_(tuple(py.Lit(int(n)) for n in shape)))
    base = draw_text(leaf)
    # a wide layer sums many elements: a perturbation must be smaller not to saturate it
    wide = math.prod(int(n) for n in shape) > WIDE
    if "_array" in base:
        return f"{0.03 if wide else 0.3} * rng.standard_normal({shown})"
    return f"{base} + {0.01 if wide else 0.1} * rng.standard_normal({shown})"


def _state_text(leaf: Tensor) -> str:
    """Return a state near its initial value, further from 0: a variance stays one.

    One that starts as an array is of positive numbers instead.
    """
    base = draw_text(leaf)
    if base == "_array":
        return f"1 + 0.1 * rng.random({leaf.shape!r})"
    return f"_away({base}, rng)"


def check_parts(
    unit: Unit,
    found: Halves,
    *,
    planned: str,
    train: bool,
    beside: Sequence[str] = (),
    compared: bool = False,
) -> dict[str, str]:
    """Return the pieces of the self-check: draws, adapters, verification, training.

    ``beside`` are the checks of all that is not a gradient, ``planned`` is that of the
    planned step, if there is one; ``compared`` says that what training computes is
    compared with _outputs.py.
    """
    p = unit.program
    primal, backward = found.primal, found.backward
    sizes = _lengths(unit)
    draws = [(f"params[{str(t.name)!r}]", _param_text(t)) for t in p.params]
    draws += [(f"params[{str(t.name)!r}]", _state_text(t)) for t in p.states]
    draws += [
        (str(t.name), _sample_text(unit, t, sizes)) for t in (*p.inputs, *p.targets)
    ]
    inputs = {t.node for t in p.inputs}
    adapters = render(
        "adapters_model.py" if p.is_model else "adapters_function.py",
        primal_draws=primal.draws,
        backward_draws=backward.draws,
        inputs_too=any(t.node in inputs for t in p.wrt),
        several=len(p.results) > 1,
        holding=[_called(h) for h in p.holding],
    )
    lifted = ""
    if computes_widths(p):
        lifted = _lifted(p, ["_outputs", *["train"] * train] if compared else [])
    own = any_declared((*p.inputs, *p.targets))
    drawn = "_held_at(_draw(rng, turn))" if p.holding else "_draw(rng, turn)"
    checks = [render("compare.py", tolerance=TOLERANCE, drawn=drawn).strip()]
    checks += [_by_complex()] if p.analytic else []
    checks += beside
    if declares_widths(p):
        checks.append(render("as_declared.py", model=p.is_model).strip())
    training = [render("main_train.py", name=p.name, widths=own)]
    if planned:
        training.append(planned)
    training.append(render("main_data.py"))
    reason = p.stopped or "nothing is differentiated"
    return {
        "adapters": f"{adapters.strip()}\n\n\n{lifted}".strip(),
        "verify": render("verify.py", tolerance=TOLERANCE, reason=reason).strip(),
        "checks": "\n\n\n".join(checks),
        "planned": "\n\n\n".join(part.strip() for part in training) if train else "",
        "draw": render(
            "draw.py",
            draws=_returned(draws),
            lengths=bool(sizes),
            scaled=any(SCALE in text for _, text in draws),
            states=bool(p.states),
        ).strip(),
        "lengths": _turns(sizes),
        "smooth": _assigned("SMOOTH", _smooth(unit), "what is differentiated"),
    }


def _by_complex() -> str:
    """Return the check by complex steps, and the function that measures rounding."""
    check = render("complex.py", tolerance=STRICT).strip()
    return f"{check}\n\n\n{render('shaken.py').strip()}"


def _lifted(program: Program, beside: Sequence[str]) -> str:
    """Return the code that replaces declared widths while slopes are measured.

    ``beside`` are the further modules with which backward.py is compared.
    """
    functions = [*(["_results"] if not program.is_model else []), "_value", "_gradient"]
    modules = ["backward"]
    if program.holding:
        functions.append("_held_at")
        modules += ["_hidden", "_held"]
    if beside:
        functions.append("_triples")
        modules += beside
    return render(
        "lifted.py", functions=", ".join(functions), modules=", ".join(modules)
    ).strip()


def _called(program: Program) -> dict[str, bool]:
    """Return whether a function draws numbers, and whether it has several results."""
    nodes = topological([t.node for _, t in program.outputs])
    draws = any(n.op is RANDOM for n in nodes)
    return {"draws": draws, "several": len(program.outputs) > 1}


def _assigned(name: str, items: tuple[py.Expr, ...], comment: str) -> str:
    stmt = py.Assign((py.Name(name),), py.Tuple_(items), comment)
    return py.print_stmts([stmt], indent=0).rstrip("\n")


def _turns(found: Sequence[Mapping[str, int]]) -> str:
    """Return the statement that lists the lengths by name of every turn, if any."""
    pairs = [tuple((py.Lit(k), py.Lit(n)) for k, n in at.items()) for at in found]
    dicts = tuple(py.Dict_(items) for items in pairs)
    return _assigned("LENGTHS", dicts, "of points, in turn") if dicts else ""


def _returned(draws: Sequence[tuple[str, str]]) -> str:
    """Return the statement that returns a dict of drawn arguments."""
    pairs = tuple((py.Lit(k), expression(text, length_by_name)) for k, text in draws)
    return py.print_stmts([py.Return(py.Dict_(pairs))]).rstrip("\n")


def main_module(
    lowered: LoweredFunctions, options: Options, origin: str, modules: Sequence[str]
) -> str:
    """Return __main__.py."""
    unit, found = lowered.unit, lowered.halves
    assert found is not None
    plain = lowered.plain
    compares = "forward" in plain or (
        "forward" in modules and not unit.program.is_model
    )
    beside = [of_forward(lowered)] if compares else []
    beside += [render("apart.py").strip()] if compares or plain else []
    beside += [of_training(lowered, found)] if plain else []
    train = "train" in modules
    planned = "_planned" in modules
    text = render(
        "__main__.py",
        header=header(unit, options, origin),
        name=unit.program.name,
        imported=", ".join(
            [
                *(["_held", "_hidden"] if unit.program.holding else []),
                *(["_outputs"] if plain else []),
                "backward",
                *(["forward"] if compares else []),
                *(["train"] if train else []),
            ]
        ),
        train=train,
        usage=f"python -m {unit.program.name} [verify]" + _TRAINS * train,
        planned_check=planned,
        **check_parts(
            *(unit, found),
            planned=of_planned(lowered) if planned else "",
            train=train,
            beside=beside,
            compared=bool(plain),
        ),
        complex=unit.program.analytic,
        forward=compares,
        training=bool(plain),
    )
    return sealed(text)
