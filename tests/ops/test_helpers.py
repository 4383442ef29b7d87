"""Accuracy of the functions that generated modules carry, against SciPy and mpmath."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

from symdiff.ops.core import helpers as helpers_text  # noqa: F401 - fills HELPERS
from symdiff.ops.core.helpers import HELPERS

RNG = np.random.default_rng(0)
WIDE = np.concatenate([RNG.normal(size=4000) * 3, RNG.normal(size=500) * 1e-3])
POSITIVE = np.concatenate(
    [10.0 ** RNG.uniform(-300, 300, 1000), RNG.uniform(0, 30, 4000)]
)
NEAR_ROOTS = np.concatenate(
    [1 + RNG.normal(size=50) * 1e-6, 2 + RNG.normal(size=50) * 1e-9]
)
NEGATIVE = -np.arange(20) - RNG.uniform(0.1, 0.9, 20)
OURS = ("erf", "erfc", "gammaln", "digamma", "polygamma", "sinc_derivative")


def exact(function: Callable[[Any], Any], points: np.ndarray) -> np.ndarray:
    """Return a function's values from fifty digits."""
    with mpmath.workdps(50):
        return np.array([float(function(mpmath.mpf(float(x)))) for x in points])


def error(got: np.ndarray, wanted: np.ndarray, floor: float = 0.0) -> float:
    """Return the largest error, relative to the value or, if more, to ``floor``."""
    return float(np.max(np.abs(got - wanted) / np.maximum(np.abs(wanted), floor)))


def test_erf() -> None:
    assert error(HELPERS["erf"](WIDE), special.erf(WIDE)) < 1e-15
    points = WIDE[:400]
    assert error(HELPERS["erf"](points), exact(mpmath.erf, points)) < 5e-16


def test_erfc() -> None:
    points = RNG.uniform(-6, 26, 400)
    assert error(HELPERS["erfc"](points), exact(mpmath.erfc, points)) < 2e-15
    assert error(HELPERS["erfc"](WIDE), special.erfc(WIDE)) < 5e-14  # SciPy's own error


def test_gammaln() -> None:
    assert error(HELPERS["gammaln"](POSITIVE), special.gammaln(POSITIVE), 1.0) < 8e-15
    assert error(HELPERS["gammaln"](NEGATIVE), special.gammaln(NEGATIVE), 1.0) < 1e-13
    points = np.concatenate([POSITIVE[1000:1400], NEAR_ROOTS])
    wanted = exact(lambda x: mpmath.log(mpmath.gamma(x)), points)
    assert error(HELPERS["gammaln"](points), wanted) < 8e-15


def test_digamma() -> None:
    assert error(HELPERS["digamma"](POSITIVE), special.digamma(POSITIVE), 1.0) < 4e-15
    assert error(HELPERS["digamma"](NEGATIVE), special.digamma(NEGATIVE), 1.0) < 1e-12


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
def test_polygamma(order: int) -> None:
    points = np.concatenate(
        [10.0 ** RNG.uniform(-15, 15, 500), RNG.uniform(0, 30, 1000)]
    )
    wanted = special.polygamma(order, points)
    assert error(HELPERS["polygamma"](order, points), wanted) < 1e-14
    below = exact(lambda x: mpmath.psi(order, x), NEGATIVE)
    assert error(HELPERS["polygamma"](order, NEGATIVE), below) < 1e-12


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_sinc_derivative(order: int) -> None:
    points = np.concatenate([WIDE[:40], [0.0, 1.0, 1e-9, -0.5]])
    wanted = exact(lambda x: mpmath.diff(mpmath.sincpi, x, order), points)
    got = HELPERS["sinc_derivative"](points, order)
    assert np.max(np.abs(got - wanted)) < 1e-14 * np.pi**order


@pytest.mark.parametrize("name", ["erf", "erfc", "gammaln", "digamma"])
def test_special_points(name: str) -> None:
    points = np.array([0.0, np.inf, np.nan, -1.0, -2.0, 1.0, 2.0])
    with np.errstate(all="raise", under="ignore"):
        got = HELPERS[name](points)
    np.testing.assert_allclose(got, getattr(special, name)(points), rtol=1e-14)


@pytest.mark.parametrize("name", OURS)
def test_dtype_and_shape_are_kept(name: str) -> None:
    def call(x: Any) -> Any:
        match name:
            case "polygamma":
                return HELPERS[name](1, x)
            case "sinc_derivative":
                return HELPERS[name](x, 1)
        return HELPERS[name](x)

    points = np.linspace(0.1, 5, 24).reshape(2, 3, 4)
    narrow = call(points.astype("float32"))
    assert narrow.dtype == "float32"
    assert narrow.shape == (2, 3, 4)
    rounded = call(points.astype("float32").astype("float64"))
    np.testing.assert_array_equal(narrow, rounded.astype("float32"))
    assert np.shape(call(np.float64(0.3))) == ()
    assert call(points[:0]).shape == (0, 3, 4)


def test_linear_recurrence() -> None:
    a, b = RNG.normal(size=(2, 3, 5, 2))
    for axis in range(3):
        got = np.moveaxis(HELPERS["linear_recurrence"](a, b, axis), axis, 0)
        factors, s = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0).copy()
        for k in range(1, len(s)):
            s[k] = factors[k] * s[k - 1] + s[k]
        np.testing.assert_allclose(got, s, rtol=1e-15)


@pytest.mark.parametrize("name", [*OURS, "linear_recurrence"])
def test_source_stands_alone(name: str) -> None:
    """The source runs where nothing but np is defined."""
    source = inspect.getsource(HELPERS[name])
    assert source.startswith(f"def _{name}(")
    assert max(map(len, source.splitlines())) <= 88
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    assert callable(space[f"_{name}"])
