"""np.pad in every mode that has a defined result.

Zeros are one op, the transpose of a slice. The other modes join pieces axis by axis, in
NumPy's order, so that corners come out as NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdiff.graph.arguments import refuse_unknown
from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim, as_dim, normalize_axis, require_nonempty
from symdiff.ops.core.operands import api, float_operand
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.rounding import floor, rint
from symdiff.ops.indexing.counting import arange
from symdiff.ops.indexing.slices import place_slice, slice_axis
from symdiff.ops.indexing.taking import take
from symdiff.ops.reduce.extremes import max_, min_
from symdiff.ops.reduce.quantiles import median
from symdiff.ops.reduce.sums import mean
from symdiff.ops.shape.broadcasting import broadcast_to, full
from symdiff.ops.shape.joining import concatenate
from symdiff.ops.shape.rearrange import flip
from symdiff.ops.shape.views import reshape

_STATISTICS: dict[str, Callable[..., Tensor]] = {
    "maximum": max_,
    "minimum": min_,
    "mean": mean,
    "median": median,
}
_ROUNDED = {"mean": rint, "median": rint, "linear_ramp": floor}  # for integers
_GATHERING = ("reflect", "symmetric", "wrap")
_ARGUMENTS = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
} | dict.fromkeys(_STATISTICS, "stat_length")
_MODES = ("constant", "edge", "linear_ramp", *_GATHERING, *_STATISTICS)


@api("pad")
def pad(x: Any, pad_width: Any, mode: str = "constant", **options: Any) -> Tensor:
    """The tensor with elements added before and after each axis, as np.pad.

    ``mode`` is constant (constant_values), edge, linear_ramp (end_values), reflect,
    symmetric (reflect_type), wrap, maximum, minimum, mean or median (stat_length).
    """
    tensor = float_operand(x)
    if mode not in _MODES:
        raise DeclarationError(f"pad mode {mode!r} is not one of {', '.join(_MODES)}.")
    own = _ARGUMENTS.get(mode)
    taken = ("x", "pad_width", "mode", *([own] if own else []))
    refuse_unknown(f"pad(mode={mode!r})", options, taken)
    widths = _pairs(pad_width, tensor.ndim, "pad_width")
    if any(not isinstance(w, (int, np.integer)) or w < 0 for p in widths for w in p):
        raise ShapeError(f"pad widths must be ints, 0 or more, got {pad_width!r}.")
    if mode == "constant" and not np.any(options.get("constant_values", 0)):
        return _pad_zeros(tensor, widths)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            tensor = _pad_axis(tensor, axis, int(before), int(after), mode, options)
    return tensor


def _pairs(value: Any, ndim: int, what: str) -> list[tuple[Any, Any]]:
    """Return a (before, after) pair per axis, from any of the forms NumPy takes."""
    if isinstance(value, dict):
        pairs: list[tuple[Any, Any]] = [(0, 0)] * ndim
        for axis, entry in value.items():
            pairs[normalize_axis(axis, ndim)] = _pairs(entry, 1, what)[0]
        return pairs
    try:
        return [(a, b) for a, b in np.broadcast_to(value, (ndim, 2)).tolist()]
    except ValueError:
        raise ShapeError(
            f"{what}={value!r} does not fit {ndim} axes; give one number, a pair, or a "
            "pair per axis."
        ) from None


def _pad_zeros(x: Tensor, widths: Sequence[tuple[int, int]]) -> Tensor:
    if not any(b or a for b, a in widths):
        return x
    shape, index = [], []
    for length, (before, after) in zip(x.shape, widths, strict=True):
        shape.append(as_dim(before + length + after))
        index.append(
            slice(
                before if before else None,
                as_dim(before + length) if after else None,
            )
        )
    return place_slice(x, shape, index)


def _pad_axis(
    x: Tensor, axis: int, before: int, after: int, mode: str, options: Any
) -> Tensor:
    if mode in _GATHERING:
        odd = options.get("reflect_type", "even") == "odd"
        return _gather(x, axis, before, after, mode, odd)
    key = _ARGUMENTS.get(mode, "")
    default = None if key == "stat_length" else 0
    values = _pairs(options.get(key, default), x.ndim, key)[axis]
    parts = [x]
    if before:
        parts = [_filled(x, axis, before, mode, values[0], last=False), *parts]
    if after:
        parts = [*parts, _filled(x, axis, after, mode, values[1], last=True)]
    return concatenate(parts, axis)


def _filled(
    x: Tensor, axis: int, count: int, mode: str, value: Any, *, last: bool
) -> Tensor:
    """Return the elements added before (or, if ``last``, after) those of an axis."""
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    if mode == "constant":
        return full(shape, value, x.dtype)
    length = x.shape[axis]
    require_nonempty(length, f"pad mode {mode!r}")
    if not x.dtype.is_float and mode in _ROUNDED:
        return _whole(x, axis, count, mode, value, last=last)
    if mode in _STATISTICS:
        return broadcast_to(_statistic(x, axis, mode, value, last), shape)
    at: Dim = as_dim(length - 1) if last else 0
    end: Any = slice_axis(x, axis, at, as_dim(at + 1))
    if mode == "edge":
        return broadcast_to(end, shape)
    steps: Any = cast(arange(count), x.dtype)
    part: Any = reshape(steps / count, (count,) + (1,) * (x.ndim - axis - 1))
    ramp = (end - value) * part + value
    return flip(ramp, axis) if last else ramp


def _whole(
    x: Tensor, axis: int, count: int, mode: str, value: Any, *, last: bool
) -> Tensor:
    """Return the elements added to integers or booleans, computed in float64.

    Ramps of integers are rounded down, means and medians to the nearest integer.
    """
    found = _filled(cast(x, "float64"), axis, count, mode, value, last=last)
    return cast(found if x.dtype.is_bool else _ROUNDED[mode](found), x.dtype)


def _statistic(x: Tensor, axis: int, mode: str, span: Any, last: bool) -> Tensor:
    length = x.shape[axis]
    if span is not None and not (isinstance(length, int) and span >= length):
        if span < 1:
            raise ShapeError(f"stat_length must be at least 1, got {span}.")
        bounds: tuple[Dim, Dim] = (as_dim(length - span), length) if last else (0, span)
        x = slice_axis(x, axis, *bounds)
    return _STATISTICS[mode](x, axis, keepdims=True)


def _gather(
    x: Tensor, axis: int, before: int, after: int, mode: str, odd: bool
) -> Tensor:
    """Pad by elements of the axis itself."""
    length = x.shape[axis]
    edge = 1 if mode == "reflect" else 0
    longest = max(before, after) + edge
    if isinstance(length, int) and longest > length:
        if odd:
            raise ShapeError(
                f"odd {mode} padding by {max(before, after)} needs an axis longer than "
                f"{length}."
            )
        require_nonempty(length, f"pad mode {mode!r}")
        return take(x, _places(length, before, after, mode), axis=axis)
    require_nonempty(as_dim(length - longest + 1), f"pad mode {mode!r}")
    if mode == "wrap":
        front: Any = slice_axis(x, axis, as_dim(length - before), length)
        back: Any = slice_axis(x, axis, 0, after)
    else:
        front = flip(slice_axis(x, axis, edge, before + edge), axis)
        stop = as_dim(length - edge)
        back = flip(slice_axis(x, axis, as_dim(stop - after), stop), axis)
        if odd:
            first: Any = slice_axis(x, axis, 0, 1)
            front = 2 * first - front
            last: Any = slice_axis(x, axis, as_dim(length - 1), length)
            back = 2 * last - back
    parts = [*([front] if before else []), x, *([back] if after else [])]
    return concatenate(parts, axis)


def _places(length: int, before: int, after: int, mode: str) -> np.ndarray:
    """Return which element stands at each place of a padded axis."""
    k = np.arange(-before, length + after)
    if mode == "wrap":
        return k % length
    if mode == "symmetric":
        k = k % (2 * length)
        return np.where(k < length, k, 2 * length - 1 - k)
    period = max(2 * length - 2, 1)
    k = k % period
    return np.where(k < length, k, period - k)
