"""Loops over scalars run as Python arithmetic, and give what the graph gives.

Random programs of nested loops, branches and elements of vectors: the generated
function, in both of its runs, against the graph's own evaluation, also where Python
raises and NumPy does not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.transforms import grad, hessian, jit

SPECIAL = (0.0, -0.0, 1.0, -2.5, 1e-310, 800.0, -1e308, np.inf, -np.inf, np.nan)
UNARY = (np.sin, np.tanh, np.exp, np.log, np.sqrt, np.abs, lambda x: -x)


class Program:
    """A random program of (p, x, a): a vector of 3, one of any length, and a scalar."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def term(self, pool: list[Any], depth: int = 2) -> Any:
        draw = self.rng.random()
        if depth == 0 or draw < 0.2:
            return self.rng.choice(pool)
        x = self.term(pool, depth - 1)
        if draw < 0.45:
            return self.rng.choice(UNARY)(x)
        y = self.term(pool, depth - 1)
        match self.rng.randrange(7):
            case 0:
                return x + 0.5 * y
            case 1:
                return x * y - 1
            case 2:
                return x / (2 + y**2)
            case 3:
                return x / y
            case 4:
                return np.where(x > y, x, 0.0)
            case 5:
                return sd.cond(x < y, lambda: x * 0.5, lambda: y - x)
        return x**3 - y**-1

    def step(self, deep: int, pool: list[Any]) -> Callable[[Any, Any], Any]:
        def step(carry: Any, row: Any) -> Any:
            u, v = carry
            inner = [*pool, u, v, *([] if row is None else [row])]
            if deep:
                u = self.loop(deep - 1, inner, (u, v), None)
            own = 0.0 if row is None else 0.01 * row
            return (self.term(inner), 0.9 * v + self.term(inner) * 0.1 + own), u * v

        return step

    def loop(self, deep: int, pool: list[Any], start: Any, row: Any) -> Any:
        if row is None and self.rng.random() < 0.5:
            (u, _, _) = sd.while_loop(
                lambda c: (np.abs(c[0]) < 50) & (c[2] < 4),
                lambda c: (self.term([*pool, c[0]]) + c[0], c[1] * 0.5, c[2] + 1),
                (*start, 0),
            )
            return u
        length = 3 if row is None else None
        (u, v), _ = sd.scan(self.step(deep, pool), start, row, length=length)
        return u - v

    def __call__(self, p: Any, x: Any, a: Any) -> Any:
        pool = [p[0], p[1], p[-1], a]
        start = (p[1] * a, p[2])
        deep = self.rng.randrange(2)
        return self.loop(deep, pool, start, x)


@cache
def functions(seed: int) -> tuple[sd.Function, str, Any]:
    """Return a program's value and slopes as a function, its text, and that loaded."""
    p, a = sd.input("p", 3), sd.input("a", ())
    x = sd.input("x", (sd.dim("N"),))
    y = Program(seed)(p, x, a)
    made = sd.Function("program", [p, x, a], [y, *sd.grad(y, [p, x, a])])
    compiled = sd.compile(made, only=("forward",))
    return made, compiled["forward"], compiled.load().forward


def points(seed: int) -> list[tuple[Any, Any, Any]]:
    rng = np.random.default_rng(seed)
    smooth = [
        (rng.uniform(0.3, 1.5, 3), rng.uniform(-1, 1, n), rng.uniform(0.3, 1))
        for n in (4, 1)
    ]
    odd = [
        (rng.choice(SPECIAL, 3), rng.choice(SPECIAL, 2), rng.choice(SPECIAL))
        for _ in range(12)
    ]
    return smooth + odd


@pytest.mark.parametrize("seed", range(16))
def test_both_runs_give_what_the_graph_gives(seed: int) -> None:
    made, _, module = functions(seed)
    for p, x, a in points(seed):
        with np.errstate(all="ignore"):
            given = {"p": p, "x": x, "a": np.float64(a)}
            wanted = sd.interpret(list(made.outputs), given)
            found = module.forward(p, x, a)
            narrow = module.forward(
                *(np.asarray(v, np.float32) for v in given.values())
            )
        for f, w in zip(found, wanted, strict=True):
            assert f.dtype == np.float64
            np.testing.assert_allclose(f, w, rtol=1e-9, err_msg=f"{p}, {x}, {a}")
        assert {f.dtype for f in narrow} == {np.dtype(np.float32)}
        assert [np.shape(f) for f in narrow] == [np.shape(w) for w in wanted]


