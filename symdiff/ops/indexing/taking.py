"""Elements and rows taken by integers, and their transposes, which place them.

Each op is one record: `take` along an axis, `pick` of one element for each vector, and
the counting from 0 that indices start from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DTypeError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    INT64,
    Dim,
    Shape,
    TensorType,
    as_dim,
    normalize_axis,
    unify,
)
from symdiff.ops.core import interval, rows
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import Layout, Seen, filled, kept
from symdiff.ops.core.operands import CONSTANT, api, as_tensor, constant
from symdiff.ops.core.record import primitive
from symdiff.ops.core.rows import (
    WHOLE,
    Batch,
    Mixed,
    Part,
    Rows,
    moved,
)
from symdiff.ops.core.text import dim_text, shape_text
from symdiff.ops.elementwise.casts import dtype_text
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


def _infer_take(x: TensorType, index: TensorType, *, axis: int) -> TensorType:
    return TensorType(x.shape[:axis] + index.shape + x.shape[axis + 1 :], x.dtype)


def _own_axis(node: Node) -> dict[int, Dim]:
    return {1: node.inputs[0].shape[node.attrs.get("axis", -1)]}


def _rows_layout(
    node: Node, base: Layout | None, seen: Sequence[Seen]
) -> Layout | None:
    """Rows lie as in the operand; what is taken along other axes has another order."""
    return kept(node, base, seen) if node.attrs["axis"] == 0 else None


def _take_text(node: Any) -> str:
    axis = node.attrs["axis"]
    return f"_0[{', '.join([':'] * axis + ['_1'])}]"


def _take_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    (x, index), axis = parts, node.attrs["axis"]
    if x == WHOLE and isinstance(index, Rows):
        return moved(index, axis + index.axis)
    if isinstance(x, Rows) and index == WHOLE and x.axis != axis:
        more = len(node.inputs[1].shape) - 1
        return moved(x, x.axis + (more if axis < x.axis else 0))
    return None


TAKE = multilinear(
    "take",
    _infer_take,
    lambda x, index, *, axis: np.take(x, index, axis=axis),
    transposes={
        0: lambda ct, inputs, attrs: apply(
            TAKE_ADD, ct, inputs[1], shape=inputs[0].shape, axis=attrs["axis"]
        )
    },
    text=_take_text,
    rule="added up where an index repeats",
    facts=Facts(indices=_own_axis, zeros="moved", layout=_rows_layout, rows=_take_rows),
)


def _evaluate_take_add(x: Any, index: Any, *, shape: Any, axis: int) -> Any:
    result = np.zeros(shape, dtype=x.dtype)
    np.add.at(result, (slice(None),) * axis + (index,), x)
    return result


TAKE_ADD = multilinear(
    "take_add",
    lambda x, index, *, shape, axis: TensorType(shape, x.dtype),
    _evaluate_take_add,
    transposes={0: lambda ct, inputs, attrs: take(ct, inputs[1], attrs["axis"])},
    text=lambda node: (
        f"_out = np.zeros({shape_text(node.shape)}, dtype={dtype_text(node.dtype)})\n"
        f"np.add.at(_out, {_add_at_index(node.attrs['axis'])}, _0)"
    ),
    rule="rows taken more than once add up",
    facts=Facts(
        indices=lambda node: {1: node.attrs["shape"][node.attrs["axis"]]},
        stretches=(0,),
        zeros="placed",
        layout=filled,
    ),
)


def _add_at_index(axis: int) -> str:
    return "_1" if axis == 0 else f"({'slice(None), ' * axis}_1)"


@api("take")
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Elements at integer ``indices`` along ``axis`` (of the flattened tensor if None).

    Indices must lie in 0..length-1; they are checked when the generated function is
    called.
    """
    tensor = as_tensor(x)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    where_ = normalize_axis(axis, tensor.ndim)
    index = index_operand(integer_operand(indices), tensor.shape[where_], where_)
    return apply(TAKE, tensor, index, axis=where_)


def _infer_pick(x: TensorType, index: TensorType) -> TensorType:
    _check_pick(x.shape, index.shape)
    return TensorType(index.shape, x.dtype)


def _check_pick(shape: Shape, index: Shape) -> None:
    fits = len(shape) == len(index) + 1 and all(
        unify(d, e) is not None for d, e in zip(shape, index, strict=False)
    )
    if not fits:
        raise ShapeError(
            f"one index per row is needed: {shape} has rows {shape[:-1]}, got {index}"
        )


def row_index(ndim: int, shape: Shape) -> str:
    """Return the index of element ``_1`` of every row of a tensor of ``ndim`` axes."""
    rows = [
        f"np.arange({dim_text(d)}){_trailing(ndim - 2 - axis)}"
        for axis, d in enumerate(shape[: ndim - 1])
    ]
    return ", ".join([*rows, "_1"])


def _trailing(count: int) -> str:
    """Return the index that adds axes of length 1 at the end."""
    return f"[:{', None' * count}]" if count else ""


def _evaluate_pick(x: Any, index: Any) -> Any:
    return np.take_along_axis(x, np.expand_dims(index, -1), axis=-1)[..., 0]


PICK = multilinear(
    "pick",
    _infer_pick,
    _evaluate_pick,
    transposes={
        0: lambda ct, inputs, attrs: apply(
            PLACE, ct, inputs[1], length=inputs[0].shape[-1]
        )
    },
    text=lambda node: f"_0[{row_index(len(node.shape) + 1, node.inputs[0].shape)}]",
    rule="the cotangent goes to the picked element",
    facts=Facts(indices=_own_axis, labels=True, zeros="moved", rows=rows.leading),
)


def placed_values(x: Any, index: Any, *, length: int) -> Any:
    result = np.zeros((*x.shape, length), dtype=x.dtype)
    np.put_along_axis(result, np.expand_dims(index, -1), np.expand_dims(x, -1), axis=-1)
    return result


PLACE = multilinear(
    "place",
    lambda x, index, *, length: TensorType((*x.shape, length), x.dtype),
    placed_values,
    transposes={0: lambda ct, inputs, attrs: pick(ct, inputs[1])},
    text=lambda node: (
        f"_out = np.zeros({shape_text(node.shape)}, dtype={dtype_text(node.dtype)})\n"
        f"_out[{row_index(len(node.shape), node.shape)}] = _0"
    ),
    facts=Facts(
        indices=lambda node: {1: node.attrs["length"]},
        labels=True,
        stretches=(0,),
        zeros="placed apart",
        layout=filled,
    ),
)


@api("pick")
def pick(x: Any, indices: Any) -> Tensor:
    """One element of every row (last axis): ``x[..., indices]`` with indices of shape
    x[..., 0].
    """
    tensor = as_tensor(x)
    classes = tensor.shape[-1] if tensor.ndim else 1
    return apply(PICK, tensor, label_operand(indices, classes))


def _counted_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    return Mixed(node, "it numbers the rows of a batch")


ARANGE = primitive(
    "arange",
    lambda *, length: TensorType((length,), INT64),
    lambda *, length: np.arange(length),
    vjp=None,
    jvp=None,
    text=lambda node: f"np.arange({dim_text(node.attrs['length'])})",
    facts=Facts(rows=_counted_rows, interval=interval.below_length),
)


def arange(length: Any) -> Tensor:
    """Return the integers 0..length-1, as int64; `ranges.arange` is the public one."""
    return apply(ARANGE, length=as_dim(length))
