"""Python's numbers joined to arrays, and scalars of arrays, have NumPy's dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symdiff.transforms import jit

KINDS = ["bool", *(f"{s}int{bits}" for s in ("", "u") for bits in (8, 16, 32, 64)),
         "float64"]  # fmt: skip
JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "hstack": lambda n, k: np.hstack([n, k]),
    "hstack, first": lambda n, k: np.hstack([k, n]),
    "vstack": lambda n, k: np.vstack([n[:1], k]),
    "dstack": lambda n, k: np.dstack([n[:1], k]),
    "column_stack": lambda n, k: np.column_stack([n[:1], k]),
    "append": lambda n, k: np.append(n, k),
    "append a list": lambda n, k: np.append(n, [k, k]),
    "concatenate": lambda n, k: np.concatenate([n, [k]]),
    "concatenate, flat": lambda n, k: np.concatenate([n, [k]], axis=None),
    "stack": lambda n, k: np.stack([n[0], k]),
    "block": lambda n, k: np.block([n, k]),
    "block of rows": lambda n, k: np.block([[n[:2]], [k, n[:1]]]),
}
SCALARS: dict[str, Callable[[Any], Any]] = {
    "square": lambda n: (n[0] ** 2 + n[0] ** 2) * 100,
    "square of a sum": lambda n: n.max() ** 2,
    "squares": lambda n: n**2 + n**2,
    "square of an array": lambda n: n[:1].reshape(()) ** 2,
    "cube": lambda n: n[0] ** 3,
    "squares by name": lambda n: np.square(n[0]),
    "power by name": lambda n: np.power(n[0], 2),
}


def numbers(kind: str) -> np.ndarray:
    if kind in ("bool", "float64"):
        return np.array([1, 0, 1], kind)
    return np.array([np.iinfo(kind).max, 3, 1], kind)


def _same(function: Callable[..., Any], n: np.ndarray) -> None:
    expected, found = np.asarray(function(n)), np.asarray(jit(function)(n))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("number", [5, -1, 2**60 + 1, 0.5])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("join", JOINS.values(), ids=JOINS)
def test_numbers_beside_arrays(
    join: Callable[[Any, Any], Any], kind: str, number: Any
) -> None:
    _same(lambda n: join(n, number), numbers(kind))


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("use", SCALARS.values(), ids=SCALARS)
def test_scalars_of_arrays(use: Callable[[Any], Any], kind: str) -> None:
    _same(use, numbers(kind))
