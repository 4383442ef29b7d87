"""The integers 0, 1, 2, ... as an op, from which index arrays are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import INT64, Dim, TensorType, as_dim, dims_equal
from symdiff.ops.core import interval
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import CONSTANT
from symdiff.ops.core.record import primitive
from symdiff.ops.core.rows import Batch, Mixed, Part
from symdiff.ops.core.text import dim_text


def _counted_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    return Mixed(node, "it numbers the rows of a batch")


ARANGE = primitive(
    "arange",
    lambda *, length: TensorType((length,), INT64),
    lambda *, length: np.arange(length),
    vjp=None,
    jvp=None,
    text=lambda node: f"np.arange({dim_text(node.attrs['length'])})",
    facts=Facts(rows=_counted_rows, interval=interval.below_length),
)


def arange(length: Any) -> Tensor:
    """Return the integers 0..length-1, as int64; `ranges.arange` is the public one."""
    return apply(ARANGE, length=as_dim(length))


def counts(node: Node, length: Dim) -> bool:
    """Whether a node is the integers 0..length-1 in order, for all lengths."""
    if node.op is ARANGE:
        return bool(dims_equal(node.attrs["length"], length))
    if node.op is not CONSTANT or node.shape != (length,):
        return False
    return bool(np.array_equal(node.attrs["value"], np.arange(length)))
