"""Differences of samples: `gradient`, `ediff1d` and `unwrap`.

All are compositions of slices, so their derivatives need no rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import (
    DeclarationError,
    ShapeError,
    UndefinedError,
)
from symdiff.graph.lengths import may_agree
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim, as_dim, normalize_axis
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    float_operand,
    known_values,
)
from symdiff.ops.elementwise.arithmetic import as_float
from symdiff.ops.elementwise.casts import cast, stop_gradient
from symdiff.ops.elementwise.comparisons import equal, greater, less, logical_and, where
from symdiff.ops.elementwise.kinks import absolute
from symdiff.ops.elementwise.rounding import mod
from symdiff.ops.indexing.slices import slice_axis
from symdiff.ops.reduce.cumulative import cumsum, diff
from symdiff.ops.shape.joining import concatenate
from symdiff.ops.shape.views import ravel, reshape

# --- slopes ---------------------------------------------------------------------------


@api("gradient")
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes of samples along each axis, by central differences inside.

    Samples are 1 apart, or as far as the numbers, or at the places (a vector for an
    axis), that follow ``f``. The ends take differences of order ``edge_order``, 1 or 2.
    Of several axes the slopes come as a tuple. This is no derivative of the program:
    see `grad`.
    """
    values = float_operand(f)
    if values.dtype.is_bool:
        raise UndefinedError("gradient is not defined on booleans; cast them first.")
    values = as_float(values)
    if edge_order not in (1, 2):
        raise DeclarationError(f"gradient needs edge_order 1 or 2, got {edge_order!r}.")
    axes = _axes(axis, values.ndim)
    gaps = _gaps(varargs, values, axes)
    found = [
        _slopes(values, at, gap, int(edge_order))
        for at, gap in zip(axes, gaps, strict=True)
    ]
    return found[0] if len(found) == 1 else tuple(found)


def _axes(axis: Any, ndim: int) -> list[int]:
    given = range(ndim) if axis is None else axis
    listed: list[Any] = [given] if np.ndim(given) == 0 else list(given)
    axes = [normalize_axis(a, ndim) for a in listed]
    if len(set(axes)) != len(axes):
        raise ShapeError(f"gradient got an axis twice: {axis}.")
    return axes


def _gaps(varargs: Sequence[Any], values: Tensor, axes: Sequence[int]) -> list[Any]:
    """Return, for each axis, how far neighbours are apart: a number or a vector."""
    if not varargs:
        return [1.0] * len(axes)
    if len(varargs) == 1 and not as_tensor(varargs[0]).ndim:
        return [as_float(varargs[0])] * len(axes)
    if len(varargs) != len(axes):
        raise DeclarationError(
            f"gradient got {len(varargs)} spacings for {len(axes)} axes; give one "
            "number, or a number or a vector for each axis."
        )
    pairs = zip(varargs, axes, strict=True)
    return [_gap(v, values.shape[a], a) for v, a in pairs]


def _gap(value: Any, length: Dim, axis: int) -> Any:
    places = as_tensor(value)
    if not places.ndim:
        return as_float(places)
    if places.ndim > 1 or not may_agree(places.shape[0], length):
        raise ShapeError(
            f"gradient needs as spacing a number or a vector of {length} places for "
            f"axis {axis}, got shape {places.shape}."
        )
    known = known_values(value)
    gaps = None if known is None else np.diff(known.astype(float))
    if gaps is not None and gaps.size and (gaps == gaps[0]).all():
        return float(gaps[0])
    return diff(as_float(places))


def _slopes(x: Tensor, axis: int, gap: Any, edge_order: int) -> Tensor:
    """Return the slopes along one axis."""
    length = x.shape[axis]
    if isinstance(length, int) and length <= edge_order:
        raise ShapeError(
            f"gradient along axis {axis} needs {edge_order + 1} samples or more, got "
            f"{length}."
        )
    even = isinstance(gap, float) or not gap.ndim
    gaps = gap if even else reshape(gap, (-1, *(1,) * (x.ndim - 1 - axis)))
    first = _end(x, axis, gaps, [0, 1][:edge_order])
    last = _end(x, axis, gaps, [length - 2, length - 3][:edge_order])
    if length == 2:
        return concatenate([first, last], axis)
    inside = (_even if even else _uneven)(x, axis, gaps)
    return concatenate([first, inside, last], axis)


