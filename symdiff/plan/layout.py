"""The order in which NumPy lays out the axes of a result in memory.

In: a node and the layouts of its operands. Out: a permutation of its axes, outermost
first, or None where that is not known before run time. Invariant: a known layout is the
one that NumPy chooses when it allocates the result itself, so that a buffer of that
layout changes neither the order of a later sum nor the loop that a function runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from symdiff.graph.node import Node
from symdiff.graph.types import TupleType
from symdiff.ops.core.layouts import Layout, Seen, as_operands, c_order, is_regrouped
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.shape.broadcasting import BROADCAST_TO


def layout_of(node: Node, known: Mapping[Node, Layout | None]) -> Layout | None:
    """Return a node's layout; ``known`` holds those of its operands."""
    if isinstance(node.type, TupleType):
        return None
    ndim = len(node.shape)
    if ndim < 2 or not node.inputs or node.op is CONSTANT:
        return c_order(ndim)
    rule = node.op.facts.layout or (as_operands if node.op.is_elementwise else None)
    if rule is None:
        return None
    seen = [_seen(i, known) for i in node.inputs if i.op is not LITERAL]
    return rule(node, known.get(node.inputs[0]), seen)


def _seen(node: Node, known: Mapping[Node, Layout | None]) -> Seen:
    """Return an operand's layout as NumPy's iterator sees it.

    Axes of length 1, and broadcast ones, do not matter.
    """
    if isinstance(node.type, TupleType):
        return None
    whole = node.shape
    while node.op is BROADCAST_TO:
        node = node.inputs[0]
    if sum(d != 1 for d in node.shape) < 2:
        return "any"
    found = known.get(node)
    if found is None or found == c_order(len(found)):
        return None if found is None else "C"
    # the place of a broadcast axis is decided by the other operands
    pairs = zip(reversed(node.shape), reversed(whole), strict=False)
    return None if any(a == 1 != b for a, b in pairs) else found


def is_in_order(node: Node, depth: int = 6) -> bool:
    """Whether a result is surely in C order, judged by what it is computed from.

    That is looked at up to some ``depth``. Where operands differ, NumPy takes C order.
    """
    if isinstance(node.type, TupleType):
        return False
    ndim = len(node.shape)
    if ndim < 2:
        return True
    if node.op.leaf or depth == 0:  # what is given may have any layout
        return False
    if layout_of(node, {}) == c_order(ndim):
        return True
    if node.op.is_elementwise:
        whole = [i for i in node.inputs if i.op is not LITERAL]
        whole = [i for i in whole if i.shape == node.shape and i.op is not BROADCAST_TO]
        return any(is_in_order(i, depth - 1) for i in whole)
    known = {i: c_order(len(i.shape)) for i in node.inputs if is_in_order(i, depth - 1)}
    return layout_of(node, known) == c_order(ndim)


def regrouped(nodes: Iterable[Node], given: Iterable[Node]) -> set[Node]:
    """Return the views among nodes, operands first, that NumPy may have to copy.

    They join axes whose elements need not lie beside each other.
    """
    known: dict[Node, Layout | None] = dict.fromkeys(given)
    found = set()
    for node in nodes:
        if node in known:
            continue
        known[node] = layout_of(node, known)
        if node.op.view and is_regrouped(node, known.get(node.inputs[0])):
            found.add(node)
            known[node] = c_order(len(node.shape))
    return found
