"""An optimiser's update equations as statements on one parameter's arrays.

In: an `Optimizer`. Out: the statements of the loop body in ``apply_update``. Invariant:
they are the declared equations in their order; a slot or parameter is overwritten only
by the last statement that reads its old value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from symdiff.declare.update import Optimizer
from symdiff.emit.lower.storing import stored
from symdiff.emit.modules.bodies import FunctionBody, Unit, bare_unit, compute
from symdiff.emit.python import code as py
from symdiff.emit.targets import Target
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Shape, TupleType
from symdiff.ops.core.operands import LITERAL
from symdiff.plan.outform import out_form
from symdiff.plan.program import Program
from symdiff.plan.update import Update
from symdiff.plan.updating import UpdateRoutines, Updating
from symdiff.plan.widths import trains_apart

# Names that the functions around the equations use themselves.
WORDS = ("name", "hyper", "slots", "scratch", "free", "flat_grads")
FLOAT_OF_RUN = "state.flat_params.dtype"


@dataclass(frozen=True, slots=True)
class _Form:
    """The statements of the update of parameters of one shape.

    ``unpacked`` reads the step and hyperparameters, ``before`` computes the values that
    depend on no parameter, ``gradient`` and ``slots`` read arrays. ``stores`` are all
    other statements.
    """

    unpacked: tuple[py.Stmt, ...]
    before: tuple[py.Stmt, ...]
    gradient: tuple[py.Stmt, ...]
    slots: tuple[py.Stmt, ...]
    stores: tuple[py.Stmt, ...]


def update_statements(
    updating: Updating, parent: Unit, whole: str = "state.flat_grads"
) -> tuple[py.Printed, py.Printed]:
    """Return the statements before the loop over parameters, and the loop's body.

    ``parent`` is the unit whose modules they are for, ``whole`` names the gradient of
    all parameters. A value that depends only on hyperparameters, the step and the whole
    gradient is computed before the loop, if it takes more than an operation or two.
    """
    optimizer = updating.equations.optimizer
    forms = _forms(updating, parent, whole)
    unpacked = _once(s for form in forms.values() for s in form.unpacked)
    gradient = _once(s for form in forms.values() for s in form.gradient)
    slots = _once(s for form in forms.values() for s in form.slots)
    stores = _by_shape(forms)
    if optimizer.groups:
        return py.printed([]), py.printed([*gradient, *unpacked, *slots, *stores], 8)
    before = _once(s for form in forms.values() for s in form.before)
    inside = [*gradient, *slots, *stores]
    return py.printed([*unpacked, *before]), py.printed(inside, 8)


def _forms(updating: Updating, parent: Unit, whole: str) -> dict[Shape, _Form]:
    """Return the statements for each shape; one for all where they are the same."""
    optimizer = updating.equations.optimizer
    for before in (not optimizer.groups, False):
        forms = {
            shape: _form(optimizer, made, parent, whole, before=before)
            for shape, made in updating.forms.items()
        }
        if len(set(forms.values())) == 1:
            return dict(list(forms.items())[:1])
    return forms


def _form(
    optimizer: Optimizer,
    made: UpdateRoutines,
    parent: Unit,
    whole: str,
    *,
    before: bool,
) -> _Form:
    """Return the statements of an update, with or without separate ones before it."""
    update = made.update
    unit = unit_of(update.leaves, update.roots, parent)
    given: dict[Node, py.Expr] = {
        t.node: py.Name(unit.names.of(t)) for t in update.leaves
    }
    given[update.whole.node] = py.name(whole)
    first, shared = None, made.before.results if before else ()
    names = unit.names.function()
    if before:
        first = compute(
            *(unit, made.before, given),
            headings=False,
            arrays=(),
            dtype=FLOAT_OF_RUN,
            names=names,
        )
    apart = trains_apart(parent.program)
    if apart and first is not None and first.context.float_read:
        # before the loop no parameter gives the width: compute everything inside
        return _form(optimizer, made, parent, whole, before=False)
    values = dict(given)
    if first is not None:
        values |= {n: first.value(n) for n in shared}
    routine = made.after if before else made.whole
    body = compute(unit, routine, values, headings=False, names=names)
    roots = [t.node for _, t in update.roots]
    order = [*(() if first is None else first.order), *body.order]
    read = _read(order) | {*shared, *roots}
    numbers = {t.node for t in (*update.hyper.values(), update.step)}
    slots = [
        py.Assign(
            (given[leaf.node],),
            py.Index(
                py.Index(py.name("state.slots"), (py.Lit(name),)), (py.Name("name"),)
            ),
        )
        for name, leaf in update.slots.items()
    ]
    gradient = py.Assign(
        (given[update.gradient.node],),
        py.Index(py.name("state.grads"), (py.Name("name"),)),
    )
    kind = None
    if needs_arrays(order, numbers, parent.target):
        kind = _float64(parent) if apart else f"{FLOAT_OF_RUN}.type"
    return _Form(
        tuple(_hyper_statements(optimizer, update, given, read, kind)),
        () if first is None else tuple(first.computation),
        (gradient,) if update.gradient.node in read else (),
        tuple(slots),
        tuple(_stored(body, update, given, unit)),
    )


def _once(stmts: Iterable[py.Stmt]) -> list[py.Stmt]:
    """Return statements without repetitions of earlier ones."""
    return list(dict.fromkeys(stmts))


def _by_shape(forms: Mapping[Shape, _Form]) -> list[py.Stmt]:
    """Return the stores of each shape, under a test of the shape if they differ."""
    alike: dict[tuple[py.Stmt, ...], list[Shape]] = {}
    for shape, form in forms.items():
        alike.setdefault(form.stores, []).append(shape)
    found: list[py.Stmt] = []
    for stores, shapes in reversed(alike.items()):
        if not found:  # the last one needs no test
            found = list(stores)
            continue
        shown = [py.Tuple_(tuple(map(py.Lit, shape))) for shape in shapes]
        one = py.Binary("==", py.name("p.shape"), shown[0])
        several = py.Binary("in", py.name("p.shape"), py.Tuple_(tuple(shown)))
        test = one if len(shown) == 1 else several
        found = [py.If(test, stores, tuple(found))]
    return found


def _stored(
    body: FunctionBody, update: Update, given: Mapping[Node, py.Expr], unit: Unit
) -> list[py.Stmt]:
    """Return the body's statements, with results written into the arrays replaced."""
    arrays = {t.node: given[t.node] for t in update.arrays}
    views: dict[Node, frozenset[py.Expr]] = {
        n: frozenset([e]) for n, e in arrays.items()
    }
    names: dict[py.Expr, frozenset[py.Expr]] = {}
    for node in body.order:
        below = frozenset[py.Expr]().union(*(views.get(i, ()) for i in node.inputs))
        views[node] = frozenset() if _is_fresh(node) else below
        name = body.context.written.get(node)
        if name is not None and views[node]:
            names[name] = views[node]
    pairs = [(update.slots[k], new) for k, new in update.new_slots.items()]
    pairs.append((update.parameter, update.new_parameter))
    stores = [(arrays[old.node], body.value(new.node)) for old, new in pairs]
    return stored(body.computation, stores, names, lambda: body.names.claim("kept"))


