"""Selections, and functions with infinite slopes, for tests of what is not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import symdiff as sd

INF, NAN = np.inf, np.nan


class Steep(NamedTuple):
    """f, f', f'', and points where f or f' is not finite."""

    call: Callable[[Any], Any]
    first: Callable[[Any], Any]
    second: Callable[[Any], Any]
    edges: tuple[float, ...]


STEEP: dict[str, Steep] = {
    "sqrt": Steep(
        sd.sqrt, lambda x: x**-0.5 / 2, lambda x: -(x**-1.5) / 4, (0, -1, INF, NAN)
    ),
    "log": Steep(sd.log, lambda x: 1 / x, lambda x: -1 / x**2, (0, -1, INF, NAN)),
    "power": Steep(
        lambda x: x**0.5, lambda x: x**-0.5 / 2, lambda x: -(x**-1.5) / 4, (0, -1, INF)
    ),
    "reciprocal": Steep(
        lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3, (0, INF, NAN)
    ),
    "exp": Steep(sd.exp, np.exp, np.exp, (INF, 1e4, NAN)),
    "square": Steep(
        lambda x: x * x, lambda x: 2 * x, lambda x: 2 + 0 * x, (INF, -INF, NAN)
    ),
    "root of a square": Steep(
        lambda x: sd.sqrt(x * x), np.sign, lambda x: 0 * x, (0, INF, NAN)
    ),
    "log of a root": Steep(
        lambda x: sd.log(sd.sqrt(x)),
        lambda x: 1 / (2 * x),
        lambda x: -1 / (2 * x**2),
        (0, -1, INF),
    ),
    "arcsin": Steep(
        lambda x: sd.arcsin(x / 10),
        lambda x: 1 / np.sqrt(100 - x**2),
        lambda x: x * (100 - x**2) ** -1.5,
        (10, 20, INF),
    ),
    "several": Steep(
        lambda x: sd.tanh(sd.log(x)) * x,
        lambda x: (x**2 - 1) / (x**2 + 1) + 4 * x**2 / (x**2 + 1) ** 2,
        lambda x: (
            4 * x / (x**2 + 1) ** 2 + (8 * x * (x**2 + 1) - 16 * x**3) / (x**2 + 1) ** 3
        ),
        (0, -1, NAN),
    ),
}

# Selections of x[2, 3], and which elements each reads; those have values from 1 to 6.
READ = np.arange(1.0, 7.0).reshape(2, 3)


def mask_of(*places: tuple[int, int]) -> Any:
    found = np.zeros((2, 3), bool)
    for place in places:
        found[place] = True
    return found


ROW = mask_of((1, 0), (1, 1), (1, 2))
ONE = mask_of((1, 1))
ENDS = mask_of((1, 0), (1, 2))

SELECT: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "one element": (lambda y: y[1, 1], ONE),
    "row": (lambda y: y[1], ROW),
    "last rows": (lambda y: y[-1:], ROW),
    "step": (lambda y: y[1, ::2], ENDS),
    "backwards": (lambda y: y[::-1, ::-1][0], ROW),
    "reads of three": (lambda y: y[1, 0] + 2 * y[1, 1] + y[1, 2], ROW),
    "reads of two": (lambda y: y[1, 0] * 2.0 + y[1, 2], ENDS),
    "array": (lambda y: y[np.array([1, 1]), np.array([0, 2])], ENDS),
    "take": (lambda y: sd.take(y, np.array([1]), 0), ROW),
    "take many": (lambda y: sd.take(y, np.array([1, 1, 1, 1]), 0), ROW),
    "take along": (
        lambda y: sd.take_along_axis(y, np.array([[0], [1]]), 1)[1:],
        mask_of((1, 1)),
    ),
    "pick": (lambda y: sd.pick(y, np.array([0, 1]))[1], ONE),
    "diagonal": (lambda y: sd.diagonal(y, 1)[1:], mask_of((1, 2))),
    "stack": (lambda y: sd.stack([y, 2 * y])[1, 1], ROW),
    "concatenate": (lambda y: sd.concatenate([y, y], 0)[3:], ROW),
    "halves": (lambda y: sd.concatenate([y[1:], y[:1]], 0)[:1], ROW),
    "split": (lambda y: sd.split(y, 2)[1], ROW),
    "pad": (lambda y: sd.pad(y, 1)[2, 1:3], mask_of((1, 0), (1, 1))),
    "roll": (lambda y: sd.roll(y, 1, 0)[0], ROW),
    "where": (lambda y: sd.where(ROW, y, 0.0), ROW),
    "where not": (lambda y: sd.where(~ROW, 1.0, y), ROW),
    "overwritten": (lambda y: y.at[0].set(0.0), ROW),
    "two masks": (lambda y: y[1, 0] + sd.sum(sd.where(ENDS, y, 0.0)), ENDS),
    "slice and take": (
        lambda y: sd.sum(y[1]) + sd.sum(sd.take(y, np.array([1, 1, 1]), 0)),
        ROW,
    ),
    "row sums": (lambda y: sd.sum(y, 1)[1], ROW),
    "row means": (lambda y: sd.mean(y, 1)[1:] * 2.0, ROW),
    "column of repeated": (lambda y: (y + sd.sum(y, 1, keepdims=True))[1, :2], ROW),
}


def points(steep: Steep, read: Any) -> Any:
    """Return x with edge points where it is not read."""
    at = READ.copy()
    at[~read] = [steep.edges[i % len(steep.edges)] for i in range((~read).sum())]
    return at
