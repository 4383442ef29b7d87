"""Running sums and products under NumPy's newer names, and those that leave NaN out."""

from __future__ import annotations

from typing import Any

from symdiff.graph.errors import ShapeError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import normalize_axis
from symdiff.ops.core.operands import api, as_tensor
from symdiff.ops.elementwise.comparisons import where
from symdiff.ops.elementwise.nonfinite import isnan
from symdiff.ops.reduce.cumulative import cumprod, cumsum
from symdiff.ops.shape.broadcasting import full
from symdiff.ops.shape.joining import concatenate
from symdiff.ops.shape.rearrange import atleast_1d


@api("cumulative_sum")
def cumulative_sum(
    x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Running sum along ``axis``, which a vector need not name.

    With ``include_initial`` a 0 comes first.
    """
    return _running("cumulative_sum", cumsum, 0, x, axis, dtype, include_initial)


@api("cumulative_prod")
def cumulative_prod(
    x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Running product along ``axis``, which a vector need not name.

    With ``include_initial`` a 1 comes first.
    """
    return _running("cumulative_prod", cumprod, 1, x, axis, dtype, include_initial)


def _running(
    name: str,
    run: Any,
    neutral: int,
    x: Any,
    axis: int | None,
    dtype: Any,
    include_initial: bool,
) -> Tensor:
    tensor: Tensor = atleast_1d(x)
    if axis is None:
        if tensor.ndim > 1:
            raise ShapeError(f"{name} of shape {tensor.shape} needs an axis.")
        axis = 0
    at = normalize_axis(axis, tensor.ndim)
    found: Tensor = run(tensor, at, dtype)
    if not include_initial:
        return found
    shape = (*found.shape[:at], 1, *found.shape[at + 1 :])
    return concatenate([full(shape, neutral, found.dtype), found], at)


@api("nancumsum")
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running sum along ``axis`` (flattened if None), in which NaN counts as 0."""
    return cumsum(_without_nan(x, 0), axis, dtype)


@api("nancumprod")
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running product along ``axis`` (flattened if None), in which NaN counts as 1."""
    return cumprod(_without_nan(x, 1), axis, dtype)


def _without_nan(x: Any, neutral: int) -> Tensor:
    tensor = as_tensor(x)
    return where(isnan(tensor), neutral, tensor) if tensor.dtype.is_float else tensor
