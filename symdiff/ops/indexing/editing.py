"""Elements put in and taken out at given places: `insert` and `delete`.

In: a tensor and places that are constants, as NumPy reads them. Out: its parts joined,
or one `take` of them. Invariant: the order of elements is that of NumPy's function on
their numbers, so no rule about places is written twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError, TracingError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim, normalize_axis
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    float_operand,
    is_literal,
    known_values,
    stretch,
)
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.indexing.slices import slice_axis
from symdiff.ops.indexing.taking import take
from symdiff.ops.shape.broadcasting import full
from symdiff.ops.shape.joining import concatenate
from symdiff.ops.shape.views import moveaxis, ravel, reshape


@api("delete")
def delete(arr: Any, obj: Any, axis: int | None = None) -> Tensor:
    """``arr`` without the elements ``obj`` along ``axis`` (flattened if None).

    ``obj`` is an integer, a slice, or a list or mask of constants.
    """
    tensor, at, length = _operand("delete", arr, axis)
    kept = _on_numbers(np.delete, length, at, _places("delete", obj))
    return _taken(tensor, kept, at)


@api("insert")
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Tensor:
    """``arr`` with ``values`` put in before the places ``obj`` along ``axis``.

    Places are an integer, a slice, or a list or mask of constants. Values are broadcast
    to what is put in, and take the dtype of ``arr``, which is flattened where the axis
    is None.
    """
    tensor, at, length = _operand("insert", arr, axis)
    places = _as_numbers(_places("insert", obj), length)
    added = cast(as_tensor(values), tensor.dtype)
    count: Dim = places.size
    if count == 1 and added.ndim:  # all values there are may go to one place
        added = _with_axes(added, tensor.ndim)
        added = moveaxis(added, 0, at) if places.ndim == 0 else added
        count = added.shape[at]
    if not isinstance(count, int):
        raise ShapeError(f"insert needs values of written length, got {added.shape}.")
    shape = (*tensor.shape[:at], count, *tensor.shape[at + 1 :])
    numbers = np.arange(length, length + count)
    where = places.item() if places.size == 1 else places
    order = _on_numbers(np.insert, length, at, where, numbers)
    if is_literal(as_tensor(values)):
        added = full(shape, values, tensor.dtype)
    return _in_order(tensor, stretch(added, shape), order, at)


def _operand(name: str, value: Any, axis: int | None) -> tuple[Tensor, int, int]:
    """Return a tensor, the axis that is edited, and its length."""
    tensor = float_operand(value)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    at = normalize_axis(axis, tensor.ndim)
    length = tensor.shape[at]
    if not isinstance(length, int):
        raise ShapeError(
            f"{name} needs an axis of written length, not {length}; join slices with "
            "sd.concatenate."
        )
    return tensor, at, length


def _places(name: str, obj: Any) -> Any:
    """Return places as NumPy takes them; raise for those that depend on values."""
    if isinstance(obj, slice):
        return obj
    known = known_values(obj)
    if known is None:
        raise TracingError(
            f"{name} needs places that are constants, because they decide the "
            "result's shape; got a symbolic tensor."
        )
    return known if known.size else known.astype(int)


def _as_numbers(places: Any, length: int) -> np.ndarray:
    """Return the places of `insert` as integers."""
    if isinstance(places, slice):
        return np.arange(length)[places]
    if places.dtype == bool and places.ndim == 1:
        return np.flatnonzero(places)
    if places.ndim > 1 or (places.size and places.dtype.kind not in "iu"):
        raise DeclarationError(
            f"insert needs places that are an integer, or a vector of integers or "
            f"booleans, got {places!r:.60}."
        )
    numbers: np.ndarray = places.astype(int)
    return numbers


def _on_numbers(function: Any, length: int, axis: int, *args: Any) -> np.ndarray:
    """Return what NumPy's function makes of the numbers of the elements."""
    name = function.__name__
    try:
        return np.asarray(function(np.arange(length), *args))
    except IndexError as error:
        told = str(error).replace("axis 0", f"axis {axis}")
        raise ShapeError(f"{name}: {told}.") from None
    except (ValueError, TypeError) as error:
        raise DeclarationError(f"{name}: {error}.") from None


def _with_axes(x: Tensor, ndim: int) -> Tensor:
    """Return a tensor with leading axes of length 1 up to ``ndim``."""
    missing = ndim - x.ndim
    return reshape(x, ((1,) * missing + x.shape)) if missing > 0 else x


def _taken(x: Tensor, numbers: np.ndarray, axis: int) -> Tensor:
    """Return elements by their numbers, those in a row as slices."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    if len(runs) > 2:
        return take(x, numbers, axis)
    parts = [_run(x, run, axis) for run in runs if run.size or len(runs) == 1]
    return concatenate(parts, axis)


def _run(x: Tensor, numbers: np.ndarray, axis: int) -> Tensor:
    start = int(numbers[0]) if numbers.size else 0
    return slice_axis(x, axis, start, start + numbers.size)


def _in_order(x: Tensor, added: Tensor, order: np.ndarray, axis: int) -> Tensor:
    """Return the elements of two tensors, numbered one after the other, in an order."""
    length, count = int(x.shape[axis]), int(added.shape[axis])
    places = np.flatnonzero(order >= length)
    if count and places[-1] - places[0] == count - 1:  # one run of values
        before = int(places[0])
        cut = [(x, 0, before), (added, 0, count), (x, before, length)]
        parts = [slice_axis(t, axis, a, b) for t, a, b in cut if a < b]
        return concatenate(parts, axis)
    return take(concatenate([x, added], axis), order, axis)
