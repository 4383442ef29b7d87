"""NumPy's functions and methods that write into an array, in a traced function.

In: an array that the function made, and what is written. Out: its new value, which all
that shares its memory shows. Invariant: what NumPy would write, or an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError, TracingError
from symdiff.graph.memory import current, read
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API, as_tensor, is_literal, literal, literal_value
from symdiff.ops.indexing.expressions import MASK_REMEDY
from symdiff.ops.indexing.updates import At
from symdiff.ops.surface import lenient
from symdiff.ops.surface.chosen import Chosen
from symdiff.ops.surface.lists import joined
from symdiff.ops.surface.writes import WRITERS, write


def _writer(*names: str) -> Callable[[Any], Any]:
    """Let NumPy's function of that name be answered by writing."""

    def decorate(function: Any) -> Any:
        WRITERS.update(dict.fromkeys(names, function))
        return function

    return decorate


def assign(target: Tensor, index: Any, value: Any) -> None:
    """``y[index] = value``; numbers of another kind are cast, as NumPy does."""
    view = value.memory.view if isinstance(value, Tensor) and value.memory else None
    parts = index if isinstance(index, tuple) else (index,)
    if view is not None and view.base is target and _equal(view.index, parts):
        return  # what y[index] += v has written already
    y, index = current(target), read(index)
    if isinstance(value, Chosen):
        if not isinstance(index, Tensor) or index.node is not value.mask.node:
            raise ShapeError(f"cannot index with a boolean tensor: {MASK_REMEDY}.")
        made = API["where"](index, _cast(value.values, y), y)
        write(target, made, "an assignment to elements")
        return
    given = _cast(joined(read(value)), y)
    place = API["getitem"](y, index) if given.ndim else None
    if place is not None and given.ndim > place.ndim:
        given = API["reshape"](given, given.shape[given.ndim - place.ndim :])
    write(target, At(y, index).set(given), "an assignment to elements")


def _equal(one: Any, other: tuple[Any, ...]) -> bool:
    """Whether two indices without arrays are the same."""
    if one is None or len(one) != len(other):
        return False
    pairs = zip(one, other, strict=True)
    return all(type(a) is type(b) and a == b for a, b in pairs)


def _cast(value: Any, target: Tensor) -> Tensor:
    """Return a value in the dtype of the array that it is put into, as NumPy casts."""
    tensor = as_tensor(value)
    kind = target.dtype
    if is_literal(tensor):
        number = literal_value(tensor)
        if isinstance(number, float) and kind.is_integer:
            return literal(int(number))
        if kind.is_bool:
            return as_tensor(bool(number))
        return tensor
    found: Tensor = tensor if tensor.dtype == kind else API["cast"](tensor, kind)
    return found


def fill(target: Tensor, value: Any) -> None:
    """``y.fill(value)``."""
    y = current(target)
    write(target, API["full_like"](y, _cast(read(value), y)), ".fill()")


@_writer("copyto")
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """``np.copyto``: values that broadcast to dst, where a mask is true."""
    y = _own(dst, "np.copyto")
    values = lenient.call(API["broadcast_to"], _strong(joined(read(src)), y), y.shape)
    if where is not True:
        values = lenient.call(API["where"], read(where), values, y)
    write(dst, values, "np.copyto")


@_writer("putmask")
def putmask(a: Any, mask: Any, values: Any) -> None:
    """``np.putmask`` with one value, or with one for every element."""
    y, given = _own(a, "np.putmask"), as_tensor(joined(read(values)))
    if given.ndim and given.shape != y.shape:
        raise TracingError(
            f"np.putmask would repeat values of shape {given.shape} over {y.shape}: "
            "give one value, or an array of the same shape."
        )
    made = lenient.call(API["where"], read(mask), _cast(given, y), y)
    write(a, made, "np.putmask")


@_writer("put")
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """``np.put``: elements by their number, row by row."""
    y, places, given = _own(a, "np.put"), np.asarray(ind), _cast(joined(read(v)), a)
    if mode != "raise" or (given.ndim and given.shape != places.shape):
        raise TracingError(
            "np.put takes mode='raise' and one value for each place, or one for all."
        )
    flat = At(API["reshape"](y, -1), places).set(given)
    write(a, API["reshape"](flat, y.shape), "np.put")


@_writer("fill_diagonal")
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """``np.fill_diagonal`` of a matrix."""
    y = _own(a, "np.fill_diagonal")
    if y.ndim != 2 or wrap:
        raise TracingError("np.fill_diagonal takes a matrix, and no wrap=.")
    count = min(y.shape)
    places = np.arange(count)
    made = At(y, (places, places)).set(_cast(joined(read(val)), y))
    write(a, made, "np.fill_diagonal")


def _repeated(name: str, update: str) -> None:
    """Answer ``np.add.at(y, index, v)``: repeated elements are changed repeatedly."""

    def at(a: Any, indices: Any, b: Any) -> None:
        y = _own(a, f"np.{name}.at")
        change = getattr(At(y, read(indices)), update)
        write(a, lenient.call(change, joined(read(b))), f"np.{name}.at")

    _writer(f"{name}.at")(at)


for _name, _update in {
    "add": "add",
    "subtract": "subtract",
    "multiply": "multiply",
    "divide": "divide",
    "maximum": "max",
    "minimum": "min",
}.items():
    _repeated(_name, _update)


def _own(target: Any, written: str) -> Tensor:
    """Return the value of what is written; it must be an array made in the function."""
    if not isinstance(target, Tensor):
        raise TracingError(
            f"{written} writes symbolic values into an array of NumPy's own; import "
            "symdiff.numpy as np, whose np.zeros(n) and the like may be written into."
        )
    return current(target)


def _strong(value: Any, y: Tensor) -> Tensor:
    """Return what is written as an array, a number as one of the target's dtype."""
    tensor = as_tensor(value)
    return API["full_like"](y, tensor) if is_literal(tensor) else tensor
