"""Merging loops that compute the same, and numbering those that count their steps.

In: tensors whose graph holds loops. Out: a map to tensors in which one loop stands for
another that stacks fewer values. Invariant: a loop is merged only into one whose
results begin with all of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import sympy as sp

from symdiff.graph.body import Body, every_node, rebuilding_dims
from symdiff.graph.counted import counted_dim
from symdiff.graph.node import Node
from symdiff.graph.origin import mark
from symdiff.graph.rebuild import Became, chained, rebuilding, remade
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.ops.control.scan import SCAN
from symdiff.ops.control.while_loops import WHILE
from symdiff.ops.core.tuples import ITEM
from symdiff.rewrite.driver import Table, rewriting


def rewritten(outputs: Sequence[Tensor], rules: Table) -> Became:
    """Return the map that rewrites ``outputs``, and then merges equal loops."""
    became = rewriting(outputs, rules)
    both = chained(became, merging(became(outputs)))
    both(outputs)  # rebuild now: the order of declaration follows
    return both


def merging(outputs: Sequence[Tensor]) -> Became:
    """Return the map that merges loops below ``outputs`` into longer ones.

    Reverse mode makes a second run of a loop, which also stacks the residuals that the
    transpose reads; that run then serves both. Where both have a symbol for the trip
    count, one symbol remains.
    """
    groups: dict[Hashable, list[Tensor]] = {}
    for tensor in tensor_topological(outputs):
        if tensor.node.op in (SCAN, WHILE):
            groups.setdefault(_same_run(tensor.node), []).append(tensor)
    chosen: dict[Node, Tensor] = {}
    same: dict[sp.Symbol, sp.Symbol] = {}
    for group in groups.values():
        longest = max(group, key=lambda t: len(_results(t)))
        for t in group:
            if t.node is not longest.node and _begins_with(longest.node, t.node):
                chosen[t.node] = longest
                steps, own = longest.node.attrs.get("steps"), t.node.attrs.get("steps")
                if own is not None and own != steps:
                    same[own] = steps
    if not chosen:
        return list

    def choose(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        if old.node.op is not ITEM or old.parents[0].node not in chosen:
            return None
        longer = (chosen[old.parents[0].node],)
        made = remade(old, longer, old.node.attrs, keep_order=False)
        return mark(made, bound_to=None)  # as in `prune`

    merged: Became = rebuilding(choose, keep_order=False)
    if same:
        merged = chained(merged, rebuilding_dims(same))
    # loops that read the merged ones may be equal now
    return chained(merged, merging(merged(outputs)))


def numbering(nodes: Sequence[Node]) -> Became:
    """Return the map that names the trip counts of while loops by place.

    Derivatives make a new symbol for each loop. These names depend on ``nodes`` only,
    which come operands first.
    """
    found: dict[sp.Symbol, sp.Symbol] = {}
    for node in every_node(nodes[::-1]):  # it takes from the end
        steps = node.attrs.get("steps")
        if steps is not None and steps not in found:
            found[steps] = counted_dim(str(len(found) + 1))
    return rebuilding_dims(found) if found else list


def _results(tensor: Tensor) -> tuple[Any, ...]:
    assert isinstance(tensor.node.type, TupleType)
    return tensor.node.type.items


def _same_run(node: Node) -> Hashable:
    """Return a key on which two runs of one loop agree."""
    body: Body = node.attrs["body"]
    test = node.attrs["test"].key if "test" in node.attrs else ""
    leaves = tuple(id(p.node) for p in body.params)
    return (
        node.op.name,
        tuple(id(i) for i in node.inputs),
        leaves,
        test,
        str(node.attrs.get("length")),
        node.attrs.get("reverse"),
        node.attrs["carries"],
    )


def _begins_with(longer: Node, shorter: Node) -> bool:
    """Whether a loop computes all that another does, in the same places."""
    a = [t.node for t in longer.attrs["body"].outputs]
    b = [t.node for t in shorter.attrs["body"].outputs]
    if longer.op is WHILE:
        return a == b and longer.attrs["steps"] is not None
    return a[: len(b)] == b
