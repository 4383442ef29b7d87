"""Single writes in place, in words: what is written, what is refused and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.ops.core.operands import API
from symdiff.ops.surface.writes import VIEWS


def test_a_fresh_value_is_written_in_place_as_usual() -> None:
    W, b = np.ones((3, 2)), np.array([1.0, 2.0])

    def loss(x: Any) -> Any:
        h = x @ W
        h += b
        h *= 2
        return np.sum(h**2)

    x = np.ones((4, 3))
    expected = 2 * 2 * 2 * (x @ W + b) @ W.T
    np.testing.assert_allclose(T.grad(loss)(x), expected)


def test_a_running_sum_of_numbers_is_bound_anew() -> None:
    def f(x: Any) -> Any:
        total = 0.0
        first = total = total + np.sum(x)
        total += np.sum(x**2)
        return first, total

    found = T.jit(f)(np.array([1.0, 2.0]))
    assert [float(v) for v in found] == [3.0, 8.0]
    s, t = T.jit(lambda s: (s, _plus_one(s)))(2.0)
    assert (s, t) == (2.0, 3.0)


def _plus_one(s: Any) -> Any:
    s += 1.0
    return s


@pytest.mark.parametrize("transform", [T.jit, T.grad, T.value_and_grad, T.hessian])
def test_the_callers_array_is_refused_by_name(transform: Any) -> None:
    def f(weights: Any) -> Any:
        weights += 1.0
        return np.sum(weights**2)

    with pytest.raises(sd.TracingError, match="'weights'") as refused:
        transform(f)(np.ones(3))
    assert "weights += 1.0" in str(refused.value)
    assert "copy" in str(refused.value)


def test_a_view_of_the_callers_array_is_refused_too() -> None:
    def f(x: Any) -> Any:
        row = x[0]
        row *= 2.0
        return np.sum(row)

    with pytest.raises(sd.TracingError, match=r"row \*= 2\.0"):
        T.grad(f)(np.ones((2, 2)))


def test_an_array_around_the_function_that_it_writes_is_refused() -> None:
    table = np.zeros(3)

    def f(x: Any) -> Any:
        nonlocal table
        result = x * table
        table += 1.0
        return np.sum(result)

    with pytest.raises(sd.TracingError, match="table"):
        T.grad(f)(np.ones(3))


def test_a_branch_does_not_write_what_is_around_it() -> None:
    def f(x: Any) -> Any:
        h = x * 2.0

        def then() -> Any:
            nonlocal h
            h += 1.0
            return h

        chosen = sd.cond(x[0] > 0, then, lambda: x * 3.0)
        return np.sum(chosen + h)

    with pytest.raises(sd.TracingError, match="outside of this function"):
        T.grad(f)(np.ones(2))


def test_kinds_that_do_not_fit_are_errors_as_in_numpy() -> None:
    def f(x: Any) -> Any:
        n = np.arange(3) * np.argmax(x)
        n += x
        return np.sum(n * 1.0)

    with pytest.raises(TypeError):
        f(np.ones(3))
    with pytest.raises(sd.TracingError, match=r"n \+= x"):
        T.jit(f)(np.ones(3))


def test_declared_tensors_stay_immutable() -> None:
    x = sd.input("x", (3,))
    y = z = x * 2.0
    y += 1.0
    assert z is not y
    given = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(sd.interpret(z, {x: given}), given * 2)
    np.testing.assert_allclose(sd.interpret(x.sort(), {x: given[::-1]}), given)


def test_views_are_those_of_numpy() -> None:
    """A function whose NumPy twin hands out a view is known as one."""
    a, v = np.arange(1.0, 10).reshape(3, 3), np.arange(1.0, 4)
    operands: list[tuple[Any, ...]] = [
        *((a,), (v,), (a, 1), (a, 0, 1), (a, (0,)), (a, (3, 3)), (a[:1],), (a, a)),
        *((a, v), (v, v), ("ij->ji", a), ("ii->i", a), (v, v, v), (a > 0, a, a)),
        *((a, 3), (v, 0), (v, 1), (v, [True, False, True]), ([a, a],)),
    ]
    names = [n for n in API if "." not in n and hasattr(np, n)]
    assert len(names) > 150
    found = {n for n in names for args in operands if _shares(getattr(np, n), args)}
    writes = {"nan_to_num"}  # with copy=False
    last_is_out = {"dot", "fix", "isneginf", "isposinf"}
    assert found - writes - last_is_out <= VIEWS


def _shares(function: Any, args: tuple[Any, ...]) -> bool:
    if isinstance(function, np.ufunc) and len(args) > function.nin:
        return False  # the last is out=
    try:
        with np.errstate(all="ignore"):
            result = function(*args)
    except Exception:
        return False
    results = result if isinstance(result, (list, tuple)) else [result]
    arrays = [p for p in args if isinstance(p, np.ndarray)]
    return any(np.may_share_memory(r, p) for r in results for p in arrays
               if isinstance(r, np.ndarray) and r.size)  # fmt: skip
