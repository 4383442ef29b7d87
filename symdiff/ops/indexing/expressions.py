"""NumPy's index expressions, read into the form that the ops of `gather` take.

In: the object between the brackets: ints, slices, None, Ellipsis, integer arrays and
tensors, boolean masks that are constants. Out: the entries with constants checked
against the shape and counted from the front, and the array operands in order.
Invariant: what cannot be checked here (tensors, symbolic axes) is checked by the
generated code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.known import known
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Shape, broadcast_shapes, unify
from symdiff.ops.core.operands import api, as_tensor, constant
from symdiff.ops.indexing.bounds import canonical_slice, row_slice
from symdiff.ops.indexing.counting import counts
from symdiff.ops.indexing.gather import gather
from symdiff.ops.indexing.index import (
    ARRAY,
    ROW,
    SEPARATOR,
    Index,
    axes_of,
    takes_array,
)
from symdiff.ops.indexing.slices import SLICE
from symdiff.ops.indexing.taking import at_axis, index_operand
from symdiff.ops.shape.views import expand_dims, squeeze

MASK_REMEDY = (
    "the result's length would depend on the mask's values; use "
    "sd.where(mask, x, other), or x.at(mask).set(v) to change the elements"
)


def entries_of(index: Any, ndim: int) -> list[Any]:
    """Return the entries of an index, lists and masks as arrays, Ellipsis written out.

    Raises `ShapeError` for names, two Ellipses or more indices than axes.
    """
    raw = list(index) if isinstance(index, tuple) else [index]
    for e in raw:
        if isinstance(e, (str, bytes)):
            raise ShapeError(
                f"index {e!r} is a name, and the axes of a tensor have numbers; give "
                "arrays that have names as a dict, one tensor under each."
            )
    raw = [np.asarray(e) if isinstance(e, (list, tuple)) else e for e in raw]
    raw = [e.astype(int) if _is_empty_list(e) else e for e in raw]
    places = [i for i, e in enumerate(raw) if e is Ellipsis]
    if len(places) > 1:
        raise ShapeError("an index can hold one Ellipsis only.")
    used = sum(_axes_of(e) for e in raw)
    if used > ndim:
        raise ShapeError(f"too many indices: {used} for {ndim} dimension(s).")
    if not places:
        return raw
    full: list[Any] = [slice(None)] * (ndim - used)
    return [*raw[: places[0]], *(full or [SEPARATOR]), *raw[places[0] + 1 :]]


def _is_empty_list(e: Any) -> bool:
    return isinstance(e, np.ndarray) and e.size == 0 and e.dtype.kind == "f"


def _axes_of(entry: Any) -> int:
    """Return how many axes an entry uses."""
    if entry is None or entry is Ellipsis:
        return 0
    return entry.ndim if _is_mask(entry) else 1


def _is_mask(entry: Any) -> bool:
    if isinstance(entry, Tensor):
        return entry.dtype.is_bool
    return isinstance(entry, np.ndarray) and entry.dtype == bool


def is_advanced(entries: list[Any]) -> bool:
    """Whether an index holds arrays, so that NumPy's advanced rules apply."""
    return any(isinstance(e, (Tensor, np.ndarray)) for e in entries)


def parse(entries: list[Any], shape: Shape) -> tuple[Index, list[Tensor]]:
    """Return the entries an op takes, and the index arrays.

    Raises `ShapeError` for constants out of range and for masks that are tensors,
    `DTypeError` for arrays that are not integer.
    """
    found: list[Any] = []
    arrays: list[Tensor] = []
    axis = 0
    for entry in entries:
        if entry is None or (isinstance(entry, str) and entry == SEPARATOR):
            found.append(entry)
            continue
        if _is_mask(entry):
            for positions in _true_positions(entry, shape[axis:]):
                arrays.append(constant(positions))
                found.append(ARRAY)
                axis += 1
            continue
        if isinstance(entry, slice):
            found.append(canonical_slice(entry, shape[axis]))
        elif isinstance(entry, (Tensor, np.ndarray)):
            arrays.append(index_operand(entry, shape[axis], axis))
            found.append(ARRAY)
        else:
            found.append(row_slice(entry, shape[axis], axis).start or 0)
        axis += 1
    return _counted_as_rows(_without_idle_separator(found), arrays, shape)


