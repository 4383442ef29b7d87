"""Reading basic slices, and placing parts into zeros: transposes of each other.

In: a tensor, or parts, and a basic index for each. Out: one tensor, where parts that
overlap add up. Invariant: an array that is read n times, row by row or element by
element, gets its cotangent in n statements over one buffer; a sum of n arrays of its
full size would cost n times as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim, Shape, TensorType, as_dim, unify
from symdiff.ops.core import tex
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import cut, filled
from symdiff.ops.core.record import Cotangents, primitive, result_dtype
from symdiff.ops.core.rows import FULL, Batch, Part, Rows, same_rows
from symdiff.ops.core.tex import Tex, Writer
from symdiff.ops.core.text import index_text, op_text, shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.indexing.bounds import (
    Index,
    as_written,
    require_slice,
    slice_length,
    untouched,
)
from symdiff.ops.shape.views import squeeze

Slices = tuple[slice, ...]

# --- reading --------------------------------------------------------------------------


def _infer_slice(t: TensorType, *, index: Slices) -> TensorType:
    lengths = [slice_length(s, d) for s, d in zip(index, t.shape, strict=True)]
    for entry, length in zip(index, t.shape, strict=True):
        require_slice(entry, length)
    return TensorType(tuple(lengths), t.dtype)


def _cut_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    (part,) = parts
    if not isinstance(part, Rows) or node.attrs["index"][part.axis] != FULL:
        return None
    return part


def _tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    index = op_text(node).removeprefix("_0").replace("_dim_", "")
    return tex.indexed(operands[0], writer.escaped(index))


SLICE = multilinear(
    "slice",
    _infer_slice,
    lambda x, *, index: x[index],
    transposes={
        0: lambda ct, inputs, attrs: place_slice(ct, inputs[0].shape, attrs["index"])
    },
    text=lambda node: f"_0[{_index_text(node.attrs['index'], node.inputs[0].shape)}]",
    view=True,
    rule="the cotangent goes back to where the slice was taken",
    facts=Facts(zeros="moved", layout=cut, rows=_cut_rows, word="part"),
    latex=_tex,
)


def _index_text(index: Index, shape: Shape) -> str:
    return index_text(as_written(index, shape))


def slice_axis(x: Tensor, axis: int, start: Dim, stop: Dim, step: int = 1) -> Tensor:
    """Return elements start:stop:step along one axis."""
    index = [slice(None)] * x.ndim
    full = start == 0 and stop == x.shape[axis] and step == 1
    if full:
        return x
    index[axis] = slice(
        None if start == 0 else start, stop, None if step == 1 else step
    )
    return apply(SLICE, x, index=tuple(index))


def part_at(x: Tensor, index: Index) -> Tensor:
    """Return ``x[index]``, one entry for each axis: ints drop an axis, slices keep it.

    Bounds count from the front.
    """
    cuts = tuple(e if isinstance(e, slice) else slice(e, as_dim(e + 1)) for e in index)
    dropped = tuple(i for i, e in enumerate(index) if not isinstance(e, slice))
    part = x if all(e == FULL for e in cuts) else apply(SLICE, x, index=cuts)
    return squeeze(part, dropped) if dropped else part


# --- placing --------------------------------------------------------------------------


def _part_shape(shape: Shape, index: Index) -> Shape:
    pairs = zip(index, shape, strict=True)
    return tuple(slice_length(e, d) for e, d in pairs if isinstance(e, slice))


def _infer_unslice(
    *parts: TensorType, shape: Shape, indices: tuple[Index, ...]
) -> TensorType:
    for part, index in zip(parts, indices, strict=True):
        expected = _part_shape(shape, index)
        fits = part.ndim == len(expected) and all(
            unify(a, b) is not None for a, b in zip(part.shape, expected, strict=True)
        )
        if not fits:
            raise ShapeError(f"a part of shape {part.shape} where {expected} is needed")
    return TensorType(shape, result_dtype("promote", [p.dtype for p in parts]))


def _evaluate_unslice(*parts: Any, shape: Any, indices: Any) -> Any:
    result = np.zeros(shape, dtype=np.result_type(*parts))
    for part, index, new in zip(parts, indices, untouched(indices), strict=True):
        if new:
            result[index] = part
        else:
            result[index] += part
    return result


def _unslice_vjp(
    ct: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
) -> Cotangents:
    pairs = zip(attrs["indices"], needs, strict=True)
    return [part_at(ct, index) if needed else None for index, needed in pairs]


def _unslice_jvp(
    tangents: Cotangents,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
) -> Tensor:
    pairs = zip(tangents, attrs["indices"], strict=True)
    moved = [(t, index) for t, index in pairs if t is not None]
    return place_slices([t for t, _ in moved], attrs["shape"], [i for _, i in moved])


def _unslice_text(node: Node) -> str:
    shape, dtype = shape_text(node.shape), dtype_text(node.dtype)
    lines = [f"_out = np.zeros({shape}, {dtype})"]
    indices = node.attrs["indices"]
    for i, (index, new) in enumerate(zip(indices, untouched(indices), strict=True)):
        sign = "=" if new else "+="
        lines.append(f"_out[{_index_text(index, node.shape)}] {sign} _{i}")
    return "\n".join(lines)


def _placed_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """Parts that are whole along the rows."""
    rows, indices = same_rows(parts), node.attrs["indices"]
    if rows is None or not all(isinstance(p, Rows) for p in parts):
        return None
    sliced = all(isinstance(e, slice) for index in indices for e in index)
    whole = sliced and all(index[rows.axis] == FULL for index in indices)
    return rows if whole and s.has_rows(node.shape[rows.axis]) else None


UNSLICE = primitive(
    "unslice",
    _infer_unslice,
    _evaluate_unslice,
    vjp=_unslice_vjp,
    jvp=_unslice_jvp,
    text=_unslice_text,
    analytic=True,
    rule="each part is read where it was placed",
    facts=Facts(
        stretches="all",
        zeros="placed",
        layout=filled,
        rows=_placed_rows,
        word="placed",
    ),
)


def place_slices(
    parts: Sequence[Tensor], shape: Sequence[Dim], indices: Sequence[Index]
) -> Tensor:
    """Return zeros with parts added at indices: ints drop an axis, slices keep it."""
    return apply(UNSLICE, *parts, shape=tuple(shape), indices=tuple(indices))


def place_slice(part: Tensor, shape: Sequence[Dim], index: Sequence[slice]) -> Tensor:
    """Return zeros of a shape with one part in a slice of them."""
    return place_slices([part], shape, [tuple(index)])


def lone_slice(node: Node) -> Slices | None:
    """Return the slices of the only part placed into zeros; else None.

    It is None too where an int in the index drops an axis.
    """
    if node.op is not UNSLICE or len(node.inputs) > 1:
        return None
    (index,) = node.attrs["indices"]
    return index if all(isinstance(e, slice) for e in index) else None
