"""Functions given by samples or coefficients: `interp`, `trapezoid`, `polyval`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    DType,
    TensorType,
    as_dim,
    normalize_axis,
    promote,
    require_nonempty,
    unify,
)
from symdiff.ops.core import rows
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    float_operand,
    is_literal,
    stretch,
    strong_operands,
)
from symdiff.ops.core.record import Cotangents, primitive, require_float
from symdiff.ops.core.rules import add_all
from symdiff.ops.elementwise.arithmetic import as_float
from symdiff.ops.elementwise.casts import cast, dtype_text
from symdiff.ops.elementwise.comparisons import (
    greater_equal,
    less,
    less_equal,
    logical_and,
    where,
)
from symdiff.ops.elementwise.kinks import maximum, minimum
from symdiff.ops.elementwise.rounding import mod
from symdiff.ops.indexing.gather import scatter_add
from symdiff.ops.indexing.slices import slice_axis
from symdiff.ops.indexing.sorting import argsort, searchsorted
from symdiff.ops.indexing.taking import at_axis, take
from symdiff.ops.reduce.sums import sum_
from symdiff.ops.shape.broadcasting import zeros_like
from symdiff.ops.shape.joining import concatenate
from symdiff.ops.shape.views import reshape

# --- piecewise linear -----------------------------------------------------------------


def _infer_interp(x: TensorType, xp: TensorType, fp: TensorType) -> TensorType:
    for t in (x, xp, fp):
        require_float(t, "interp")
    if xp.ndim != 1 or fp.ndim != 1 or unify(xp.shape[0], fp.shape[0]) is None:
        raise ShapeError(
            f"interp needs xp and fp to be vectors of one length, got {xp.shape} and "
            f"{fp.shape}"
        )
    require_nonempty(as_dim(xp.shape[0] - 1), "interp, beyond the first sample,")
    return TensorType(x.shape, promote(promote(x.dtype, xp.dtype), fp.dtype))


def _evaluate_interp(x: Any, xp: Any, fp: Any) -> Any:
    return np.interp(x, xp, fp).astype(np.result_type(x, xp, fp))


def _segment(x: Any, xp: Any, fp: Any) -> tuple[Tensor, Tensor, Any, Any]:
    """Return where x lies: index i, i + 1, weight of sample i + 1, and the slope there.

    Beyond the samples the weight is 0 or 1 and the slope 0.
    """
    last = as_dim(xp.shape[0] - 2)
    i: Any = minimum(maximum(searchsorted(xp, x, side="right") - 1, 0), last)
    j = i + 1
    i, j = hinted(i, "i"), hinted(j, "j")
    inside = logical_and(greater_equal(x, xp[0]), less_equal(x, xp[-1]))
    width = xp[j] - xp[i]
    weight = where(inside, (x - xp[i]) / width, 1)
    weight = where(less(x, xp[0]), 0, weight)
    slope = where(inside, (fp[j] - fp[i]) / width, 0)
    weight, slope = hinted(weight, "weight"), hinted(slope, "slope")
    return i, j, weight, slope


def _interp_vjp(
    ct: Tensor, out: Tensor, inputs: Sequence[Any], attrs: Any, needs: Sequence[bool]
) -> Cotangents:
    x, xp, fp = inputs
    i, j, weight, slope = _segment(x, xp, fp)

    def to_samples(share: Any) -> Any:
        ends = share * (1 - weight), share * weight
        first, second = (
            scatter_add(v, [k], xp.shape, at_axis(0))
            for v, k in zip(ends, (i, j), strict=True)
        )
        return first + second

    moved: Any = ct * slope
    return [
        moved if needs[0] else None,
        -to_samples(moved) if needs[1] else None,
        to_samples(ct) if needs[2] else None,
    ]


def _interp_jvp(
    tangents: Any, out: Tensor, inputs: Sequence[Any], attrs: Any
) -> Tensor | None:
    x, xp, fp = inputs
    i, j, weight, slope = _segment(x, xp, fp)

    def at_x(t: Any) -> Any:
        return (1 - weight) * t[i] + weight * t[j]

    t_x, t_xp, t_fp = tangents
    return add_all(
        [
            None if t_x is None else slope * t_x,
            None if t_xp is None else -slope * at_x(t_xp),
            None if t_fp is None else at_x(t_fp),
        ]
    )


INTERP = primitive(
    "interp",
    _infer_interp,
    _evaluate_interp,
    vjp=_interp_vjp,
    jvp=_interp_jvp,
    text=lambda node: f"np.interp(_0, _1, _2).astype({dtype_text(node.dtype)})",
    rule="the slope of the segment; its ends share by distance",
    facts=Facts(rows=rows.looked_up(0)),
)


@api("interp")
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Tensor:
    """Piecewise linear function through (xp, fp) at ``x``, constant beyond the ends.

    ``xp`` must ascend strictly and have two samples or more. At a sample the derivative
    is that of the segment to its right (at the last one, to its left). ``left`` and
    ``right`` replace the values beyond the ends. With ``period`` the function is
    periodic, and its samples need not ascend.
    """
    point, knots, values = (as_float(float_operand(t)) for t in (x, xp, fp))
    if period is not None:
        point, knots, values = _one_period(point, knots, values, period)
        return apply(INTERP, point, knots, values)
    found = apply(INTERP, point, knots, values)
    if left is not None:
        found = where(less(point, knots[0]), left, found)
    if right is not None:
        found = where(less(knots[-1], point), right, found)
    return found


def _one_period(x: Tensor, xp: Tensor, fp: Tensor, period: Any) -> list[Tensor]:
    """Return points and samples of a periodic function within one period.

    The samples ascend, and the next one on either side is added.
    """
    if isinstance(period, Tensor) or period == 0:
        raise DeclarationError(
            f"interp needs a period that is a number other than 0, got {period!r}."
        )
    if xp.ndim != 1 or fp.ndim != 1:
        raise ShapeError(
            f"interp needs xp and fp to be vectors, got {xp.shape} and {fp.shape}."
        )
    length = abs(period)
    within = mod(xp, length)
    order = hinted(argsort(within), "order")
    knots, values = take(within, order), take(fp, order)
    ends = concatenate([knots[-1:] - length, knots, knots[:1] + length])
    return [
        mod(x, length),
        ends,
        concatenate([values[-1:], values, values[:1]]),
    ]


# --- integrals and polynomials --------------------------------------------------------


@api("trapezoid", "trapz")
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """Integral of samples ``y`` along ``axis`` by the trapezoidal rule.

    The samples lie at ``x``, a vector or of y's ndim, or ``dx`` apart.
    """
    values = float_operand(y)
    where_ = normalize_axis(axis, values.ndim)
    if values.shape[where_] == 0:  # no sample is no area, as in NumPy
        return sum_(values, axis=where_)
    if x is None:
        widths: Any = as_tensor(dx)
    else:
        points = float_operand(x)
        own = 0 if points.ndim == 1 else normalize_axis(axis, points.ndim)
        widths = _ahead(points, own) - _behind(points, own)
        if points.ndim == 1:
            widths = reshape(widths, (-1, *(1,) * (values.ndim - 1 - where_)))
    pairs = _ahead(values, where_) + _behind(values, where_)
    if not values.dtype.is_float:  # products in the width of the integers, as in NumPy
        return sum_(as_float(widths * pairs) / 2, axis=where_)
    if x is None and not widths.ndim:
        return sum_(pairs, axis=where_) * (widths / 2)
    total: Any = sum_(widths * pairs, axis=where_)
    return total / 2


def _ahead(x: Tensor, axis: int) -> Any:
    """Return all but the first element along an axis."""
    return slice_axis(x, axis, 1, x.shape[axis])


def _behind(x: Tensor, axis: int) -> Any:
    """Return all but the last element along an axis."""
    return slice_axis(x, axis, 0, as_dim(x.shape[axis] - 1))


@api("polyval")
def polyval(p: Any, x: Any) -> Tensor:
    """The polynomial with coefficients ``p``, highest power first, at ``x``.

    Computed by Horner's rule.
    """
    values: list[Any]
    if isinstance(p, (list, tuple)):
        values = list(p)
    else:
        tensor = float_operand(p)
        length = tensor.shape[0] if tensor.ndim == 1 else None
        if not isinstance(length, int):
            raise ShapeError(
                f"polyval needs a vector of known length, got {tensor.shape}."
            )
        values = [tensor[k] for k in range(length)]
    point, *coefficients = (as_tensor(v) for v in (x, *values))
    kind = _integers([x, *values])
    if kind is None:
        point = float_operand(point)
    else:
        point, *coefficients = (
            t if is_literal(t) else cast(t, kind) for t in (point, *coefficients)
        )
    if not coefficients:
        return zeros_like(point)
    result: Any = coefficients[0]
    for c in coefficients[1:]:
        result = result * point + c
    if kind is None:
        result = float_operand(result)
        kind = result.dtype if result.dtype.is_float else point.dtype
    return stretch(cast(result, kind), point.shape)


def _integers(values: Sequence[Any]) -> DType | None:
    """Return the integer dtype that NumPy computes a polynomial in; None for floats.

    A list of integers is an array of int64 to it.
    """
    parts = [as_tensor(v) for v in values]
    if any(t.dtype.is_float for t in parts) or all(map(is_literal, parts)):
        return None
    strong = strong_operands(values)
    return functools.reduce(promote, [t.dtype for t in strong])
