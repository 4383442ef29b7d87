"""The assumptions of a body about lengths, which only run time can check.

In: the nodes of a body. Out: `Constraint`s, each once, and the lengths that are known
to be at least 1 once they are checked. Invariant: constraints of nested bodies, such as
those of loops, are included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sympy as sp

from symdiff.graph.body import every_node
from symdiff.graph.indexing import index_operands
from symdiff.graph.node import Node
from symdiff.graph.types import (
    Constraint,
    as_dim,
    collecting_constraints,
    require_nonempty,
)
from symdiff.ops.core.operands import CONSTANT


def constraints_of(
    order: Sequence[Node], written: Iterable[Node] = ()
) -> list[Constraint]:
    """Return the constraints of nodes, and of their bodies, each once.

    Those with the trip count of a loop are left out: it is known too late for a check.
    A reason is that of the ``written`` composite which the nodes stand for, if one has
    the same constraint.
    """
    first = set(order)
    everything = [*order, *(n for n in every_node(order) if n not in first)]
    steps = {n.attrs["steps"] for n in everything if n.attrs.get("steps") is not None}
    with collecting_constraints() as found:
        for node in everything:
            found.extend(node.constraints)
            _require_indices(node)
    known = [c for c in found if not _symbols(c) & steps]
    told = {_sides(c): c for n in written for c in n.constraints}
    once: dict[Any, Constraint] = {}
    for c in known:  # the first of several reasons is kept
        once.setdefault(_sides(c), told.get(_sides(c), c))
    return list(once.values())


def _sides(c: Constraint) -> tuple[Any, Any]:
    return c.left, c.right


def _require_indices(node: Node) -> None:
    """Demand that constant indices lie within an axis whose length is not known."""
    for place, length in index_operands(node).items():
        index = node.inputs[place]
        if index.op is not CONSTANT or not isinstance(length, sp.Expr):
            continue
        value = index.attrs["value"]
        if value.size:
            low, high = int(value.min()), int(value.max())
            least, far = max((high + 1, high), (-low, low))
            reason = f"index {far} of an axis of length {length}"
            require_nonempty(as_dim(length - least + 1), reason)


def lengths_checked(order: Sequence[Node]) -> Callable[[], frozenset[Any]]:
    """Return a function that gives, and keeps, the dims checked to be at least 1."""

    @cache
    def found() -> frozenset[Any]:
        return frozenset(c.left for c in constraints_of(order) if c.right is None)

    return found


def _symbols(c: Constraint) -> set[sp.Basic]:
    return {
        s for d in (c.left, c.right) if isinstance(d, sp.Expr) for s in d.free_symbols
    }


def strongest(found: Sequence[Constraint]) -> list[Constraint]:
    """Return the constraints without those that another implies: N >= 1, for N >= 3."""
    least: dict[sp.Expr, int] = {}
    for c in found:
        if c.right is None and isinstance(c.left, sp.Expr):
            more, rest = apart(c.left)
            least[rest] = min(more, least.get(rest, more))
    return [c for c in found if not _is_implied(c, least)]


def _is_implied(c: Constraint, least: Mapping[sp.Expr, int]) -> bool:
    if c.right is not None or not isinstance(c.left, sp.Expr):
        return False
    more, rest = apart(c.left)
    return more > least[rest]


def apart(length: sp.Expr) -> tuple[int, sp.Expr]:
    """Return the number and the rest of a length that is their sum."""
    more, rest = length.as_coeff_Add()
    return (int(more), rest) if more.is_Integer else (0, length)
