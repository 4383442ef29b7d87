"""Which steps go on with the array of the step before, under one name.

In: the nodes that have a statement, and how often each value is read. Out: for such a
node, the operand that it is computed from in place. Invariant: nothing else reads that
operand, and the operations and their order stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import is_given
from symdiff.ops.core.text import COPIED, is_statements, op_text


def absorbed_operands(
    order: Sequence[Node],
    free: Collection[Node],
    kept: Collection[Node],
    uses: Mapping[Node, int],
    tensors: Mapping[Node, Tensor],
    named: Callable[[Tensor], bool],
) -> dict[Node, Node]:
    """Return the operand that each node goes on with, if there is one.

    It is one that statements made: ``d = p.copy(); d[...] -= 1`` followed by ``d * c``
    becomes ``d *= c``. Or the first part of a sum, which has no name then. ``free`` are
    the kept nodes that are neither given nor results.
    """
    found: dict[Node, Node] = {}
    taken: set[Node] = set()
    for node in order:
        if node not in kept or not _has_assignment(node):
            continue
        source = _source(node, free, kept, tensors, named)
        if source is None or source in taken or uses.get(source) != 1:
            continue
        if source.type == node.type:
            found[node] = source
            taken.add(source)
    return found


def _source(
    node: Node,
    free: Collection[Node],
    kept: Collection[Node],
    tensors: Mapping[Node, Tensor],
    named: Callable[[Tensor], bool],
) -> Node | None:
    first = node.inputs[0]
    solid = first in free and not isinstance(first.type, TupleType)
    if solid and not is_given(first) and is_statements(op_text(first)):
        return first
    part = _first_part(node, free, kept, tensors)
    return None if part is None or named(tensors[part]) else part


def _first_part(
    node: Node,
    free: Collection[Node],
    kept: Collection[Node],
    tensors: Mapping[Node, Tensor],
) -> Node | None:
    """Return the part that a sum of one rule begins with, if it has a statement.

    Of a product or quotient it is the sum that is scaled.
    """
    if not node.shape or tensors[node].site.primal is None:
        return None
    source = node.inputs[0]
    if not _is_sum(node):
        alike = _is_sum(source) and tensors[source].site == tensors[node].site
        return source if alike and source in free else None
    while _is_sum(source) and tensors[source].site == tensors[node].site:
        if source in kept:
            return source if source in free else None
        source = source.inputs[0]
    return None


def _is_sum(node: Node) -> bool:
    if isinstance(node.type, TupleType):
        return False
    return node.op.infix in ("+", "-") and len(node.inputs) == 2


def _has_assignment(node: Node) -> bool:
    """Whether Python computes a node in place, as by ``d *= c``, or ``d[i] += c``."""
    if isinstance(node.type, TupleType) or is_given(node) or not node.inputs:
        return False
    infix = node.op.infix in ("+", "-", "*", "/") and len(node.inputs) == 2
    return infix or op_text(node).startswith(COPIED)
