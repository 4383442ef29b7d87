"""The elements of an array where a mask is true, in a traced function: ``y[mask]``.

In: an array, and a mask that depends on values. Out: what NumPy code mostly does with
such elements: to change them (``y[mask] += 1``, ``y[mask] = np.log(y[mask])``) and to
add them up. Invariant: how many there are is not known, so the values are kept for all
elements, and only those where the mask is true are ever read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.provenance import capture, locate
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import BOOL
from symdiff.ops.core.operands import API
from symdiff.ops.indexing.expressions import MASK_REMEDY
from symdiff.ops.surface import lenient
from symdiff.ops.surface.made import plain

_BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide",
    "pow": "power", "floordiv": "floor_divide", "mod": "mod",
}  # fmt: skip


class Chosen:
    """``y[mask]``: values of y's shape, of which only those under the mask count."""

    __slots__ = ("mask", "values")

    def __init__(self, values: Tensor, mask: Tensor) -> None:
        self.values = values
        self.mask = mask

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        if method == "reduce" and ufunc is np.add and not {*kwargs} - {"axis"}:
            return self.sum()
        if method != "__call__" or kwargs or ufunc.nout != 1:
            return self.refuse()
        return self._mapped(ufunc, inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in (np.sum, np.mean) and len(args) == 1 and not kwargs:
            return self.sum() if func is np.sum else self.mean()
        return self.refuse()

    def sum(self) -> Tensor:
        """Return their sum."""
        total: Tensor = API["sum"](API["where"](self.mask, self.values, 0))
        return total

    def mean(self) -> Tensor:
        """Return their sum, divided by how many they are."""
        count = API["count_nonzero"](self.mask)
        found: Tensor = lenient.call(API["divide"], self.sum(), count)
        return found

    def __neg__(self) -> Chosen:
        return self._mapped(API["negative"], (self,))

    def __abs__(self) -> Chosen:
        return self._mapped(API["abs"], (self,))

    def _mapped(self, function: Callable[..., Any], operands: Any) -> Chosen:
        """Return a function of every element; others are numbers or chosen alike."""
        values = []
        for operand in operands:
            if isinstance(operand, Chosen):
                if operand.mask.node is not self.mask.node:
                    self.refuse()
                values.append(operand.values)
            elif np.shape(operand) != () and not _is_number(operand):
                self.refuse()
            else:
                values.append(operand)
        return Chosen(lenient.call(function, *values), self.mask)

    def refuse(self) -> Any:
        """Raise for what needs to know how many they are."""
        raise locate(
            ShapeError(f"cannot index with a boolean tensor: {MASK_REMEDY}."), capture()
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.refuse()

    def __len__(self) -> int:
        return int(self.refuse())

    def __iter__(self) -> Any:
        return self.refuse()

    def __getitem__(self, index: Any) -> Any:
        return self.refuse()

    def __bool__(self) -> bool:
        return bool(self.refuse())


def _is_number(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.ndim


def _operator(name: str, *, swapped: bool) -> Any:
    def operator(self: Chosen, other: Any) -> Chosen:
        operands = (other, self) if swapped else (self, other)
        return self._mapped(API[name], operands)

    return operator


for _short, _name in _BINARY.items():
    setattr(Chosen, f"__{_short}__", _operator(_name, swapped=False))
    setattr(Chosen, f"__r{_short}__", _operator(_name, swapped=True))


def returned(value: Any) -> Any:
    """Return a value as a function may return it; raise for elements under a mask."""
    return value.refuse() if isinstance(value, Chosen) else plain(value)


def is_choice(x: Tensor, index: Any) -> bool:
    """Whether an index is a mask of x's shape, over values that are not known."""
    return isinstance(index, Tensor) and index.dtype == BOOL and index.shape == x.shape