def _counted_as_rows(
    index: Index, arrays: list[Tensor], shape: Shape
) -> tuple[Index, list[Tensor]]:
    """Return an index with a mark for ``np.arange(N)`` that counts an axis of length N.

    The mark says that rows are read in order, each once.
    """
    ndim = max((a.ndim for a in arrays), default=0)
    entries, place = list(index), 0
    left: list[Tensor] = []
    for at, axis in enumerate(axes_of(index)):
        if not takes_array(index[at]):
            continue
        array, others = arrays[place], left + arrays[place + 1 :]
        full = broadcast_shapes(*(a.shape for a in others))
        aligned = place == ndim - 1 == len(full) - 1 and full[-1] == shape[axis]
        place += 1
        if aligned and counts(array.node, shape[axis]):
            entries[at] = ROW
        else:
            left.append(array)
    return tuple(entries), left


def _without_idle_separator(index: list[Any]) -> Index:
    """Drop an Ellipsis for no axis unless array entries stand on both sides of it."""
    places = [i for i, e in enumerate(index) if isinstance(e, str) and e == SEPARATOR]
    if not places:
        return tuple(index)
    (at,) = places
    advanced = [not isinstance(e, slice) and e is not None for e in index]
    if any(advanced[:at]) and any(advanced[at + 1 :]):
        return tuple(index)
    return (*index[:at], *index[at + 1 :])


def _true_positions(mask: Any, shape: Shape) -> tuple[np.ndarray, ...]:
    """Return where a constant mask is true, one array per axis of the mask."""
    if isinstance(mask, Tensor):
        value = known(mask)
        if value is None:
            raise ShapeError(f"cannot index with a boolean tensor: {MASK_REMEDY}.")
        mask = value
    if not mask.ndim:
        raise ShapeError("cannot index with a single boolean; use sd.where.")
    for have, need in zip(mask.shape, shape, strict=False):
        if unify(have, need) is None:
            raise ShapeError(
                f"a mask of shape {mask.shape} does not fit an axis of length {need}."
            )
    return np.nonzero(mask)


def advanced_getitem(x: Tensor, entries: list[Any]) -> Tensor:
    """Return ``x[entries]`` where arrays are among the entries."""
    index, arrays = parse(entries, x.shape)
    if len(arrays) == 1 and all(e in (ARRAY, slice(None)) for e in index):
        index = at_axis(index.index(ARRAY))
    return gather(x, arrays, index)


@api("getitem")
def getitem(x: Any, index: Any) -> Tensor:
    """``x[index]`` as NumPy reads it: ints, slices, None, Ellipsis, integer arrays.

    Boolean masks must be constants, since the result's shape depends on their values.
    """
    tensor = as_tensor(x)
    entries = entries_of(index, tensor.ndim)
    if is_advanced(entries):
        return advanced_getitem(tensor, entries)
    entries = [e for e in entries if not isinstance(e, str)]
    axis, cuts, drop, insert = 0, [], [], []
    position = 0
    for entry in entries:
        if entry is None:
            insert.append(position)
            position += 1
            continue
        length = tensor.shape[axis]
        if isinstance(entry, slice):
            cuts.append(canonical_slice(entry, length))
            position += 1
        else:
            cuts.append(row_slice(entry, length, axis))
            drop.append(axis)
        axis += 1
    cuts += [slice(None)] * (tensor.ndim - axis)
    if any(c != slice(None) for c in cuts):
        tensor = apply(SLICE, tensor, index=tuple(cuts))
    if drop:
        tensor = squeeze(tensor, tuple(drop))
    return expand_dims(tensor, tuple(insert)) if insert else tensor
