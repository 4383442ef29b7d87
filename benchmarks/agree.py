"""Contenders do the same work, or they are not compared.

The loss and every gradient at the start, then the parameters after five updates, each
against symdiff's. Contenders add in different orders, so results may differ by
rounding, which is judged beside the largest entry of the same array.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.case import Arrays, Contender

UPDATES = 5
LOSS = {"float32": 1e-4, "float64": 1e-10}
GRADIENT = {"float32": 2e-3, "float64": 1e-8}
NOISE = {"float32": 1e-5, "float64": 1e-13}  # of the largest gradient of all
MOVED = {"float32": 2e-2, "float64": 1e-6}  # of the way that the parameters went


class DisagreementError(AssertionError):
    """Two contenders do not compute the same step."""


def check(found: Mapping[str, Contender], dtype: str, first: str = "symdiff") -> None:
    """Take five steps with each contender; raise where one differs from the first."""
    begun = {name: _copied(c.params()) for name, c in found.items()}
    slopes = {name: _copied(c.gradients()) for name, c in found.items()}
    losses = {name: [c.step() for _ in range(UPDATES)] for name, c in found.items()}
    ended = {name: c.params() for name, c in found.items()}
    noise = NOISE[dtype] * max(map(_size, slopes[first].values()))
    for name in found:
        _same_names(name, slopes[name], slopes[first])
        _loss(name, losses[name], losses[first], LOSS[dtype])
        for k, slope in slopes[first].items():
            bound = noise + GRADIENT[dtype] * _size(slope)
            _near(f"{name}: gradient of {k}", slopes[name][k], slope, bound)
            start, end = begun[first][k], ended[first][k]
            _near(f"{name}: {k} at the start", begun[name][k], start, 0)
            if _size(slope) <= noise:
                continue  # of zero, Adam makes steps out of rounding
            bound = MOVED[dtype] * _size(end - start)
            _near(f"{name}: {k} after {UPDATES} steps", ended[name][k], end, bound)


def _size(a: np.ndarray) -> float:
    return float(np.abs(a).max(initial=0))


def _copied(arrays: Arrays) -> dict[str, np.ndarray]:
    return {k: np.array(v) for k, v in arrays.items()}


def _same_names(name: str, found: Arrays, expected: Arrays) -> None:
    if set(found) != set(expected):
        raise DisagreementError(f"{name} has {sorted(found)}, not {sorted(expected)}")


def _loss(name: str, found: list[float], expected: list[float], bound: float) -> None:
    if not np.allclose(found, expected, rtol=bound, atol=0):
        raise DisagreementError(f"{name}: losses {found}, not {expected}")


def _near(what: str, found: np.ndarray, expected: np.ndarray, bound: float) -> None:
    if found.shape != expected.shape:
        raise DisagreementError(f"{what}: shape {found.shape}, not {expected.shape}")
    apart = _size(found - expected)
    if not apart <= bound:
        raise DisagreementError(f"{what}: {apart:.3g} apart, {bound:.3g} allowed")
