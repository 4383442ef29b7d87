"""Cross-entropy of logits in place, as hand-tuned steps compute it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def rows_first(
    rows: int, classes: int, dtype: np.dtype
) -> Callable[[np.ndarray, np.ndarray], float]:
    """Return a function of logits (rows, classes) and labels.

    It returns the mean cross-entropy and leaves its gradient in the logits. Sums over
    the short axis are products with ones.
    """
    column, logs = np.empty((2, rows, 1), dtype)
    taken, place = np.empty(rows, dtype), np.empty(rows, np.int64)
    first, ones = np.arange(0, rows * classes, classes), np.ones(rows, dtype)
    short, share = np.ones((classes, 1), dtype), np.asarray(1 / rows, dtype)

    def run(z: np.ndarray, y: np.ndarray) -> float:
        flat = z.reshape(-1)
        np.maximum.reduce(z, 1, None, column, True)
        np.subtract(z, column, z)
        np.add(first, y, place)
        flat.take(place, None, taken, "clip")
        np.exp(z, z)
        z.dot(short, column)
        np.log(column, logs)
        np.divide(share, column, column)
        np.multiply(z, column, z)
        flat[place] -= share
        return float(logs[:, 0].dot(ones) - taken.dot(ones)) / rows

    return run
