"""Which results of NumPy's functions are views, and how a view is written back.

In: a call that was made, and its first operand. Out: a `Showing` where NumPy makes a
view for sure, `COPY` where it makes none, and None where that is not known: it may
depend on how the operand lies in memory. Invariant: what a `Showing` shows after a
write is what NumPy's view would show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.memory import Showing, memory_of
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API, constant
from symdiff.ops.indexing.updates import At

COPY = object()

_SAME_ELEMENTS = frozenset(
    ["atleast_1d", "atleast_2d", "atleast_3d", "expand_dims", "squeeze"]
)
ANY_LAYOUT = frozenset(["ravel", "reshape"])
_PERMUTED = frozenset(
    ["matrix_transpose", "moveaxis", "permute_dims", "swapaxes", "transpose"]
)
_FLIPPED = frozenset(["flip", "fliplr", "flipud"])
MOST_AXES = 6  # of a permutation that is looked for

# Functions whose results lie in memory row by row, whatever their operands do.
ROW_BY_ROW = frozenset(["array", "empty", "eye", "full", "identity", "ones", "zeros"])

Call = Callable[[Tensor], Tensor]


def relation(
    name: str,
    call: Call,
    base: Tensor,
    result: Tensor,
    operands: Sequence[Any],
    options: Mapping[str, Any],
) -> Any:
    """Return how the result of a call lies in the memory of its first operand.

    ``call`` makes the same call with another tensor in place of ``base``.
    """
    if name == "getitem":
        return _part(call, base, result, operands[1])
    if not base.ndim or not result.ndim:
        return None
    layout = layout_of(base)
    if name in _SAME_ELEMENTS:
        own = None if layout is None else layout.reshape(result.shape)
        return Showing(base, call, _reshaped, layout=own)
    orders = any(isinstance(o, str) for o in (*operands, *options.values()))
    told = orders and max(base.ndim, result.ndim) > 1
    if name in ANY_LAYOUT and layout is not None and not told:
        return _reshape(name, call, base, result, layout)
    if name in _FLIPPED:
        return Showing(base, call, lambda _, value: call(value))
    if name in _PERMUTED and base.ndim <= MOST_AXES:
        return _permutation(call, base, layout)
    return None


def layout_of(tensor: Tensor) -> Any:
    """Return an array that lies in memory as NumPy's would, or None: not known."""
    memory = memory_of(tensor)
    if memory.view is not None:
        return memory.view.layout
    lengths = all(isinstance(d, int) for d in tensor.shape)
    known = tensor.ndim == 1 and memory.buffer.holders()[0] is tensor
    if memory.layout is None and known and lengths:
        memory.layout = np.empty(tensor.shape, bool)
    return memory.layout


def row_by_row(tensor: Tensor) -> None:
    """Note that a new tensor lies in memory row by row."""
    if all(isinstance(d, int) for d in tensor.shape):
        memory_of(tensor).layout = np.empty(tensor.shape, bool)


def _reshaped(base: Tensor, value: Tensor) -> Tensor:
    found: Tensor = API["reshape"](value, base.shape)
    return found


def _reshape(name: str, call: Call, base: Tensor, result: Tensor, layout: Any) -> Any:
    """A view where NumPy finds strides for it, else a copy; NumPy itself is asked."""
    flat = name == "ravel"
    own = np.ravel(layout) if flat else np.reshape(layout, result.shape)
    if not np.may_share_memory(own, layout):
        return COPY
    return Showing(base, call, _reshaped, layout=own)


def _permutation(call: Call, base: Tensor, layout: Any) -> Showing:
    """Axes in another order: found by what the call does to axes of all lengths."""
    lengths = range(2, 2 + base.ndim)
    order = [n - 2 for n in call(constant(np.zeros(tuple(lengths), bool))).shape]
    back = [order.index(axis) for axis in range(base.ndim)]

    def put(whole: Tensor, value: Tensor) -> Tensor:
        found: Tensor = API["transpose"](value, back)
        return found

    own = None if layout is None else np.transpose(layout, order)
    return Showing(base, call, put, layout=own)


def _part(call: Call, base: Tensor, result: Tensor, index: Any) -> Any:
    """``y[1:, 0]``; without axes left it is a number, but ``y[0, ...]`` is a view."""
    parts = index if isinstance(index, tuple) else (index,)
    if not all(map(_is_plain, parts)) or not base.ndim:
        return None
    if not result.ndim:
        return None if Ellipsis in parts else COPY

    def put(whole: Tensor, value: Tensor) -> Tensor:
        return At(whole, index).set(value)

    layout = layout_of(base)
    own = None if layout is None else layout[index]
    return Showing(base, call, put, parts, own)


def _is_plain(part: Any) -> bool:
    """Whether a part of an index is a number, a slice of numbers, None or ..."""
    if isinstance(part, slice):
        return all(map(_is_plain, (part.start, part.stop, part.step)))
    if isinstance(part, (bool, np.bool_)):
        return False
    return part is None or part is Ellipsis or isinstance(part, (int, np.integer))
