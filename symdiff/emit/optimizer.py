"""An optimiser's update equations as statements on one parameter's arrays.

In: an `Optimizer`. Out: the statements of the loop body in ``apply_update``. Invariant: they are
the declared equations in their order; a slot or parameter is overwritten only by the last
statement that reads its old value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdiff.declare.optim import Optimizer, hyper_leaves
from symdiff.emit import pycode as py
from symdiff.emit.bodies import compute, new_unit
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, dim
from symdiff.ops.leaf import INPUT
from symdiff.plan.program import Program
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.rules import expansions


@dataclass(frozen=True, slots=True)
class Update:
    """An optimiser's equations over flat vectors: leaves and results."""

    parameter: Tensor
    gradient: Tensor
    slots: dict[str, Tensor]
    hyper: dict[str, Tensor]
    step: Tensor
    new_parameter: Tensor
    new_slots: dict[str, Tensor]

    @property
    def leaves(self) -> list[Tensor]:
        """Every leaf, in the order in which names are given."""
        vectors = [self.parameter, self.gradient, *self.slots.values()]
        return [*vectors, *self.hyper.values(), self.step]


def declared_update(optimizer: Optimizer, size: sp.Symbol | None = None) -> Update:
    """Return the update equations of an optimiser for a vector of symbolic length."""
    length = dim("P") if size is None else size

    def vector(name: str) -> Tensor:
        return apply(
            INPUT,
            name=name,
            shape=(length,),
            dtype=FLOAT,
            low=None,
            high=None,
            sample=None,
        )

    p, g = vector("p"), vector("g")
    slots = {name: vector(name) for name in optimizer.slots}
    hyper, t = hyper_leaves(optimizer)
    new_p, new_slots = optimizer.update(p, g, slots, hyper, t)
    roots = rewrite([new_p, *new_slots.values()], expansions())
    return Update(
        p, g, slots, hyper, t, roots[0], dict(zip(new_slots, roots[1:], strict=True))
    )


def update_statements(optimizer: Optimizer) -> tuple[str, str]:
    """Return the hyperparameters' unpacking and the loop's body, as text."""
    update = declared_update(optimizer)
    roots = (*update.new_slots.items(), ("p", update.new_parameter))
    program = Program(
        "update",
        False,
        (),
        (),
        tuple(update.leaves),
        (),
        (),
        (),
        roots,
        (),
        (),
        (),
        (),
        (),
    )
    unit = new_unit(program, "", 1)
    given: dict[Node, py.Expr] = {
        t.node: py.Name(unit.names.of(t)) for t in update.leaves
    }
    body = compute(unit, [t.node for _, t in roots], given, headings=False)
    stmts = _stored(body.computation, update, given, unit.names.of)
    read = _read(body.order)
    unpacked = [
        py.Assign(
            (given[leaf.node],), py.Index(py.name("state.hyper"), (py.Lit(name),))
        )
        for name, leaf in update.hyper.items()
        if leaf.node in read
    ]
    if update.step.node in read:
        unpacked.insert(0, py.Assign((given[update.step.node],), py.name("state.step")))
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
    return (
        py.print_stmts(unpacked, indent=4).rstrip("\n"),
        py.print_stmts([*first, *slots, *stmts], indent=8).rstrip("\n"),
    )


def _read(order: Sequence[Node]) -> set[Node]:
    return {i for n in order for i in n.inputs}


def _stored(
    stmts: Sequence[py.Stmt],
    update: Update,
    given: dict[Node, py.Expr],
    name_of: object,
) -> list[py.Stmt]:
    """Write results into the arrays they replace: ``m[...] = m_2`` after all reading."""
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

    ``m_2 = b * m + c * g`` and ``m[...] = m_2`` become ``m[...] = b * m + c * g``, with later
    statements reading ``m``.
    """
    kept: list[py.Stmt] = []
    for store in stores:
        assert isinstance(store, py.Assign) and isinstance(store.targets[0], py.Index)
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
    """Return a plain assignment whose right-hand side reads ``new`` instead of ``old``."""
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
