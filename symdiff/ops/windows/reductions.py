"""The sum of sliding windows, behind pooling, and its transpose.

`window_sum` and `window_spread` are transposes of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType
from symdiff.ops.core import rows
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import filled, kept
from symdiff.ops.core.text import shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.windows.sliding import (
    UNROLLED,
    counts_of,
    each_place,
    infer_pool,
    is_one_element,
    loop_over,
    over_places,
    slices_of,
)
from symdiff.ops.windows.views import geometry


def _evaluate_sum(x: Any, **attrs: Any) -> Any:
    return over_places(x, attrs, np.add)


def _sum_text(node: Node) -> str:
    g, (x,) = geometry(node.attrs), node.inputs
    parts = slices_of(x, node, g)
    if len(parts) <= UNROLLED:
        return " + ".join(parts)
    head, index, _ = loop_over(x, node, g)
    zeros = f"np.zeros({shape_text(node.shape)}, {dtype_text(node.dtype)})"
    return f"_out = {zeros}\n{head}\n    _out += _0[{index}]"


def _spread(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(WINDOW_SPREAD, ct, shape=inputs[0].shape, **attrs)


WINDOW_SUM = multilinear(
    "window_sum",
    infer_pool,
    _evaluate_sum,
    transposes={0: _spread},
    text=_sum_text,
    rule="every element gets the cotangents of its windows",
    facts=Facts(layout=kept, rows=rows.along, lends=is_one_element),
)


def _evaluate_spread(x: Any, *, shape: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    result = np.zeros(shape, dtype=x.dtype)
    for part in each_place(result, counts_of(x.shape, g), g):
        part += x
    return result


def _spread_text(node: Node) -> str:
    g, (x,) = geometry(node.attrs), node.inputs
    head, index, _ = loop_over(node, x, g)
    zeros = f"np.zeros({shape_text(node.shape)}, {dtype_text(node.dtype)})"
    return f"_out = {zeros}\n{head}\n    _out[{index}] += _0"


def _sum_again(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(WINDOW_SUM, ct, **geometry(attrs)._asdict())


WINDOW_SPREAD = multilinear(
    "window_spread",
    lambda x, *, shape, **attrs: TensorType(shape, x.dtype),
    _evaluate_spread,
    transposes={0: _sum_again},
    text=_spread_text,
    facts=Facts(stretches=(0,), layout=filled),
)
