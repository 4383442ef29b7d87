"""Reading, placing and setting by integer arrays, alone or among slices.

In: an index in the form of `symdiff.ops.indexing.index`, and its arrays as operands.
Out: a tensor. Reading (`gather`) and adding (`scatter_add`) are transposes of each
other; `set_at` updates a copy. The files `taking`, `expressions` and `updates` hold the
public functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DTypeError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Shape, TensorType, product, promote, unify
from symdiff.ops.core import tex
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import Layout, Seen, kept
from symdiff.ops.core.layouts import filled as c_order
from symdiff.ops.core.operands import literal
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.core.rows import FULL, WHOLE, Batch, Part, Rows, moved, same_rows
from symdiff.ops.core.tex import Tex, Writer
from symdiff.ops.core.text import shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.elementwise.comparisons import equal, where
from symdiff.ops.indexing.counting import arange
from symdiff.ops.indexing.index import (
    LABEL,
    ROW,
    Index,
    advanced_text,
    along_axis,
    filled,
    index_lengths,
    indexed_shape,
    never_repeats,
    place_text,
    place_tuple_text,
    rows_of,
    taken_place,
    takes_array,
    takes_labels,
)
from symdiff.ops.indexing.slices import SLICE
from symdiff.ops.shape.broadcasting import full, zeros_like
from symdiff.ops.shape.views import reshape

# --- reading and adding ---------------------------------------------------------------


def _infer_gather(x: TensorType, *arrays: TensorType, index: Index) -> TensorType:
    return TensorType(indexed_shape(x.shape, index, arrays), x.dtype)


def _read_text(node: Node) -> str:
    x, *arrays = (operand.shape for operand in node.inputs)
    index, ndim = node.attrs["index"], max(map(len, arrays))
    axis = along_axis(index, ndim)
    if axis is not None:
        return f"np.take_along_axis(_0, _1, axis={axis})"
    return f"_0[{advanced_text(index, x, ndim, 1)}]"


def _read_rule(node: Node) -> str:
    if never_repeats(node.attrs["index"], node.inputs[1:]):
        return "the cotangent goes to the element taken"
    return "added up where an index repeats"


def _rows_layout(
    node: Node, base: Layout | None, seen: Sequence[Seen]
) -> Layout | None:
    """C order if whole rows are taken; the order is not known along other axes."""
    first, *others = node.attrs["index"]
    alone = takes_array(first) and all(e == FULL for e in others)
    return kept(node, base, seen) if alone else None


def _gathered_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """Elements of each row, rows of a table, or elements at the same place in all."""
    x, arrays = parts[0], parts[1:]
    rows = same_rows(arrays)
    if x == WHOLE and rows is not None:
        return _looked_up(node, rows)
    if isinstance(x, Rows) and rows is not None:
        return _own_elements(s, node.attrs["index"], node.inputs[0].shape, x, rows)
    if isinstance(x, Rows) and all(a == WHOLE for a in arrays):
        return _same_places(node, x)
    return None


def _looked_up(node: Node, rows: Rows) -> Part | None:
    """Rows of a table that is the same for all."""
    _, *arrays = node.inputs
    index = node.attrs["index"]
    if len(arrays) > 1 or rows_of(index):
        return None
    return moved(rows, taken_place(index) + rows.axis)


def _same_places(node: Node, x: Rows) -> Part | None:
    """Places along other axes, the same for each row."""
    index, (_, *arrays) = node.attrs["index"], node.inputs
    if len(arrays) > 1 or not all(takes_array(e) or e == FULL for e in index):
        return None
    at = taken_place(index)
    if x.axis == at:
        return None
    return moved(x, x.axis + (len(arrays[0].shape) - 1 if at < x.axis else 0))


def _own_elements(
    s: Batch, index: Index, shape: Shape, x: Rows, rows: Rows
) -> Rows | None:
    """``x[np.arange(N), y]``: a row's own elements, in order."""
    if (rows.axis, x.axis) not in rows_of(index):
        return None
    lengths = [d for i, d in enumerate(shape) if i != x.axis]
    alike = moved(x, rows.axis) == rows and not s.has_rows(tuple(lengths))
    return moved(rows, taken_place(index) + rows.axis) if alike else None


