"""Medians, quantiles and places of extremes that leave NaN out.

In: a tensor whose elements may be NaN. Out: what NumPy finds among the others of each
row. Invariant: how many there are is known only when the function runs, so the ranks of
a quantile are computed there, in float64 as NumPy computes them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import normalize_axes
from symdiff.ops.core.operands import api, as_tensor
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.comparisons import (
    equal,
    greater_equal,
    logical_and,
    logical_not,
    where,
)
from symdiff.ops.elementwise.kinks import maximum, minimum
from symdiff.ops.elementwise.nonfinite import isnan
from symdiff.ops.elementwise.rounding import ceil, floor, rint
from symdiff.ops.indexing.sorting import sort
from symdiff.ops.indexing.taking import take_along_axis
from symdiff.ops.reduce.extremes import argmax, argmin
from symdiff.ops.reduce.quantiles import METHODS, median, one_axis, quantile
from symdiff.ops.reduce.sums import any_, count_nonzero
from symdiff.ops.shape.broadcasting import full
from symdiff.ops.shape.joining import stack
from symdiff.ops.shape.views import expand_dims, squeeze

# --- quantiles ------------------------------------------------------------------------

# How the continuous methods of Hyndman and Fan place a rank: their alpha and beta.
_PLACED = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}


@api("nanmedian")
def nanmedian(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """Median over ``axis`` of the elements that are not NaN."""
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return median(tensor, axis, keepdims=keepdims)
    return _over(tensor, axis, keepdims, _middle)


@api("nanquantile")
def nanquantile(
    x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Value below which the part ``q`` (0..1) of the elements that are not NaN lies.

    ``q`` is a number, or a sequence of numbers for a new first axis; ``method`` is one
    of NumPy's.
    """
    tensor = as_tensor(x)
    if not tensor.dtype.is_float or method not in METHODS or isinstance(q, Tensor):
        return quantile(tensor, q, axis, method=method, keepdims=keepdims)
    if np.ndim(q):
        each = [nanquantile(x, p, axis, method=method, keepdims=keepdims) for p in q]
        return stack(each)
    if not 0 <= float(q) <= 1:
        raise DeclarationError(f"quantiles lie between 0 and 1, got {q}.")

    def of_rows(rows: Tensor, at: int) -> Any:
        return _quantile(rows, at, float(q), method)

    return _over(tensor, axis, keepdims, of_rows)


@api("nanpercentile")
def nanpercentile(
    x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """As `nanquantile`, with ``q`` from 0 to 100."""
    parts: Any = [p / 100 for p in q] if np.ndim(q) else q / 100
    return nanquantile(x, parts, axis, method=method, keepdims=keepdims)


def _over(x: Tensor, axis: Any, keepdims: bool, of_rows: Any) -> Tensor:
    """Return what a function of rows, which keeps their axis, finds over axes."""
    axes = normalize_axes(axis, x.ndim)
    if not axes:
        return x
    rows, at = one_axis(x, axes)
    if rows.shape[at] == 0:
        kept = (d for a, d in enumerate(rows.shape) if a != at)
        found = full(tuple(kept), math.nan, x.dtype)
    else:
        found = squeeze(of_rows(rows, at), at)
    return expand_dims(found, axes) if keepdims else found


def _ordered(x: Tensor, axis: int) -> tuple[Tensor, Any]:
    """Return sorted rows, NaN behind the others, and how many others there are."""
    count = count_nonzero(logical_not(isnan(x)), axis=axis, keepdims=True)
    return hinted(sort(x, axis), "ordered"), hinted(count, "count")


def _middle(x: Tensor, axis: int) -> Any:
    ordered, count = _ordered(x, axis)
    low = hinted(maximum((count - 1) // 2, 0), "low")
    high = hinted(count // 2, "high")
    first: Any = take_along_axis(ordered, low, axis)
    return (first + take_along_axis(ordered, high, axis)) / 2


def _quantile(x: Tensor, axis: int, q: float, method: str) -> Any:
    ordered, count = _ordered(x, axis)
    rank = hinted(_rank(cast(count, "float64"), q, method), "rank")
    low: Any = floor(rank)
    first: Any = _at(ordered, low, count, axis, "low")
    if method in ("lower", "higher", "nearest", "inverted_cdf", "closest_observation"):
        return first
    second: Any = _at(ordered, low + 1, count, axis, "high")
    step = second - first
    share: Any = hinted(cast(_share(rank - low, method), x.dtype), "share")
    # from the nearer end, as NumPy does it: that one may be the only finite one
    near_second = second - step * (1 - share)
    return where(greater_equal(share, 0.5), near_second, first + step * share)


def _at(ordered: Tensor, rank: Any, count: Any, axis: int, name: str) -> Any:
    """Return the elements at ranks, the first or the last of them beyond the ends."""
    place = maximum(minimum(cast(rank, "int64"), count - 1), 0)
    return take_along_axis(ordered, hinted(place, name), axis)


def _rank(count: Any, q: float, method: str) -> Any:
    """Return the ranks that quantiles lie at; those of some methods are integers."""
    if method in _PLACED:
        alpha, beta = _PLACED[method]
        return count * q + (alpha + q * (1 - alpha - beta)) - 1
    spread = (count - 1) * q
    match method:
        case "lower":
            return floor(spread)
        case "higher":
            return ceil(spread)
        case "nearest":
            return rint(spread)
        case "midpoint":
            return 0.5 * (floor(spread) + ceil(spread))
        case "averaged_inverted_cdf":
            return count * q - 1
        case "inverted_cdf":
            return ceil(count * q - 1)
        case "closest_observation":
            return _closest(count * q - 1.5)
    return spread


def _closest(rank: Any) -> Any:
    """Return the next rank above, but one that is a whole odd number itself."""
    low: Any = floor(rank)
    return where(logical_and(equal(rank, low), equal(low % 2, 1)), low, low + 1)


def _share(part: Any, method: str) -> Any:
    """Return how far a quantile is from the first of its two elements."""
    if method == "averaged_inverted_cdf":
        return where(equal(part, 0), 0.5, 1.0)
    return part


# --- places ---------------------------------------------------------------------------


def _nan_argument(name: str, position: Any, neutral: float) -> Any:
    def find(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        tensor = as_tensor(x)
        if not tensor.dtype.is_float:
            found: Tensor = position(tensor, axis, keepdims=keepdims)
            return found
        kept = logical_not(isnan(tensor))
        found = position(where(kept, tensor, neutral), axis, keepdims=keepdims)
        return where(any_(kept, axis, keepdims=keepdims), found, -1)

    find.__name__ = find.__qualname__ = name
    find.__doc__ = (
        f"As `{name[3:]}`, of the elements that are not NaN; -1 where there are none."
    )
    return api(name)(find)


nanargmax = _nan_argument("nanargmax", argmax, -math.inf)
nanargmin = _nan_argument("nanargmin", argmin, math.inf)
