"""Arrays as the page shows them: what they range over, a histogram, and elements.

In: values of a derivation. Out: dicts for JSON. Invariant: what is not finite is
counted apart and never enters a mean; the same arrays give the same text.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 25
WHOLE = 20_000  # elements up to which an array is kept
ROOM = 250_000  # elements that are kept of all arrays together


@dataclass
class Shelf:
    """The arrays of a page, each once."""

    room: int = ROOM

    def put(self, value: Any) -> dict[str, Any] | None:
        """Return what the page needs of an array."""
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
        wide = array.astype(np.float64)
        if array.ndim == 0:
            found["x"] = number(wide.item())
            return found
        fine = wide[np.isfinite(wide)]
        bad = {
            "nan": int(np.isnan(wide).sum()),
            "inf": int(np.isinf(wide).sum()),
        }
        found |= {k: n for k, n in bad.items() if n}
        found["zeros"] = int((wide == 0).sum())
        if fine.size:
            top = float(np.abs(fine).max())
            scaled = fine / top if top > 0 else fine  # squares of large ones overflow
            found |= {
                "min": number(fine.min()),
                "max": number(fine.max()),
                "mean": number(scaled.mean() * (top or 1)),
                "std": number(scaled.std() * (top or 1)),
                "norm": number(math.sqrt(float((scaled**2).sum())) * (top or 1)),
                "bins": _histogram(fine),
            }
        if array.size <= min(WHOLE, self.room):
            self.room -= array.size
            found["data"] = base64.b64encode(
                wide.astype("<f4", copy=False).tobytes()
            ).decode()
        return found


def number(value: Any) -> Any:
    """Return a number of six digits; what JSON has no word for, as text."""
    value = float(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return float(f"{value:.6g}")


def _histogram(fine: np.ndarray) -> list[int]:
    low, high = float(fine.min()), float(fine.max())
    if not (high > low and math.isfinite(high - low)):
        return [int(fine.size)]
    places = ((fine - low) / (high - low) * BINS).astype(np.int64)
    counts = np.bincount(np.minimum(places, BINS - 1), minlength=BINS)
    return [int(n) for n in counts]