def _even(x: Tensor, axis: int, gap: Any) -> Any:
    """Return the central differences between evenly spaced samples."""
    length = x.shape[axis]
    later: Any = slice_axis(x, axis, 2, length)
    return (later - slice_axis(x, axis, 0, as_dim(length - 2))) / (2 * gap)


def _uneven(x: Tensor, axis: int, gaps: Any) -> Any:
    """Return the slopes of parabolas: means of two slopes, the nearer weighs more."""
    length, ahead = x.shape[axis], gaps.ndim - x.ndim + axis
    slopes = diff(x, axis=axis) / gaps
    before: Any = slice_axis(gaps, ahead, 0, as_dim(length - 2))
    after: Any = slice_axis(gaps, ahead, 1, as_dim(length - 1))
    earlier = slice_axis(slopes, axis, 0, as_dim(length - 2))
    later = slice_axis(slopes, axis, 1, as_dim(length - 1))
    return (before * later + after * earlier) / (before + after)


def _end(x: Tensor, axis: int, gaps: Any, places: Sequence[Any]) -> Any:
    """Return the slope at an end, from the pairs of samples at one or two places."""
    near, width = _between(x, axis, gaps, as_dim(places[0]))
    if len(places) == 1:
        return near
    far, next_width = _between(x, axis, gaps, as_dim(places[1]))
    if width is gaps:  # of one width
        return (3 * near - far) / 2
    return near + (near - far) * (width / (width + next_width))


def _between(x: Tensor, axis: int, gaps: Any, place: Dim) -> tuple[Any, Any]:
    """Return the slope between a sample and the next, and how far apart they are."""
    stop = as_dim(place + 1)
    step: Any = slice_axis(x, axis, stop, as_dim(place + 2))
    step = step - slice_axis(x, axis, place, stop)
    if isinstance(gaps, float) or not gaps.ndim:
        return step / gaps, gaps
    width = slice_axis(gaps, gaps.ndim - x.ndim + axis, place, stop)
    return step / width, width


# --- differences and turns ------------------------------------------------------------


@api("ediff1d")
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tensor:
    """Differences of neighbours in the flattened tensor, between two given parts."""
    flat = ravel(float_operand(ary))
    if flat.dtype.is_bool:
        raise UndefinedError("ediff1d is not defined on booleans; cast them first.")
    steps = diff(flat) if flat.shape[0] != 0 else flat
    parts = [
        part
        for part in (
            _end_part("to_begin", to_begin, flat),
            steps,
            _end_part("to_end", to_end, flat),
        )
        if part is not None
    ]
    return concatenate(parts)


def _end_part(name: str, value: Any, x: Tensor) -> Tensor | None:
    if value is None:
        return None
    part = as_tensor(value)
    if part.dtype.is_float and not x.dtype.is_float:
        raise UndefinedError(
            f"ediff1d: {name} of {part.dtype} does not fit into {x.dtype}; cast one of "
            "them."
        )
    return ravel(cast(part, x.dtype))


@api("unwrap")
def unwrap(
    p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi
) -> Tensor:
    """Angles without jumps: whole periods are added where neighbours differ by more
    than ``discont`` (half a period at least). The derivative is that of the angles.
    """
    angles = float_operand(p)
    whole = not angles.dtype.is_float and isinstance(period, (int, np.integer))
    angles = angles if whole else as_float(angles)
    at = normalize_axis(axis, angles.ndim)
    length = angles.shape[at]
    steps: Any = stop_gradient(diff(angles, axis=at))
    half = period // 2 if whole else period / 2
    turned = mod(steps + half, period) - half
    if not whole or period % 2 == 0:
        turned = where(
            logical_and(equal(turned, -half), greater(steps, 0)), half, turned
        )
    size = absolute(steps)
    if discont is None:
        small = less(2 * size, period)
    else:
        small = less(as_float(size) if isinstance(discont, float) else size, discont)
    jumps = where(small, 0, turned - steps)
    first = slice_axis(angles, at, 0, 1)
    later: Any = slice_axis(angles, at, 1, length)
    return concatenate([first, later + cumsum(jumps, at)], at)
