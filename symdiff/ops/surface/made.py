"""Arrays that a function makes of plain numbers while it is traced.

In: an array such as ``np.eye(3)``, made by `symdiff.numpy` in a traced function. Out:
the same array, whose elements may be asked for by symbolic indices. Invariant: in all
else it is NumPy's array, and where the function returns it, it is one again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import TracingError
from symdiff.graph.provenance import WATCH, capture, locate
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API


class Made(np.ndarray[Any, Any]):
    """An array of numbers that takes symbolic indices."""

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if any(map(is_symbolic, parts)):
            return API["getitem"](plain(self), index)
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        parts = index if isinstance(index, tuple) else (index,)
        if is_symbolic(value) or any(map(is_symbolic, parts)):
            raise locate(
                TracingError(
                    "an array of plain numbers cannot hold a symbolic value; make what "
                    "is to be filled by np.zeros(n), np.full or np.zeros_like, or copy "
                    "it as y = np.zeros(y.shape) + y."
                ),
                capture(),
            )
        super().__setitem__(index, value)


def is_symbolic(value: Any) -> bool:
    """Whether a value is a tensor or a symbolic length, or a list that holds one."""
    if isinstance(value, (tuple, list)):
        return any(map(is_symbolic, value))
    return isinstance(value, (Tensor, sp.Expr))


def made(result: Any, given: Iterable[Any]) -> Any:
    """Return what NumPy made of plain values; while a function is traced, as `Made`.

    What is one of the given arrays stays that very array.
    """
    if WATCH.get() is None:
        return result
    if type(result) in (tuple, list):
        return type(result)(made(r, given) for r in result)
    if type(result) is not np.ndarray or any(result is g for g in given):
        return result
    return result.view(Made)


def plain(value: Any) -> Any:
    """Return NumPy's own array for one that was made here, any other value as it is."""
    return value.view(np.ndarray) if type(value) is Made else value