def test_enough_of_them_run_as_python_arithmetic() -> None:
    texts = [functions(seed)[1] for seed in range(16)]
    assert sum("def _scalars(" in text for text in texts) >= 12


def kutta(p: Any) -> Any:
    def slope(x: Any, y: Any) -> Any:
        return p[0] * x - p[1] * x * y, p[1] * x * y - y

    def step(c: Any, _: Any) -> Any:
        x, y = c
        k, l = slope(x, y)  # noqa: E741 - as in the books
        m, n = slope(x + 0.05 * k, y + 0.05 * l)
        return (x + 0.1 * m, y + 0.1 * n), None

    (x, y), _ = sd.scan(step, (1.0, 1.0), None, length=20)
    return x * x + y


def by_hand(p: Any) -> Any:
    x, y = 1.0, 1.0
    for _ in range(20):
        k, l = p[0] * x - p[1] * x * y, p[1] * x * y - y  # noqa: E741
        u, v = x + 0.05 * k, y + 0.05 * l
        x, y = x + 0.1 * (p[0] * u - p[1] * u * v), y + 0.1 * (p[1] * u * v - v)
    return x * x + y


def test_a_solver_has_floats_and_lists() -> None:
    p = np.array([1.1, 0.4])
    slopes = grad(kutta)
    found = slopes(p)
    for i, step in enumerate(np.eye(2) * 1e-6):
        wanted = (by_hand(p + step) - by_hand(p - step)) / 2e-6
        assert found[i] == pytest.approx(wanted, rel=1e-7)
    assert "_scalars(p.tolist(), float)" in slopes.source
    assert "x_prev_steps = [None] * 20" in slopes.source
    assert "np.array((" not in slopes.source


def test_curvature_through_two_loops() -> None:
    def f(p: Any) -> Any:
        def step(c: Any, _: Any) -> Any:
            d, _ = sd.scan(lambda u, _: (u * p[0] + 0.1, None), c, None, length=5)
            return d / 2, None

        return sd.scan(step, p[1], None, length=7)[0]

    def plain(p: Any) -> Any:
        c = p[1]
        for _ in range(7):
            for _ in range(5):
                c = c * p[0] + 0.1
            c = c / 2
        return c

    p, h = np.array([0.5, 0.2]), 1e-4
    curved = hessian(f)
    found = curved(p)
    assert "_scalars(p.tolist(), float)" in curved.source
    for i, u in enumerate(np.eye(2) * h):
        for j, v in enumerate(np.eye(2) * h):
            corners = plain(p + u + v) - plain(p + u - v) - plain(p - u + v)
            wanted = (corners + plain(p - u - v)) / (4 * h * h)
            assert found[i, j] == pytest.approx(wanted, rel=1e-5, abs=1e-7)


def test_an_empty_sequence_and_long_vectors() -> None:
    def total(x: Any, p: Any) -> Any:
        return sd.scan(lambda c, r: (c + r * p[0], c), 0.0, x)

    made = jit(total)
    for dtype in (np.float32, np.float64):
        end, steps = made(np.ones(0, dtype), np.ones(70, dtype))
        assert (end, steps.shape, steps.dtype) == (0.0, (0,), np.dtype(dtype))
    assert "tolist" not in made.source  # of 70 elements one is read


def test_integers_that_could_wrap_stay_with_numpy() -> None:
    def seeds(a: Any) -> Any:
        end, _ = sd.scan(
            lambda c, _: (c * 6364136223846793005, None), 3, None, length=9
        )
        return a * end

    with np.errstate(over="ignore"):
        expected = np.int64(3)
        for _ in range(9):
            expected = expected * np.int64(6364136223846793005)
        assert jit(seeds)(1.0) == float(expected)


def test_what_python_refuses_is_numpys() -> None:
    def f(a: Any) -> Any:
        end, _ = sd.scan(lambda c, _: (np.exp(c) / (c - a), None), a, None, length=3)
        return end

    with np.errstate(all="ignore"):
        assert np.isnan(jit(f)(0.5)) or np.isinf(jit(f)(0.5))
        assert grad(f)(800.0) != 0.0
