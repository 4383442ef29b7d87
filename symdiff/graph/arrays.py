"""Checks of arrays that the user passes in: their class and their dtype.

In: an array that a caller passes. Out: a plain array in its declared dtype, or an error
where the conversion would lose information. Invariant: a subclass that only stores its
elements elsewhere, such as `numpy.memmap`, is an array like any other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import DTypeError
from symdiff.graph.types import DType

# A subclass that redefines one of these computes differently from the generated code.
_OWN = ("__array_ufunc__", "__array_function__", "__mul__", "__add__", "__pow__")
_REMEDIES = {
    "MaskedArray": (
        "its mask would be lost: give its .filled(value), and the mask as an argument "
        "of its own, to be used as np.where(mask, 0, x)"
    ),
    "matrix": "its * is a matrix product: give np.asarray(value), and write @",
}


def has_own_meaning(value: Any) -> bool:
    """Whether an array is of a subclass that computes in a way of its own."""
    kind = type(value)
    if kind is np.ndarray or not isinstance(value, np.ndarray):
        return False
    return any(getattr(kind, n) is not getattr(np.ndarray, n) for n in _OWN)


def require_plain(what: str, value: Any) -> None:
    """Raise `DTypeError` for an array of a subclass with arithmetic of its own."""
    if not has_own_meaning(value):
        return
    kind = type(value)
    names = [k.__name__ for k in kind.__mro__]
    remedy = next(
        (words for name, words in _REMEDIES.items() if name in names),
        "what it adds to an array would be lost: give np.asarray(value)",
    )
    raise DTypeError(
        f"{what} is a {kind.__module__.partition('.')[0]} {kind.__name__}, and "
        f"generated code computes with plain arrays; {remedy}."
    )


def as_declared(what: str, value: Any, kind: DType) -> np.ndarray:
    """Return an array converted to its declared dtype, so that NumPy computes in it.

    Integers are accepted for floats. Raises `DTypeError` for an array of another kind,
    and for an integer that the declared dtype cannot hold.
    """
    array = np.asarray(value)
    if array.dtype == object and kind.is_float:  # SymPy expressions
        return array
    wanted = "fiu" if kind.is_float else "iu" if kind.is_integer else "b"
    if array.dtype.kind not in wanted:
        raise DTypeError(
            f"{what} is declared {kind}, got {array.dtype}; use "
            f"np.asarray(value, {kind.name!r})."
        )
    if kind.name == "float" and array.dtype.kind == "f":  # either width
        return array
    found = array.astype(kind.name, copy=False)
    if kind.is_integer and np.any(found != array):
        lost = array[found != array][0]
        raise DTypeError(f"{what} is declared {kind}, which cannot hold {lost}.")
    return found
