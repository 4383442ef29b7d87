"""Reading and placing elements: basic slices, `take`, `pick`, and their transposes.

Every read has a placing op as its transpose: `slice` and `unslice`, `take` and
`take_add`, `pick` and `place`. Placing repeated indices adds.
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
    TensorType,
    as_dim,
    require_nonempty,
)
from symdiff.ops.core import tex
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import cut, filled
from symdiff.ops.core.rows import (
    FULL,
    Batch,
    Part,
    Rows,
)
from symdiff.ops.core.tex import Tex, Writer
from symdiff.ops.core.text import index_text, op_text, shape_text
from symdiff.ops.elementwise.casts import dtype_text

# --- basic slices ---------------------------------------------------------------------


def slice_length(entry: slice, length: Dim) -> Dim:
    """Return how many elements a slice with nonnegative bounds or None takes."""
    start, stop, step = entry.start, entry.stop, entry.step or 1
    if isinstance(length, int) and not _symbolic(start) and not _symbolic(stop):
        return len(range(*entry.indices(length)))
    first: Dim = 0 if start is None else start
    last: Dim = length if stop is None else stop
    if step == 1:
        return as_dim(last - first)
    if step == -1 and start is None and stop is None:
        return length
    if step > 1:
        return as_dim(sp.floor((last - first + step - 1) / sp.Integer(step)))
    raise ShapeError(
        "a slice of a symbolic axis may step by a positive int, or be [::-1]."
    )


def _symbolic(bound: Any) -> bool:
    return bound is not None and not isinstance(bound, int)


def _infer_slice(t: TensorType, *, index: tuple[slice, ...]) -> TensorType:
    lengths = [slice_length(s, d) for s, d in zip(index, t.shape, strict=True)]
    for entry, length in zip(index, t.shape, strict=True):
        require_slice(entry, length)
    return TensorType(tuple(lengths), t.dtype)


def require_slice(entry: slice, length: Dim) -> None:
    """Demand that a slice lies within an axis, where only run time can tell."""
    for bound in (entry.start, entry.stop):
        _require_inside(bound, length)
    if entry.start is not None and (entry.step or 1) > 0:
        _require_inside(entry.start, length if entry.stop is None else entry.stop)


def _require_inside(bound: Dim | None, length: Dim) -> None:
    """Demand 0 <= bound <= length of a slice where only run time can tell.

    Elsewhere Python would count from the end, or take fewer elements than were
    declared.
    """
    if bound is None or (isinstance(bound, int) and isinstance(length, int)):
        return
    for room in (bound, length - bound):
        left = as_dim(sp.sympify(room) + 1)
        if not isinstance(left, int) and not left.is_positive:
            require_nonempty(
                left, f"the slice at {bound} of an axis of length {length}"
            )


def _trimmed(index: Sequence[slice]) -> Sequence[slice]:
    """Return an index without the full slices at its end."""
    entries = list(index)
    while len(entries) > 1 and entries[-1] == slice(None):
        entries.pop()
    return entries


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
        0: lambda ct, inputs, attrs: apply(
            UNSLICE, ct, shape=inputs[0].shape, index=attrs["index"]
        )
    },
    text=lambda node: f"_0[{index_text(_trimmed(node.attrs['index']))}]",
    view=True,
    rule="the cotangent goes back to where the slice was taken",
    facts=Facts(zeros="moved", layout=cut, rows=_cut_rows, word="part"),
    latex=_tex,
)


def _placed_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    (part,) = parts
    kept = isinstance(part, Rows) and s.has_rows(node.shape[part.axis])
    return _cut_rows(s, node, parts) if kept else None


def _evaluate_unslice(x: Any, *, shape: Any, index: Any) -> Any:
    result = np.zeros(shape, dtype=x.dtype)
    result[index] = x
    return result


UNSLICE = multilinear(
    "unslice",
    lambda t, *, shape, index: TensorType(shape, t.dtype),
    _evaluate_unslice,
    transposes={0: lambda ct, inputs, attrs: apply(SLICE, ct, index=attrs["index"])},
    text=lambda node: (
        f"_out = np.zeros({shape_text(node.shape)}, dtype={dtype_text(node.dtype)})\n"
        f"_out[{index_text(_trimmed(node.attrs['index']))}] = _0"
    ),
    rule="zero outside the slice",
    facts=Facts(
        stretches=(0,),
        zeros="placed apart",
        layout=filled,
        rows=_placed_rows,
        word="placed",
    ),
)


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


def canonical_slice(entry: slice, length: Dim) -> slice:
    """Return a slice with Python ints or dims as bounds, negative ones resolved."""
    step = 1 if entry.step is None else int(entry.step)
    if step == 0:
        raise ShapeError("slice step cannot be zero.")
    start, stop = (_bound(b, length) for b in (entry.start, entry.stop))
    if isinstance(length, int) and not _symbolic(start) and not _symbolic(stop):
        start, stop, step = slice(start, stop, step).indices(length)
        if not range(start, stop, step):
            # A start of -1 would be read as the last element.
            return slice(None, 0 if length else None)
        if step > 0:
            return slice(start or None, None if stop == length else stop, _step(step))
        return slice(
            None if start == length - 1 else start, None if stop < 0 else stop, step
        )
    return slice(None if start == 0 else start, stop, _step(step))


def _step(step: int) -> int | None:
    return None if step == 1 else step


def _bound(value: Any, length: Dim) -> Any:
    if value is None or (isinstance(value, sp.Expr) and not value.is_number):
        return value
    number = int(value)
    if number < 0 and not isinstance(length, int):
        return as_dim(length + number)
    return number


def row_slice(entry: Any, length: Dim, axis: int) -> slice:
    """Return the slice of the one row that an int names, or a dim; else raise."""
    if isinstance(entry, (bool, np.bool_)) or not isinstance(
        entry, (int, np.integer, sp.Expr)
    ):
        raise ShapeError(
            f"index {entry!r} is not an int, slice, None, Ellipsis or int tensor."
        )
    at = _bound(entry, length)
    if isinstance(length, int) and isinstance(at, int):
        at = at + length if at < 0 else at
        if not 0 <= at < length:
            raise ShapeError(
                f"index {entry} is out of range for axis {axis} of length {length}"
            )
    return slice(at, as_dim(at + 1))
