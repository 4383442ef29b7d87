"""Pooling: the largest element, or the mean, of windows along the last axes.

The records are in `symdiff.ops.windows.largest` and `.reductions`. Here are the public
functions, which pad and check. The whole gradient of a maximum goes to the first
largest element of its window.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.operands import api, float_operand
from symdiff.ops.core.record import require_float
from symdiff.ops.shape.broadcasting import ones_like
from symdiff.ops.windows.largest import MAX_POOL
from symdiff.ops.windows.reductions import WINDOW_SUM
from symdiff.ops.windows.views import Geometry, pad_axes, padding_of, per_axis


def _prepared(
    x: Any,
    window: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    spatial: int,
    fill: float,
) -> tuple[Tensor, Geometry]:
    """Return the padded tensor and the geometry of its windows."""
    tensor = float_operand(x)
    require_float(tensor.node.tensor_type, "pooling")
    if tensor.ndim < spatial:
        raise ShapeError(f"pooling needs {spatial} axes or more, got {tensor.shape}.")
    axes = tuple(range(tensor.ndim - spatial, tensor.ndim))
    lengths = per_axis(window, spatial, "window")
    g = Geometry(
        axes,
        lengths,
        lengths if stride is None else per_axis(stride, spatial, "stride"),
        per_axis(dilation, spatial, "dilation"),
    )
    pads = padding_of(padding, tensor.shape, g)
    for pair, k in zip(pads, lengths, strict=True):
        if padding != "same" and 2 * max(pair) > k:
            raise DeclarationError(
                f"padding {padding!r} is more than half of the window {window!r}: some "
                "windows would hold nothing else."
            )
    return pad_axes(tensor, axes, pads, fill), g


def _max_pool(
    x: Any, window: Any, stride: Any, padding: Any, dilation: Any, spatial: int
) -> Tensor:
    tensor, g = _prepared(x, window, stride, padding, dilation, spatial, -np.inf)
    return apply(MAX_POOL, tensor, **g._asdict())


def _avg_pool(
    x: Any,
    window: Any,
    stride: Any,
    padding: Any,
    count_include_pad: bool,
    spatial: int,
) -> Tensor:
    tensor, g = _prepared(x, window, stride, padding, 1, spatial, 0.0)
    total: Any = apply(WINDOW_SUM, tensor, **g._asdict())
    if count_include_pad or tensor.shape == float_operand(x).shape:
        return total / int(np.prod(g.window))
    ones = ones_like(float_operand(x))
    inside, _ = _prepared(ones, window, stride, padding, 1, spatial, 0.0)
    return total / apply(WINDOW_SUM, inside, **g._asdict())


@api("max_pool1d")
def max_pool1d(
    x: Any, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1
) -> Tensor:
    """Largest element of windows along the last axis.

    ``stride`` is the window's length unless given; padding never wins; ``dilation`` is
    the distance of neighbouring elements of a window. The gradient goes to the first
    largest element of each window.
    """
    return _max_pool(x, window, stride, padding, dilation, 1)


@api("max_pool2d")
def max_pool2d(
    x: Any, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1
) -> Tensor:
    """Largest element of windows along the last two axes, as `max_pool1d`."""
    return _max_pool(x, window, stride, padding, dilation, 2)


@api("avg_pool1d")
def avg_pool1d(
    x: Any,
    window: Any,
    stride: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of windows along the last axis; ``stride`` is the window's unless given.

    Zeros of the padding count as elements unless ``count_include_pad`` is False.
    """
    return _avg_pool(x, window, stride, padding, count_include_pad, 1)


@api("avg_pool2d")
def avg_pool2d(
    x: Any,
    window: Any,
    stride: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of windows along the last two axes, as `avg_pool1d`."""
    return _avg_pool(x, window, stride, padding, count_include_pad, 2)
