"""The range of an array: extremes, mean, standard deviation and norm.

In: an array of numbers, as large or small as its dtype allows. Out: a `Range`, as exact
as floats can be. Invariant: nothing overflows, cancels or goes through a narrower dtype
on the way; elements that are not finite are counted apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

BINS = 25
ROOM = 60  # the sum of up to 2**60 floats, each divided by 2**60, is finite


@dataclass(frozen=True)
class Range:
    """The range of an array's finite elements, and the counts of the others."""

    array: np.ndarray

    @cached_property
    def nans(self) -> int:
        """How many elements are nan."""
        return int(np.isnan(self._wide).sum())

    @cached_property
    def infinities(self) -> int:
        """How many elements are infinite, of either sign."""
        return int(np.isinf(self._wide).sum())

    @cached_property
    def zeros(self) -> int:
        """How many elements are 0."""
        return int((self.array == 0).sum())

    @cached_property
    def _is_whole(self) -> bool:
        return self.array.dtype.kind in "iub"

    @cached_property
    def _wide(self) -> np.ndarray:
        return self.array.astype(np.float64).ravel()

    @cached_property
    def _fine(self) -> np.ndarray:
        return self._wide[np.isfinite(self._wide)]

    def __bool__(self) -> bool:
        """Whether any element is finite."""
        return bool(self._fine.size)

    @cached_property
    def low(self) -> Any:
        """The least element; of integers, an integer."""
        return (self.array if self._is_whole else self._fine).min().item()

    @cached_property
    def high(self) -> Any:
        """The greatest element."""
        return (self.array if self._is_whole else self._fine).max().item()

    @cached_property
    def mean(self) -> float:
        """The mean: the exact sum, divided."""
        if self._is_whole:
            return int(self.array.sum(dtype=object)) / self.array.size
        return _mean(self._fine)

    @cached_property
    def std(self) -> float:
        """The standard deviation, exact even if large numbers differ by little."""
        if self._is_whole:
            away = (self.array.astype(object).ravel() - self.low).astype(np.float64)
            return _spread(away)
        if math.isfinite(self.high - self.low):
            return _spread(self._fine - self.low)
        return 2 * _spread(self._fine / 2 - self.low / 2)

    @cached_property
    def norm(self) -> float | Decimal:
        """The Euclidean norm; a `Decimal` where it is beyond all floats."""
        scaled, exponent = _scaled(self._fine)
        root = math.sqrt(math.fsum(scaled**2))
        try:
            return math.ldexp(root, exponent)
        except OverflowError:
            return Decimal(root) * Decimal(2) ** exponent

    def histogram(self) -> list[int]:
        """Return how many elements lie in each of some bins between the extremes."""
        fine = self._fine
        low, high = float(fine.min()), float(fine.max())
        if not high > low:
            return [int(fine.size)]
        if not math.isfinite(high - low):
            fine, low, high = fine / 2, low / 2, high / 2
        places = ((fine - low) / (high - low) * BINS).astype(np.int64)
        counts = np.bincount(np.minimum(places, BINS - 1), minlength=BINS)
        return [int(n) for n in counts]


def _mean(wide: np.ndarray) -> float:
    try:
        return math.fsum(wide) / wide.size
    except OverflowError:
        return math.ldexp(math.fsum(np.ldexp(wide, -ROOM)) / wide.size, ROOM)


def _spread(away: np.ndarray) -> float:
    """Return the standard deviation of numbers that are measured from their least."""
    scaled, exponent = _scaled(away)
    return math.ldexp(math.sqrt(_mean((scaled - _mean(scaled)) ** 2)), exponent)


def _scaled(wide: np.ndarray) -> tuple[np.ndarray, int]:
    """Return numbers divided by a power of two, and its exponent.

    The largest magnitude is then between 1/2 and 1, so that squares do not overflow and
    those of the largest do not vanish.
    """
    exponent = math.frexp(float(np.abs(wide).max()))[1]
    return np.ldexp(wide, -exponent), exponent
