"""A Python number is an operand like another: what is built of it also runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.ops.core.operands import API
from symdiff.transforms import jit

X = np.array([1.0, 2.0, 3.0])
# These take what is differentiated, or a key; a reciprocal of a number is no integer.
OTHER = {"grad", "jacobian", "hessian", "hvp", "gnvp", "jvp", "vjp", "reciprocal"}
OTHER |= {"random.normal", "random.uniform", "random.bernoulli"}
# "x" stands for the traced array.
OPERANDS: list[tuple[Any, ...]] = [
    *((2.0,), (2,), (2.0, "x"), ("x", 2.0), ("x", 2), (2, "x"), (2.0, 0), (2.0, -1)),
    *((2.0, (1,)), (2.0, 1, "x"), (2.0, 2.0)),
]


def of_numpy(name: str) -> Any:
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def results(function: Any, args: tuple[Any, ...], x: Any) -> list[Any]:
    found = function(*(x if isinstance(a, str) else a for a in args))
    several = found if isinstance(found, (tuple, list)) else [found]
    return [x.sum() * 1.0, *(r * 1.0 for r in several)]


def is_built(function: Any, args: tuple[Any, ...]) -> bool:
    try:
        sd.trace(lambda x: results(function, args, x), X.shape)
    except Exception:
        return False  # not a number for this function, whatever the error
    return True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(API) - OTHER))
def test_what_takes_a_number_runs(name: str) -> None:
    """All that is built of a function and numbers is run as one program."""
    built = [args for args in OPERANDS if is_built(API[name], args)]
    found = jit(lambda x: [results(API[name], args, x) for args in built])(X)
    for args, got in zip(built, found, strict=True):
        try:
            expected = results(of_numpy(name), args, X)
        except Exception:
            continue
        for f, e in zip(got, expected, strict=True):
            np.testing.assert_allclose(f, e, rtol=1e-12, err_msg=str(args))


@pytest.mark.parametrize(
    "program",
    [
        lambda a: np.size(a, 1) * a,
        lambda a: np.size(a, axis=0) * a,
        lambda a: np.size(a=a) * a,
        lambda a: np.outer(2.0, a),
        lambda a: np.outer(a, 2),
        lambda a: np.outer(a, [1, 2]),
        lambda a: np.multiply.outer(2.0, a),
        lambda a: np.add.outer(a, 3),
    ],
)
@pytest.mark.parametrize("kind", ["float64", "int64", "uint8"])
def test_numbers_beside_arrays(program: Callable[[Any], Any], kind: str) -> None:
    a = np.arange(6).reshape(2, 3).astype(kind)
    expected, found = program(a), jit(program)(a)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
