"""Which operands of a node are labels or indices, and how long the indexed axes are.

In: a node. Out: positions of operands and lengths of axes, from the op's record.
Invariant: no op is named here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.types import Dim


def index_operands(node: Node) -> dict[int, Dim]:
    """Return the length of the axis that each index operand indexes, by position.

    Two facts of the op add to this. ``labels``: a negative index is an error, even in a
    constant. ``compares``: NumPy does not raise for an index beyond the axis.
    """
    lengths = node.op.facts.indices
    return {} if lengths is None else dict(lengths(node))


def require_labels(node: Node, arrays: tuple[Any, ...], resolve: Any) -> None:
    """Raise `ShapeError` where a label is no class: NumPy may not notice.

    Indices that are not labels are left to NumPy.
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