def _is_fresh(node: Node) -> bool:
    """Whether a value never shares memory with an operand."""
    if node.op.view or isinstance(node.type, TupleType):
        return False
    return node.op.is_elementwise or out_form(node) is not None


def needs_arrays(
    order: Sequence[Node], numbers: Iterable[Node], target: Target
) -> bool:
    """Whether statements need NumPy's numbers instead of Python's.

    They do if they use a number as an array, or in an operator that works differently
    on Python's numbers. ``numbers`` are given as Python's, and so are the results of
    Python's operators on them.
    """
    plain = set(numbers)
    texts = {n: target.text(n) for n in order if _has_text(n)}
    chosen = any(target.chooses(text) for text in texts.values())
    for node, text in texts.items():
        for i, source in enumerate(node.inputs):
            if source in plain and re.search(rf"\b_{i}[.\[]", text):
                return True
        operators = not re.search("[a-zA-Z]", text)
        if operators and all(i in plain or i.op is LITERAL for i in node.inputs):
            if _differs(node, text, chosen=chosen):
                return True
            plain.add(node)
    return False


def _has_text(node: Node) -> bool:
    return bool(node.inputs) and not isinstance(node.type, TupleType)


def _differs(node: Node, text: str, *, chosen: bool) -> bool:
    """Whether an operator may work differently on Python's numbers.

    On them ``~`` of a bool is -2 or -1, a power of a negative number is complex, and a
    division by 0 raises. The last matters where some statement chooses between values
    (``chosen``), one of which may be such a quotient.
    """
    made = [not i.op.leaf and i.op is not LITERAL for i in node.inputs]
    if "**" in text:
        return made[0]
    return "~" in text or (chosen and "/" in text and made[-1])


def _float64(unit: Unit) -> str:
    return py.expr_text(unit.target.kind("float64"))


