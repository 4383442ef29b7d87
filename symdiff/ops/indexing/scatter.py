"""Indexing by integer arrays, alone or among slices: reading, placing and setting.

In: an index as NumPy reads it, already parsed. Out: an op whose attribute ``index``
spells it, with ``"@"`` where an array operand stands and ``"..."`` where an Ellipsis
that stands for no axis still separates arrays (NumPy then puts their axes first).
Reading (`gather`) and adding (`scatter_add`) are transposes of each other; `set_at`
updates a copy. Public functions are in `indexing` and `updates`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import DTypeError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    Dim,
    Shape,
    TensorType,
    as_dim,
    broadcast_shapes,
    product,
    promote,
    unify,
)
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import CONSTANT, literal
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.core.rows import (
    FULL,
    Batch,
    Part,
    Rows,
    same_rows,
)
from symdiff.ops.core.text import index_text, shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.elementwise.comparisons import equal, where
from symdiff.ops.indexing.slices import SLICE, require_slice, slice_length
from symdiff.ops.indexing.taking import ARANGE, arange
from symdiff.ops.shape.broadcasting import full, zeros_like
from symdiff.ops.shape.views import reshape

ARRAY = "@"
SEPARATOR = "..."
Index = tuple[Any, ...]

# --- the type of an index -------------------------------------------------------------


def indexed_shape(shape: Shape, index: Index, arrays: Sequence[TensorType]) -> Shape:
    """Return the shape of ``x[index]``.

    The broadcast axes of the arrays (an int is one) stand where the first of them stood
    if they are neighbours, and first if a slice, None or Ellipsis lies between them
    (NumPy, "Combining advanced and basic indexing").
    """
    taken = broadcast_shapes(*(a.shape for a in arrays))
    result: list[Dim] = []
    axis, first, runs, inside = 0, 0, 0, False
    for entry in index:
        advanced = entry == ARRAY or _is_int(entry)
        if advanced and not inside:
            first, runs = len(result), runs + 1
        inside = advanced
        if isinstance(entry, slice):
            require_slice(entry, shape[axis])
            result.append(slice_length(entry, shape[axis]))
        elif _is_int(entry):
            below = isinstance(entry, int) and entry < 0
            at = as_dim(entry + shape[axis] if below else entry)
            require_slice(slice(at, as_dim(at + 1)), shape[axis])
        elif entry is None:
            result.append(1)
        axis += entry is not None and entry != SEPARATOR
    place = first if runs == 1 else 0
    return (*result[:place], *taken, *result[place:], *shape[axis:])


def _is_int(entry: Any) -> bool:
    return isinstance(entry, (int, np.integer, sp.Expr))


def array_axes(index: Index) -> list[int]:
    """Return the axis that each array of the index selects from."""
    axes, axis = [], 0
    for entry in index:
        if entry == ARRAY:
            axes.append(axis)
        axis += entry is not None and entry != SEPARATOR
    return axes


def advanced_text(index: Index, first: int) -> str:
    """Return the index between brackets; its arrays are operands ``first``, ...."""
    entries, parts = list(index), []
    while len(entries) > 1 and isinstance(entries[-1], slice):
        if entries[-1] != slice(None):
            break
        entries.pop()
    for entry in entries:
        if entry == ARRAY:
            parts.append(f"_{first}")
            first += 1
        else:
            parts.append(SEPARATOR if entry == SEPARATOR else index_text((entry,)))
    return ", ".join(parts)


def tuple_index_text(index: Index, first: int) -> str:
    """Return the index as a value, as ``np.add.at`` takes it."""
    text = advanced_text(index, first)
    return text if text == f"_{first}" else f"np.s_[{text}]"


def fill(index: Index, arrays: Sequence[Any]) -> Any:
    """Return the index NumPy is given, its arrays in place."""
    rest = iter(arrays)
    return tuple(
        next(rest) if _same(e, ARRAY) else Ellipsis if _same(e, SEPARATOR) else e
        for e in index
    )


def _same(entry: Any, mark: str) -> bool:
    return isinstance(entry, str) and entry == mark


def index_lengths(
    shape: Callable[[Node], Shape], first: int
) -> Callable[[Node], dict[int, Dim]]:
    """Return what says, per index operand, the length it must stay below."""

    def lengths(node: Node) -> dict[int, Dim]:
        axes = array_axes(node.attrs["index"])
        return {first + i: shape(node)[axis] for i, axis in enumerate(axes)}

    return lengths


def _check_arrays(arrays: Sequence[TensorType]) -> None:
    for a in arrays:
        if not a.dtype.is_integer:
            raise DTypeError(f"indices must be integers, got {a.dtype}")


def never_repeats(index: Index, arrays: Sequence[Tensor]) -> bool:
    """Whether no element can be named twice: slices, or constants without repeats."""
    if not arrays:
        return True
    values = [a.node.attrs["value"] for a in arrays if a.node.op is CONSTANT]
    if len(values) != len(arrays) or any((v < 0).any() for v in values):
        return False
    try:
        points = np.stack([b.ravel() for b in np.broadcast_arrays(*values)], axis=1)
    except ValueError:
        return False
    return len(np.unique(points, axis=0)) == len(points)


# --- reading and adding ---------------------------------------------------------------


def _infer_gather(x: TensorType, *arrays: TensorType, index: Index) -> TensorType:
    _check_arrays(arrays)
    return TensorType(indexed_shape(x.shape, index, arrays), x.dtype)


def _gathered_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """``x[arange(N), y]``: a row's own elements, in order."""
    arrays, index = node.inputs[1:], node.attrs["index"]
    kinds = [i for i, entry in enumerate(index) if entry == ARRAY]
    plain = kinds == list(range(len(kinds)))
    plain = plain and all(e == FULL for e in index[len(kinds) :])
    if parts[0] != Rows(0) or not plain or not kinds:
        return None
    first = arrays[0]
    counted = first.op is ARANGE and first.attrs["length"] == s.rows
    shapes = {a.shape for a in arrays}
    others = all(p == Rows(0) for p in parts[2:])
    return Rows(0) if counted and others and len(shapes) == 1 else None


