"""The number of operations of an op, as facts of ops.

In: a node. Out: pairs of a shape and the number of operations per element of it.
Invariant: these are textbook counts, from types alone; nothing is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from symdiff.graph.node import Node
from symdiff.graph.types import Shape, TensorType, TupleType

Work = list[tuple[Shape, Fraction | int]]
WorkRule = Callable[[Node], Work]


def types_of(node: Node) -> tuple[TensorType, ...]:
    """Return the types of a node's results."""
    return node.type.items if isinstance(node.type, TupleType) else (node.type,)


def cubic(factor: Fraction | int) -> WorkRule:
    """Return the rule of a factorisation: a multiple of n**3 for n-by-n matrices.

    A second operand adds 2 n**2 for each of its columns, the cost of solving for it
    (Golub and Van Loan, 4th ed.).
    """

    def work(node: Node) -> Work:
        first, *rest = (i.tensor_type.shape for i in node.inputs)
        *batch, rows, columns = first
        found: Work = [((*batch, rows, columns, columns), factor)]
        return found + [((*shape, columns), 2) for shape in rest[:1]]

    return work
