"""Basic indices: the slice that an entry names, and how many elements it takes.

In: a slice, an int or a dim, and the length of its axis. Out: a slice whose bounds are
ints or dims counted from the front. Invariant: a bound that only run time can check is
checked by the generated code, since Python would silently take fewer elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import ShapeError
from symdiff.graph.types import Dim, as_dim, dims_equal, require_nonempty

Entry = Any  # a slice, an int or a dim
Index = tuple[Entry, ...]
FEW = 32


def slice_length(entry: slice, length: Dim) -> Dim:
    """Return how many elements a slice with nonnegative bounds or None takes."""
    start, stop, step = entry.start, entry.stop, entry.step or 1
    if isinstance(length, int) and not _symbolic(start) and not _symbolic(stop):
        return len(range(*entry.indices(length)))
    first: Dim = 0 if start is None else start
    last: Dim = length if stop is None else stop
    if step == 1:
        return as_dim(last - first)
    if step == -1 and start is None and stop is None:
        return length
    if step > 1:
        return as_dim(sp.floor((last - first + step - 1) / sp.Integer(step)))
    raise ShapeError(
        "a slice of a symbolic axis may step by a positive int, or be [::-1]."
    )


def span_of(entry: int | slice, length: Dim) -> tuple[Dim, Dim] | None:
    """Return where the elements that an entry takes begin and end.

    It is None for a slice that does not take one after another.
    """
    if not isinstance(entry, slice):
        return entry, entry + 1
    if entry.step not in (None, 1):
        return None
    known = not (_symbolic(entry.start) or _symbolic(entry.stop))
    if isinstance(length, int) and known:
        start, stop, _ = entry.indices(length)
        return start, max(start, stop)
    start = 0 if entry.start is None else as_dim(entry.start)
    return start, length if entry.stop is None else as_dim(entry.stop)


def require_slice(entry: slice, length: Dim) -> None:
    """Demand that a slice lies within an axis, where only run time can tell."""
    what = partial(_described, entry, length)
    for bound in (entry.start, entry.stop):
        _require_inside(bound, length, what)
    if entry.start is not None and (entry.step or 1) > 0:
        stop = length if entry.stop is None else entry.stop
        _require_inside(entry.start, stop, what)


def _described(entry: slice, length: Dim) -> str:
    """Return what the user wrote: ``index 0 of ...``, or ``the slice 1: of ...``."""
    start, stop = (_from_end(b, length) for b in (entry.start, entry.stop))
    span = span_of(entry, length)
    if span is not None and dims_equal(span[0] + 1, span[1]):
        what = f"index {start or 0}"
    else:
        shown = ("" if b is None else str(b) for b in (start, stop))
        what = f"the slice {':'.join(shown)}"
    return f"{what} of an axis of length {length}"


def _require_inside(bound: Dim | None, length: Dim, what: Callable[[], str]) -> None:
    """Demand 0 <= bound <= length of a slice where only run time can tell.

    For another bound Python would count from the end, or take fewer elements than the
    type says.
    """
    if bound is None or (isinstance(bound, int) and isinstance(length, int)):
        return
    for room in (bound, length - bound):
        left = as_dim(sp.sympify(room) + 1)
        if not isinstance(left, int) and not left.is_positive:
            require_nonempty(left, what())


def canonical_slice(entry: slice, length: Dim) -> slice:
    """Return a slice with Python ints or dims as bounds, negative ones resolved."""
    step = 1 if entry.step is None else int(entry.step)
    if step == 0:
        raise ShapeError("slice step cannot be zero.")
    start, stop = (_bound(b, length) for b in (entry.start, entry.stop))
    if isinstance(length, int) and not _symbolic(start) and not _symbolic(stop):
        start, stop, step = slice(start, stop, step).indices(length)
        if not range(start, stop, step):
            # A start of -1 would be read as the last element.
            return slice(None, 0 if length else None)
        if step > 0:
            return slice(start or None, None if stop == length else stop, _step(step))
        return slice(
            None if start == length - 1 else start, None if stop < 0 else stop, step
        )
    return slice(None if start == 0 else start, stop, _step(step))


def _step(step: int) -> int | None:
    return None if step == 1 else step


def _bound(value: Any, length: Dim) -> Any:
    if value is None or (isinstance(value, sp.Expr) and not value.is_number):
        return value
    number = int(value)
    if number < 0 and not isinstance(length, int):
        return as_dim(length + number)
    return number


def row_slice(entry: Any, length: Dim, axis: int) -> slice:
    """Return the slice of the one row that an int names, or a dim; else raise."""
    if isinstance(entry, (bool, np.bool_)) or not isinstance(
        entry, (int, np.integer, sp.Expr)
    ):
        raise ShapeError(
            f"index {entry!r} is not an int, slice, None, Ellipsis or int tensor."
        )
    at = _bound(entry, length)
    if isinstance(length, int) and isinstance(at, int):
        at = at + length if at < 0 else at
        if not 0 <= at < length:
            raise ShapeError(
                f"index {entry} is out of range for axis {axis} of length {length}"
            )
    return slice(at, as_dim(at + 1))


def _symbolic(bound: Any) -> bool:
    return bound is not None and not isinstance(bound, int)


# --- several parts --------------------------------------------------------------------


def trimmed(index: Index) -> Index:
    """Return an index without the full slices at its end."""
    entries = list(index)
    while len(entries) > 1 and entries[-1] == slice(None):
        entries.pop()
    return tuple(entries)


def as_written(index: Index, shape: Sequence[Dim]) -> Index:
    """Return an index with bounds near the end of an unknown length as ``y[:-1]``.

    Its slices lie within the axes, which is checked: so both take the same elements.
    """
    pairs = zip(index, shape, strict=True)
    return trimmed(tuple(_entry_as_written(e, length) for e, length in pairs))


def _entry_as_written(entry: Entry, length: Dim) -> Entry:
    if not isinstance(entry, slice):
        return _from_end(entry, length)
    start, stop = _from_end(entry.start, length), _from_end(entry.stop, length)
    return slice(start, stop, entry.step)


def _from_end(bound: Dim | None, length: Dim) -> Dim | None:
    """Return -k for a bound T - k of an axis of length T."""
    if bound is None or not (_symbolic(bound) and _symbolic(length)):
        return bound
    left = sp.expand(bound - length)
    return int(left) if left.is_Integer and left < 0 else bound


def untouched(indices: Sequence[Index]) -> list[bool]:
    """Whether each index has no element in common with those before it.

    With more than `FEW` slices some pairs are not compared, and the answer is False.
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
    """Whether two indices are known to be disjoint ranges on some axis."""
    for a, b in zip(map(span, index), map(span, other), strict=True):
        if a is not None and b is not None and (a[1] <= b[0] or b[1] <= a[0]):
            return True
    return False


def span(entry: Entry) -> tuple[int, float] | None:
    """Return where an entry begins and ends, if both are known."""
    if isinstance(entry, int):
        return entry, entry + 1
    if not isinstance(entry, slice) or entry.step not in (None, 1):
        return None
    start = 0 if entry.start is None else entry.start
    stop = math.inf if entry.stop is None else entry.stop
    known = isinstance(start, int) and isinstance(stop, (int, float))
    return (start, stop) if known and 0 <= start <= stop else None