GATHER = multilinear(
    "gather",
    _infer_gather,
    lambda x, *arrays, index: x[fill(index, arrays)],
    transposes={
        0: lambda ct, inputs, attrs: scatter_add(
            ct, inputs[1:], inputs[0].shape, attrs["index"]
        )
    },
    text=lambda node: f"_0[{advanced_text(node.attrs['index'], 1)}]",
    rule="added up where an index repeats",
    facts=Facts(
        indices=index_lengths(lambda node: node.inputs[0].shape, 1),
        zeros="moved",
        rows=_gathered_rows,
    ),
)


def gather(x: Tensor, arrays: Sequence[Tensor], index: Index) -> Tensor:
    """Return ``x[index]``, its arrays given apart."""
    return apply(GATHER, x, *arrays, index=index)


def _infer_scatter(
    x: TensorType, *arrays: TensorType, shape: Shape, index: Index, unique: bool
) -> TensorType:
    _check_arrays(arrays)
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
    np.add.at(result, fill(index, arrays), x)
    return result


def _scatter_text(node: Node) -> str:
    index = node.attrs["index"]
    dtype = dtype_text(node.dtype)
    start = f"_out = np.zeros({shape_text(node.shape)}, dtype={dtype})\n"
    if node.attrs["unique"]:
        return f"{start}_out[{advanced_text(index, 1)}] = _0"
    return f"{start}np.add.at(_out, {tuple_index_text(index, 1)}, _0)"


SCATTER_ADD = multilinear(
    "scatter_add",
    _infer_scatter,
    _evaluate_scatter,
    transposes={0: lambda ct, inputs, attrs: gather(ct, inputs[1:], attrs["index"])},
    text=_scatter_text,
    rule="elements taken more than once add up",
    facts=Facts(
        indices=index_lengths(lambda node: node.shape, 1),
        stretches=(0,),
        zeros="placed",
    ),
)


def scatter_add(
    x: Tensor, arrays: Sequence[Tensor], shape: Shape, index: Index
) -> Tensor:
    """Return zeros of ``shape`` with ``x`` added at the index; repeats add up."""
    unique = never_repeats(index, arrays)
    return apply(SCATTER_ADD, x, *arrays, shape=shape, index=index, unique=unique)


# --- updating a copy ------------------------------------------------------------------


def infer_update(
    x: TensorType, value: TensorType, *arrays: TensorType, index: Index
) -> TensorType:
    _check_arrays(arrays)
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
    result[fill(index, arrays)] = value
    return result


def last_writes(
    value: Tensor, arrays: Sequence[Tensor], shape: Shape, index: Index
) -> Tensor:
    """Whether each written element is the one that stays: of repeats, the last.

    Each write leaves its ordinal; an element stays where its own ordinal is read back.
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
        if not never_repeats(index, arrays):
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


def _written_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """What is written to slices that are whole along the rows."""
    index, rows = node.attrs["index"], same_rows(parts)
    x, value, *arrays = node.inputs
    if arrays or rows is None or not isinstance(parts[0], Rows):
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
    text=lambda node: (
        f"_out = _0.copy()\n_out[{advanced_text(node.attrs['index'], 2)}] = _1"
    ),
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
