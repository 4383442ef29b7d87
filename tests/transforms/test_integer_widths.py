"""Functions of integers of any width compute in the dtypes that NumPy computes in."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symdiff.graph.errors import SymdiffError
from symdiff.transforms import jit

KINDS = ["bool", *(f"{s}int{bits}" for s in ("", "u") for bits in (8, 16, 32, 64))]
trapezoid = getattr(np, "trapezoid", None) or np.trapz  # NumPy 1's name


def _of(name: str, count: int) -> Callable[[Any], Any]:
    function = getattr(np, name)
    return lambda n: function(*[n] * count)


WHOLE: dict[str, Callable[[Any], Any]] = {
    name: _of(name, 1)
    for name in (
        *("mean", "var", "std", "average", "median", "ptp", "sum", "prod", "cumsum"),
        *("cumprod", "diff", "nansum", "nanmean", "nanvar", "nanprod", "nanmax"),
        *("gradient", "square", "abs", "fabs", "reciprocal", "sign", "rint", "floor"),
        *("nan_to_num", "count_nonzero", "sort", "ones_like"),
    )
    if hasattr(np, name)
}
TWICE: dict[str, Callable[[Any], Any]] = {
    name: _of(name, 2)
    for name in (
        *("convolve", "dot", "vdot", "inner", "outer", "kron", "divide", "multiply"),
        *("add", "floor_divide", "fmod", "fmax", "float_power"),
    )
}
OTHERS: dict[str, Callable[[Any], Any]] = {
    "mean of rows": lambda n: np.mean(n.reshape(2, 2), axis=0),
    "freedom": lambda n: np.std(n, ddof=1),
    "weights": lambda n: np.average(n, weights=n),
    "weights of floats": lambda n: np.average(n * 0.5, weights=n),
    "weights that are floats": lambda n: np.average(n, weights=n * 0.5),
    "weights of an axis": lambda n: np.average(n.reshape(2, 2), axis=0, weights=n[:2]),
    "a list of weights": lambda n: np.average(n, weights=[1, 2, 3, 200]),
    "sum of weights": lambda n: np.average(n, weights=n, returned=True)[1],
    "quantile": lambda n: np.quantile(n, [0.2, 0.9]),
    "interpolation": lambda n: np.interp(n, [0, 100, 300], [1.0, 2, 4]),
    "areas": lambda n: trapezoid(n),
    "areas of a width": lambda n: trapezoid(n, dx=2),
    "areas between": lambda n: trapezoid(n, n),
    "areas of rows": lambda n: trapezoid(n.reshape(2, 2), axis=0),
    "cross": lambda n: np.cross(n[:3], n[1:]),
    "einsum": lambda n: np.einsum("i,i->", n, n),
    "tensordot": lambda n: np.tensordot(n, n, 1),
    "trace": lambda n: np.trace(n.reshape(2, 2)),
    "norm": lambda n: np.linalg.norm(n),
    "sum of sizes": lambda n: np.linalg.norm(n, 1),
    "determinant": lambda n: np.linalg.det(n.reshape(2, 2)),
    "power of a matrix": lambda n: np.linalg.matrix_power(n.reshape(2, 2), 2),
    "difference": lambda n: n[1:] - n[:-1],
    "quotient": lambda n: n // 7,
    "clipped": lambda n: np.clip(n, 1, 3),
    "rounded": lambda n: np.round(n, -1),
    "choice": lambda n: np.where(n > 1, n, 0.5),
    "method": lambda n: n.sum(dtype=np.float64) + n.mean(dtype=np.float64),
    "reduce": lambda n: np.multiply.reduce(n),
    "accumulate": lambda n: np.add.accumulate(n),
    "products": lambda n: np.multiply.outer(n, n),
}
POLYNOMIALS: dict[str, Callable[[Any], Any]] = {
    "integers": lambda n: np.polyval([1, 2, 3], n),
    "floats": lambda n: np.polyval([1.0, 2.0, 3.0], n),
    "of their own": lambda n: np.polyval(n, n),
    "narrow": lambda n: np.polyval(np.array([1, 2, 3], np.int8), n),
    "at a number": lambda n: np.polyval(n, 2),
    "at a float": lambda n: np.polyval(n, 0.5),
    "one coefficient": lambda n: np.polyval([7], n),
    "at a list": lambda n: np.polyval(n, [1, 2]),
    "none": lambda n: np.polyval([], n),
}
NEW = np.lib.NumpyVersion(np.__version__) >= "2.0.0"
if NEW:  # NumPy 1 looked at the values of the coefficients
    OTHERS |= {f"polynomial, {name}": use for name, use in POLYNOMIALS.items()}
USES = {**WHOLE, **{f"{name} of two": use for name, use in TWICE.items()}, **OTHERS}


def numbers(kind: str) -> np.ndarray:
    if kind == "bool":
        return np.array([True, False, True, True])
    high = np.iinfo(kind).max
    return np.array([high - 1, 100, 3, min(high, 2**62)], kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_integers_wrap_where_numpys_do(use: Callable[[Any], Any], kind: str) -> None:
    n = numbers(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of wrapping
        try:
            expected = np.asarray(use(n))
        except (TypeError, ValueError, np.linalg.LinAlgError):
            return  # what NumPy refuses is not silent
        try:
            found = np.asarray(jit(use)(n))
        except SymdiffError:
            return
    assert found.shape == expected.shape
    if expected.dtype.kind != "f":
        assert found.dtype == expected.dtype
    rounding = 1e-2 if expected.dtype == np.float16 else 1e-9  # ours is float64
    np.testing.assert_allclose(
        found.astype(float), expected.astype(float), rtol=rounding
    )
