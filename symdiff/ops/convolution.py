"""Convolutions over batches of channels, as matrix products over windows.

Composed of `windows`, reshapes and one batched product (im2col), so that their
gradients are the product's: for the weights a product with the same columns, for the
input a product whose columns `add_windows` puts back.
"""

from __future__ import annotations

from typing import Any

from symdiff.graph.errors import ShapeError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import product
from symdiff.ops.linalg import matmul
from symdiff.ops.operands import api, float_operand
from symdiff.ops.shape import expand_dims, reshape, transpose
from symdiff.ops.windows import (
    WINDOWS,
    Geometry,
    pad_axes,
    padding_of,
    per_axis,
    window_counts,
)


def _columns(x: Tensor, g: Geometry) -> Tensor:
    """Return windows as (N, C, *window, *counts): what is inside comes first."""
    if all(k == s == 1 for k, s in zip(g.window, g.stride, strict=True)):
        return x
    n = len(g.axes)
    seen = apply(WINDOWS, x, **g._asdict())
    return transpose(seen, (0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n)))


def _convolve(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    spatial: int,
) -> Tensor:
    images, w = float_operand(x), float_operand(weight)
    name = f"conv{spatial}d"
    if images.ndim != spatial + 2 or w.ndim != spatial + 2:
        raise ShapeError(
            f"{name} takes {spatial + 2} axes, (N, C, ...) and (O, C / groups, ...), "
            f"got {images.shape} and weights {w.shape}."
        )
    window = w.shape[2:]
    if not all(isinstance(k, int) for k in window):
        raise ShapeError(f"{name}: the window {window} must have known lengths.")
    (groups,) = per_axis(groups, 1, "groups")
    out, inner = w.shape[:2]
    if images.shape[1] != groups * inner:
        raise ShapeError(
            f"{name}: {images.shape[1]} channels do not make {groups} group(s) of "
            f"the {inner} that weights {w.shape} take."
        )
    if not isinstance(out, int) or out % groups:
        raise ShapeError(f"{name}: {out} outputs cannot be split into {groups} groups.")
    axes = tuple(range(2, 2 + spatial))
    g = Geometry(
        axes,
        window,
        per_axis(stride, spatial, "stride"),
        per_axis(dilation, spatial, "dilation"),
    )
    images = pad_axes(images, axes, padding_of(padding, images.shape, g))
    counts = window_counts(images.shape, g)
    batch, places = images.shape[0], product(counts)
    length = product((inner, *window))
    columns = _columns(images, g)
    if groups == 1:
        columns = reshape(columns, (batch, length, places))
        found = matmul(reshape(w, (out, length)), columns)
    else:
        columns = reshape(columns, (batch, groups, length, places))
        found = matmul(reshape(w, (groups, out // groups, length)), columns)
    result = reshape(found, (batch, out, *counts))
    if bias is None:
        return result
    b = float_operand(bias)
    if b.shape != (out,):
        raise ShapeError(f"{name}: a bias of shape ({out},) is needed, got {b.shape}.")
    return result + expand_dims(b, tuple(range(1, 1 + spatial)))


@api("conv1d")
def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of x (N, C, L) with weight (O, C / groups, K): (N, O, L').

    ``padding`` is an int, a pair ``((before, after),)``, 'valid' or 'same' (zeros so
    that L' = ceil(L / stride), the odd one after). ``bias`` (O,) is added;
    ``dilation`` is the distance of neighbouring weights. Arguments as in PyTorch.
    """
    return _convolve(x, weight, bias, stride, padding, dilation, groups, 1)


@api("conv2d")
def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of x (N, C, H, W) with weight (O, C / groups, K, L).

    The result has shape (N, O, H', W'). ``bias``, ``stride``, ``padding`` and
    ``dilation`` are as in `conv1d`, an int or one per axis; ``padding`` may also be
    pairs (before, after), 'valid' or 'same' (zeros so that H' = ceil(H / stride), the
    odd one after).
    """
    return _convolve(x, weight, bias, stride, padding, dilation, groups, 2)
