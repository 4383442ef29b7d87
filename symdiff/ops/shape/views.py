"""Ops that move elements and compute nothing: other shapes, other orders of axes.

Each is linear, so it is one record with its transpose, which is another of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    Dim,
    Shape,
    TensorType,
    as_dim,
    as_shape,
    dims_equal,
    normalize_axes,
    normalize_axis,
    product,
    unify,
)
from symdiff.ops.core import tex
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts, Through
from symdiff.ops.core.layouts import cut, reshaped, turned
from symdiff.ops.core.operands import api, as_tensor, float_operand
from symdiff.ops.core.tex import Tex, Writer
from symdiff.ops.core.text import dim_text, index_text, op_text
from symdiff.ops.shape import places, rows

# --- reshaping ------------------------------------------------------------------------


def _infer_reshape(t: TensorType, *, shape: Shape) -> TensorType:
    if unify(product(t.shape), product(shape)) is None:
        raise ShapeError(f"cannot reshape {t.shape} to {shape}: sizes differ")
    return TensorType(shape, t.dtype)


def _reshape_tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    shape = ", ".join(map(writer.length, node.shape))
    inside = rf"{operands[0].text},\, \left({shape}\right)"
    return Tex(rf"\operatorname{{reshape}}\left({inside}\right)")


RESHAPE = multilinear(
    "reshape",
    _infer_reshape,
    lambda x, *, shape: np.reshape(x, shape),
    transposes={0: lambda ct, inputs, attrs: reshape(ct, inputs[0].shape)},
    text=lambda node: _reshape_text(node.attrs["shape"]),
    view=True,
    facts=Facts(
        zeros="rearranged",
        layout=reshaped,
        rows=rows.reshaped,
        word="reshaped",
        called="{0}_reshaped",
    ),
    latex=_reshape_tex,
)


def _reshape_text(shape: Shape) -> str:
    if len(shape) == 1 and not isinstance(shape[0], int):
        return "_0.reshape(-1)"
    return (
        f"_0.reshape({', '.join(dim_text(d) for d in shape)})"
        if shape
        else "_0.reshape(())"
    )


@api("reshape")
def reshape(x: Any, *shape: Any, order: str = "C") -> Tensor:
    """The same elements in another shape, one length of which may be -1.

    They are read and placed in C order or, with ``order="F"``, column by column.
    """
    tensor = as_tensor(x)
    if order in ("A", "K") and tensor.ndim < 2:
        order = "C"  # elements in a row lie in one order only
    if order not in ("C", "F"):
        raise ShapeError(
            f"order={order!r} depends on how an array lies in memory, which is not "
            "known; use 'C' or 'F'."
        )
    wanted = shape[0] if len(shape) == 1 else shape
    target = _fill_unknown(
        tensor.shape, wanted if isinstance(wanted, (tuple, list)) else (wanted,)
    )
    if order == "F" and max(tensor.ndim, len(target)) > 1:
        return transpose(reshape(transpose(tensor), target[::-1]))
    if tensor.shape == target:
        return tensor
    return apply(RESHAPE, float_operand(tensor), shape=target)


def _fill_unknown(old: Shape, new: Sequence[Any]) -> Shape:
    unknown = [
        i for i, d in enumerate(new) if isinstance(d, (int, np.integer)) and d == -1
    ]
    if not unknown:
        return as_shape(tuple(new))
    if len(unknown) > 1:
        raise ShapeError("reshape can infer only one length; write -1 once.")
    known = [as_dim(d) for i, d in enumerate(new) if i != unknown[0]]
    total, rest = product(old), product(known)
    if rest == 0:
        raise ShapeError("reshape cannot infer a length beside an axis of length 0.")
    exact = _ints(total, rest)
    found = _exact(total, rest, old, new) if exact else _quotient(total, rest)
    known.insert(unknown[0], found)
    return tuple(known)


def _ints(*dims: Dim) -> bool:
    return all(isinstance(d, int) for d in dims)


def _quotient(total: Any, rest: Any) -> Dim:
    """Return ``total / rest``; whether it divides evenly is checked at run time."""
    ratio = sp.sympify(total) / rest
    return as_dim(ratio if ratio.is_integer else sp.floor(ratio))


def _exact(total: Any, rest: Any, old: Shape, new: Sequence[Any]) -> int:
    if total % rest:
        raise ShapeError(
            f"cannot reshape {old} to {tuple(new)}: {total} is not a multiple of {rest}"
        )
    return total // rest


@api("ravel")
def ravel(x: Any, order: str = "C") -> Tensor:
    """The elements as one axis, in C order or, with ``order="F"``, column by column."""
    return reshape(x, -1, order=order)


def _infer_expand(t: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    shape = list(t.shape)
    for a in axes:
        shape.insert(a, 1)
    return TensorType(tuple(shape), t.dtype)


def _marked(node: Node, ndim: int, mark: str) -> str:
    """Return the operand indexed, with a mark at the axes of the node."""
    axes = node.attrs["axes"]
    entries = [mark if a in axes else ":" for a in range(ndim)]
    while len(entries) > 1 and entries[-1] == ":":
        entries.pop()
    return f"_0[{', '.join(entries)}]"


def _index_tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    index = str(op_text(node)).removeprefix("_0")
    return tex.indexed(operands[0], writer.escaped(index))


EXPAND_DIMS = multilinear(
    "expand_dims",
    _infer_expand,
    lambda x, *, axes: np.expand_dims(x, axes),
    transposes={0: lambda ct, inputs, attrs: squeeze(ct, attrs["axes"])},
    text=lambda node: _marked(node, len(node.shape), "None"),
    view=True,
    facts=Facts(
        zeros="rearranged",
        layout=reshaped,
        rows=rows.reshaped,
        word="expanded",
        index=places.in_expanded,
    ),
    latex=_index_tex,
)


@api("expand_dims")
def expand_dims(x: Any, axis: Any) -> Tensor:
    """The tensor with axes of length 1 inserted at ``axis`` (of the result)."""
    tensor = float_operand(x)
    count = 1 if isinstance(axis, (int, np.integer)) else len(axis)
    axes = normalize_axes(axis, tensor.ndim + count)
    return apply(EXPAND_DIMS, tensor, axes=axes) if axes else tensor


def _infer_squeeze(t: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    for a in axes:
        if unify(t.shape[a], 1) is None:
            raise ShapeError(f"cannot squeeze axis {a} of length {t.shape[a]}")
    return TensorType(tuple(d for i, d in enumerate(t.shape) if i not in axes), t.dtype)


def _element(node: Node) -> Through | None:
    """One element is an index: ``x[:, -1]``, not ``x[:, T - 1 : T][:, 0]``."""
    (part,) = node.inputs
    if part.op.facts.layout is not cut:
        return None
    (x,), entries = part.inputs, list(part.attrs["index"])
    for axis in node.attrs["axes"]:
        if entries[axis].step not in (None, 1):
            return None
        start, length = entries[axis].start or 0, x.shape[axis]
        last = isinstance(length, sp.Expr) and dims_equal(start, length - 1)
        entries[axis] = -1 if last else start
    while entries[-1] == slice(None):
        entries.pop()
    return Through(f"_0[{index_text(entries)}]", (x,), (part,))


SQUEEZE = multilinear(
    "squeeze",
    _infer_squeeze,
    lambda x, *, axes: np.squeeze(x, axes),
    transposes={0: lambda ct, inputs, attrs: expand_dims(ct, attrs["axes"])},
    text=lambda node: _marked(node, len(node.inputs[0].shape), "0"),
    view=True,
    facts=Facts(
        zeros="rearranged",
        layout=reshaped,
        rows=rows.reshaped,
        word="element",
        index=places.in_squeezed,
        through=_element,
    ),
    latex=_index_tex,
)


@api("squeeze")
def squeeze(x: Any, axis: Any = None) -> Tensor:
    """The tensor without the given axes of length 1 (by default, all of them)."""
    tensor = as_tensor(x)
    axes = (
        tuple(i for i, d in enumerate(tensor.shape) if d == 1)
        if axis is None
        else normalize_axes(axis, tensor.ndim)
    )
    return apply(SQUEEZE, tensor, axes=axes) if axes else tensor


# --- transposition --------------------------------------------------------------------


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argsort(axes))


def _transpose_text(node: Any) -> str:
    axes = node.attrs["axes"]
    n = len(axes)
    if axes == tuple(range(n))[::-1]:
        return "_0.T"
    moved = [i for i, a in enumerate(axes) if a != i]
    if len(moved) == 2:
        i, j = moved
        return f"_0.swapaxes({i}, {j})"
    return f"_0.transpose{axes}"


def _transpose_tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    axes = list(node.attrs.get("axes") or range(len(node.shape))[::-1])
    swapped = [*range(len(axes))]
    swapped[-2:] = swapped[-2:][::-1]
    order = "" if axes == swapped else f"({','.join(map(str, axes))})"
    return Tex(rf"{operands[0].within(tex.ATOM)}^{{\top{order}}}", tex.POWER)


TRANSPOSE = multilinear(
    "transpose",
    lambda t, *, axes: TensorType(tuple(t.shape[a] for a in axes), t.dtype),
    lambda x, *, axes: np.transpose(x, axes),
    transposes={0: lambda ct, inputs, attrs: transpose(ct, _inverse(attrs["axes"]))},
    text=_transpose_text,
    view=True,
    latex=_transpose_tex,
    facts=Facts(
        zeros="rearranged",
        layout=turned,
        rows=rows.transposed,
        axes=places.permuted_axes,
        index=places.in_permuted,
        word="turned",
        called="{0}_turned",
    ),
)


@api("transpose", "permute_dims")
def transpose(x: Any, *axes: Any) -> Tensor:
    """The tensor with its axes permuted; reversed when no axes are given."""
    tensor = as_tensor(x)
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
        axes = tuple(axes[0]) if axes[0] is not None else ()
    order = (
        tuple(normalize_axis(a, tensor.ndim) for a in axes)
        if axes
        else tuple(range(tensor.ndim))[::-1]
    )
    if sorted(order) != list(range(tensor.ndim)):
        raise ShapeError(
            f"transpose axes {axes} are not a permutation of {tensor.ndim} axes."
        )
    if order == tuple(range(tensor.ndim)):
        return tensor
    return apply(TRANSPOSE, tensor, axes=order)


@api("swapaxes")
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """The tensor with two axes exchanged."""
    tensor = as_tensor(x)
    order = list(range(tensor.ndim))
    i, j = normalize_axis(axis1, tensor.ndim), normalize_axis(axis2, tensor.ndim)
    order[i], order[j] = order[j], order[i]
    return transpose(tensor, tuple(order))


@api("moveaxis")
def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """The tensor with axes moved to new places, the others keeping their order."""
    tensor = as_tensor(x)
    src = [source] if isinstance(source, int) else list(source)
    dst = [destination] if isinstance(destination, int) else list(destination)
    src = [normalize_axis(a, tensor.ndim) for a in src]
    dst = [normalize_axis(a, tensor.ndim) for a in dst]
    if len(src) != len(dst) or len(set(src)) != len(src) or len(set(dst)) != len(dst):
        raise ShapeError("moveaxis needs as many distinct destinations as sources.")
    order = [a for a in range(tensor.ndim) if a not in src]
    for d, s in sorted(zip(dst, src, strict=True)):
        order.insert(d, s)
    return transpose(tensor, tuple(order))


@api("rollaxis")
def rollaxis(x: Any, axis: int, start: int = 0) -> Tensor:
    """The tensor with one axis moved to stand before the axis ``start``."""
    tensor = as_tensor(x)
    source = normalize_axis(axis, tensor.ndim)
    before = start + tensor.ndim if start < 0 else start
    if not 0 <= before <= tensor.ndim:
        raise ShapeError(
            f"rollaxis needs start in {-tensor.ndim}..{tensor.ndim}, got {start}."
        )
    return moveaxis(tensor, source, before - (source < before))


@api("matrix_transpose", "linalg.matrix_transpose")
def matrix_transpose(x: Any) -> Tensor:
    """The tensor with its last two axes exchanged."""
    tensor = as_tensor(x)
    if tensor.ndim < 2:
        raise ShapeError(
            f"matrix_transpose needs two axes or more, got shape {tensor.shape}."
        )
    return swapaxes(tensor, -1, -2)
