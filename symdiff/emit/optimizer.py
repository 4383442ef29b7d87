"""An optimiser's update equations as statements on one parameter's arrays.

In: an `Optimizer`. Out: the statements of the loop body in ``apply_update``. Invariant:
they are the declared equations in their order; a slot or parameter is overwritten only
by the last statement that reads its old value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symdiff.declare.update import Optimizer, hyper_leaves
from symdiff.emit import pycode as py
from symdiff.emit.bodies import Unit, compute, new_unit
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, dim
from symdiff.ops.leaf import INPUT
from symdiff.plan.program import Program
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.rules import expansions


@dataclass(frozen=True, slots=True)
class Update:
    """An optimiser's equations over flat vectors: leaves and results.

    ``whole`` is the gradient of all parameters together: where the vectors are flat,
    the gradient itself.
    """

    parameter: Tensor
    gradient: Tensor
    whole: Tensor
    slots: dict[str, Tensor]
    hyper: dict[str, Tensor]
    step: Tensor
    new_parameter: Tensor
    new_slots: dict[str, Tensor]

    @property
    def leaves(self) -> list[Tensor]:
        """Every leaf, in the order in which names are given."""
        vectors = [self.parameter, self.gradient, *self.slots.values()]
        if self.whole is not self.gradient:
            vectors.append(self.whole)
        return [*vectors, *self.hyper.values(), self.step]


def declared_update(optimizer: Optimizer, *, flat: bool = True) -> Update:
    """Return the update equations of an optimiser for vectors of symbolic length.

    ``flat`` says that the vectors hold all parameters at once.
    """

    def vector(name: str, length: str = "P") -> Tensor:
        return apply(
            INPUT,
            name=name,
            shape=(dim(length),),
            dtype=FLOAT,
            low=None,
            high=None,
            sample=None,
        )

    p, g = vector("p"), vector("g")
    whole = g if flat else vector("flat_grads", "Q")
    slots = {name: vector(name) for name in optimizer.all_slots}
    hyper, t = hyper_leaves(optimizer)
    new_p, new_slots = optimizer.step(p, g, slots, hyper, t, whole)
    roots = rewrite([new_p, *new_slots.values()], expansions())
    kept = dict(zip(new_slots, roots[1:], strict=True))
    return Update(p, g, whole, slots, hyper, t, roots[0], kept)


def update_statements(
    optimizer: Optimizer, whole: str = "state.flat_grads"
) -> tuple[str, str]:
    """Return what precedes the loop over parameters, and the loop's body, as text.

    ``whole`` is the name of the gradient of all parameters that are trained.
    What depends on hyperparameters, the step and the whole gradient alone stands before
    the loop, where it is more than an operation or two.
    """
    update = declared_update(optimizer, flat=False)
    roots = (*update.new_slots.items(), ("p", update.new_parameter))
    unit = _unit(update, roots)
    given: dict[Node, py.Expr] = {
        t.node: py.Name(unit.names.of(t)) for t in update.leaves
    }
    given[update.whole.node] = py.name(whole)
    grouped = bool(optimizer.groups)
    shared = [] if grouped else _shared(update, [t.node for _, t in roots])
    before = compute(unit, shared, given, headings=False)
    given |= {n: before.value(n) for n in shared}
    body = compute(unit, [t.node for _, t in roots], given, headings=False)
    stmts = _stored(body.computation, update, given, unit.names.of)
    read = _read(body.order) | _read(before.order) | set(shared)
    unpacked = _hyper_statements(optimizer, update, given, read)
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
    first = [gradient] if update.gradient.node in read else []
    if grouped:
        return "", _printed([*first, *unpacked, *slots, *stmts], 8)
    return _printed([*unpacked, *before.computation], 4), _printed(
        [*first, *slots, *stmts], 8
    )


def _printed(stmts: Sequence[py.Stmt], indent: int) -> str:
    return py.print_stmts(stmts, indent=indent).rstrip("\n")


def _unit(update: Update, roots: tuple[tuple[str, Tensor], ...]) -> Unit:
    """Return the unit of the equations, whose arguments are the leaves."""
    return _unit_of(update.leaves, roots)


def _unit_of(leaves: Sequence[Tensor], roots: tuple[tuple[str, Tensor], ...]) -> Unit:
    """Return a unit that computes ``roots`` from ``leaves``."""
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
        results=roots,
        metrics=(),
        updates=(),
        seeds=empty,
        wrt=empty,
        gradients=empty,
    )
    return new_unit(program, "", 1, trains=True)


def _hyper_statements(
    optimizer: Optimizer, update: Update, given: Mapping[Node, py.Expr], read: set[Node]
) -> list[py.Stmt]:
    """Return the reading of the step and of the hyperparameters."""
    made: list[py.Stmt] = []
    if update.step.node in read:
        made.append(py.Assign((given[update.step.node],), py.name("state.step")))
    common: py.Expr = py.name("state.hyper")
    if optimizer.schedules:
        common = py.call("_hyper", py.Name("state"))
    source = common
    if optimizer.groups:
        source = py.Name("hyper")
        own = py.call("GROUPS.get", py.Name("name"), py.Dict_(()))
        text = f"{{**{py.expr_text(common)}, **{py.expr_text(own)}}}"
        made.append(py.Assign((source,), py.Raw(text, py.PRECEDENCE["atom"])))
    elif optimizer.schedules:
        source = py.Name("hyper")
        made.append(py.Assign((source,), common))
    made += [
        py.Assign((given[leaf.node],), py.Index(source, (py.Lit(name),)))
        for name, leaf in update.hyper.items()
        if leaf.node in read
    ]
    return made


def schedule_statements(optimizer: Optimizer) -> str:
    """Return the body of ``_hyper``: the hyperparameters at a step, by their
    schedules.
    """
    hyper, t = hyper_leaves(optimizer)
    values = optimizer.scheduled(hyper, t)
    roots = tuple(
        zip(values, rewrite(list(values.values()), expansions()), strict=True)
    )
    used = {n for n in topological([r.node for _, r in roots]) if n.op.leaf}
    leaves = [leaf for leaf in (*hyper.values(), t) if leaf.node in used]
    unit = _unit_of(leaves, roots)
    given: dict[Node, py.Expr] = {x.node: py.Name(unit.names.of(x)) for x in leaves}
    body = compute(unit, [r.node for _, r in roots], given, headings=False)
    made: list[py.Stmt] = []
    for leaf in leaves:
        name = str(leaf.name)
        source: py.Expr = py.Index(py.name("state.hyper"), (py.Lit(name),))
        if leaf is t:
            source = py.name("state.step")
        made.append(py.Assign((given[leaf.node],), source))
    made += body.computation
    pairs = ", ".join(
        f"{py.expr_text(py.Lit(n))}: "
        f"{py.expr_text(py.call('float', body.value(r.node)))}"
        for n, r in roots
    )
    made.append(py.Return(py.Raw(f"{{**state.hyper, {pairs}}}", py.PRECEDENCE["atom"])))
    return _printed(made, 4)


def _shared(update: Update, roots: Sequence[Node]) -> list[Node]:
    """Return the scalars that no parameter enters, where they are worth a statement."""
    own = [update.parameter, update.gradient, *update.slots.values()]
    varying = {t.node for t in own}
    order = topological(roots)
    size: dict[Node, int] = {}
    for node in order:
        if any(i in varying for i in node.inputs):
            varying.add(node)
        size[node] = 1 + sum(size[i] for i in node.inputs if not i.op.leaf)
    found: dict[Node, None] = {}
    for node in order:
        for i in node.inputs if node in varying else ():
            while i.op.name == "broadcast_to":
                i = i.inputs[0]
            costly = size[i] > 4 or update.whole.node in topological([i])
            if i not in varying and not i.op.leaf and not i.shape and costly:
                found[i] = None
    return list(found)


def _read(order: Sequence[Node]) -> set[Node]:
    return {i for n in order for i in n.inputs}


def _stored(
    stmts: Sequence[py.Stmt],
    update: Update,
    given: dict[Node, py.Expr],
    name_of: object,
) -> list[py.Stmt]:
    """Write results into the arrays they replace: ``m[...] = m_2`` after all
    reading.
    """
    stores: list[py.Stmt] = []
    made = list(stmts)
    pairs = [(update.slots[k], new) for k, new in update.new_slots.items()]
    pairs.append((update.parameter, update.new_parameter))
    for old, new in pairs:
        target = py.Index(given[old.node], (py.Ellipsis_(),))
        stores.append(py.Assign((target,), py.Name(name_of(new))))  # type: ignore[operator]
    return _merged(made, stores)


def _merged(made: list[py.Stmt], stores: list[py.Stmt]) -> list[py.Stmt]:
    """Store directly where a result's statement is the last that reads the old array.

    ``m_2 = b * m + c * g`` and ``m[...] = m_2`` become ``m[...] = b * m + c * g``, with
    later statements reading ``m``.
    """
    kept: list[py.Stmt] = []
    for store in stores:
        assert isinstance(store, py.Assign)
        assert isinstance(store.targets[0], py.Index)
        assert isinstance(store.value, py.Name)
        array, local = store.targets[0].value, store.value
        at = next(
            (
                i
                for i, s in enumerate(made)
                if isinstance(s, py.Assign) and s.targets == (local,)
            ),
            None,
        )
        if at is None or any(mentions(s, array) for s in made[at + 1 :]):
            kept.append(store)
            continue
        found = made[at]
        assert isinstance(found, py.Assign)
        made[at] = py.Assign((store.targets[0],), found.value)
        for i in range(at + 1, len(made)):
            made[i] = renamed(made[i], local, array)
        kept = [renamed(s, local, array) for s in kept]
    return [*made, *kept]


def mentions(s: py.Stmt, name: py.Expr) -> bool:
    """Whether a plain assignment's right-hand side reads a name."""
    return isinstance(s, py.Assign) and renamed(s, name, py.Name("_")) != s


def renamed(s: py.Stmt, old: py.Expr, new: py.Expr) -> py.Stmt:
    """Return a plain assignment whose right-hand side reads ``new`` instead of
    ``old``.
    """
    if not isinstance(s, py.Assign):
        return s
    return py.Assign(s.targets, _swap(s.value, old, new), s.comment)


def _swap(e: py.Expr, old: py.Expr, new: py.Expr) -> py.Expr:
    if e == old:
        return new
    match e:
        case py.Binary(op=op, left=left, right=right):
            return py.Binary(op, _swap(left, old, new), _swap(right, old, new))
        case py.Unary(op=op, operand=operand):
            return py.Unary(op, _swap(operand, old, new))
        case py.Call(func=func, args=args, kwargs=kwargs):
            return py.Call(
                _swap(func, old, new),
                tuple(_swap(a, old, new) for a in args),
                tuple((k, _swap(v, old, new)) for k, v in kwargs),
            )
        case py.Attr(value=value, name=name):
            return py.Attr(_swap(value, old, new), name)
        case py.Index(value=value, items=items):
            return py.Index(
                _swap(value, old, new), tuple(_swap(i, old, new) for i in items)
            )
    return e