def unit_of(
    leaves: Sequence[Tensor], roots: Sequence[tuple[str, Tensor]], parent: Unit
) -> Unit:
    """Return a unit that computes ``roots`` from ``leaves``, in a parent's modules."""
    empty: tuple[Tensor, ...] = ()
    program = Program(
        name="update",
        is_model=False,
        params=empty,
        states=empty,
        inputs=tuple(leaves),
        targets=empty,
        randoms=empty,
        outputs=(),
        results=tuple(roots),
        metrics=(),
        updates=(),
        seeds=empty,
        wrt=empty,
        gradients=empty,
    )
    unit = bare_unit(program, "", 1, trains=True, words=WORDS)
    return replace(unit, constants=parent.constants, target=parent.target)


def _hyper_statements(
    optimizer: Optimizer,
    update: Update,
    given: Mapping[Node, py.Expr],
    read: set[Node],
    kind: str | None,
) -> list[py.Stmt]:
    """Return the reading of the step and of the hyperparameters.

    ``kind`` is the NumPy type that they are converted to, if any.
    """
    made: list[py.Stmt] = []
    if update.step.node in read:
        step = py.name("state.step")
        made.append(py.Assign((given[update.step.node],), number(step, kind)))
    common: py.Expr = py.name("state.hyper")
    if optimizer.schedules:
        common = py.call("_hyper", py.Name("state"))
    source = common
    if optimizer.groups:
        source = py.Name("hyper")
        own = py.call("GROUPS.get", py.Name("name"), py.Dict_(()))
        made.append(py.Assign((source,), py.Dict_(((None, common), (None, own)))))
    elif optimizer.schedules:
        source = py.Name("hyper")
        made.append(py.Assign((source,), common))
    made += [
        py.Assign((given[leaf.node],), number(py.Index(source, (py.Lit(name),)), kind))
        for name, leaf in update.hyper.items()
        if leaf.node in read
    ]
    return made


def number(value: py.Expr, kind: str | None) -> py.Expr:
    """Return a Python number, converted to a NumPy type if one is given."""
    return value if kind is None else py.call(kind, value)


def schedule_statements(updating: Updating, parent: Unit) -> py.Printed:
    """Return the body of ``_hyper``: the hyperparameters at a step."""
    made, values = _scheduled(updating, parent, "hyper", "state.step")
    pairs = ((py.Lit(n), value) for n, value in values.items())
    made.append(py.Return(py.Dict_(((None, py.name("state.hyper")), *pairs))))
    return py.printed(made)


def decays(updating: Updating, parent: Unit) -> dict[str, object]:
    """Return how much of the initial zeros is left in running averages of parameters.

    ``left`` is their share as an expression, ``own`` whether groups have decays of
    their own, and ``scheduled`` the body of ``_decay``, where the decay has a schedule.
    """
    optimizer = updating.equations.optimizer
    own = any("ema" in values for values in optimizer.groups.values())
    if "decay" not in updating.schedules:
        left = "decay**state.step" if own else 'state.hyper["ema"] ** state.step'
        return {"own": own, "scheduled": "", "left": left}
    made, values = _scheduled(updating, parent, "decay", "t")
    made.append(py.Return(values["ema"]))
    left = "zeros" if own else "left"
    return {"own": own, "scheduled": py.printed(made).body, "left": left}


def _scheduled(
    updating: Updating, parent: Unit, name: str, step: str
) -> tuple[list[py.Stmt], dict[str, py.Expr]]:
    """Return statements that compute hyperparameters at a step, and their values.

    They are computed in float64, as the numbers of ``state.hyper`` are kept.
    """
    found, routine = updating.equations.scheduled, updating.schedules[name]
    assert found is not None
    hyper, t = found.hyper, found.step
    roots = {n: v for n, v in found.values.items() if v.node in routine.results}
    leaves = [x for x in (*hyper.values(), t) if x.node in routine.given]
    unit = unit_of(leaves, tuple(roots.items()), parent)
    given: dict[Node, py.Expr] = {x.node: py.Name(unit.names.of(x)) for x in leaves}
    body = compute(*(unit, routine, given), headings=False, arrays=(), dtype="float")
    kind = _float64(parent) if needs_arrays(body.order, given, parent.target) else None
    made: list[py.Stmt] = []
    for leaf in leaves:
        name = str(leaf.name)
        source: py.Expr = py.Index(py.name("state.hyper"), (py.Lit(name),))
        if leaf is t:
            source = py.name(step)
        value = number(source, kind)
        if value != given[leaf.node]:
            made.append(py.Assign((given[leaf.node],), value))
    made += body.computation
    return made, {n: py.call("float", body.value(r.node)) for n, r in roots.items()}


def _read(order: Sequence[Node]) -> set[Node]:
    return {i for n in order for i in n.inputs}
