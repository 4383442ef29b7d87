"""Several parts placed into one array of zeros: the cotangent of an array read in
parts.

In: parts, and the basic index of each. Out: one tensor, where parts that overlap add
up. Invariant: an array that is read n times, row by row or element by element, gets its
cotangent in n statements over one buffer; a sum of n arrays of its full size would cost
n times as much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim, Shape, TensorType, product, unify
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import filled
from symdiff.ops.core.record import Cotangents, primitive, result_dtype
from symdiff.ops.core.text import index_text, shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.indexing.expressions import getitem
from symdiff.ops.indexing.slices import UNSLICE, slice_axis, slice_length
from symdiff.ops.shape.views import EXPAND_DIMS

Entry = Any  # a slice, an int or a dim
Index = tuple[Entry, ...]
FEW = 32


def _part_shape(shape: Shape, index: Index) -> Shape:
    pairs = zip(index, shape, strict=True)
    return tuple(slice_length(e, d) for e, d in pairs if isinstance(e, slice))


def _infer(*parts: TensorType, shape: Shape, indices: tuple[Index, ...]) -> TensorType:
    for part, index in zip(parts, indices, strict=True):
        expected = _part_shape(shape, index)
        fits = part.ndim == len(expected) and all(
            unify(a, b) is not None for a, b in zip(part.shape, expected, strict=True)
        )
        if not fits:
            raise ShapeError(f"a part of shape {part.shape} where {expected} is needed")
    return TensorType(shape, result_dtype("promote", [p.dtype for p in parts]))


def _evaluate(*parts: Any, shape: Any, indices: Any) -> Any:
    result = np.zeros(shape, dtype=np.result_type(*parts))
    for part, index, new in zip(parts, indices, untouched(indices), strict=True):
        if new:
            result[index] = part
        else:
            result[index] += part
    return result


def untouched(indices: Sequence[Index]) -> list[bool]:
    """Whether each index has no element in common with those before it.

    Of many slices that is not asked of every pair.
    """
    found: list[bool] = []
    points: set[Index] = set()
    ranges: list[Index] = []
    for index in indices:
        new = len(ranges) <= FEW and all(_are_apart(index, r) for r in ranges)
        if all(isinstance(entry, int) for entry in index):
            found.append(new and index not in points)
            points.add(index)
        else:
            few = len(points) <= FEW
            found.append(new and few and all(_are_apart(index, p) for p in points))
            ranges.append(index)
    return found


def _are_apart(index: Index, other: Index) -> bool:
    """Whether on some axis two indices are ranges of numbers that do not meet."""
    for a, b in zip(map(_span, index), map(_span, other), strict=True):
        if a is not None and b is not None and (a[1] <= b[0] or b[1] <= a[0]):
            return True
    return False


def _span(entry: Entry) -> tuple[int, float] | None:
    """Return where an entry begins and ends, if both are known."""
    if isinstance(entry, int):
        return entry, entry + 1
    if not isinstance(entry, slice) or entry.step not in (None, 1):
        return None
    start = 0 if entry.start is None else entry.start
    stop = math.inf if entry.stop is None else entry.stop
    known = isinstance(start, int) and isinstance(stop, (int, float))
    return (start, stop) if known and 0 <= start <= stop else None


def _vjp(
    ct: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
) -> Cotangents:
    pairs = zip(attrs["indices"], needs, strict=True)
    return [getitem(ct, index) if needed else None for index, needed in pairs]


def _jvp(
    tangents: Cotangents,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
) -> Tensor:
    pairs = zip(tangents, attrs["indices"], strict=True)
    moved = [(t, index) for t, index in pairs if t is not None]
    return place_slices([t for t, _ in moved], attrs["shape"], [i for _, i in moved])


def _text(node: Any) -> str:
    shape, dtype = shape_text(node.shape), dtype_text(node.dtype)
    lines = [f"_out = np.zeros({shape}, dtype={dtype})"]
    indices = node.attrs["indices"]
    for i, (index, new) in enumerate(zip(indices, untouched(indices), strict=True)):
        sign = "=" if new else "+="
        lines.append(f"_out[{index_text(_trimmed(index))}] {sign} _{i}")
    return "\n".join(lines)


def _trimmed(index: Index) -> Index:
    entries = list(index)
    while len(entries) > 1 and entries[-1] == slice(None):
        entries.pop()
    return tuple(entries)


UNSLICES = primitive(
    "unslices",
    _infer,
    _evaluate,
    vjp=_vjp,
    jvp=_jvp,
    text=_text,
    analytic=True,
    rule="each part goes back to where it was taken",
    facts=Facts(stretches="all", zeros="placed", layout=filled, word="placed"),
)


def place_slices(
    parts: Sequence[Tensor], shape: Shape, indices: Sequence[Index]
) -> Tensor:
    """Return zeros with parts added at indices: ints drop an axis, slices keep it."""
    return apply(UNSLICES, *parts, shape=tuple(shape), indices=tuple(indices))


def part_of_placed(t: Tensor, axis: int, start: Dim, stop: Dim) -> Tensor | None:
    """Return t[start:stop] along an axis; None where that is zeros around a part."""
    cut = slice_axis(t, axis, start, stop)
    if t.node.op is not UNSLICE or cut is t:
        return cut
    index = cut.node.attrs["index"]
    span, window = _span(t.node.attrs["index"][axis]), _span(index[axis])
    if span is None or window is None:
        return cut
    if span[1] <= window[0] or window[1] <= span[0]:
        return None
    found = within(t, index)
    return cut if found is None else found


def within(t: Tensor, window: Index) -> Tensor | None:
    """Return t[window] of a placed part as the part placed there; None if it is cut.

    unslice(p, i)[j] = unslice(p, i - j) where all of i lies within j.
    """
    entries, shape = list(t.node.attrs["index"]), []
    for axis, (own, seen) in enumerate(zip(entries, window, strict=True)):
        length = t.shape[axis]
        if seen == slice(None):
            shape.append(length)
            continue
        inner, outer = _span(own), _span(seen)
        if inner is None or outer is None or not isinstance(length, int):
            return None
        (first, last), (start, stop) = (
            (a, int(min(b, length))) for a, b in (inner, outer)
        )
        if not start <= first <= last <= stop:
            return None
        entries[axis] = slice(
            None if first == start else first - start,
            None if last == stop else last - start,
        )
        shape.append(stop - start)
    return apply(UNSLICE, t.parents[0], shape=tuple(shape), index=tuple(entries))


def fills(node: Node) -> bool:
    """Whether the parts of `unslices` leave no zero, as far as lengths are known."""
    indices, shape = node.attrs["indices"], node.shape
    if all(isinstance(e, int) for index in indices for e in index):
        return len(set(indices)) == product(list(shape))
    varied = {a for i in indices for a, e in enumerate(i) if e != slice(None)}
    if len(varied) > 1:
        return False
    reached: float = 0
    (axis,) = varied or {0}
    spans = [_span(index[axis]) for index in indices]
    for first, last in sorted(s for s in spans if s is not None):
        if first > reached:
            return False
        reached = max(reached, last)
    return reached >= shape[axis] if isinstance(shape[axis], int) else False


def without_axes(part: Tensor, index: Index) -> tuple[Tensor, Index]:
    """Return a part without the axes of length 1 that it got for a slice of one row.

    The cotangent of x[3] is placed at [3], not, with a new axis, at [3:4].
    """
    if part.node.op is not EXPAND_DIMS:
        return part, index
    axes = part.node.attrs["axes"]
    entries = list(index)
    for axis in axes:
        entry = entries[axis]
        single = (
            isinstance(entry, slice)
            and isinstance(entry.start, int)
            and entry.stop == entry.start + 1
            and entry.step is None
        )
        if not single:
            return part, index
        entries[axis] = entry.start
    return part.parents[0], tuple(entries)