def _tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    x, *arrays = operands
    rest, entries = iter(arrays), []
    for entry in node.attrs["index"]:
        taken = takes_array(entry)
        entries.append(next(rest).text if taken else tex.entry(entry, writer))
    inside = ", ".join(entries)
    return Tex(rf"{x.within(tex.ATOM)}\left[{inside}\right]", tex.POWER)


GATHER = multilinear(
    "gather",
    _infer_gather,
    lambda x, *arrays, index: x[filled(index, x.shape, arrays)],
    transposes={
        0: lambda ct, inputs, attrs: scatter_add(
            ct, inputs[1:], inputs[0].shape, attrs["index"]
        )
    },
    text=_read_text,
    rule=_read_rule,
    facts=Facts(
        indices=index_lengths(lambda node: node.inputs[0].shape, 1),
        labels=takes_labels,
        zeros="moved",
        layout=_rows_layout,
        rows=_gathered_rows,
        picks=True,
        word="taken",
    ),
    latex=_tex,
)


def gather(x: Tensor, arrays: Sequence[Tensor], index: Index) -> Tensor:
    """Return ``x[index]``, with the index arrays as separate operands."""
    return apply(GATHER, x, *arrays, index=index)


def _infer_scatter(
    x: TensorType, *arrays: TensorType, shape: Shape, index: Index, unique: bool
) -> TensorType:
    expected = indexed_shape(shape, index, arrays)
    if not _fits(x.shape, expected):
        raise ShapeError(f"the index takes {expected} of {shape}, got {x.shape}")
    return TensorType(shape, x.dtype)


def _fits(shape: Shape, expected: Shape) -> bool:
    return len(shape) == len(expected) and all(
        unify(d, e) is not None for d, e in zip(shape, expected, strict=True)
    )


def _evaluate_scatter(
    x: Any, *arrays: Any, shape: Any, index: Index, unique: bool
) -> Any:
    result = np.zeros(shape, dtype=x.dtype)
    np.add.at(result, filled(index, shape, arrays), x)
    return result


def _scatter_text(node: Node) -> str:
    index, unique = node.attrs["index"], node.attrs["unique"]
    dtype = dtype_text(node.dtype)
    start = f"_out = np.zeros({shape_text(node.shape)}, {dtype})\n"
    axis = along_axis(index, len(node.inputs[1].shape))
    if unique and axis is not None:
        return f"{start}np.put_along_axis(_out, _1, _0, axis={axis})"
    if unique:
        return f"{start}_out[{place_text(node, 1)}] = _0"
    if axis is None:
        return f"{start}np.add.at(_out, {place_tuple_text(node, 1)}, _0)"
    grid = "*np.indices(_1.shape, sparse=True)"
    before = f"{grid}[:{axis}], " if axis else ""
    after = f", {grid}[{axis + 1}:]" if axis < len(index) - 1 else ""
    return f"{start}np.add.at(_out, ({before}_1{after}), _0)"


def _scatter_formula(node: Node) -> str:
    index, labels = node.attrs["index"], node.inputs[1]
    if index[0] == ROW and len(index) == 2 and len(labels.shape) == 1:
        low = labels.attrs.get("low")
        if index[1] == LABEL or (isinstance(low, int) and low >= 0):
            return "_0[:, None] * one_hot(_1)"
    kind = ", dtype=bool" if node.dtype.is_bool else ""
    zeros = f"np.zeros({shape_text(node.shape)}{kind})"
    return f"add_at({zeros}, {place_tuple_text(node, 1)}, _0)"


def _placed_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """Rows stay rows if each is placed among its own elements."""
    index, rows = node.attrs["index"], same_rows(parts[1:])
    if rows is None:
        return None
    for at, axis in rows_of(index):
        x = moved(rows, axis)
        own = _own_elements(s, index, node.shape, x, rows)
        if at == rows.axis and own == parts[0]:
            return x
    return None


SCATTER_ADD = multilinear(
    "scatter_add",
    _infer_scatter,
    _evaluate_scatter,
    transposes={0: lambda ct, inputs, attrs: gather(ct, inputs[1:], attrs["index"])},
    text=_scatter_text,
    rule="each is read where it was placed",
    facts=Facts(
        indices=index_lengths(lambda node: node.shape, 1),
        labels=takes_labels,
        stretches=(0,),
        zeros="placed",
        layout=c_order,
        rows=_placed_rows,
        word="placed",
        formula=_scatter_formula,
    ),
)


