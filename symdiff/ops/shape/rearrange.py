"""Repeating, reversing, rolling, cutting and joining, under NumPy's names.

All but `roll` are compositions of slices, broadcasts, reshapes and concatenations.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    Dim,
    as_dim,
    broadcast_shapes,
    normalize_axes,
    normalize_axis,
)
from symdiff.ops.core import rows
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import api, float_operand, joint_operands, stretch
from symdiff.ops.core.outforms import joined
from symdiff.ops.elementwise.arithmetic import ADD
from symdiff.ops.indexing.expressions import getitem
from symdiff.ops.indexing.slices import slice_axis
from symdiff.ops.indexing.taking import take
from symdiff.ops.shape.broadcasting import broadcast_to
from symdiff.ops.shape.joining import concatenate
from symdiff.ops.shape.views import expand_dims, moveaxis, ravel, reshape, swapaxes

# --- repeating ------------------------------------------------------------------------


@api("tile")
def tile(x: Any, reps: Any) -> Tensor:
    """The tensor laid side by side ``reps`` times along each axis."""
    tensor = float_operand(x)
    counts = [as_dim(r) for r in (reps if np.ndim(reps) else [reps])]
    missing = max(len(counts), tensor.ndim) - tensor.ndim
    tensor = expand_dims(tensor, tuple(range(missing))) if missing else tensor
    counts = [1] * (tensor.ndim - len(counts)) + counts
    chosen = [a for a, count in enumerate(counts) if count != 1]
    wide = expand_dims(tensor, tuple(a + i for i, a in enumerate(chosen)))
    shape: list[Dim] = []
    for count, length in zip(counts, tensor.shape, strict=True):
        shape += [length] if count == 1 else [count, length]
    final = [as_dim(c * d) for c, d in zip(counts, tensor.shape, strict=True)]
    return reshape(broadcast_to(wide, tuple(shape)), tuple(final))


@api("repeat")
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element ``repeats`` times along ``axis``, flattened if that is None."""
    tensor = float_operand(x)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    at = normalize_axis(axis, tensor.ndim)
    if np.ndim(repeats):
        length = tensor.shape[at]
        if not isinstance(length, int):
            raise ShapeError(
                f"repeats by element need an axis of written length, not {length}."
            )
        return take(tensor, np.repeat(np.arange(length), repeats), axis=at)
    count = as_dim(repeats)
    wide = expand_dims(tensor, at + 1)
    shape = (*tensor.shape[: at + 1], count, *tensor.shape[at + 1 :])
    final = list(tensor.shape)
    final[at] = as_dim(final[at] * count)
    return reshape(broadcast_to(wide, shape), tuple(final))


# --- reversing and rolling ------------------------------------------------------------


@api("flip")
def flip(x: Any, axis: Any = None) -> Tensor:
    """The tensor reversed along ``axis`` (an int, a tuple, or None for all)."""
    tensor = float_operand(x)
    axes = normalize_axes(axis, tensor.ndim)
    back = slice(None, None, -1)
    index = tuple(back if a in axes else slice(None) for a in range(tensor.ndim))
    return getitem(tensor, index) if axes else tensor


@api("fliplr")
def fliplr(x: Any) -> Tensor:
    """The tensor reversed along its second axis."""
    return flip(x, 1)


@api("flipud")
def flipud(x: Any) -> Tensor:
    """The tensor reversed along its first axis."""
    return flip(x, 0)


