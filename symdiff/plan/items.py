"""The results that are read of nodes that have several.

In: the tensors of a body. Out: for each node with several results, those that have a
tensor, by index. Invariant: what nothing reads has none.
"""

from __future__ import annotations

from collections.abc import Mapping

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.tuples import ITEM

Items = Mapping[Node, Mapping[int, Tensor]]


def items_by_source(tensors: Mapping[Node, Tensor]) -> dict[Node, dict[int, Tensor]]:
    """Return, for each node with several results, those that are read, by index."""
    found: dict[Node, dict[int, Tensor]] = {}
    for t in tensors.values():
        if t.node.op is ITEM:
            source = found.setdefault(t.node.inputs[0], {})
            source[t.node.attrs["index"]] = t
    return found
