"""What NumPy answers in integers is answered in integers, to the last bit.

A quantile that picks one of the elements, a reduction from a float, a choice between
two integers: floats would round what is above 2**53.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.ops.reduce.quantiles import METHODS
from symdiff.transforms import grad, jit

N = np.array([[2**60 + 1, 3, 2**60 + 7], [-5, 2**60 + 3, 11]])
KINDS = ("int64", "int32", "float32", "float64")


def same(found: Any, expected: Any) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype.kind == expected.dtype.kind
    if expected.dtype.kind == "i":
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("method", METHODS)
def test_quantiles_of_integers(method: Any, axis: Any) -> None:
    def f(x: Any) -> Any:
        return np.quantile(x, 0.3, axis=axis, method=method)

    same(jit(f)(N), f(N))


@pytest.mark.parametrize("initial", [2.5, -2.5, 3, np.float64(7.9), np.int8(4)])
@pytest.mark.parametrize("axis", [None, 0, ()])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("kind", KINDS)
def test_reductions_from_a_number(
    kind: str, name: str, axis: Any, initial: Any
) -> None:
    x = np.array([[1, 5, 2], [7, 3, 4]]).astype(kind)

    def f(x: Any) -> Any:
        return getattr(np, name)(x, axis=axis, initial=initial)

    same(jit(f)(x), f(x))


def test_what_is_no_integer_is_refused() -> None:
    with pytest.raises(sd.SymdiffError, match="initial=inf is no integer"):
        jit(lambda x: np.sum(x, initial=np.inf))(N)


SIDES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "two integers": (lambda n: 2**60 + 1, lambda n: 3),
    "an integer and one of an array": (lambda n: 2**60 + 1, lambda n: n[0, 2]),
    "an integer and a float": (lambda n: 2, lambda n: 0.5),
    "two floats": (lambda n: 2.0, lambda n: 0.5),
    "in containers": (lambda n: (2**60 + 1, 1.5), lambda n: (n[0, 0], 2)),
}


@pytest.mark.parametrize("sides", SIDES.values(), ids=SIDES)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_choices_between_integers(sign: float, sides: Any) -> None:
    found = jit(lambda s, n: sd.cond(s > 0, *sides, n))(sign, N)
    taken, other = sides if sign > 0 else sides[::-1]
    pairs = [(taken(N), other(N))]
    if isinstance(pairs[0][0], tuple):
        pairs = list(zip(*pairs[0], strict=True))
    else:
        found = (found,)
    for got, (a, b) in zip(found, pairs, strict=True):
        same(got, np.asarray(a).astype(np.result_type(np.asarray(a), np.asarray(b))))


def test_a_chosen_integer_is_a_factor() -> None:
    f = grad(lambda x: sd.cond(x > 0, lambda: 2, lambda: 3) * x)
    assert (f(1.0), f(-1.0)) == (2.0, 3.0)


@pytest.mark.parametrize("q", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("x", [[1, np.inf, np.inf], [-np.inf, 1], [2, np.inf, 1, 3]])
def test_quantiles_beside_infinities(x: Any, q: float) -> None:
    given = np.array([x, x], float)
    with np.errstate(all="ignore"):
        for f in (lambda v: np.quantile(v, q, axis=1), lambda v: np.median(v, axis=1)):
            np.testing.assert_array_equal(jit(f)(given), f(given))
