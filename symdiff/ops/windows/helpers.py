"""Functions for generated modules that would else write out a loop for each window.

In: arrays whose last axes windows lie along, side by side. Out: arrays. Invariant: each
function uses numpy and the others here alone, so that its source can be copied out, and
computes the bits of its op's form with ``out=``.
"""

from __future__ import annotations

import numpy as np

from symdiff.ops.core.helpers import helper
from symdiff.ops.windows.views import Geometry


def tiles(g: Geometry, ndim: int) -> bool:
    """Whether windows lie side by side along the last axes."""
    last = tuple(range(ndim - len(g.axes), ndim))
    return g.axes == last and g.stride == g.window and set(g.dilation) == {1}


def _tiles(shape: tuple, window: tuple) -> list:
    """Return the index of each element of a window in all windows, of a shape."""
    stops = np.multiply(shape[-len(window) :], window)
    return [tuple(map(slice, at, stops, window)) for at in np.ndindex(window)]


def _pool_winners(x: np.ndarray, largest: np.ndarray, window: tuple) -> np.ndarray:
    """Return which element of its window is the largest; of equal ones the first."""
    winner, lost = np.zeros_like(largest, np.uint8), np.ones_like(largest, bool)
    for place in _tiles(largest.shape, window)[:-1]:
        lost &= x[(..., *place)] != largest
        winner += lost
    return winner


def _unpool(d: np.ndarray, winner: np.ndarray, tile: tuple, shape: tuple) -> np.ndarray:
    """Return zeros of a shape, with each tile's d at the place of its winner."""
    out = np.zeros_like(winner, d.dtype, shape=shape)  # in the same order in memory
    for number, place in enumerate(_tiles(winner.shape, tile)):
        np.copyto(out[(..., *place)], d, where=winner == number)
    return out


# Not registered by decorators, which would be part of the source.
for _function in (_tiles, _pool_winners, _unpool):
    helper(_function)
