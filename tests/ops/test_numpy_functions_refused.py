"""What functions composed of others refuse, and the words they say it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.transforms import grad, jit

V, A = np.arange(1.0, 6), np.arange(12.0).reshape(3, 4)
I5 = np.array([3, 1, 0, 4, 2])
B = np.array([True, False, True])
N = sd.dim("N")

REFUSED: dict[str, tuple[Callable[..., Any], Any, str]] = {
    "gradient order": (lambda v: np.gradient(v, edge_order=3), V, "edge_order 1 or 2"),
    "gradient short": (np.gradient, V[:1], "axis 0 needs 2 samples or more, got 1"),
    "gradient short 2": (
        lambda v: np.gradient(v, edge_order=2),
        V[:2],
        "needs 3 samples or more, got 2",
    ),
    "gradient spacings": (
        lambda a: np.gradient(a, 1.0, 2.0, 3.0),
        A,
        "3 spacings for 2",
    ),
    "gradient places": (
        lambda v: np.gradient(v, [0.0, 1.0]),
        V,
        r"vector of 5 places for axis 0, got shape \(2,\)",
    ),
    "gradient axis": (lambda v: np.gradient(v, axis=1), V, "axis 1 is out of range"),
    "gradient axis twice": (lambda a: np.gradient(a, axis=(0, -2)), A, "axis twice"),
    "gradient of booleans": (np.gradient, B, "not defined on booleans"),
    "ediff1d of booleans": (np.ediff1d, B, "not defined on booleans"),
    "ediff1d kind": (lambda n: np.ediff1d(n, to_end=1.5), I5, "to_end of float.*int64"),
    "cov axes": (np.cov, A.reshape(1, 3, 4), "a vector or a matrix"),
    "cov observations": (lambda a: np.cov(a, V), A, "observations of y as of m, got 5"),
    "cov ddof": (lambda a: np.cov(a, ddof=0.5), A, "ddof to be an integer"),
    "cov fweights": (lambda a: np.cov(a, fweights=[1, 0.5, 1, 1]), A, "integers"),
    "cov negative": (lambda a: np.cov(a, aweights=[-1, 1, 1, 1]), A, "0 or more"),
    "cov weights": (lambda a: np.cov(a, aweights=V), A, "vector of 4 weights"),
    "cov traced weights": (lambda a: np.cov(a, aweights=a[0]), A, "to be constants"),
    "vander axes": (np.vander, A, r"vander needs a vector, got shape \(3, 4\)"),
    "vander count": (lambda v: np.vander(v, -1), V, "N to be 0 or more"),
    "insert place": (
        lambda a: np.insert(a, 7, 1.0, 1),
        A,
        "index 7.*axis 1 with size 4",
    ),
    "insert traced place": (
        lambda n: np.insert(V, n[0], 1.0),
        I5,
        "places that are constants",
    ),
    "insert values": (lambda v: np.insert(v, [0, 1], V), V, "broadcast"),
    "insert kinds": (lambda v: np.insert(v, [0.5], 1.0), V, "vector of integers"),
    "delete place": (lambda a: np.delete(a, 5, 0), A, "index 5.*axis 0 with size 3"),
    "delete mask": (lambda a: np.delete(a, B, 1), A, "boolean.*length of 4"),
    "rollaxis": (lambda a: np.rollaxis(a, 0, 5), A, r"start in -2\.\.2, got 5"),
    "fftshift": (lambda a: np.fft.fftshift(a, 2), A, "axis 2 is out of range"),
    "cond": (lambda a: np.linalg.cond(a, 1), A, "square"),
    "cond of none": (np.linalg.cond, np.ones((0, 3)), "not defined on empty"),
    "cond order": (lambda a: np.linalg.cond(a[:, :3], "x"), A, "order 'x' of matrices"),
    "tensorsolve": (lambda a: np.linalg.tensorsolve(a, V[:3]), A, "as many elements"),
    "tensorinv": (lambda a: np.linalg.tensorinv(a, ind=0), A, "ind to be 1 or more"),
    "polyadd": (lambda a: np.polyadd(a, V), A, "vectors of coefficients"),
    "polyder": (lambda v: np.polyder(v, -1), V, "m to be an integer of 0 or more"),
    "polyint k": (lambda v: np.polyint(v, 3, k=[1.0, 2.0]), V, "number or 3 numbers"),
    "bincount length": (np.bincount, I5, "minlength="),
    "bincount weights": (
        lambda n: np.bincount(n, V[:2], 5),
        I5,
        "weight for each of 5 integers",
    ),
    "bincount floats": (lambda v: np.bincount(v, minlength=5), V, "integers"),
    "digitize": (lambda v: np.digitize(v, [0.0, 2.0, 1.0]), V, "ascend or descend"),
    "digitize axes": (lambda v: np.digitize(v, A), V, "a vector of bins"),
    "nanquantile": (lambda v: np.nanquantile(v, 1.5), V, "between 0 and 1"),
    "nanquantile method": (
        lambda v: np.nanquantile(v, 0.5, method="x"),
        V,
        "is not one",
    ),
    "ravel A": (lambda a: np.ravel(a, order="A"), A, "lies in memory"),
    "apply_along_axis": (
        lambda a: np.apply_along_axis(np.sum, 2, a),
        A,
        "axis 2 is out of range",
    ),
    "np.vectorize": (
        lambda v: np.vectorize(lambda x: x**2)(v),
        V,
        r"sd\.vectorize instead of np\.vectorize",
    ),
    "vectorize": (
        lambda v: sd.vectorize(lambda x: np.stack([x, x]))(v),
        V,
        "numbers as results",
    ),
    "apply_over_axes": (
        lambda a: np.apply_over_axes(lambda x, axis: x.sum(), a, [0]),
        A,
        "keeps the axes or drops one",
    ),
}
if hasattr(np, "cumulative_sum"):
    REFUSED |= {
        "cumulative_sum": (np.cumulative_sum, A, r"shape \(3, 4\) needs an axis"),
        "matrix_transpose": (np.matrix_transpose, V, "two axes or more"),
        "linalg.outer": (lambda a: np.linalg.outer(a, a), A, "two vectors"),
    }
if hasattr(np, "matvec"):
    REFUSED |= {
        "matvec": (lambda a: np.matvec(a, V), A, "of one inner length"),
        "vecmat": (lambda v: np.vecmat(v, A), V, "of one inner length"),
    }


@pytest.mark.parametrize("name", REFUSED)
def test_bad_arguments_are_named(name: str) -> None:
    function, value, words = REFUSED[name]
    with pytest.raises(sd.SymdiffError, match=f"(?s){words}") as raised:
        jit(function)(value)
    assert __file__ in str(raised.value)


DECLARED: dict[str, tuple[Callable[..., Any], str]] = {
    "fftshift": (lambda x: np.fft.fftshift(x), "written length"),
    "insert": (lambda x: np.insert(x, 0, 1.0), "written length"),
    "delete": (lambda x: np.delete(x, 0), "written length"),
    "polyder": (lambda x: np.polyder(x), "written length"),
    "apply_along_axis": (
        lambda x: np.apply_along_axis(np.sum, 1, sd.expand_dims(x, 1)),
        r"sd\.map",
    ),
}


@pytest.mark.parametrize("name", DECLARED)
def test_lengths_that_have_to_be_written_are_named(name: str) -> None:
    function, words = DECLARED[name]
    with pytest.raises(sd.SymdiffError, match=words):
        function(sd.input("x", (N,)))


def test_classes_beyond_the_last_are_refused_when_the_function_runs() -> None:
    counts = jit(lambda n, w: np.bincount(n, w, minlength=3))
    np.testing.assert_allclose(counts(np.array([0, 2, 2]), V[:3]), [1, 0, 5])
    for wrong in (3, -1):
        with pytest.raises((ValueError, IndexError)):
            counts(np.array([0, wrong, 2]), V[:3])


def test_a_place_of_nothing_but_nan_reads_no_element() -> None:
    value = np.array([[1.0, 3.0], [np.nan, np.nan]])
    places = jit(lambda a: np.nanargmax(a, axis=1))(value)
    np.testing.assert_array_equal(places, [1, -1])
    with pytest.raises((ValueError, IndexError)):
        jit(lambda a: np.take(a[1], np.nanargmax(a[1])))(value)


def test_constants_around_a_function_are_read_anew() -> None:
    edges, weights = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0, 1.0])
    bins, covariance = (
        jit(lambda v: np.digitize(v, edges)),
        jit(lambda a: np.cov(a, aweights=weights)),
    )
    for _ in range(2):
        np.testing.assert_array_equal(bins(V), np.digitize(V, edges))
        np.testing.assert_allclose(covariance(A), np.cov(A, aweights=weights))
        edges[:] = edges[::-1] * 2
        weights[:] = weights[::-1]


def test_the_slope_of_unwrapped_angles_is_that_of_the_angles() -> None:
    angles = np.array([0.0, 3.0, 7.0, 1.0])
    slopes = grad(lambda a: np.sum(np.unwrap(a) * np.arange(4)))(angles)
    np.testing.assert_allclose(slopes, np.arange(4))


def test_of_running_extremes_that_tie_the_first_gets_all() -> None:
    value = np.array([1.0, 3.0, 3.0, 2.0, 4.0, 4.0])
    weights = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    slopes = grad(lambda v: np.sum(np.maximum.accumulate(v) * weights))
    np.testing.assert_array_equal(slopes(value), [1, 14, 0, 0, 48, 0])
    slopes = grad(lambda v: np.sum(np.minimum.accumulate(v) * weights))
    np.testing.assert_array_equal(slopes(-value), [1, 14, 0, 0, 48, 0])


def test_what_has_no_running_extreme_has_no_slope() -> None:
    value = np.array([1.0, 2.0, np.nan, 5.0])
    slopes = grad(lambda v: np.sum(np.maximum.accumulate(v) * np.arange(4)))(value)
    assert np.isnan(slopes[1])
