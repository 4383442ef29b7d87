"""Which loops can be kernels: those whose bodies hold nothing that Numba lacks.

In: a `scan` or `while_loop` node. Out: whether it fits. Invariant: decided node by
node, from what `symdiff.emit.targets.numba.texts` has for the op and from its type.
"""

from __future__ import annotations

import math

from symdiff.emit.targets.numba.texts import KINDS, is_known, text_in_kernel
from symdiff.graph.body import bodies_of
from symdiff.graph.node import Node, topological
from symdiff.graph.types import TensorType, TupleType
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.tuples import ITEM

SHORT = 64  # elements of an array in a kernel


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
    arrays = [node, *(i for i in node.inputs if i.op is not LITERAL)]
    if not (node.op.view or all(_is_short(a) for a in arrays)):
        return False
    return text_in_kernel(node) is not None


def _is_short(node: Node) -> bool:
    """Whether a value is a number, or an array that takes no time to make.

    Of long ones NumPy is as quick, and its functions are quicker.
    """
    return is_known(node.shape) and math.prod(node.shape) <= SHORT


def _has_kind(node: Node) -> bool:
    return isinstance(node.type, TensorType) and node.dtype in KINDS
