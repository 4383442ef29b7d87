"""A function of numbers, of vectors along an axis, or of an axis, again and again.

In: a Python function over tensors, and a tensor whose other axes are of written length.
Out: its results, joined. The function is called once for each of them, as NumPy calls
it, and the text grows with their number; `map` calls it once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Shape, normalize_axis
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    broadcast_operands,
    float_operand,
)
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.indexing.expressions import getitem
from symdiff.ops.shape.joining import stack
from symdiff.ops.shape.views import expand_dims, moveaxis, reshape
from symdiff.ops.surface.writes import call_back


@api("apply_along_axis")
def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Tensor:
    """``func1d(vector, ...)`` of each vector along an axis, in the vector's place."""
    tensor = float_operand(arr)
    at = normalize_axis(axis, tensor.ndim)
    rows = moveaxis(tensor, at, -1)
    shape = rows.shape[:-1]
    if not all(isinstance(d, int) for d in shape):
        raise ShapeError(
            f"apply_along_axis needs lengths that are written but along the axis, got "
            f"{tensor.shape}; use sd.map."
        )
    places = list(np.ndindex(*(int(d) for d in shape)))
    if not places:
        raise ShapeError("apply_along_axis needs at least one vector.")
    found = [
        as_tensor(call_back(func1d, getitem(rows, i), *args, **kwargs)) for i in places
    ]
    first = float_operand(found[0])
    same = [cast(t, first.dtype) for t in found]
    joined = reshape(stack(same), shape + first.shape)
    return _inserted(joined, at, first.ndim)


def _inserted(joined: Tensor, axis: int, ndim: int) -> Tensor:
    """Return results with their own axes, now the last, where the vectors' axis was."""
    last = range(joined.ndim - ndim, joined.ndim)
    return moveaxis(joined, tuple(last), tuple(range(axis, axis + ndim)))


@api("apply_over_axes")
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Tensor:
    """``func(a, axis)`` for each of several axes in turn, which are kept."""
    tensor = float_operand(a)
    ndim = tensor.ndim
    listed: list[Any] = [axes] if np.ndim(axes) == 0 else list(axes)
    for axis in listed:
        at = normalize_axis(axis, ndim)
        found = as_tensor(call_back(func, tensor, at))
        if found.ndim == ndim - 1:
            found = expand_dims(found, at)
        if found.ndim != ndim:
            raise ShapeError(
                f"apply_over_axes needs a function that keeps the axes or drops one, "
                f"got shape {found.shape} of {tensor.shape}."
            )
        tensor = found
    return tensor


@api("vectorize")
def vectorize(pyfunc: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays that calls ``pyfunc`` for each of their elements.

    The arrays are broadcast, and their lengths are written ones.
    """

    def call(*args: Any) -> Any:
        tensors = broadcast_operands(*(float_operand(a) for a in args))
        shape = tensors[0].shape if tensors else ()
        if not tensors or not all(isinstance(d, int) and d for d in shape):
            raise ShapeError(
                f"a vectorized function needs arrays of one element or more whose "
                f"lengths are written, got shapes {[t.shape for t in tensors]}; use "
                "sd.map along an axis."
            )
        places = np.ndindex(*(int(d) for d in shape))
        found = [
            call_back(pyfunc, *(getitem(t, i) if i else t for t in tensors))
            for i in places
        ]
        if isinstance(found[0], tuple):
            return tuple(_laid_out(r, shape) for r in zip(*found, strict=True))
        return _laid_out(found, shape)

    return call


def _laid_out(results: Sequence[Any], shape: Shape) -> Tensor:
    """Return results of elements in the elements' shape, in the first one's dtype."""
    first = float_operand(results[0])
    if first.ndim:
        raise ShapeError(
            f"a vectorized function needs numbers as results, got shape {first.shape}."
        )
    return reshape(stack([cast(as_tensor(r), first.dtype) for r in results]), shape)
