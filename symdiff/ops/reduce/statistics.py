"""Variance, weighted means, ranges, and statistics that leave NaN out.

`var` and `std` are records because their derivative is shorter than that of their
formula; the others are compositions. Quantiles are in `symdiff.ops.reduce.quantiles`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    TensorType,
    normalize_axes,
    product,
    require_nonempty,
)
from symdiff.ops.core import rows, signs
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import beside_axes
from symdiff.ops.core.operands import api, as_bool, as_tensor, float_operand, stretch
from symdiff.ops.core.record import primitive, require_float
from symdiff.ops.elementwise.arithmetic import as_float
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.comparisons import logical_not, where
from symdiff.ops.elementwise.nonfinite import isnan
from symdiff.ops.elementwise.trigonometry import ROOT, off_origin
from symdiff.ops.reduce.cumulative import prod
from symdiff.ops.reduce.extremes import max_, min_
from symdiff.ops.reduce.sums import (
    any_,
    count_where,
    mean,
    reduced_shape,
    reduction_text,
    spread,
    sum_,
)
from symdiff.ops.shape.views import expand_dims

# --- spread around the mean -----------------------------------------------------------


def _infer_spread(
    t: TensorType, *, axes: Any, keepdims: bool, ddof: float
) -> TensorType:
    require_float(t, "a variance")
    for a in axes:
        require_nonempty(t.shape[a], "a variance")
    return TensorType(reduced_shape(t.shape, axes, keepdims), t.dtype)


def _freedom(x: Tensor, attrs: Any) -> Any:
    """Return the number the squares are divided by; 0 and not less, as in NumPy."""
    count = product([x.shape[a] for a in attrs["axes"]])
    left = count - attrs["ddof"]
    return max(left, 0) if isinstance(count, int) else left


def _centred(x: Tensor, attrs: Any) -> Any:
    """Return x minus its mean, of x's shape."""
    m = mean(x, attrs["axes"], keepdims=True)
    return x - stretch(m, x.shape)


def _var_vjp(ct: Any, output: Tensor, inputs: Any, attrs: Any, needs: Any) -> list[Any]:
    (x,) = inputs
    share = ct * 2 / _freedom(x, attrs)
    return [_spread_over(share, x, attrs) * _centred(x, attrs)]


def _var_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Any:
    (x,) = inputs
    moved: Any = _total(_centred(x, attrs) * tangents[0], attrs)
    return moved * 2 / _freedom(x, attrs)


def _std_vjp(ct: Any, output: Tensor, inputs: Any, attrs: Any, needs: Any) -> list[Any]:
    (x,) = inputs
    share = ct / (off_origin(output) * _freedom(x, attrs))
    return [_spread_over(share, x, attrs) * _centred(x, attrs)]


def _std_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Any:
    (x,) = inputs
    moved: Any = _total(_centred(x, attrs) * tangents[0], attrs)
    return moved / (off_origin(output) * _freedom(x, attrs))


def _spread_over(share: Any, x: Tensor, attrs: Any) -> Any:
    return spread(share, x.shape, attrs["axes"], attrs["keepdims"])


def _total(x: Any, attrs: Any) -> Tensor:
    return sum_(x, attrs["axes"], keepdims=attrs["keepdims"])


def _spread(name: str, vjp: Any, jvp: Any, word: str) -> Any:
    def text(node: Any) -> str:
        ddof = node.attrs["ddof"]
        parts = [reduction_text(node), f"ddof={ddof}" if ddof else ""]
        return f"_0.{name}({', '.join(p for p in parts if p)})"

    op = primitive(
        name,
        _infer_spread,
        lambda x, *, axes, keepdims, ddof: getattr(np, name)(
            x, axis=axes, keepdims=keepdims, ddof=ddof
        ),
        vjp=vjp,
        jvp=jvp,
        text=text,
        rule="proportional to the distance from the mean",
        facts=Facts(
            independent=beside_axes, sign=signs.never_negative, rows=rows.along
        ),
    )

    def reduce(
        x: Any,
        axis: Any = None,
        dtype: Any = None,
        *,
        ddof: float = 0,
        keepdims: bool = False,
        where: Any = None,
        correction: float | None = None,
    ) -> Tensor:
        tensor = as_tensor(x) if dtype is None else cast(x, dtype)
        freedom = ddof if correction is None else correction
        if where is not None:
            found = _var_where(tensor, axis, freedom, keepdims, as_bool(where))
            return found if name == "var" else _root(found)
        axes = normalize_axes(axis, tensor.ndim)
        array = float_operand(tensor)
        return apply(op, array, axes=axes, keepdims=bool(keepdims), ddof=freedom)

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = f"{word} over ``axis``; squares are divided by count - ddof."
    return op, api(name)(reduce)


