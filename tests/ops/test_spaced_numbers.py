"""linspace, logspace and geomspace between arrays are NumPy's, to the last bit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.transforms import grad, jit

KINDS = [
    "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
]
RNG = np.random.default_rng(0)
EVENLY = ("linspace", "logspace")


def _bounds(name: str) -> list[tuple[Any, Any]]:
    """Return bounds: those whose sums round, overflow or cancel, and random ones."""
    some = [(1.0, 0.3), (1.0, 1.0), (-1.0, -1000.0), (5.0, 1.0), (2.0, 3.0)]
    if name == "linspace":
        some += [(1e17, 1.0), (1e308, -1e308), (0.0, -0.0), (np.inf, 1.0)]
    if name != "geomspace":
        some += [(0.0, 0.7), (-0.7, 0.3)]
    vectors = RNG.uniform(0.1, 2.0, (3, 2, 4)) * RNG.choice([-1.0, 1.0], 4)
    return some + [(a, b) for a, b in vectors] + [(a[0], b) for a, b in vectors]


def _same(function: Callable[..., Any], *args: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = function(*args), jit(function)(*args)
    pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else ()
    for f, e in pairs or ((found, expected),):
        assert np.shape(f) == np.shape(e)
        np.testing.assert_array_equal(f, e)


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("num", [0, 1, 2, 3, 10])
@pytest.mark.parametrize("name", [*EVENLY, "geomspace"])
def test_numbers_between_traced_bounds(name: str, num: int, endpoint: bool) -> None:
    function = getattr(np, name)
    for a, b in _bounds(name):
        _same(lambda a, b: function(a, b, num, endpoint), a, b)


@pytest.mark.parametrize("name", [*EVENLY, "geomspace"])
def test_one_bound_is_a_number(name: str) -> None:
    function = getattr(np, name)
    for bound in (0.3, np.array([0.3, 0.7])):
        _same(lambda b: function(1, b, 6), bound)
        _same(lambda b: function(b, 2.5, 6), bound)


@pytest.mark.parametrize("num", [0, 1, 4])
def test_axes_and_distances(num: int) -> None:
    a, b = np.array([1.0, 2.0]), np.array([[0.5, -1.0], [3.0, 3.0]])
    for axis in (0, 1, -1):
        for options in ({"axis": axis}, {"axis": axis, "retstep": True}):
            _same(lambda a, b, o=options: np.linspace(a, b, num, **o), a, b)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*EVENLY, "geomspace"])
def test_bounds_of_any_integer_width(name: str, kind: str) -> None:
    function = getattr(np, name)
    high = np.iinfo(kind).max if kind != "bool" else 1
    values = [5, 1, 3, 2] if name == "logspace" else [high, 1, 100, high - 5]
    if kind == "bool":
        values = [1, 1, 1, 1] if name == "geomspace" else [1, 0, 0, 1]
    n = np.array(values, kind)
    _same(lambda n: function(n[:2], n[2:], 5), n)
    _same(lambda n: function(n[0], n[1], 5), n)
    if name == "linspace":
        _same(lambda n: np.linspace(n[:2], n[2:], 5, retstep=True), n)
        _same(lambda n: np.linspace(n[:2], n[2:], 5, dtype=int), n.astype("int16"))


@pytest.mark.parametrize("name", ["linspace", "geomspace"])
def test_numbers_between_numbers_have_exact_ends(name: str) -> None:
    for a, b in [(2.0, 3.0), (1, 64), (-1.0, -0.3), (3.0, 1e-5)]:
        y = getattr(sd, name)(a, b, 7)
        np.testing.assert_array_equal(sd.interpret(y, {}), getattr(np, name)(a, b, 7))


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("num", [0, 1, 5])
def test_slopes_in_both_bounds(num: int, endpoint: bool) -> None:
    a, b = np.array([1.0, -2.0, 3.0]), np.array([4.0, -5.0, 0.5])
    weight = RNG.normal(size=(num, 3))
    steps = max(num - endpoint, 1)
    t = (np.arange(num) / steps)[:, None]

    def total(name: str) -> Callable[[Any, Any], Any]:
        function = getattr(np, name)
        return lambda a, b: (weight * function(a, b, num, endpoint)).sum()

    y = np.geomspace(a, b, num, endpoint)
    for name, share in (("linspace", (1.0, 1.0)), ("geomspace", (y / a, y / b))):
        found = grad(total(name), (0, 1))(a, b)
        right = [(weight * (1 - t) * share[0]).sum(0), (weight * t * share[1]).sum(0)]
        for f, r in zip(found, right, strict=True):
            np.testing.assert_allclose(f, r, atol=1e-14)


def test_bounds_of_0_have_no_progression() -> None:
    with pytest.raises(sd.DeclarationError, match="other than 0"):
        sd.geomspace(0, sd.input("x", ()), 4)


@pytest.mark.parametrize("shape", [(), (3,), (1, 3)])
@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "1.25.0", reason="bases were numbers before"
)
def test_bases_are_beside_the_bounds(shape: tuple[int, ...]) -> None:
    base = RNG.uniform(1.0, 3.0, shape)
    for bound in (1.5, np.array([1.0, 2.0, 0.5])):
        _same(lambda a, base: np.logspace(a, 2.0, 3, base=base), bound, base)
