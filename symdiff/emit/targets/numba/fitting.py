"""Which loops can be kernels: those whose bodies hold nothing that Numba lacks.

In: a `scan` or `while_loop` node. Out: whether it fits. Invariant: decided node by
node, from what `symdiff.emit.targets.numba.texts` has for the op and from its type.
"""

from __future__ import annotations

from symdiff.emit.targets.numba.texts import KINDS, text_in_kernel
from symdiff.graph.body import bodies_of
from symdiff.graph.node import Node, topological
from symdiff.graph.types import TensorType, TupleType
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.tuples import ITEM


def fits(loop: Node) -> bool:
    """Whether a loop, with every loop and branch in it, can be a kernel."""
    given = (n for n in loop.inputs if n.op is not LITERAL)
    if not all(_has_kind(n) for n in given):
        return False
    bodies = bodies_of(loop.attrs)
    nodes = (n for b in bodies for n in topological([t.node for t in b.outputs]))
    return all(_node_fits(n) for n in nodes)


def _node_fits(node: Node) -> bool:
    if node.op is LITERAL:
        return True
    if isinstance(node.type, TupleType):
        return node.op.facts.sweeps and fits(node)
    if not _has_kind(node):
        return False
    if node.op is BOUND or node.op is ITEM:
        return True  # an item is that of a loop or branch, which is looked at itself
    if node.op is CONSTANT:
        return not node.shape
    return (not node.shape or node.op.view) and text_in_kernel(node) is not None


def _has_kind(node: Node) -> bool:
    return isinstance(node.type, TensorType) and node.dtype in KINDS
