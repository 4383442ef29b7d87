"""Joining tensors: concatenate and stack.

In: tensors of equal ndim. Out: one. Each operand's cotangent is its slice of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    Dim,
    TensorType,
    as_dim,
    normalize_axis,
    promote,
    unify,
)
from symdiff.ops.core import tex
from symdiff.ops.core.facts import Facts, Part
from symdiff.ops.core.layouts import kept
from symdiff.ops.core.operands import api, joint_operands
from symdiff.ops.core.outforms import joined
from symdiff.ops.core.record import primitive
from symdiff.ops.core.rules import transposed_vjp
from symdiff.ops.core.tex import Tex, Writer
from symdiff.ops.core.text import tuple_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.indexing.slices import slice_axis
from symdiff.ops.selecting.placing import part_of_placed
from symdiff.ops.shape import rows
from symdiff.ops.shape.broadcasting import zeros_like
from symdiff.ops.shape.views import ravel, squeeze


def _infer_concatenate(*types: TensorType, axis: int) -> TensorType:
    shape, dtype = list(types[0].shape), types[0].dtype
    total: Dim = types[0].shape[axis]
    for t in types[1:]:
        dtype = promote(dtype, t.dtype)
        for a, (d, e) in enumerate(zip(shape, t.shape, strict=True)):
            if a == axis:
                continue
            common = unify(d, e)
            if common is None:
                raise ShapeError(
                    f"axis {a} has lengths {d} and {e}; only axis {axis} may differ"
                )
            shape[a] = common
        total = total + t.shape[axis]
    shape[axis] = as_dim(total)
    return TensorType(tuple(shape), dtype)


def _piece(i: int) -> Any:
    def transpose_rule(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Any:
        axis = attrs["axis"]
        start: Dim = 0
        for t in inputs[:i]:
            start = start + t.shape[axis]
        stop = start + inputs[i].shape[axis]
        return part_of_placed(ct, axis, as_dim(start), as_dim(stop))

    return transpose_rule


class _Pieces(dict):
    """The transposes of an op with any number of operands, made on demand."""

    def __init__(self, piece: Any) -> None:
        super().__init__()
        self._piece = piece

    def __contains__(self, i: object) -> bool:
        return True

    def __missing__(self, i: int) -> Any:
        return self._piece(i)


def _concatenate_text(node: Any) -> str:
    operands = tuple_text([f"_{i}" for i in range(len(node.inputs))])
    return f"np.concatenate({operands}, axis={node.attrs['axis']})"


def _join_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Tensor:
    parts = [
        zeros_like(x) if t is None else t for t, x in zip(tangents, inputs, strict=True)
    ]
    return apply(output.node.op, *parts, **attrs)


def _beside(node: Node) -> list[Part]:
    """Return the parts of the result that the operands are."""
    axis: int = node.attrs["axis"]
    start, found = as_dim(0), list[Part]()
    for x in node.inputs:
        stop = as_dim(start + x.shape[axis])
        found.append((axis, start, stop))
        start = stop
    return found


CONCATENATE = primitive(
    "concatenate",
    _infer_concatenate,
    lambda *xs, axis: np.concatenate(xs, axis=axis),
    vjp=transposed_vjp(_Pieces(_piece)),
    jvp=_join_jvp,
    text=_concatenate_text,
    analytic=True,
    facts=Facts(
        zeros="joined",
        layout=kept,
        out_form=joined,
        beside=_beside,
        rows=rows.joined,
        word="joined",
    ),
)


def _infer_stack(*types: TensorType, axis: int) -> TensorType:
    shape, dtype = list(types[0].shape), types[0].dtype
    for t in types[1:]:
        dtype = promote(dtype, t.dtype)
        pairs = zip(shape, t.shape, strict=False)
        common = [unify(d, e) for d, e in pairs]
        if t.ndim != len(shape) or None in common:
            raise ShapeError(f"stack needs one shape, got {types[0].shape}, {t.shape}")
        shape = [d for d in common if d is not None]
    return TensorType((*shape[:axis], len(types), *shape[axis:]), dtype)


def _layer(i: int) -> Any:
    def transpose_rule(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Any:
        axis = attrs["axis"]
        row = part_of_placed(ct, axis, i, i + 1)
        return None if row is None else squeeze(row, axis)

    return transpose_rule


def _stack_text(node: Any) -> str:
    operands = tuple_text([f"_{i}" for i in range(len(node.inputs))])
    if node.inputs[0].shape:
        return f"np.stack({operands}, axis={node.attrs['axis']})"
    return f"np.array({operands}, dtype={dtype_text(node.dtype)})"


def _stack_tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    items = ", ".join(o.text for o in operands)
    axis = node.attrs["axis"]
    below = f"_{{{tex.told_as('axis', axis, writer)}}}" if axis else ""
    return Tex(rf"\left[{items}\right]{below}")


STACK = primitive(
    "stack",
    _infer_stack,
    lambda *xs, axis: np.stack(xs, axis=axis),
    vjp=transposed_vjp(_Pieces(_layer)),
    jvp=_join_jvp,
    text=_stack_text,
    analytic=True,
    facts=Facts(
        zeros="joined",
        layout=kept,
        out_form=joined,
        rows=rows.stacked,
        word="stacked",
    ),
    latex=_stack_tex,
)


def _infer_table(*types: TensorType, shape: tuple[int, ...]) -> TensorType:
    dtype = types[0].dtype
    for t in types[1:]:
        dtype = promote(dtype, t.dtype)
    return TensorType(shape, dtype)


def _element(i: int) -> Any:
    def transpose_rule(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
        for at in np.unravel_index(i, attrs["shape"]):
            ct = squeeze(slice_axis(ct, 0, int(at), int(at) + 1), 0)
        return ct

    return transpose_rule


def _table_text(node: Any) -> str:
    rows = [f"_{i}" for i in range(len(node.inputs))]
    for length in reversed(node.attrs["shape"]):
        starts = range(0, len(rows), length)
        rows = [tuple_text(rows[at : at + length]) for at in starts]
    return f"np.array({rows[0]}, dtype={dtype_text(node.dtype)})"


# Stacks of stacks of scalars are lowered to this op, row by row.
TABLE = primitive(
    "table",
    _infer_table,
    lambda *xs, shape: np.stack(xs).reshape(shape),
    vjp=transposed_vjp(_Pieces(_element)),
    jvp=_join_jvp,
    text=_table_text,
    analytic=True,
)


@api("concatenate", "concat")
def concatenate(tensors: Sequence[Any], axis: int | None = 0) -> Tensor:
    """Tensors joined along an existing axis (flattened first when axis is None)."""
    parts = joint_operands(tensors)
    if not parts:
        raise ShapeError("concatenate needs at least one tensor.")
    if axis is None:
        parts, axis = [ravel(t) for t in parts], 0
    if len({t.ndim for t in parts}) > 1:
        raise ShapeError(
            f"concatenate needs equal ndim, got {[t.shape for t in parts]}."
        )
    where = normalize_axis(axis, parts[0].ndim)
    return parts[0] if len(parts) == 1 else apply(CONCATENATE, *parts, axis=where)


@api("stack")
def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    parts = joint_operands(tensors)
    if not parts:
        raise ShapeError("stack needs at least one tensor.")
    return apply(STACK, *parts, axis=normalize_axis(axis, parts[0].ndim + 1))
