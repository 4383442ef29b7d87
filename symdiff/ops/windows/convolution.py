"""Convolutions over batches of channels, as one matrix product over windows.

Composed of `columns`, reshapes and one product (im2col), so that their gradients are
the product's: for the weights a product with the same columns, for the input a product
whose columns `add_columns` puts back. Inside, the batch comes last, (C, ..., N): what a
window holds at a time is then contiguous for all images, and the product is one for the
whole batch. The transposes at both ends are views, and NumPy's elementwise functions
keep the order in memory, so that nothing is copied between two convolutions.
"""

from __future__ import annotations

from typing import Any

from symdiff.graph.errors import ShapeError
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import product
from symdiff.ops.core.operands import api, float_operand
from symdiff.ops.linalg.matmul import matmul
from symdiff.ops.shape.views import expand_dims, reshape, transpose
from symdiff.ops.windows.columns import COLUMNS
from symdiff.ops.windows.views import (
    Geometry,
    pad_axes,
    padding_of,
    per_axis,
    window_counts,
)


def _columns(x: Tensor, g: Geometry, length: Any, places: Any) -> Any:
    """Return windows of (C, ..., N) as the columns of a matrix."""
    if all(k == s == 1 for k, s in zip(g.window, g.stride, strict=True)):
        return reshape(x, (length, places))
    return apply(COLUMNS, x, **g._asdict())


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
    if out % groups != 0:
        known = isinstance(out, int)
        hint = "" if known else f" for every length; declare {groups}*M of them"
        raise ShapeError(
            f"{name}: {out} outputs cannot be split into {groups} groups{hint}."
        )
    axes = tuple(range(1, 1 + spatial))
    g = Geometry(
        axes,
        window,
        per_axis(stride, spatial, "stride"),
        per_axis(dilation, spatial, "dilation"),
    )
    last = transpose(images, (*range(1, 2 + spatial), 0))
    last = pad_axes(last, axes, padding_of(padding, last.shape, g))
    counts = window_counts(last.shape, g)
    batch, length = images.shape[0], product((groups * inner, *window))
    places = product((*counts, batch))
    columns = hinted(_columns(last, g, length, places), "columns")
    if groups == 1:
        found = matmul(reshape(w, (out, length)), columns)
    else:
        columns = reshape(columns, (groups, length // groups, places))
        found = matmul(reshape(w, (groups, out // groups, length // groups)), columns)
    found = reshape(found, (out, *counts, batch))
    result = transpose(found, (1 + spatial, *range(1 + spatial)))
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
