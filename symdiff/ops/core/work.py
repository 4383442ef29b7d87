"""How many operations an op takes, as facts of ops.

In: a node. Out: sizes, as shapes, and how many operations each of their elements stands
for. Invariant: the usual textbook counts, from types alone; nothing is measured.
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
    return node.type.items if isinstance(node.type, TupleType) else (node.tensor_type,)


def cubic(factor: Fraction | int) -> WorkRule:
    """Of n-by-n matrices: a multiple of n**3 (Golub and Van Loan, 4th ed.), and what
    solving for each column of a second operand takes.
    """

    def work(node: Node) -> Work:
        first, *rest = (i.tensor_type.shape for i in node.inputs)
        *batch, rows, columns = first
        found: Work = [((*batch, rows, columns, columns), factor)]
        return found + [((*shape, columns), 2) for shape in rest[:1]]

    return work
