"""Median, quantiles and percentiles.

The value is NumPy's, which selects without sorting and gives nan if an element is nan.
A quantile lies between two ranks of the sorted elements, so its derivative goes to the
two elements that a stable sort puts there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    Dim,
    TensorType,
    as_dim,
    normalize_axes,
    product,
    require_nonempty,
)
from symdiff.ops.core import rows
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import beside_axes
from symdiff.ops.core.operands import api, as_tensor
from symdiff.ops.core.record import primitive, require_float
from symdiff.ops.elementwise.comparisons import where
from symdiff.ops.elementwise.nonfinite import isnan
from symdiff.ops.indexing.gather import scatter_add
from symdiff.ops.indexing.slices import slice_axis
from symdiff.ops.indexing.sorting import argsort
from symdiff.ops.indexing.taking import along, take_along_axis
from symdiff.ops.reduce.sums import reduced_shape
from symdiff.ops.shape.joining import stack
from symdiff.ops.shape.views import expand_dims, reshape, squeeze, transpose

METHODS = (
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation"),
    *("interpolated_inverted_cdf", "hazen", "weibull", "linear", "median_unbiased"),
    *("normal_unbiased", "lower", "higher", "midpoint", "nearest"),
)
_MEDIAN = "median"  # as linear, but for its value beside an infinite element
# These return one of the elements, so a quantile of integers is an integer.
_PICKING = ("inverted_cdf", "closest_observation", "lower", "higher", "nearest")


def _ranks(length: Dim, q: float, method: Any) -> tuple[Dim, Dim, Any]:
    """Return the two ranks a quantile lies between, and how far it is from the first.

    A quantile of the numbers 0..n-1 is its own rank, so where the length is known the
    rank is taken from NumPy.
    """
    if isinstance(length, int):
        named: Any = "linear" if method == _MEDIAN else method
        rank = float(np.quantile(np.arange(float(length)), q, method=named))
        low = int(rank)
        return low, min(low + 1, length - 1), rank - low
    exact = (length - 1) * sp.Rational(repr(q))
    low, high = as_dim(sp.floor(exact)), as_dim(sp.ceiling(exact))
    match method:
        case "lower":
            return low, low, 0.0
        case "higher":
            return high, high, 0.0
        case "midpoint":
            return low, high, 0.5
        case "linear" | "median":
            return low, high, 0.5 if q == 0.5 else exact - low
    raise ShapeError(
        f"the gradient of a quantile by method {method!r} needs an axis of written "
        f"length, not {length}; use 'linear', 'lower', 'higher' or 'midpoint'."
    )


def _places(x: Tensor, attrs: Any) -> list[tuple[Tensor, Any]]:
    """Return the elements that make up a quantile: indices along the axis, weights."""
    axis = attrs["axis"]
    low, high, far = _ranks(x.shape[axis], attrs["q"], attrs["method"])
    order = hinted(argsort(x, axis), "order")
    first = slice_axis(order, axis, low, as_dim(low + 1))
    if far == 0 or low == high:
        return [(first, 1)]
    second = slice_axis(order, axis, high, as_dim(high + 1))
    if far == 1:
        return [(second, 1)]
    return [(first, 1 - far), (second, far)]


def _quantile_vjp(
    ct: Tensor, output: Tensor, inputs: Any, attrs: Any, needs: Any
) -> list[Any]:
    (x,) = inputs
    axis, total = attrs["axis"], None
    row: Any = expand_dims(_unless_nan(output, ct), axis)
    for index, weight in _places(x, attrs):
        share = row if isinstance(weight, int) else row * weight
        part: Any = scatter_add(share, [index], x.shape, along(axis, x.ndim))
        total = part if total is None else total + part
    return [total]


def _quantile_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Any:
    (x,) = inputs
    axis, total = attrs["axis"], None
    for index, weight in _places(x, attrs):
        part: Any = squeeze(take_along_axis(tangents[0], index, axis), axis)
        part = part if isinstance(weight, int) else part * weight
        total = part if total is None else total + part
    return _unless_nan(output, total)


def _unless_nan(quantile: Tensor, t: Any) -> Tensor:
    """Return ``t``, and NaN where the quantile is NaN: a sort puts NaN at the end."""
    return where(isnan(quantile), np.nan, t)


def _infer_quantile(t: TensorType, *, axis: int, q: float, method: str) -> TensorType:
    _require_number(t, method)
    require_nonempty(t.shape[axis], "a quantile")
    return TensorType(reduced_shape(t.shape, (axis,), False), t.dtype)


def _require_number(t: TensorType, method: str) -> None:
    """Raise unless a quantile by ``method`` has the dtype of its elements."""
    if not (t.dtype.is_integer and method in _PICKING):
        require_float(t, "a quantile")


def _quantile_text(node: Any) -> str:
    axis, q, method = (node.attrs[k] for k in ("axis", "q", "method"))
    where = f", axis={axis}" if len(node.inputs[0].shape) > 1 else ""
    if method == _MEDIAN:
        return f"np.median(_0{where})"
    how = "" if method == "linear" else f', method="{method}"'
    # NumPy 1 answers in float64 whatever the operand's width.
    widens = node.dtype.is_float and len(node.inputs[0].shape) > 1
    width = ".astype(_float, copy=False)" if widens else ""
    return f"np.quantile(_0, {q!r}{where}{how}){width}"


def _evaluate_quantile(x: Any, *, axis: int, q: float, method: Any) -> Any:
    if method == _MEDIAN:
        return np.median(x, axis=axis)
    return np.quantile(x, q, axis=axis, method=method)


QUANTILE = primitive(
    "quantile",
    _infer_quantile,
    _evaluate_quantile,
    vjp=_quantile_vjp,
    jvp=_quantile_jvp,
    text=_quantile_text,
    rule="goes to the elements it lies between",
    facts=Facts(weight=20, independent=beside_axes, rows=rows.along),
)


@api("quantile")
def quantile(
    x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Value below which the part ``q`` (0..1) of the elements over ``axis`` lies.

    ``q`` is a number, or a sequence of numbers for a new first axis; ``method`` is one
    of NumPy's.
    """
    if method not in METHODS:
        raise DeclarationError(f"method {method!r} is not one of {', '.join(METHODS)}.")
    return _quantile(x, q, axis, method, keepdims)


