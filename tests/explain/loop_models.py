"""Functions with loops and branches of every kind, for what `explain` says of them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np

import symdiff as sd

SPECS = Path(__file__).parent.parent / "lecturer" / "specs"


def lecturer(name: str) -> Any:
    """Return the model of a lecturer's spec."""
    return runpy.run_path(str(SPECS / f"{name}.py"))["model"]


def stacked_carry() -> sd.Function:
    """A network whose every state is read: one value is carried on and stacked."""
    x = sd.input("x", (4, 3))
    W, U = sd.input("W", (3, 3)), sd.input("U", (3, 3))

    def step(h, x_t):
        h = sd.tanh(x_t @ W + h @ U)
        return h, h

    last, every = sd.scan(step, sd.zeros(3), x)
    return sd.Function("rnn", [x, W, U], sd.sum(every**2) + sd.sum(last))


def passed_on() -> sd.Function:
    """Fibonacci's numbers: a carry becomes another one as it is."""
    a, b = sd.input("a", ()), sd.input("b", ())

    def step(pair, _):
        old, new = pair
        return (new, old * 0.5 + new), None

    (p, q), _ = sd.scan(step, (a, b), length=5)
    return sd.Function("fibonacci", [a, b], p * q)


def backwards() -> sd.Function:
    """A discounted sum, from the last row to the first."""
    x, rate = sd.input("x", (sd.dim("T"), 2)), sd.input("rate", ())

    def step(total, x_t):
        total = sd.sin(x_t) + rate * total
        return total, total * x_t

    total, every = sd.scan(step, sd.zeros(2), x, reverse=True)
    return sd.Function("discounted", [x, rate], sd.sum(total) + sd.sum(every))


def counted() -> sd.Function:
    """A loop that counts as well: a carry of integers has no cotangent."""
    x = sd.input("x", (5,))

    def step(state, x_t):
        n, mean = state
        n = n + 1
        mean = mean + (x_t - mean) / sd.cast(n, x.dtype)
        return (n, mean), (mean - x_t) ** 2

    (_, mean), errors = sd.scan(step, (sd.constant(0), sd.constant(0.0)), x)
    return sd.Function("running", [x], mean + sd.sum(errors))


def start_only() -> sd.Function:
    """A loop without sequences whose start alone is differentiated."""
    x = sd.input("x", (3,))
    last, _ = sd.scan(lambda h, _: (sd.sin(h) * 1.5, None), x * 2, length=6)
    return sd.Function("power", [x], sd.sum(last))


def newton() -> sd.Function:
    """A square root by Newton's method, for as long as it is not exact."""
    a = sd.input("a", (), low=1.0, high=9.0)

    def better(x):
        return (x + a / x) / 2

    root = sd.while_loop(lambda x: sd.abs(x * x - a) > 1e-3, better, a)
    return sd.Function("newton", [a], root)


def doubling() -> sd.Function:
    """A while loop over two carries, one of which the test alone reads."""
    x, k = sd.input("x", (2,)), sd.input("k", ())

    def step(state):
        i, v = state
        return i + 1.0, sd.tanh(k * v) + x

    _, v = sd.while_loop(lambda state: state[0] < 4.0, step, (sd.constant(0.0), x))
    return sd.Function("doubling", [x, k], sd.sum(v))


def chosen() -> sd.Function:
    """A branch whose sides read different operands."""
    x, a, b = sd.input("x", (3,)), sd.input("a", ()), sd.input("b", ())
    y, s = sd.cond(
        sd.sum(x) > 0,
        lambda: (a * sd.exp(x), sd.sum(x)),
        lambda: (x * x, b * a),
    )
    return sd.Function("chosen", [x, a, b], sd.sum(y) * s)


def nested() -> sd.Function:
    """A loop in a loop, and a branch in it."""
    x, w = sd.input("x", (3, 2)), sd.input("w", ())

    def outer(h, x_t):
        def inner(s, x_k):
            return sd.tanh(s * w + x_k), None

        s, _ = sd.scan(inner, h, x_t)
        h = sd.cond(s > 0, lambda: s * h, lambda: s - w)
        return h, s

    last, seen = sd.scan(outer, sd.constant(0.5), x)
    return sd.Function("nested", [x, w], last + sd.sum(seen))


LOOPS = {
    "lstm": lambda: lecturer("lstm_scan"),
    "kalman": lambda: lecturer("kalman"),
    "crf": lambda: lecturer("crf"),
    "stacked": stacked_carry,
    "passed_on": passed_on,
    "backwards": backwards,
    "counted": counted,
    "start": start_only,
    "newton": newton,
    "doubling": doubling,
    "chosen": chosen,
    "nested": nested,
}


def close(ours: Any, theirs: Any, bound: float = 1e-12) -> None:
    """Compare arrays to a bound, relative to the largest element."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    assert ours.shape == theirs.shape
    scale = np.max(np.abs(theirs), initial=1e-3)
    np.testing.assert_allclose(ours, theirs, rtol=bound, atol=bound * scale)
