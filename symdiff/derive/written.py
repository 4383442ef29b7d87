"""Reads of elements that were written before: what was written is read.

In: as in `symdiff.derive.stability`, which applies these rules. Out: parts of arrays
that were filled, as the values that were put there, and an array that was filled row by
row as the stack of its rows. So what a loop over ``y[i] = f(y[i - 1])`` derives is the
chain of its values, not of copies of the array. Invariant: each rule is an identity, to
the last bit; places are compared where they are plain numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from symdiff.derive.patterns import Rules, told
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.operands import API, is_literal
from symdiff.ops.core.rows import FULL
from symdiff.ops.indexing.gather import SET_AT
from symdiff.ops.indexing.slices import SLICE
from symdiff.ops.shape.broadcasting import BROADCAST_TO
from symdiff.ops.shape.joining import STACK
from symdiff.ops.shape.views import EXPAND_DIMS

MOST_STEPS = 20_000  # back through writes, for one read
MOST_ROWS = 64  # of an array that is looked through at every write
RULES = Rules()
Box = Sequence[slice]


@RULES.of(SLICE)
@told
def read_what_was_written(x: Tensor, *, index: Box) -> Tensor | None:
    """x.at(I).set(v)[J] = v[J - I] where J lies in I, and x[J] where they are apart."""
    found = x
    for _ in range(MOST_STEPS):
        if not _is_box_written(found) or not all(map(_is_plain, index)):
            break
        before, value = found.parents
        box = found.node.attrs["index"]
        pairs = list(zip(index, box, strict=True))
        if any(_apart(r, w) for r, w in pairs):
            found = before
        elif all(_within(r, w) for r, w in pairs):
            return _part(value, pairs, x)
        else:
            break
    if found is x:
        return None
    if _is_one_number(found) and all(map(_is_plain, index)):
        lengths = [_length(r, d) for r, d in zip(index, x.shape, strict=True)]
        return _whole(found.parents[0], tuple(lengths), x)
    return apply(SLICE, found, index=index)


@RULES.of(SLICE)
@told
def read_of_stacked(x: Tensor, *, index: Box) -> Tensor | None:
    """stack(parts)[i:i + 1] = parts[i][None]."""
    if x.node.op is not STACK or x.node.attrs["axis"] != 0 or not _is_row(index):
        return None
    part: Tensor = API["expand_dims"](x.parents[index[0].start], 0)
    return part


@RULES.of(SET_AT)
@told
def overwritten(x: Tensor, value: Tensor, *arrays: Tensor, index: Box) -> Any:
    """x.at(I).set(u).at(I).set(v) = x.at(I).set(v)."""
    if arrays or not _is_box_written(x) or x.node.attrs["index"] != index:
        return None
    return apply(SET_AT, x.parents[0], value, index=index)


@RULES.of(SET_AT)
@told
def filled_by_rows(x: Tensor, value: Tensor, *arrays: Tensor, index: Box) -> Any:
    """x.at(0).set(a).at(1).set(b) = stack((a, b)) for an x of two rows.

    It is enough that half the rows were written, if the others are one number.
    """
    length = x.shape[0] if x.ndim else None
    if arrays or not isinstance(length, int) or not _is_row(index):
        return None
    if x.node.op is STACK and x.node.attrs["axis"] == 0:
        parts = list(x.parents)
        parts[index[0].start] = _row(value, x)
        return API["stack"](parts)
    if length > MOST_ROWS and index[0].start not in (0, length - 1):
        return None  # looked for at its end, which the first or the last row is
    rows: dict[int, Tensor] = {index[0].start: value}
    found = x
    while len(rows) < length and _is_box_written(found):
        box = found.node.attrs["index"]
        if not _is_row(box):
            return None
        rows.setdefault(box[0].start, found.parents[1])
        found = found.parents[0]
    if len(rows) < length:
        if not _is_one_number(found) or 2 * len(rows) < length:
            return None
        rows |= {i: found.parents[0] for i in range(length) if i not in rows}
    return API["stack"]([_row(rows[i], x) for i in range(length)])


@RULES.of(SET_AT)
@told
def filled_by_elements(x: Tensor, value: Tensor, *arrays: Tensor, index: Box) -> Any:
    """x.at(0, 0).set(a)...at(1, 1).set(d) = stack((a, b, c, d)).reshape(2, 2)."""
    if arrays or x.ndim < 2 or not all(map(_is_one, index)):
        return None
    if not all(isinstance(d, int) for d in x.shape) or math.prod(x.shape) > MOST_ROWS:
        return None
    found: dict[tuple[int, ...], Tensor] = {tuple(e.start for e in index): value}
    before = x
    while _is_box_written(before) and all(map(_is_one, before.node.attrs["index"])):
        place = tuple(e.start for e in before.node.attrs["index"])
        found.setdefault(place, before.parents[1])
        before = before.parents[0]
    places = list(itertools.product(*map(range, x.shape)))
    if len(found) < len(places):
        return None
    flat = [_number(found[p], x) for p in places]
    return API["reshape"](API["stack"](flat), x.shape)


# --- places ---------------------------------------------------------------------------


def _is_box_written(t: Tensor) -> bool:
    """Whether a tensor is what a write into a box of plain numbers made."""
    if t.node.op is not SET_AT or len(t.parents) != 2:
        return False
    box = t.node.attrs["index"]
    return len(box) == t.ndim and all(map(_is_plain, box))


def _is_one_number(t: Tensor) -> bool:
    """Whether a tensor is one number everywhere."""
    return t.node.op is BROADCAST_TO and not t.parents[0].ndim


def _is_plain(part: Any) -> bool:
    """Whether a part of an index is a whole axis or ``start:stop`` in plain numbers."""
    if not isinstance(part, slice):
        return False
    if part == FULL:
        return True
    ends = isinstance(part.start, int) and isinstance(part.stop, int)
    return ends and part.step in (None, 1) and 0 <= part.start < part.stop


def _is_one(part: Any) -> bool:
    return _is_plain(part) and part != FULL and part.stop == part.start + 1


def _is_row(index: Any) -> bool:
    """Whether an index is one row, whole along all other axes."""
    return bool(index) and _is_one(index[0]) and all(e == FULL for e in index[1:])


def _apart(read: slice, written: slice) -> bool:
    if FULL in (read, written):
        return False
    return bool(read.stop <= written.start or written.stop <= read.start)


def _within(read: slice, written: slice) -> bool:
    if written == FULL:
        return True
    return read != FULL and written.start <= read.start and read.stop <= written.stop


# --- values ---------------------------------------------------------------------------


def _part(value: Tensor, pairs: Sequence[tuple[slice, slice]], x: Tensor) -> Any:
    """Return the part of a written value that is read."""
    if is_literal(value) or not value.ndim:
        shape = tuple(_length(r, d) for (r, _), d in zip(pairs, x.shape, strict=True))
        return _whole(value, shape, x)
    if value.dtype != x.dtype:
        return None
    lengths = [_length(w, d) for (_, w), d in zip(pairs, x.shape, strict=True)]
    if any(n == 1 != d for n, d in zip(value.shape, lengths, strict=True)):
        return None  # one value for many places
    index = tuple(
        r if w == FULL else slice(r.start - w.start, r.stop - w.start) for r, w in pairs
    )
    return value if all(r == w for r, w in pairs) else apply(SLICE, value, index=index)


def _length(part: slice, length: Any) -> Any:
    return length if part == FULL else part.stop - part.start


def _whole(value: Tensor, shape: Any, x: Tensor) -> Tensor:
    """Return a value as an array of a shape, in x's dtype."""
    if is_literal(value):
        return API["full"](shape, value, dtype=x.dtype)
    made: Tensor = API["broadcast_to"](value, shape)
    return made if made.dtype == x.dtype else API["cast"](made, x.dtype)


def _number(value: Tensor, x: Tensor) -> Tensor:
    """Return a written element without its axes."""
    if value.ndim and value.node.op is EXPAND_DIMS and not value.parents[0].ndim:
        value = value.parents[0]
    whole = value if not value.ndim else API["reshape"](value, ())
    return _whole(whole, (), x)


def _row(value: Tensor, x: Tensor) -> Tensor:
    """Return a written row, or one number for it, without its axis of length 1."""
    if not value.ndim:
        return _whole(value, x.shape[1:], x)
    if value.node.op is EXPAND_DIMS and value.node.attrs["axes"] == (0,):
        return _whole(value.parents[0], x.shape[1:], x)
    made: Tensor = API["squeeze"](_whole(value, (1, *x.shape[1:]), x), 0)
    return made