def _quantile(x: Any, q: Any, axis: Any, method: str, keepdims: bool) -> Tensor:
    tensor = as_tensor(x)
    if isinstance(q, Tensor):
        raise DeclarationError(
            "q must be a number or a sequence of numbers, not a tensor."
        )
    if isinstance(q, (list, tuple, np.ndarray)) and np.ndim(q):
        several = [_quantile(x, p, axis, method, keepdims) for p in q]
        return stack(several)
    if not 0 <= float(q) <= 1:
        raise DeclarationError(f"quantiles lie between 0 and 1, got {q}.")
    axes = normalize_axes(axis, tensor.ndim)
    if not axes:
        _require_number(tensor.node.tensor_type, method)
    rows, at = one_axis(tensor, axes)
    found = (
        apply(QUANTILE, rows, axis=at, q=float(q), method=method) if axes else tensor
    )
    return expand_dims(found, axes) if keepdims and axes else found


def one_axis(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, int]:
    """Return the tensor with ``axes`` merged into one axis, and its position."""
    if len(axes) <= 1:
        return x, axes[0] if axes else 0
    kept = [a for a in range(x.ndim) if a not in axes]
    shape = (*(x.shape[a] for a in kept), product([x.shape[a] for a in axes]))
    return reshape(transpose(x, (*kept, *axes)), shape), len(kept)


@api("percentile")
def percentile(
    x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """As `quantile`, with ``q`` from 0 to 100."""
    parts: Any = [p / 100 for p in q] if np.ndim(q) else q / 100
    return quantile(x, parts, axis, method=method, keepdims=keepdims)


@api("median")
def median(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """Middle element over ``axis``, the mean of the middle two of an even number."""
    return _quantile(x, 0.5, axis, _MEDIAN, keepdims)
