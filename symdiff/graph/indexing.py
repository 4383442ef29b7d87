"""Which operands of a node are labels or indices, and of axes of what length.

In: a node. Out: places and lengths, as the record of its op tells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.types import Dim


def index_operands(node: Node) -> dict[int, Dim]:
    """Return the length that each index operand of a node picks from, by place.

    Where an op says ``labels`` no constant counts from the end either; where it says
    ``compares`` NumPy raises for none that lies beyond the axis.
    """
    lengths = node.op.facts.indices
    return {} if lengths is None else dict(lengths(node))


def require_labels(node: Node, arrays: tuple[Any, ...], resolve: Any) -> None:
    """Raise `ShapeError` where a label is none of the classes, which NumPy may not see.

    Indices are read as NumPy reads them.
    """
    if not node.op.facts.labels(node):
        return
    for place, length in index_operands(node).items():
        labels = np.asarray(arrays[place])
        outside = labels[(labels < 0) | (labels >= resolve(length))]
        if outside.size:
            raise ShapeError(
                f"{node.op.name}: label {outside[0]} is out of range: there are "
                f"{resolve(length)} classes, from 0."
            )
