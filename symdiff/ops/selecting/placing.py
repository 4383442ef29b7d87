"""Reading parts again that `unslice` placed into zeros.

In: a result of `unslice`. Out: its parts, without the zeros around them. Invariant: no
element is lost; where a part would be cut, it is read as any other tensor is.
"""

from __future__ import annotations

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim, product
from symdiff.ops.indexing.bounds import Index, span
from symdiff.ops.indexing.slices import lone_slice, place_slice, slice_axis
from symdiff.ops.shape.views import EXPAND_DIMS


def part_of_placed(t: Tensor, axis: int, start: Dim, stop: Dim) -> Tensor | None:
    """Return t[start:stop] along an axis; None where all of it is zeros."""
    cut, own = slice_axis(t, axis, start, stop), lone_slice(t.node)
    if own is None or cut is t:
        return cut
    index = cut.node.attrs["index"]
    place, window = span(own[axis]), span(index[axis])
    if place is None or window is None:
        return cut
    if place[1] <= window[0] or window[1] <= place[0]:
        return None
    found = within(t, index)
    return cut if found is None else found


def within(t: Tensor, window: Index) -> Tensor | None:
    """Return t[window], for one placed part, as an `unslice`; None if it would be cut.

    unslice(p, i)[j] = unslice(p, i - j) where all of i lies within j.
    """
    own = lone_slice(t.node)
    if own is None:
        return None
    entries, shape = list(own), []
    for axis, (entry, seen) in enumerate(zip(own, window, strict=True)):
        length = t.shape[axis]
        if seen == slice(None):
            shape.append(length)
            continue
        inner, outer = span(entry), span(seen)
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
    return place_slice(t.parents[0], shape, entries)


def fills(node: Node) -> bool:
    """Whether the parts of `unslice` leave no zero, as far as lengths are known."""
    indices, shape = node.attrs["indices"], node.shape
    if all(isinstance(e, int) for index in indices for e in index):
        return len(set(indices)) == product(list(shape))
    varied = {a for i in indices for a, e in enumerate(i) if e != slice(None)}
    if len(varied) > 1:
        return False
    reached: float = 0
    (axis,) = varied or {0}
    spans = [span(index[axis]) for index in indices]
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
            and entry.start is not None
            and entry.stop == entry.start + 1
            and entry.step is None
        )
        if not single:
            return part, index
        entries[axis] = entry.start
    return part.parents[0], tuple(entries)
