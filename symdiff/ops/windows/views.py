"""Windows that slide along axes: their views, and the transpose, which adds them up.

In: a tensor, the axes, and the window's length, stride and dilation along each. Out:
`windows`, whose last axes run inside the window, and its transpose `add_windows`, which
adds every element of every window to where it came from. A loop over the few places of
a window is the only Python loop; each iteration is one strided slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    Dim,
    Shape,
    TensorType,
    as_dim,
    normalize_axes,
    require_nonempty,
)
from symdiff.ops.core import rows
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import filled
from symdiff.ops.core.operands import api, float_operand
from symdiff.ops.core.text import dim_text, shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.indexing.gather import SET_AT
from symdiff.ops.indexing.slices import place_slice
from symdiff.ops.shape.broadcasting import full

# --- geometry -------------------------------------------------------------------------

Ints = tuple[int, ...]


class Geometry(NamedTuple):
    """Axes, and per axis the window's length, stride and dilation."""

    axes: Ints
    window: Ints
    stride: Ints
    dilation: Ints


def geometry(attrs: Any) -> Geometry:
    """Return the geometry among an op's attributes."""
    return Geometry(*(attrs[name] for name in Geometry._fields))


def span(window: int, dilation: int) -> int:
    """Return how many elements a window reaches over."""
    return (window - 1) * dilation + 1


