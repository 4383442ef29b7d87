"""Integers beside what is differentiated: a call's dtype is the dtype, as in NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symdiff import transforms as T  # noqa: N812

KINDS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
USES: dict[str, Callable[[Any], Any]] = {
    "double": lambda i: 2 * i - 1,
    "square": lambda i: i * i + i,
    "negative": lambda i: -i,
    "comparison": lambda i: i - 1 < i,
    "selection": lambda i: np.where(i > 1, i, -i),
    "order": lambda i: np.sort(-i),
    "running sum": lambda i: np.cumsum(i),
    "power": lambda i: i**2,
    "remainder": lambda i: (3 * i) % 7,
    "quotient": lambda i: (i + i) // 3,
    "product of all": lambda i: np.prod(i) + 0 * i,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_integers_compute_as_in_numpy(use: Callable[[Any], Any], kind: str) -> None:
    i = np.array([0, 1, 20, 100, 127]).astype(kind)
    x = np.array([1.0, 2.0, 3.0, -4.0, 0.5])

    def f(x: Any, i: Any) -> Any:
        return np.sum(x * use(i))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of wrapping
        right, slope = f(x, i), np.asarray(use(i), float)
        given = T.value_and_grad(f)(x, i)
        around = T.value_and_grad(lambda x: f(x, i))(x)
    for value, gradient in (given, around):
        np.testing.assert_allclose(value, right, rtol=1e-12)
        np.testing.assert_array_equal(gradient, slope)


@pytest.mark.parametrize("kind", KINDS)
def test_integers_of_any_width_index(kind: str) -> None:
    x = np.array([1.0, 2.0, 3.0])
    found = T.grad(lambda x, i: np.sum(x[i] ** 2))(x, np.array([0, 2, 2]).astype(kind))
    np.testing.assert_array_equal(found, [2, 0, 12])
