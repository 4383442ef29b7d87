"""Functions composed of others: NumPy's values, dtypes and shapes, and their slopes.

Slopes are held against differences of NumPy's own function.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import function_cases_shape  # noqa: F401 - fills the table
import numpy as np
import pytest
from function_cases import CASES

from symdiff.transforms import grad, jit

STEP = 1e-5
# NumPy computes these in float64, whatever is given; here floats stay as they are.
WIDENED = (
    *("cov", "corrcoef", "bincount", "interp", "polyint", "polyder", "vander"),
    "fromfunction",
)


@contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():  # of NumPy's, of rows of NaN
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def is_float(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


@pytest.mark.parametrize("name", CASES)
def test_values_are_numpys(name: str) -> None:
    function, args = CASES[name]
    with quiet():
        expected, found = several(function(*args)), several(jit(function)(*args))
    assert len(found) == len(expected)
    for got, wanted in zip(found, expected, strict=True):
        assert np.shape(got) == np.shape(wanted)
        assert np.asarray(got).dtype == np.asarray(wanted).dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-12)


NARROW = [n for n, (_, args) in CASES.items() if any(is_float(a) for a in args)]


@pytest.mark.parametrize("name", NARROW)
def test_narrow_floats_stay_narrow(name: str) -> None:
    function, args = CASES[name]
    narrow = [a.astype(np.float32) if is_float(a) else a for a in args]
    with quiet():
        expected, found = several(function(*narrow)), several(jit(function)(*narrow))
    for got, wanted in zip(found, expected, strict=True):
        if is_float(got):
            assert np.asarray(got).dtype == np.float32
            wide = name.startswith(WIDENED) or mixed(name)
            assert wide or np.asarray(wanted).dtype == np.float32
            np.testing.assert_allclose(got, wanted, rtol=2e-3, atol=2e-4)


def mixed(name: str) -> bool:
    """Whether a case mixes its arguments with arrays of float64."""
    return any(
        w in name for w in ("holes", "nan", "places", "spacings", "constant", "number")
    )


def weighed(function: Callable[..., Any], args: Sequence[Any]) -> Callable[..., Any]:
    """Return the sum of a function's results, each element with its own weight."""
    with quiet():
        shapes = [np.shape(r) for r in several(function(*args))]
    rng = np.random.default_rng(0)
    weights = [rng.uniform(1, 2, size=s) for s in shapes]

    def total(*given: Any) -> Any:
        parts = several(function(*given))
        sums = [np.sum(w * p) for w, p in zip(weights, parts, strict=True)]
        return sum(sums[1:], sums[0])

    return total


def differences(total: Callable[..., Any], args: Sequence[Any], at: int) -> np.ndarray:
    found = np.zeros_like(args[at])
    for place in np.ndindex(found.shape):
        ends = []
        for sign in (1, -1):
            moved = args[at].copy()
            moved[place] += sign * STEP
            ends.append(total(*args[:at], moved, *args[at + 1 :]))
        found[place] = (ends[0] - ends[1]) / (2 * STEP)
    return found


def has_slopes(name: str) -> bool:
    function, args = CASES[name]
    with quiet():
        results = several(function(*args))
    smooth = any(is_float(r) and np.size(r) for r in results)
    return smooth and name in NARROW and all(np.isfinite(r).all() for r in results)


@pytest.mark.parametrize("name", [n for n in CASES if has_slopes(n)])
def test_slopes_are_those_of_numpys_function(name: str) -> None:
    function, args = CASES[name]
    total = weighed(function, args)
    for at, value in enumerate(args):
        if not is_float(value):
            continue
        with quiet():
            found = grad(total, at)(*args)
            wanted = differences(total, args, at)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