def window_counts(shape: Shape, g: Geometry) -> tuple[Dim, ...]:
    """Return how many windows fit along each axis.

    Raises `ShapeError` where none does.
    """
    counts: list[Dim] = []
    for axis, k, s, d in zip(*g, strict=True):
        room = as_dim_or_error(shape[axis], span(k, d), axis)
        if isinstance(room, int):
            counts.append(room // s + 1)
        else:
            steps = room if s == 1 else sp.floor(room / sp.Integer(s))
            counts.append(as_dim(steps + 1))
    return tuple(counts)


def as_dim_or_error(length: Dim, reach: int, axis: int) -> Dim:
    """Return ``length - reach``; the axis must hold a whole window."""
    room = length - reach
    if isinstance(room, int):
        if room < 0:
            raise ShapeError(
                f"a window over {reach} elements does not fit axis {axis} of length "
                f"{length}"
            )
        return room
    require_nonempty(as_dim(room + 1), f"a window over {reach} elements")
    return room


def with_counts(shape: Shape, g: Geometry) -> Shape:
    """Return the shape with each axis replaced by its number of windows."""
    result = list(shape)
    for axis, count in zip(g.axes, window_counts(shape, g), strict=True):
        result[axis] = count
    return tuple(result)


def along(counts: Sequence[Any], at: Sequence[Any], g: Geometry) -> Any:
    """Return axis, number of windows, place, stride and dilation, axis by axis."""
    return zip(g.axes, counts, at, g.stride, g.dilation, strict=True)


def places(x: np.ndarray, counts: Sequence[int], g: Geometry, at: Sequence[int]) -> Any:
    """Return the slice of ``x`` that holds place ``at`` of every window."""
    index: list[slice] = [slice(None)] * x.ndim
    for axis, count, i, s, d in along(counts, at, g):
        index[axis] = slice(i * d, i * d + (count - 1) * s + 1, s)
    return x[tuple(index)]


def place_text(ndim: int, counts: Sequence[Dim], g: Geometry, at: Sequence[str]) -> str:
    """Return the text of `places`' index; ``at`` are texts of the place's numbers."""
    entries = [":"] * ndim
    for axis, count, i, s, d in along(counts, at, g):
        start = i if d == 1 else f"{d} * {i}"
        if s == 1:
            entries[axis] = f"{start}:{start} + {dim_text(count)}"
            continue
        reach = as_dim((count - 1) * s + 1)
        entries[axis] = f"{start}:{start} + {dim_text(reach)}:{s}"
    return ", ".join(_until_last(entries))


def _until_last(entries: list[str]) -> list[str]:
    while len(entries) > 1 and entries[-1] == ":":
        entries.pop()
    return entries


def loop_text(g: Geometry) -> tuple[str, list[str]]:
    """Return the head of the loop over a window's places, and its variables."""
    if len(g.window) == 1:
        return f"for _i in range({g.window[0]}):", ["_i"]
    names = ["_i", "_j", "_k", "_l"][: len(g.window)]
    return f"for {', '.join(names)} in np.ndindex{tuple(g.window)}:", names


# --- the pair of records --------------------------------------------------------------


def _infer_windows(
    t: TensorType, *, axes: Ints, window: Ints, stride: Ints, dilation: Ints
) -> TensorType:
    g = Geometry(axes, window, stride, dilation)
    return TensorType((*with_counts(t.shape, g), *window), t.dtype)


def _view(x: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    reach = tuple(span(k, d) for k, d in zip(g.window, g.dilation, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=g.axes)
    index = [slice(None)] * x.ndim + [slice(None, None, d) for d in g.dilation]
    for axis, s in zip(g.axes, g.stride, strict=True):
        index[axis] = slice(None, None, s)
    return view[tuple(index)]


def _view_text(node: Node) -> str:
    g = geometry(node.attrs)
    ndim = len(node.inputs[0].shape)
    reach = tuple(span(k, d) for k, d in zip(g.window, g.dilation, strict=True))
    one = len(g.axes) == 1
    shown, axes = (reach[0], g.axes[0]) if one else (reach, g.axes)
    base = f"np.lib.stride_tricks.sliding_window_view(_0, {shown}, axis={axes})"
    entries = [":"] * ndim + [f"::{d}" if d > 1 else ":" for d in g.dilation]
    for axis, s in zip(g.axes, g.stride, strict=True):
        entries[axis] = f"::{s}" if s > 1 else ":"
    entries = _until_last(entries)
    return base if entries == [":"] else f"{base}[{', '.join(entries)}]"


def _add_windows(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(ADD_WINDOWS, ct, shape=inputs[0].shape, **attrs)


WINDOWS = multilinear(
    "windows",
    _infer_windows,
    _view,
    transposes={0: _add_windows},
    text=_view_text,
    view=True,
    rule="overlapping windows add up",
    facts=Facts(rows=rows.along, read_only=True),
)


def _infer_add(t: TensorType, *, shape: Shape, **attrs: Any) -> TensorType:
    g = geometry(attrs)
    expected = (*with_counts(shape, g), *g.window)
    if len(expected) != t.ndim:
        raise ShapeError(f"windows of {shape} have shape {expected}, got {t.shape}")
    return TensorType(shape, t.dtype)


def _evaluate_add(x: Any, *, shape: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    result = np.zeros(shape, dtype=x.dtype)
    counts = [x.shape[a] for a in g.axes]
    for at in np.ndindex(g.window):
        places(result, counts, g, at)[...] += x[(..., *at)]
    return result


def _add_text(node: Node) -> str:
    g = geometry(node.attrs)
    head, at = loop_text(g)
    counts = [node.inputs[0].shape[a] for a in g.axes]
    index = place_text(len(node.shape), counts, g, at)
    return (
        f"_out = np.zeros({shape_text(node.shape)}, {dtype_text(node.dtype)})\n"
        f"{head}\n    _out[{index}] += _0[..., {', '.join(at)}]"
    )


def _windows_again(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(WINDOWS, ct, **geometry(attrs)._asdict())


ADD_WINDOWS = multilinear(
    "add_windows",
    _infer_add,
    _evaluate_add,
    transposes={0: _windows_again},
    text=_add_text,
    rule="every window reads its elements",
    facts=Facts(layout=filled),
)


# --- public functions -----------------------------------------------------------------


def per_axis(value: Any, count: int, what: str, least: int = 1) -> Ints:
    """Return an int, or a sequence of one int per axis, as a tuple of ints."""
    values = (value,) * count if isinstance(value, (int, np.integer)) else tuple(value)
    whole = all(isinstance(v, (int, np.integer)) and v is not True for v in values)
    if not whole or len(values) != count or min(values, default=least) < least:
        raise DeclarationError(
            f"{what} must be an int of at least {least}, or {count} of them, got "
            f"{value!r}."
        )
    return tuple(int(v) for v in values)


@api("sliding_window_view")
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None) -> Tensor:
    """All windows of ``window_shape``: their places stay, new last axes run inside.

    As ``np.lib.stride_tricks.sliding_window_view``; the axes must be distinct.
    """
    tensor = float_operand(x)
    if axis is None:
        axes = tuple(range(tensor.ndim))
    else:
        given: list[Any] = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
        normalize_axes(given, tensor.ndim)
        axes = tuple(int(a) % tensor.ndim for a in given)
    window = per_axis(window_shape, len(axes), "window_shape")
    if not axes:
        return tensor
    ones = (1,) * len(axes)
    return apply(WINDOWS, tensor, axes=axes, window=window, stride=ones, dilation=ones)


def padding_of(padding: Any, shape: Shape, g: Geometry) -> tuple[tuple[int, int], ...]:
    """Return (before, after) per axis for an int, ints, pairs, 'valid' or 'same'.

    'same' gives ceil(length / stride) windows, the odd element after.
    """
    count = len(g.axes)
    if padding == "valid":
        return ((0, 0),) * count
    if padding == "same":
        return tuple(_same(shape[a], k, s, d) for a, k, s, d in zip(*g, strict=True))
    if isinstance(padding, str):
        raise DeclarationError(
            f"padding must be ints, 'same' or 'valid', got {padding!r}."
        )
    if not isinstance(padding, (int, np.integer)) and any(
        isinstance(p, (tuple, list)) for p in padding
    ):
        pairs = tuple(per_axis(p, 2, "padding", 0) for p in padding)
        if len(pairs) != count:
            raise DeclarationError(f"padding needs {count} pairs, got {padding!r}.")
        return tuple((p[0], p[1]) for p in pairs)
    return tuple((p, p) for p in per_axis(padding, count, "padding", 0))


def _same(length: Dim, k: int, s: int, d: int) -> tuple[int, int]:
    if isinstance(length, int):
        total = max(0, (-(-length // s) - 1) * s + span(k, d) - length)
    elif s == 1:
        total = span(k, d) - 1
    else:
        raise ShapeError(
            f"padding 'same' with stride {s} needs a known length, got {length}; give "
            "ints."
        )
    return total // 2, total - total // 2


def pad_axes(
    x: Tensor, axes: Sequence[int], pads: Sequence[tuple[int, int]], value: float = 0.0
) -> Tensor:
    """Return ``x`` with ``value`` before and after the elements of some axes."""
    if not any(before or after for before, after in pads):
        return x
    shape, index = list(x.shape), [slice(None)] * x.ndim
    for axis, (before, after) in zip(axes, pads, strict=True):
        length = x.shape[axis]
        shape[axis] = as_dim(length + before + after)
        index[axis] = slice(
            before or None, as_dim(length + before) if after else None, None
        )
    if value == 0:
        return place_slice(x, shape, index)
    return apply(SET_AT, full(shape, value, x.dtype), x, index=tuple(index))
