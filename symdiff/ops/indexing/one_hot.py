"""One-hot encodings, and the subtraction of one from an array.

In: integer indices. Out: 1 at each index and 0 elsewhere, along a new last axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, Dim, DType, TensorType, as_dim
from symdiff.ops.core import interval, tex
from symdiff.ops.core.facts import Facts, always
from symdiff.ops.core.layouts import filled as c_order
from symdiff.ops.core.layouts import kept
from symdiff.ops.core.operands import api, cast_dtype
from symdiff.ops.core.record import primitive
from symdiff.ops.core.rows import (
    Batch,
    Part,
    same_rows,
)
from symdiff.ops.core.text import dim_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.indexing.index import advanced_text, filled
from symdiff.ops.indexing.taking import label_operand, of_rows


def _infer_one_hot(index: TensorType, *, length: Dim, dtype: DType) -> TensorType:
    return TensorType((*index.shape, length), dtype)


def _one_hot_text(node: Any) -> str:
    colons = ":, " * (len(node.shape) - 1)
    same = f"(_0[{colons}None] == np.arange({dim_text(node.attrs['length'])}))"
    return same if node.dtype.is_bool else f"{same}.astype({dtype_text(node.dtype)})"


def _one_hot_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    rows = same_rows(parts)
    return None if rows is None or s.has_rows(node.attrs["length"]) else rows


ONE_HOT = primitive(
    "one_hot",
    _infer_one_hot,
    lambda index, *, length, dtype: (
        np.asarray(index)[..., None] == np.arange(length)
    ).astype(dtype.name),
    vjp=None,
    jvp=None,
    text=_one_hot_text,
    facts=Facts(
        indices=lambda node: {0: node.attrs["length"]},
        labels=always,
        compares=True,
        layout=kept,
        rows=_one_hot_rows,
        interval=interval.booleans,
    ),
)


@api("one_hot")
def one_hot(indices: Any, length: Any, dtype: Any = FLOAT) -> Tensor:
    """1 at each index and 0 elsewhere, along a new last axis of the given length."""
    count = as_dim(length)
    labels = label_operand(indices, count)
    return apply(ONE_HOT, labels, length=count, dtype=cast_dtype(dtype))


def _evaluate_subtract_one_hot(x: Any, index: Any) -> Any:
    result = np.array(x)
    result[filled(of_rows(x.ndim), x.shape, [index])] -= 1
    return result


def _subtract_text(node: Node) -> str:
    ndim = len(node.shape)
    place = advanced_text(of_rows(ndim), node.shape, ndim - 1, 1)
    return f"_out = _0.copy()\n_out[{place}] -= 1"


# `x - one_hot(y)`, as in the gradient of cross-entropy, is lowered to this op, which is
# the usual way to write it.
SUBTRACT_ONE_HOT = primitive(
    "subtract_one_hot",
    lambda x, index: x,
    _evaluate_subtract_one_hot,
    vjp=lambda ct, out, inputs, attrs, needs: [ct, None],
    jvp=lambda tangents, out, inputs, attrs: tangents[0],
    text=_subtract_text,
    analytic=True,
    facts=Facts(layout=c_order, formula="_0 - one_hot(_1)"),
    latex=tex.form(r"{0} - \operatorname{{onehot}}\left({1}\right)", tex.SUM, tex.SUM),
)
