"""Arrays as the page shows them: range, histogram and elements.

In: values of a derivation. Out: dicts for JSON, and the elements apart from them.
Invariant: numbers on the page are exact to the last bit; elements that are not finite
are counted apart and never enter a mean; the same arrays give the same text.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from symdiff.explain.ranges import Range

WHOLE = 20_000  # elements of the largest array whose elements are kept
ROOM = 1_250_000  # bytes of the kept elements of all arrays together, at most
SAFE = 2**53  # JavaScript's numbers are exact for integers up to this

INTEGERS = ("u1", "i1", "u2", "i2", "u4", "i4", "i8", "u8")  # narrowest first


@dataclass
class Shelf:
    """The elements of a page's arrays; arrays with the same elements share them.

    ``arrays`` has their kinds, as in NumPy's dtypes, and their bytes in base 64.
    """

    room: int = ROOM
    arrays: list[tuple[str, str]] = field(default_factory=list)
    _places: dict[tuple[str, bytes], int] = field(default_factory=dict)

    def put(self, value: Any) -> dict[str, Any] | None:
        """Return the page's data of an array, and keep its elements if they fit."""
        if value is None or isinstance(value, (list, tuple)):
            return None
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            return None
        return self._described(array)

    def _described(self, array: np.ndarray) -> dict[str, Any]:
        found: dict[str, Any] = {"shape": list(array.shape)}
        if array.dtype.kind != "f":
            found["kind"] = "bool" if array.dtype.kind == "b" else "int"
        if array.ndim == 0:
            found["x"] = number(array.item())
            return found
        told = Range(array)
        bad = {"nan": told.nans, "inf": told.infinities}
        found |= {k: n for k, n in bad.items() if n}
        found["zeros"] = told.zeros
        if told:
            found |= {
                "min": number(told.low),
                "max": number(told.high),
                "mean": number(told.mean),
                "std": number(told.std),
                "norm": number(told.norm),
                "bins": told.histogram(),
            }
        place = self._place(array)
        if place is not None:
            found["data"] = place
        return found

    def _place(self, array: np.ndarray) -> int | None:
        """Return the index of an array's elements, or None if there is no room."""
        if array.size > WHOLE:
            return None
        packed = _packed(array)
        key = packed.dtype.str, packed.tobytes()
        if key not in self._places:
            if packed.nbytes > self.room:
                return None
            self.room -= packed.nbytes
            self._places[key] = len(self.arrays)
            self.arrays.append((key[0][1:], base64.b64encode(key[1]).decode()))
        return self._places[key]


def _packed(array: np.ndarray) -> np.ndarray:
    """Return an array in the narrowest dtype that holds its elements exactly."""
    if array.dtype.kind != "f":
        low, high = (array.min(), array.max()) if array.size else (0, 0)
        for kind in INTEGERS:
            info = np.iinfo(kind)
            if info.min <= low and high <= info.max:
                return array.astype(f"<{kind}")
    wide = array.astype("<f8")
    with np.errstate(over="ignore", under="ignore"):
        narrow = wide.astype("<f4")
    return narrow if np.array_equal(narrow, wide, equal_nan=True) else wide


def number(value: float | Decimal) -> Any:
    """Return a number; as text if JSON or JavaScript cannot represent it."""
    if isinstance(value, Decimal):
        return f"{value:.16e}"
    if isinstance(value, int):
        return int(value) if abs(value) <= SAFE else str(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
