"""A while loop goes on by its whole condition, whatever of it the body computes too.

Expressions that condition and body share, in part or in full, are crossed with what a
condition makes of them; forward, gradient, the planned step and the single file must
stop where a loop of Python's does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from generated import module

import symdiff as sd

Vector = Any
A = np.array([[2.0, 0.3], [0.1, 1.5]])
# What both read. All fall as the body halves x.
SHARED: dict[str, Callable[[Vector, Vector], Vector]] = {
    "itself": lambda x, a: x,
    "cube": lambda x, a: x**3 - a,
    "kepler": lambda x, a: x - a * np.sin(x),
    "softplus": lambda x, a: np.log1p(np.exp(-np.abs(x))) - np.log(2.0) + x,
    "residual": lambda x, a: np.tanh(x @ A) - a,
    "part": lambda x, a: x[:1] * 2.0,
}
CONDITIONS: dict[str, Callable[[Vector, Vector], Any]] = {
    "all": lambda f, x: np.all(f > 0.05),
    "largest": lambda f, x: np.max(np.abs(f)) > 0.3,
    "squares": lambda f, x: np.sum(f**2) > 0.3,
    "norm": lambda f, x: np.linalg.norm(f) > 0.5,
    "not": lambda f, x: np.logical_not(np.max(f) < 0.4),
    "both": lambda f, x: np.logical_and(np.max(f) > 0.1, np.sum(x) > 0.5),
    "element": lambda f, x: f[0] > 0.2,
}
BODIES: dict[str, Callable[[Vector, Vector], Vector]] = {
    "shares": lambda f, x: x * 0.7 - 0.01 * np.sum(f),
    "shares a square": lambda f, x: x * 0.7 - 0.001 * np.sum(f**2),
    "alone": lambda f, x: x * 0.7,
}
START, AT = np.array([1.7, 1.3]), np.array([0.05, 0.02])


def by_hand(f: Any, condition: Any, body: Any, start: Any, a: Any) -> Any:
    x = start
    for _ in range(60):
        if not condition(f(x, a), x):
            return x
        x = body(f(x, a), x)
    raise AssertionError("the loop goes on for ever")


def looped(f: Any, condition: Any, body: Any, start: Any, a: Any) -> Any:
    return sd.while_loop(
        lambda c: np.logical_and(condition(f(c[0], a), c[0]), c[1] < 60),
        lambda c: (body(f(c[0], a), c[0]), c[1] + 1),
        (start, 0),
    )[0]


def plainly(f: Any, condition: Any, body: Any, start: Any, a: Any) -> Any:
    """As in a first course: nothing counts the steps."""
    return sd.while_loop(
        lambda x: condition(f(x, a), x), lambda x: body(f(x, a), x), start
    )


@pytest.mark.parametrize("shared", SHARED)
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("body", BODIES)
def test_a_loop_stops_where_pythons_does(
    shared: str, condition: str, body: str
) -> None:
    parts = SHARED[shared], CONDITIONS[condition], BODIES[body]
    expected = by_hand(*parts, START, AT)
    assert np.abs(START - expected).max() > 0
    x, a = sd.input("x", (2,)), sd.input("a", (2,))
    for loop in (plainly, looped):
        made = sd.Function("f", [x, a], loop(*parts, x, a))
        for level in (0, 1):
            compiled = sd.compile(made, optimize=level, only=("forward",))
            found = module(compiled, "forward").forward(START, AT)
            np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("shared", SHARED)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_single_file_stops_there_too(shared: str, condition: str) -> None:
    """It has all functions beside each other; the loop is made as in a package."""
    parts = SHARED[shared], CONDITIONS[condition], BODIES["shares"]
    x, a = sd.input("x", (2,)), sd.input("a", (2,))
    made = sd.Function("f", [x, a], plainly(*parts, x, a))
    found = sd.compile(made, single_file=True).load().forward(START, AT)
    np.testing.assert_allclose(found, by_hand(*parts, START, AT), rtol=1e-12)


@pytest.mark.parametrize("shared", SHARED)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_gradients_and_steps_stop_there_too(shared: str, condition: str) -> None:
    parts = SHARED[shared], CONDITIONS[condition], BODIES["shares"]
    x, a, w = sd.input("x", (2,)), sd.input("a", (2,)), sd.param("w", (2,))
    loss = sd.sum(plainly(*parts, x * w, a) ** 2)
    model = sd.Model("m", [x, a], [], loss, loss, optimizer=sd.optim.SGD(0.1))
    package = sd.compile(model).load()
    ones = np.ones(2)
    expected = np.sum(by_hand(*parts, START, AT) ** 2)
    value, slopes = package.backward.value_and_grad({"w": ones}, START, AT)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for i, step in enumerate(1e-6 * np.eye(2)):
        ends = [
            np.sum(by_hand(*parts, START * (1 + s), AT) ** 2) for s in (step, -step)
        ]
        np.testing.assert_allclose(
            slopes["w"][i], (ends[0] - ends[1]) / 2e-6, rtol=1e-6
        )
    for planned in (True, False):
        state = package.init_state({"w": ones})
        told = package.train_step(state, START, AT, planned=planned)
        np.testing.assert_allclose(told["loss"], expected, rtol=1e-12)
