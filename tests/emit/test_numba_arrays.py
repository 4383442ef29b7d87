"""Short arrays in kernels: what bodies of loops do with them, as NumPy does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba_runs import compared, needs_numba

import symdiff as sd

needs_numba()

SLOW = pytest.mark.slow  # kernels with arrays take a second each to compile
Body = Callable[[Any, Any, Any], Any]


def choices(s: Any, r: Any, c: Any) -> Any:
    big = (r > 0.5) | (s > c[0]) & ~(r < -2.0)
    picked = sd.where(big, sd.maximum(r, s), sd.minimum(r * s, 1.5))
    return picked + sd.sign(r) * sd.abs(s) + sd.where(r > 0, 0.5, -1.0)


def shapes(s: Any, r: Any, c: Any) -> Any:
    table = s[:, None] * c[None, :] + r
    turned = sd.transpose(table) * sd.stack([r, s, c], axis=0)
    return sd.sum(turned, axis=0) + sd.sum(table, axis=1) * sd.sum(c)


def parts(s: Any, r: Any, c: Any) -> Any:
    moved = sd.stack([s[1] * r[0], sd.sin(s[2]) - c[1], -s[0] + r[2]])
    return moved * 0.5 + sd.sum(s[1:] * r[:2]) + s[::-1] * 0.25


def functions(s: Any, r: Any, c: Any) -> Any:
    return sd.exp(-sd.abs(s)) * sd.tanh(r) + sd.log1p(r * r) ** 1.5 + sd.sqrt(c * c)


BODIES = [choices, *(pytest.param(b, marks=SLOW) for b in (shapes, parts, functions))]


def scanned(body: Body, rows: Any) -> sd.Function:
    x, c = sd.input("x", (rows, 3)), sd.input("c", (3,))

    def step(s: Any, r: Any) -> Any:
        s = sd.tanh(body(s, r, c)) + 0.1 * s
        return s, (s, sd.sum(s * r))

    end, (path, totals) = sd.scan(step, c, x)
    return sd.Function("f", [x, c], {"end": end, "path": path, "totals": totals})


@pytest.mark.parametrize("body", BODIES)
def test_a_body_of_short_arrays(body: Body) -> None:
    f = scanned(body, sd.dim("N"))
    rng = np.random.default_rng(3)
    x, c = rng.normal(size=(6, 3)), np.array([0.4, -0.7, 1.1])
    assert compared(f, [x, c]) == 3
    assert compared(f, [x[:0], c], ("float64",)) == 3


@SLOW
@pytest.mark.parametrize("body", [choices, functions])
def test_values_that_are_not_finite(body: Body) -> None:
    x = np.array([[np.nan, 0.0, -0.0], [np.inf, -np.inf, 1e300], [1e-320, 0.5, -0.5]])
    assert compared(scanned(body, 3), [x, np.array([0.0, -0.0, np.inf])]) == 3


def test_a_while_loop_keeps_its_arrays() -> None:
    c = sd.input("c", (2,))
    y = sd.while_loop(
        lambda s: sd.sum(s) < 20, lambda s: s * 1.5 + sd.sin(c), c * c + 1
    )
    assert compared(sd.Function("f", [c], y * c), [np.array([0.3, 0.8])]) == 3


def test_long_arrays_stay_numpys() -> None:
    for shape in ((100,), (sd.dim("M"),)):
        x, c = sd.input("x", (4, *shape)), sd.input("c", shape)
        end, _ = sd.scan(lambda s, r: (s * r + sd.sin(r), None), c, x)
        compiled = sd.compile(sd.Function("f", [x, c], end), target="numba")
        assert "_compiled" not in compiled["forward"]
