"""Computed labels and indices, checked where they might be out of range.

In: tensors as they were declared. Out: the same, with `in_range` around each computed
index that may be negative, which NumPy would count from the end. Invariant: an index
that is an argument (checked at entry) or provably in range stays as it is. So does an
index that depends on no argument, as in ``x[sd.arange(3) - 1]``: NumPy's meaning holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symdiff.graph.body import bodies_of, with_bodies
from symdiff.graph.indexing import index_operands
from symdiff.graph.node import Node, topological
from symdiff.graph.origin import mark
from symdiff.graph.rebuild import Became, rebuilding, remade
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim
from symdiff.ops.core.interval import at_most
from symdiff.ops.core.leaf import INPUT
from symdiff.ops.indexing.in_range import IN_RANGE
from symdiff.rewrite.index_ranges import (
    Allowed,
    Known,
    allowed,
    at_entry,
    entering,
    fill,
)


def checking(nodes: Sequence[Node]) -> tuple[Became, dict[Node, Allowed]]:
    """Return a map to tensors in which the computed indices among nodes are checked.

    Also return the values that each input may have, by its uses as an index. The nodes
    are those that the tensors to be mapped need, operands first.
    """
    uses = allowed(nodes)
    entry = {n: at_entry(n, uses.get(n)) for n in nodes if n.op is INPUT}
    return _checking(nodes, entry), uses


def _checking(nodes: Sequence[Node], bound: Known) -> Became:
    if not any(n.op.facts.indices or bodies_of(n.attrs) for n in nodes):
        return list
    known = dict(bound)
    fill(nodes, known)
    given = _of_arguments(nodes)
    changes = {}
    for node in nodes:
        places, attrs = _open_places(node, known, given), _inside(node, known)
        if places or attrs is not node.attrs:
            changes[node] = places, attrs
    if not changes:
        return list
    guards: dict[tuple[Node, Dim], Tensor] = {}

    def guarded(index: Tensor, length: Dim) -> Tensor:
        key = index.node, length
        if key not in guards:
            guards[key] = _guard(index, length)
        return guards[key]

    def choose(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        if old.node not in changes:
            return None
        places, attrs = changes[old.node]
        held = list(parents)
        for place, length in places.items():
            held[place] = guarded(parents[place], length)
        return remade(old, tuple(held), attrs)

    return rebuilding(choose)


def _of_arguments(nodes: Sequence[Node]) -> set[Node]:
    """Return the nodes that depend on an argument or on a bound variable of a loop."""
    found: set[Node] = set()
    for node in nodes:
        if node.op.leaf or any(i in found for i in node.inputs):
            found.add(node)
    return found


def _open_places(node: Node, known: Known, given: set[Node]) -> dict[int, Dim]:
    """Return the index operands that may be out of range, and their axes' lengths.

    An index beyond the axis counts only where NumPy itself would not raise for it.
    """
    found: dict[int, Dim] = {}
    for place, length in index_operands(node).items():
        index = node.inputs[place]
        low, high = known[index].hull().low, known[index].hull().high
        safe = (at_most(0, low) and not _wraps(index, high)) or (
            index not in given and not node.op.facts.labels(node)
        )
        if node.op.facts.compares:
            safe = safe and high is not None and at_most(high + 1, length)
        if not safe:
            found[place] = length
    return found


def _wraps(index: Node, high: Any) -> bool:
    """Whether an index may be negative in the int64 that NumPy makes of it."""
    return index.dtype.name == "uint64" and isinstance(high, int) and high >= 2**63


def _guard(index: Tensor, length: Dim) -> Tensor:
    below = topological([index.node])
    names = [str(n.attrs["name"]) for n in below if n.op is INPUT]
    name = index.label or index.hint or "index"
    if index.node.op is not INPUT:
        from_ = f"{name} computed from {', '.join(names)}"
        name = from_ if names else f"computed {name}"
    made = apply(IN_RANGE, index, length=length, name=name)
    return mark(made, site=index.site, scope=index.scope)


def _inside(node: Node, known: Known) -> Mapping[str, Any]:
    """Return a node's attributes with the indices in its bodies checked."""

    def checked(outputs: Sequence[Tensor]) -> list[Tensor]:
        nodes = topological([t.node for t in outputs])
        return _checking(nodes, entering(node, known))(outputs)

    return with_bodies(node.attrs, checked, {})
