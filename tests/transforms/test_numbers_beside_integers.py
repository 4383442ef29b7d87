"""A number beside integers has the dtype that NumPy gives it, in every function.

Elementwise, Python's numbers are weak. Functions that make arrays of their operands
first (products, joins) see 64 bits, and NumPy's own numbers keep their width.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.errors import SymdiffError
from symdiff.transforms import jit

NEW = np.lib.NumpyVersion(np.__version__) >= "2.0.0"
pytestmark = pytest.mark.skipif(not NEW, reason="NumPy 1 looks at a number's value")

NAMES = (
    *("add", "subtract", "multiply", "floor_divide", "mod", "fmod", "maximum", "fmin"),
    *("power", "greater", "equal", "dot", "inner", "outer", "vdot", "kron", "append"),
    *("divide", "float_power"),
)
Form = Callable[[Any, Any], Any]
JOINS: dict[str, Form] = {
    "method dot": lambda a, b: a.dot(b),
    "tensordot": lambda a, b: np.tensordot(a, b, 0),
    "einsum": lambda a, b: np.einsum("...,...->...", a, b),
    "einsum of lists": lambda a, b: np.einsum(a, [...], b, [...]),
    "ufunc outer": lambda a, b: np.multiply.outer(a, b),
    "stack": lambda a, b: np.stack([a[0], b]),
    "hstack": lambda a, b: np.hstack([a, b]),
    "column_stack": lambda a, b: np.column_stack([a[:1], b]),
    "block": lambda a, b: np.block([a, b]),
    "where": lambda a, b: np.where(a > 1, a, b),
    "polyval": lambda a, b: np.polyval(a, b),
    "one coefficient": lambda a, b: np.polyval(a[:1], b),
}
REFUSALS = (
    SymdiffError,
    ValueError,
    TypeError,
    OverflowError,
    LookupError,
    AttributeError,
)
FORMS: dict[str, Form] = {name: getattr(np, name) for name in NAMES} | JOINS
NUMBERS = (2, -3, 100, 2.5, True, np.int8(5), np.uint8(200), np.int64(3), np.uint16(9))
ARRAYS = {
    "int8": np.array([100, 50, 3], np.int8),
    "uint8": np.array([200, 7, 1], np.uint8),
    "int64": np.array([2**60 + 1, 7, -3]),
    "bool": np.array([True, False, True]),
}


def answer(form: Form, operands: tuple[Any, Any], run: Callable[[Any], Any]) -> Any:
    """Return what a form gives, or None where it is refused."""
    left, right = operands
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            if isinstance(left, np.ndarray):
                return run(lambda a: form(a, right))(left)
            return run(lambda a: form(left, a))(right)
        except REFUSALS:
            return None


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_numbers_have_numpys_dtype(form: Form, kind: str) -> None:
    a = ARRAYS[kind]
    for number in NUMBERS:
        for operands in ((a, number), (number, a)):
            expected = answer(form, operands, lambda f: f)
            found = answer(form, operands, jit)
            if expected is None or found is None:
                continue  # what is refused is not silent
            told = f"{operands}: {expected!r} but {found!r}"
            if np.asarray(expected).dtype.kind == "f":  # float16 is float64 here
                np.testing.assert_allclose(found, expected, rtol=1e-2, err_msg=told)
                assert found.dtype.kind == "f", told
            else:
                np.testing.assert_array_equal(found, expected, err_msg=told)
                assert found.dtype == np.asarray(expected).dtype, told


def test_floats_elsewhere_narrow_no_integers() -> None:
    """A call with float32 computes floats in it, and integers as integers."""
    n, x = np.array([20_000_001]), np.ones(1, np.float32)
    for form in ("kron", "vdot", "dot", "inner", "outer"):
        found = jit(lambda n, x, f=form: (getattr(np, f)(n, 3), x))(n, x)[0]
        assert found.dtype == np.int64, form
        assert np.ravel(found)[0] == 60_000_003, form


WITHOUT_AXES: dict[str, Callable[[Any], Any]] = {
    "median": np.median,
    "quantile": lambda n: np.quantile(n, 0.3),
    "percentile": lambda n: np.percentile(n, [20, 50]),
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
    "average": np.average,
    "one of a row": lambda n: np.median(n[None]),
}


@pytest.mark.parametrize("use", WITHOUT_AXES.values(), ids=WITHOUT_AXES)
def test_statistics_of_one_integer_are_floats(use: Callable[[Any], Any]) -> None:
    n = np.array(100, np.int8)
    expected, found = use(n) * 2, jit(lambda n: use(n) * 2)(n)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_one_coefficient_has_the_dtype_of_the_polynomial() -> None:
    n, x = np.array([3], np.int8), np.array([0.5, 1.0])
    found = jit(lambda n, x: np.polyval(n, x) * 100)(n, x)
    np.testing.assert_array_equal(found, [300.0, 300.0])


# --- numbers that a dtype cannot hold -------------------------------------------------

MISFITS: dict[str, Callable[[Any], Any]] = {
    "full_like": lambda n: sd.full_like(n, 300),
    "of NumPy": lambda n: np.full_like(n, 300),
    "not a number": lambda n: np.full_like(n, np.nan),
    "infinite": lambda n: np.full_like(n, np.inf),
    "full": lambda n: n + sd.full((3,), -129, dtype="int8"),
    "pad": lambda n: np.pad(n, 1, constant_values=300),
    "pad with NaN": lambda n: np.pad(n, 1, constant_values=np.nan),
    "piecewise": lambda n: np.piecewise(n, [n > 60], [300, 4]),
    "added": lambda n: sd.at(n, 0).add(300),
    "set": lambda n: sd.at(n, 0).set(300),
    "cast": lambda n: n + sd.cast(300, "int8"),
    "constant": lambda n: n + sd.constant([1, 300, 2], dtype="int8"),
}


@pytest.mark.parametrize("use", MISFITS.values(), ids=MISFITS)
def test_numbers_that_do_not_fit_are_refused(use: Callable[[Any], Any]) -> None:
    with pytest.raises((TypeError, OverflowError), match=r"cannot hold|out of bounds"):
        jit(use)(np.array([100, 50, 1], np.int8))


def test_numbers_that_fit_are_taken() -> None:
    n = np.array([100, 50], np.int8)
    for number, kind in ((-128, "int8"), (127, "int8"), (2**63 - 1, "int64")):
        found = jit(lambda n, v=number, k=kind: n * 0 + sd.full((2,), v, dtype=k))(n)
        np.testing.assert_array_equal(found, [number] * 2)
    assert jit(lambda n: np.full_like(n, 2.7))(n).tolist() == [2, 2]  # as NumPy's
