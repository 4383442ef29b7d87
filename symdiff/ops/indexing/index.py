"""The index of ops that read or write by integer arrays: its meaning, shape and text.

An index is a tuple of entries: slices, ints, dims, None, and four marks. ``ARRAY``
stands for the next array operand. So does ``LABEL``, for an array in which no index
counts from the end. ``ROW`` is each element's own position along the axis, as
``np.arange`` would give it; the i-th entry that selects runs along axis i of the
arrays. ``SEPARATOR`` is an Ellipsis that stands for no axis but still separates arrays
(NumPy then puts their axes first). So reading along an axis is ``(ROW, ARRAY)``, and a
label for every row ``(ROW, LABEL)`` with arrays that have one axis less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import DTypeError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.types import (
    Dim,
    Shape,
    TensorType,
    as_dim,
    broadcast_shapes,
    unify,
)
from symdiff.ops.core.operands import CONSTANT
from symdiff.ops.core.text import dim_text, index_text
from symdiff.ops.indexing.bounds import require_slice, slice_length, trimmed

ARRAY = "@"
LABEL = "label"
ROW = "row"
SEPARATOR = "..."
Index = tuple[Any, ...]


def takes_array(entry: Any) -> bool:
    """Whether an entry stands for an array operand."""
    return isinstance(entry, str) and entry in (ARRAY, LABEL)


def _selects(entry: Any) -> bool:
    """Whether an entry is an index array or an int, which NumPy broadcasts together."""
    named = takes_array(entry) or _is_row(entry)
    return named or isinstance(entry, (int, np.integer, sp.Expr))


def _uses_axis(entry: Any) -> bool:
    return entry is not None and not (isinstance(entry, str) and entry == SEPARATOR)


def axes_of(index: Index) -> list[int]:
    """Return the axis that each entry of an index uses, or, for None, stands before."""
    used = [_uses_axis(entry) for entry in index]
    return [sum(used[:i]) for i in range(len(index))]


def array_axes(index: Index) -> list[int]:
    """Return the axis that each array of the index selects from."""
    pairs = zip(index, axes_of(index), strict=True)
    return [axis for entry, axis in pairs if takes_array(entry)]


# --- what is read ---------------------------------------------------------------------


def indexed_shape(shape: Shape, index: Index, arrays: Sequence[TensorType]) -> Shape:
    """Return the shape of ``x[index]``.

    The broadcast axes of the arrays (an int is one) stand where the first of them stood
    if they are neighbours, and first if a slice, None or Ellipsis lies between them
    (NumPy, "Combining advanced and basic indexing").
    """
    for a in arrays:
        if not a.dtype.is_integer:
            raise DTypeError(f"indices must be integers, got {a.dtype}")
    taken = broadcast_shapes(*(a.shape for a in arrays))
    _check_rows(shape, index, taken)
    result: list[Dim] = []
    for entry, axis in zip(index, axes_of(index), strict=True):
        if isinstance(entry, slice):
            require_slice(entry, shape[axis])
            result.append(slice_length(entry, shape[axis]))
        elif entry is None:
            result.append(1)
        elif not isinstance(entry, str):
            below = isinstance(entry, int) and entry < 0
            at = as_dim(entry + shape[axis] if below else entry)
            require_slice(slice(at, as_dim(at + 1)), shape[axis])
    place = taken_place(index)
    rest = shape[sum(map(_uses_axis, index)) :]
    return (*result[:place], *taken, *result[place:], *rest)


def taken_place(index: Index) -> int:
    """Return the axis of the result at which those of the arrays begin."""
    first, runs, inside, before = 0, 0, False, 0
    for entry in index:
        selects = _selects(entry)
        if selects and not inside:
            first, runs = before, runs + 1
        inside = selects
        before += entry is None or isinstance(entry, slice)
    return first if runs == 1 else 0


def _check_rows(shape: Shape, index: Index, taken: Shape) -> None:
    """Demand that the index arrays have as many entries as rows for each ``ROW``."""
    for at, axis in rows_of(index):
        if at >= len(taken) or unify(taken[at], shape[axis]) is None:
            raise ShapeError(
                f"indices of shape {taken} do not fit {shape}: axis {at} must have "
                f"the length of axis {axis}, {shape[axis]}"
            )


def rows_of(index: Index) -> list[tuple[int, int]]:
    """Return the axis of the arrays, and of the indexed tensor, of each ``ROW``."""
    pairs = zip(index, axes_of(index), strict=True)
    named = [(e, axis) for e, axis in pairs if _is_row(e) or takes_array(e)]
    return [(at, axis) for at, (entry, axis) in enumerate(named) if _is_row(entry)]


def _is_row(entry: Any) -> bool:
    return isinstance(entry, str) and entry == ROW


def filled(index: Index, shape: Sequence[int], arrays: Sequence[Any]) -> Any:
    """Return the index that NumPy is given for an array of a shape."""
    ndim = max((np.ndim(a) for a in arrays), default=0)
    rest, rows = iter(arrays), {axis: at for at, axis in rows_of(index)}
    found: list[Any] = []
    for entry, axis in zip(index, axes_of(index), strict=True):
        if takes_array(entry):
            entry = next(rest)
        elif _is_row(entry):
            ones = (1,) * (ndim - 1 - rows[axis])
            entry = np.arange(shape[axis]).reshape(-1, *ones)
        elif isinstance(entry, str):
            entry = Ellipsis
        found.append(entry)
    return tuple(found)


def never_repeats(index: Index, arrays: Sequence[Node]) -> bool:
    """Whether it is known that no element is indexed twice.

    It is known for slices, one index for every row, a permutation, and constants
    without repeats.
    """
    if not arrays:
        return True
    ndim = max(len(a.shape) for a in arrays)
    free = set(range(ndim)) - {at for at, _ in rows_of(index)}
    if len(arrays) == 1 and _are_apart(arrays[0], free):
        return True
    values = [a.attrs["value"] for a in arrays if a.op is CONSTANT]
    if len(values) != len(arrays) or any((v < 0).any() for v in values):
        return False
    try:
        grids = list(np.broadcast_arrays(*values))
    except ValueError:
        return False
    places = np.indices(grids[0].shape)
    grids += [places[at] for at, _ in rows_of(index)]
    points = np.stack([b.ravel() for b in grids], axis=1)
    return len(np.unique(points, axis=0)) == len(points)


def _are_apart(array: Node, free: set[int]) -> bool:
    """Whether no index repeats in an array along ``free``, the axes with no ``ROW``."""
    if all(array.shape[at] == 1 for at in free):
        return True
    return array.op.facts.permutes and free == {array.attrs["axis"]}


# --- text -----------------------------------------------------------------------------


def advanced_text(index: Index, shape: Shape, ndim: int, first: int) -> str:
    """Return the index between brackets, for an array of a shape.

    Its arrays have ``ndim`` axes at most, and are operands ``first`` and those after.
    """
    index, parts = trimmed(index), []
    rows = {axis: at for at, axis in rows_of(index)}
    for entry, axis in zip(index, axes_of(index), strict=True):
        if takes_array(entry):
            parts.append(f"_{first}")
            first += 1
        elif _is_row(entry):
            ones = ["None"] * (ndim - 1 - rows[axis])
            behind = f"[{', '.join([':', *ones])}]" if ones else ""
            parts.append(f"np.arange({dim_text(shape[axis])}){behind}")
        else:
            parts.append(entry if isinstance(entry, str) else index_text((entry,)))
    return ", ".join(parts)


def place_text(node: Node, first: int) -> str:
    """Return the text of a node's index; its arrays are operands from ``first`` on."""
    ndim = max((len(a.shape) for a in node.inputs[first:]), default=0)
    return advanced_text(node.attrs["index"], node.shape, ndim, first)


def place_tuple_text(node: Node, first: int) -> str:
    """Return the text of a node's index as a value, as ``np.add.at`` takes it."""
    text = place_text(node, first)
    return text if text == f"_{first}" else f"np.s_[{text}]"


def along_axis(index: Index, ndim: int) -> int | None:
    """Return the axis that is read along, as ``np.take_along_axis`` does it, or None.

    It is the one with an array of ``ndim`` axes, where every other axis is a row.
    """
    rows = len(rows_of(index))
    if not rows or rows + 1 != len(index) or ndim != len(index) or ARRAY not in index:
        return None
    return index.index(ARRAY)


# --- facts ----------------------------------------------------------------------------


def index_lengths(
    shape: Callable[[Node], Shape], first: int
) -> Callable[[Node], dict[int, Dim]]:
    """Return the fact `indices` of an op: each index operand's upper limit."""

    def lengths(node: Node) -> dict[int, Dim]:
        axes = array_axes(node.attrs["index"])
        return {first + i: shape(node)[axis] for i, axis in enumerate(axes)}

    return lengths


def takes_labels(node: Node) -> bool:
    """Whether no index of a node counts from the end."""
    return LABEL in node.attrs["index"]