@api("rot90")
def rot90(x: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """The tensor turned by ``k`` quarters, from the first of two axes to the second."""
    tensor = float_operand(x)
    first, second = (normalize_axis(a, tensor.ndim) for a in axes)
    if first == second:
        raise ShapeError(f"rot90 needs two different axes, got {tuple(axes)}.")
    match k % 4:
        case 1:
            return swapaxes(flip(tensor, second), first, second)
        case 2:
            return flip(tensor, (first, second))
        case 3:
            return flip(swapaxes(tensor, first, second), second)
    return tensor


def _roll_text(node: Any) -> str:
    shift, axes = node.attrs["shift"], node.attrs["axes"]
    if len(axes) > 1:
        return f"np.roll(_0, {shift}, axis={axes})"
    axis, length = axes[0], node.shape[axes[0]]
    where = f", axis={axis}" if len(node.shape) > 1 else ""
    if isinstance(length, int) and length:
        cut = shift[0] % length
        cut = cut if 2 * cut <= length else cut - length
    elif abs(shift[0]) == 1:
        cut = shift[0]
    else:  # the shift may exceed the length
        return f"np.roll(_0, {shift[0]}{where})"
    if not cut:
        return "_0.copy()"
    # Two slices joined, as np.roll does it, at a tenth of its cost for short arrays.
    rows = ":, " * axis
    where = f", axis={axis}" if axis else ""
    return f"np.concatenate((_0[{rows}{-cut}:], _0[{rows}:{-cut}]){where})"


def _roll_back(ct: Tensor, inputs: Any, attrs: Any) -> Tensor:
    return apply(ROLL, ct, shift=tuple(-s for s in attrs["shift"]), axes=attrs["axes"])


ROLL = multilinear(
    "roll",
    lambda t, *, shift, axes: t,
    lambda x, *, shift, axes: np.roll(x, shift, axes),
    transposes={0: _roll_back},
    text=_roll_text,
    rule="rolled back",
    facts=Facts(zeros="rearranged", rows=rows.along, out_form=joined),
)


@api("roll")
def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """Elements moved ``shift`` places along ``axis``, past the end to the front."""
    tensor = float_operand(x)
    if axis is None:
        flat = ravel(tensor)
        return reshape(roll(flat, shift, 0), tensor.shape) if tensor.ndim else tensor
    axes: list[Any] = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    shifts = [shift] if np.ndim(shift) == 0 else list(shift)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    axes = axes * len(shifts) if len(axes) == 1 else axes
    if len(shifts) != len(axes):
        raise ShapeError(f"roll got {len(shifts)} shifts for {len(axes)} axes.")
    total: dict[int, int] = {}
    for s, a in zip(shifts, axes, strict=True):
        at = normalize_axis(a, tensor.ndim)
        total[at] = total.get(at, 0) + int(s)
    moves = {a: s for a, s in sorted(total.items()) if s}
    if not moves:
        return tensor
    return apply(ROLL, tensor, shift=tuple(moves.values()), axes=tuple(moves))


# --- cutting --------------------------------------------------------------------------


def _cut(x: Tensor, bounds: Sequence[Dim], axis: int) -> list[Tensor]:
    pairs = itertools.pairwise(bounds)
    return [slice_axis(x, axis, start, stop) for start, stop in pairs]


@api("array_split")
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Parts of ``x`` along ``axis``, the first longer where lengths must differ."""
    tensor = float_operand(x)
    at = normalize_axis(axis, tensor.ndim)
    length = tensor.shape[at]
    if np.ndim(indices_or_sections):
        if not isinstance(length, int):
            return _cut(tensor, [0, *indices_or_sections, length], at)
        starts = [slice(0, int(e)).indices(length)[1] for e in indices_or_sections]
        stops = [
            max(s, e) for s, e in zip([0, *starts], [*starts, length], strict=True)
        ]
        pairs = zip([0, *starts], stops, strict=True)
        return [slice_axis(tensor, at, start, stop) for start, stop in pairs]
    sections = int(indices_or_sections)
    if sections < 1:
        raise ShapeError(f"a split needs at least one section, got {sections}.")
    if not isinstance(length, int):
        part = as_dim(length / sections)
        if not getattr(part, "is_integer", True):
            raise ShapeError(
                f"the lengths of the {sections} parts of an axis of length {length} "
                f"are known only when the function runs: nothing says that {length} "
                f"is a multiple of {sections}. Declare the axis as {sections} * "
                "sd.dim(...), or give the places to cut at, as [2, 5]."
            )
        return _cut(tensor, [as_dim(part * i) for i in range(sections + 1)], at)
    longer = length % sections
    lengths = [length // sections + (i < longer) for i in range(sections)]
    return _cut(tensor, [0, *np.cumsum(lengths).tolist()], at)


@api("split")
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Equal parts of ``x`` along ``axis``, or the parts between the given indices."""
    tensor = float_operand(x)
    if tensor.node.op is ADD and not tensor.hint:
        hinted(tensor, "z")  # as in i, f, g, o = split(x @ W + h @ U + b, 4)
    length = tensor.shape[normalize_axis(axis, tensor.ndim)]
    whole = not np.ndim(indices_or_sections) and isinstance(length, int)
    if whole and length % max(int(indices_or_sections), 1):
        raise ShapeError(
            f"length {length} does not split into {indices_or_sections} equal parts; "
            "use sd.array_split."
        )
    return array_split(tensor, indices_or_sections, axis)


@api("hsplit")
def hsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """Parts along the second axis (the first of a vector)."""
    tensor = float_operand(x)
    return split(tensor, indices_or_sections, min(1, tensor.ndim - 1))


@api("vsplit")
def vsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """Parts along the first axis."""
    return split(x, indices_or_sections, 0)


@api("dsplit")
def dsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """Parts along the third axis."""
    return split(x, indices_or_sections, 2)


@api("unstack")
def unstack(x: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """The tensors that make up ``x`` along ``axis``."""
    tensor = moveaxis(float_operand(x), axis, 0)
    length = tensor.shape[0]
    if not isinstance(length, int):
        raise ShapeError(f"unstack needs an axis of written length, not {length}.")
    return tuple(getitem(tensor, i) for i in range(length))


# --- joining --------------------------------------------------------------------------


def _several(tensors: tuple[Any, ...], grow: Any) -> Any:
    found = [grow(float_operand(t)) for t in tensors]
    return found[0] if len(found) == 1 else found


def _one_axis(x: Tensor) -> Tensor:
    return reshape(x, (1,)) if x.ndim == 0 else x


def _two_axes(x: Tensor) -> Tensor:
    return x if x.ndim >= 2 else expand_dims(_one_axis(x), 0)


def _three_axes(x: Tensor) -> Tensor:
    return x if x.ndim >= 3 else expand_dims(_two_axes(x), 2)


@api("atleast_1d")
def atleast_1d(*tensors: Any) -> Any:
    """The tensors, scalars as vectors of one element."""
    return _several(tensors, _one_axis)


@api("atleast_2d")
def atleast_2d(*tensors: Any) -> Any:
    """The tensors, vectors as one row."""
    return _several(tensors, _two_axes)


@api("atleast_3d")
def atleast_3d(*tensors: Any) -> Any:
    """The tensors, matrices with a last axis of length 1."""
    return _several(tensors, _three_axes)


@api("vstack", "row_stack")
def vstack(tensors: Sequence[Any]) -> Tensor:
    """Tensors joined along the first axis, vectors as rows."""
    return concatenate([_two_axes(t) for t in joint_operands(tensors)], 0)


@api("hstack")
def hstack(tensors: Sequence[Any]) -> Tensor:
    """Tensors joined along the second axis, vectors end to end."""
    parts = [_one_axis(t) for t in joint_operands(tensors)]
    return concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1)


@api("dstack")
def dstack(tensors: Sequence[Any]) -> Tensor:
    """Tensors joined along the third axis."""
    return concatenate([_three_axes(t) for t in joint_operands(tensors)], 2)


@api("column_stack")
def column_stack(tensors: Sequence[Any]) -> Tensor:
    """Tensors joined along the second axis, vectors as columns."""
    parts = joint_operands(tensors)
    columns = [t if t.ndim > 1 else expand_dims(_one_axis(t), 1) for t in parts]
    return concatenate(columns, 1)


@api("append")
def append(x: Any, values: Any, axis: int | None = None) -> Tensor:
    """``values`` joined to the end of ``x`` (both flattened if axis is None)."""
    return concatenate([x, values], axis)


@api("block")
def block(arrays: Any) -> Tensor:
    """Nested lists of tensors joined, the innermost along the last axis."""
    depth = _depth(arrays)
    return _block(arrays, iter(joint_operands(_leaves(arrays))), depth, depth)


def _depth(arrays: Any) -> int:
    return 1 + _depth(arrays[0]) if isinstance(arrays, list) else 0


def _leaves(arrays: Any) -> list[Any]:
    if not isinstance(arrays, list):
        return [arrays]
    return [leaf for a in arrays for leaf in _leaves(a)]


def _block(arrays: Any, leaves: Iterator[Tensor], left: int, depth: int) -> Tensor:
    if not isinstance(arrays, list):
        tensor = next(leaves)
        lead = tuple(range(max(depth - tensor.ndim, 0)))
        return expand_dims(tensor, lead) if lead else tensor
    if not arrays:
        raise DeclarationError("block got an empty list.")
    return concatenate([_block(a, leaves, left - 1, depth) for a in arrays], -left)


# --- grids ----------------------------------------------------------------------------


@api("broadcast_arrays")
def broadcast_arrays(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors stretched to their common shape."""
    parts = [float_operand(t) for t in tensors]
    shape = broadcast_shapes(*(t.shape for t in parts))
    return tuple(stretch(t, shape) for t in parts)


@api("meshgrid")
def meshgrid(
    *tensors: Any, indexing: str = "xy", sparse: bool = False, copy: bool = True
) -> tuple[Tensor, ...]:
    """Coordinate grids of vectors; 'xy' exchanges the first two axes, 'ij' does not."""
    if indexing not in ("xy", "ij"):
        raise DeclarationError(f"indexing must be 'xy' or 'ij', got {indexing!r}.")
    parts = [ravel(float_operand(t)) for t in tensors]
    count = len(parts)
    places = list(range(count))
    if indexing == "xy" and count > 1:
        places[:2] = [1, 0]
    grids = [
        expand_dims(t, tuple(a for a in range(count) if a != place)) if count > 1 else t
        for t, place in zip(parts, places, strict=True)
    ]
    return tuple(grids) if sparse else broadcast_arrays(*grids)