def scatter_add(
    x: Tensor, arrays: Sequence[Tensor], shape: Shape, index: Index
) -> Tensor:
    """Return zeros of ``shape`` with ``x`` added at the index; repeated ones add up."""
    unique = never_repeats(index, [a.node for a in arrays])
    return apply(SCATTER_ADD, x, *arrays, shape=shape, index=index, unique=unique)


# --- updating a copy ------------------------------------------------------------------


def infer_update(
    x: TensorType, value: TensorType, *arrays: TensorType, index: Index
) -> TensorType:
    expected = indexed_shape(x.shape, index, arrays)
    if not value.dtype.weak and not _fits(value.shape, expected):
        raise ShapeError(f"the index takes {expected} of {x.shape}, got {value.shape}")
    if promote(x.dtype, value.dtype) != x.dtype:
        raise DTypeError(
            f"{value.dtype} values do not fit into a {x.dtype} tensor; cast one of them"
        )
    return x


def _evaluate_set(x: Any, value: Any, *arrays: Any, index: Index) -> Any:
    result = np.array(x)
    result[filled(index, result.shape, arrays)] = value
    return result


def last_writes(
    value: Tensor, arrays: Sequence[Tensor], shape: Shape, index: Index
) -> Tensor:
    """Return which of the written elements remain: of repeated indices, the last.

    The ordinals of the elements are written to the same places; an element remains if
    its own ordinal is read back.
    """
    order = hinted(reshape(arange(product(value.shape)), value.shape), "order")
    blank = full(shape, 0, "int64")
    last = hinted(apply(SET_AT, blank, order, *arrays, index=index), "last")
    return equal(gather(last, arrays, index), order)


def _set_vjp(
    ct: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
) -> Cotangents:
    x, value, *arrays = inputs
    index = attrs["index"]
    kept = apply(SET_AT, ct, literal(0), *arrays, index=index) if needs[0] else None
    written = None
    if needs[1]:
        written = _read(ct, arrays, index)
        if not never_repeats(index, [a.node for a in arrays]):
            stays = last_writes(value, arrays, x.shape, index)
            written = where(stays, written, 0)
    return [kept, written, *(None for _ in arrays)]


def _read(x: Tensor, arrays: Sequence[Tensor], index: Index) -> Tensor:
    """Return the elements an index names; a `slice` node where it has no arrays."""
    return gather(x, arrays, index) if arrays else apply(SLICE, x, index=index)


def _set_jvp(
    tangents: Cotangents,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
) -> Tensor:
    x, _, *arrays = inputs
    kept = zeros_like(x) if tangents[0] is None else tangents[0]
    written = literal(0) if tangents[1] is None else tangents[1]
    return apply(SET_AT, kept, written, *arrays, index=attrs["index"])


def own_written_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """Rows stay rows if each writes to its own elements."""
    x, value, *arrays = parts
    rows = same_rows(arrays)
    if rows is None or not isinstance(x, Rows):
        return None
    own = _own_elements(s, node.attrs["index"], node.shape, x, rows)
    fits = value == own or (value == WHOLE and not node.inputs[1].shape)
    return x if own is not None and fits else None


def _written_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """Rows stay rows if values are written to slices that are whole along them."""
    index, rows = node.attrs["index"], same_rows(parts)
    x, value, *arrays = node.inputs
    if arrays:
        return own_written_rows(s, node, parts)
    if rows is None or not isinstance(parts[0], Rows):
        return None
    alike = len(value.shape) in (0, len(x.shape))
    plain = len(index) == len(x.shape) and all(isinstance(e, slice) for e in index)
    return rows if alike and plain and index[rows.axis] == FULL else None


SET_AT = primitive(
    "set_at",
    infer_update,
    _evaluate_set,
    vjp=_set_vjp,
    jvp=_set_jvp,
    text=lambda node: f"_out = _0.copy()\n_out[{place_text(node, 2)}] = _1",
    analytic=True,
    rule="an overwritten element has no influence",
    facts=Facts(
        indices=index_lengths(lambda node: node.shape, 2),
        stretches=(1,),
        zeros="joined",
        rows=_written_rows,
        interval=lambda node, operands: operands[0].joined(operands[1]),
    ),
)