def _var_where(
    x: Any, axis: Any, ddof: float, keepdims: bool, mask: Tensor, few: float = 0
) -> Tensor:
    """Variance of what a mask keeps; ``few`` divides where that is ddof or less."""
    m = mean(x, axis, keepdims=True, where=mask)
    squares = (x - stretch(m, x.shape)) ** 2
    total: Any = sum_(squares, axis, keepdims=keepdims, where=mask)
    freedom: Any = count_where(mask, x, axis, keepdims) - ddof
    return total / (where(freedom > 0, freedom, few) if ddof > 0 else freedom)


def _root(variance: Tensor) -> Tensor:
    """Square root with derivative 0 at 0."""
    return apply(ROOT, variance)


VAR, var = _spread("var", _var_vjp, _var_jvp, "Variance")
STD, std = _spread(
    "std", _std_vjp, _std_jvp, "Standard deviation (derivative 0 where it is 0)"
)


@api("average")
def average(
    x: Any,
    axis: Any = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """Mean weighted by ``weights``: of x's shape, or of the shape of ``axis`` alone.

    With ``returned``, the pair of the average and the sum of weights.
    """
    tensor = as_tensor(x)
    if weights is None:
        found: Any = mean(tensor, axis, keepdims=keepdims)
        if not returned:
            return found
        axes = normalize_axes(axis, tensor.ndim)
        return found, 0 * found + product([tensor.shape[a] for a in axes])
    w: Any = as_tensor(weights)
    if w.shape != tensor.shape:
        axes = normalize_axes(axis, tensor.ndim)
        fits = axis is not None and len(w.shape) == len(axes)
        fits = fits and all(
            may_agree(w.shape[i], tensor.shape[a]) for i, a in enumerate(axes)
        )
        if not fits:
            raise ShapeError(
                f"weights of shape {w.shape} for {tensor.shape} over axis {axis}: they "
                "need that shape, or the lengths of these axes."
            )
        others = tuple(a for a in range(tensor.ndim) if a not in axes)
        w = stretch(expand_dims(w, others), tensor.shape)
    if not tensor.dtype.is_float and not w.dtype.is_float:
        tensor, w = as_float(tensor), as_float(w)  # sooner than integers can wrap
    weighed: Any = sum_(tensor * w, axis, keepdims=keepdims)
    total = sum_(as_float(w), axis, keepdims=keepdims)
    found = weighed / total
    return (found, total) if returned else found


@api("ptp")
def ptp(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """Largest minus smallest element over ``axis``; ties share the gradient."""
    high, low = max_(x, axis, keepdims=keepdims), min_(x, axis, keepdims=keepdims)
    return high - low


# --- leaving NaN out ------------------------------------------------------------------


def _kept(x: Any) -> tuple[Tensor, Tensor | None]:
    """Return a tensor, and which of its elements are not NaN; None says all."""
    tensor = as_tensor(x)
    return tensor, logical_not(isnan(tensor)) if tensor.dtype.is_float else None


@api("nansum")
def nansum(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """Sum over ``axis`` of the elements that are not NaN."""
    tensor, kept = _kept(x)
    return sum_(tensor, axis, keepdims=keepdims, where=kept)


@api("nanprod")
def nanprod(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """Product over ``axis`` of the elements that are not NaN."""
    tensor, kept = _kept(x)
    return prod(tensor, axis, keepdims=keepdims, where=kept)


@api("nanmean")
def nanmean(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """Mean over ``axis`` of the elements that are not NaN."""
    tensor, kept = _kept(x)
    return mean(tensor, axis, keepdims=keepdims, where=kept)


@api("nanvar")
def nanvar(
    x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False
) -> Tensor:
    """Variance over ``axis`` of the elements that are not NaN.

    NaN where there are no more of them than ``ddof``.
    """
    tensor, kept = _kept(x)
    if kept is None:
        return var(tensor, axis, ddof=ddof, keepdims=keepdims)
    return _var_where(where(kept, tensor, 0), axis, ddof, keepdims, kept, few=math.nan)


@api("nanstd")
def nanstd(
    x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False
) -> Tensor:
    """Standard deviation over ``axis`` of the elements that are not NaN."""
    return _root(nanvar(x, axis, ddof=ddof, keepdims=keepdims))


def _nan_extreme(name: str, reduction: Any, neutral: float) -> Any:
    def reduce(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        tensor, kept = _kept(x)
        if kept is None:
            found: Tensor = reduction(tensor, axis, keepdims=keepdims)
            return found
        empty = logical_not(any_(kept, axis, keepdims=keepdims))
        found = reduction(where(kept, tensor, neutral), axis, keepdims=keepdims)
        return where(empty, float("nan"), found)

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = f"{name[3:]} over ``axis`` of the elements that are not NaN."
    return api(name)(reduce)


nanmax = _nan_extreme("nanmax", max_, -float("inf"))
nanmin = _nan_extreme("nanmin", min_, float("inf"))
