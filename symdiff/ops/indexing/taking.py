"""Elements and rows taken by integers: along an axis, one for each vector, or matched.

In: a tensor and indices, which may be constants. Out: a `gather`. Invariant: constants
are checked against the axis here; all other indices are checked by the generated code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import DTypeError, ShapeError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim, broadcast_shapes, normalize_axis, unify
from symdiff.ops.core.operands import CONSTANT, api, as_tensor, constant, stretch
from symdiff.ops.indexing.gather import gather
from symdiff.ops.indexing.index import ARRAY, LABEL, ROW, Index
from symdiff.ops.shape.views import ravel


def integer_operand(value: Any) -> Tensor:
    index = (
        as_tensor(np.asarray(value))
        if isinstance(value, (int, list))
        else as_tensor(value)
    )
    if not index.dtype.is_integer:
        raise DTypeError(f"indices must be integers, got {index.dtype}.")
    return index


def label_operand(value: Any, length: Dim) -> Tensor:
    """Return labels as an operand; raise `ShapeError` for constants that are no class.

    Unlike an index, a label of -1 does not mean the last one.
    """
    labels = integer_operand(value)
    if labels.node.op is not CONSTANT:
        return labels
    array = labels.node.attrs["value"]
    beyond = array >= length if isinstance(length, int) else array < 0
    outside = array[(array < 0) | beyond]
    if outside.size:
        raise ShapeError(
            f"label {outside[0]} is out of range: there are {length} classes, from 0."
        )
    return labels


def index_operand(value: Any, length: Dim, axis: int) -> Tensor:
    """Return an index array as an operand, constants checked against the axis."""
    array = value
    if isinstance(value, Tensor):
        if not value.dtype.is_integer:
            raise DTypeError(f"indices must be integers, got {value.dtype}.")
        array = value.node.attrs["value"] if value.node.op is CONSTANT else None
    elif value.dtype.kind not in "iu":
        raise DTypeError(f"indices must be integers, got {value.dtype}.")
    if array is None:
        return value
    checked = check_range(array, length, axis)
    return value if checked is array and value is not array else constant(checked)


def check_range(value: np.ndarray, length: Dim, axis: int) -> np.ndarray:
    """Return constant indices counted from the front.

    Raises `ShapeError` for indices outside the axis. Along a symbolic axis nothing is
    known, and negative indices stay as they are.
    """
    if not isinstance(length, int) or not value.size:
        return value
    outside = (value < -length) | (value >= length)
    if outside.any():
        raise ShapeError(
            f"index {value[outside].flat[0]} is out of range for axis {axis} of length "
            f"{length}."
        )
    return np.where(value < 0, value + length, value) if value.min() < 0 else value


@api("take")
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Elements at integer ``indices`` along ``axis`` (of the flattened tensor if None).

    Constant indices may count from the end. All others must lie in 0..length-1, which
    the generated function checks when it is called.
    """
    tensor = as_tensor(x)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    where_ = normalize_axis(axis, tensor.ndim)
    index = index_operand(integer_operand(indices), tensor.shape[where_], where_)
    return gather(tensor, [index], at_axis(where_))


def at_axis(axis: int) -> Index:
    """Return the index of whole slices and an array at one axis."""
    return (*(slice(None) for _ in range(axis)), ARRAY)


@api("pick")
def pick(x: Any, indices: Any) -> Tensor:
    """One element of every row (last axis): ``x[..., indices]`` with indices of shape
    x[..., 0].
    """
    tensor = as_tensor(x)
    labels = label_operand(indices, tensor.shape[-1] if tensor.ndim else 1)
    rows = tensor.shape[:-1]
    fits = tensor.ndim == labels.ndim + 1 and all(
        unify(d, e) is not None for d, e in zip(rows, labels.shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"one index per row is needed: {tensor.shape} has rows {rows}, got "
            f"{labels.shape}"
        )
    return gather(tensor, [labels], of_rows(tensor.ndim))


def of_rows(ndim: int) -> Index:
    """Return the index of one label for each row of a tensor."""
    return (*(ROW for _ in range(ndim - 1)), LABEL)


@api("take_along_axis")
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Tensor:
    """Elements of ``x`` at ``indices`` along ``axis``, the other axes matched.

    ``x`` and ``indices`` have equal ndim and broadcast except along the axis.
    """
    tensor, index = as_tensor(x), as_tensor(indices)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    if tensor.ndim != index.ndim:
        raise ShapeError(
            f"take_along_axis needs indices with {tensor.ndim} axes, got {index.shape}."
        )
    where = normalize_axis(axis, tensor.ndim)
    index = index_operand(index, tensor.shape[where], where)
    own, others = list(tensor.shape), list(index.shape)
    length, count = own[where], others[where]
    own[where] = others[where] = 1
    common = list(broadcast_shapes(tuple(own), tuple(others)))
    tensor = stretch(tensor, (*common[:where], length, *common[where + 1 :]))
    index = stretch(index, (*common[:where], count, *common[where + 1 :]))
    return gather(tensor, [index], along(where, tensor.ndim))


def along(axis: int, ndim: int) -> Index:
    """Return the index that matches all axes but one."""
    return tuple(ARRAY if i == axis else ROW for i in range(ndim))
