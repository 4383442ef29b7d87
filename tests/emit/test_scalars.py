"""Functions of scalars run as Python arithmetic, and give what NumPy gives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import symdiff as sd
from symdiff.transforms import value_and_grad


def smooth(x, a):
    for _ in range(4):
        x = x + 0.1 * np.sin(a * x) / (1 + x**2)
    return x


def singular(x, a):
    y = np.log(x) + 1 / a + np.sqrt(x * a) + np.exp(x * a)
    y = y * np.tanh(x) / (x - a) + a ** (-2) * np.cosh(x)
    return y + np.where(x > a, x * np.log1p(a), a * np.expm1(x))


def chosen(x, a):
    for _ in range(4):
        x = np.where(x > a, x / 2, 3 * x + a) + 0.5 * np.cos(x)
    return x


def cut(x, a):
    for _ in range(9):
        x = np.maximum(x * a, 0.1) + np.sin(x)
    return x


SPECIAL = [0.0, -0.0, 1.0, -2.5, 1e-310, 800.0, -1e308, np.inf, -np.inf, np.nan]


def compiled(f):
    """Return a function's value and slopes, as text and loaded."""
    x, a = sd.input("x", ()), sd.input("a", ())
    y = f(x, a)
    made = sd.Function("scalar_function", [x, a], [y, *sd.grad(y, [x, a])])
    result = sd.compile(made, only=("forward",))
    return made, result["forward"], result.load().forward.forward


@pytest.mark.parametrize("f", [smooth, singular, chosen, cut])
def test_every_value_is_that_of_numpy(f):
    made, text, forward = compiled(f)
    assert ("import math" in text) == (f is not cut)
    rng = np.random.default_rng(0)
    pairs = [*itertools.product(SPECIAL, SPECIAL), *rng.normal(size=(20, 2))]
    for x, a in pairs:
        with np.errstate(all="ignore"):
            expected = sd.interpret(list(made.outputs), {"x": x, "a": a})
            found = forward(float(x), float(a))
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=f"{x}, {a}")
        assert all(type(v) is np.float64 for v in found)


def test_single_precision_is_numpys():
    made, _, forward = compiled(smooth)
    x, a = np.float32(0.3), np.float32(1.7)
    found = forward(x, a)
    assert all(v.dtype == np.float32 for v in found)
    expected = sd.interpret(list(made.outputs), {"x": x, "a": a})
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_user_may_call_a_variable_xp():
    xp = sd.input("xp", ())
    y = xp
    for _ in range(10):
        y = np.sin(y * xp) + y
    forward = sd.compile(sd.Function("user_names", [xp], [y])).load().forward.forward
    assert forward(0.4) == pytest.approx(sd.interpret(y, {"xp": 0.4}), rel=1e-14)


def test_transforms_use_it():
    gradient = value_and_grad(smooth, (0, 1))
    value, slopes = gradient(0.5, 1.2)
    assert "_scalars(float(x), float(a), math)" in gradient.source
    step = 1e-6
    sides = [smooth(0.5 + s, 1.2) for s in (step, -step)]
    assert slopes[0] == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-8)
    assert value == pytest.approx(smooth(0.5, 1.2), rel=1e-14)


def test_short_functions_stay_as_they_are():
    x = sd.input("x", ())
    text = sd.compile(sd.Function("short", [x], [np.sin(x) * x]))["forward"]
    assert "math" not in text


@pytest.mark.parametrize("letters", [1, 12, 40])
def test_a_call_that_is_broken_into_lines_has_its_module(letters):
    """However long the arguments' names are, what the call hands over is imported."""
    names = [f"{'abcdef'[i] * letters}" for i in range(6)]
    leaves = [sd.input(n, ()) for n in names]
    a, b, c, d, e, f = leaves
    for _ in range(9):
        a = sd.sin(a * b + c) * sd.exp(-d * a) + e / (1 + f * f)
    compiled = sd.compile(sd.Function("f", leaves, a))
    assert "_scalars(" in compiled["forward"]
    values = dict(zip(leaves, np.linspace(0.1, 0.6, 6), strict=True))
    found = compiled.load().forward.forward(*map(np.float64, values.values()))
    np.testing.assert_allclose(found, sd.interpret(a, values), rtol=1e-13)


def test_math_is_not_imported_for_a_word():
    math = sd.input("math", 3)
    y = sd.sum(math * 2)  # what was quoted of math.pi is no use of it
    text = sd.compile(sd.Function("f", [math], y))["forward"]
    assert "import math" not in text


def test_the_listing_has_both_functions():
    """What reports read says what each line of the scalars' function stands for."""
    x, a = sd.input("x", ()), sd.input("a", ())
    y = smooth(x, a)
    made = sd.Function("scalar_function", [x, a], [y, *sd.grad(y, [x, a])])
    found = sd.compile(made, only=("forward",)).listed("forward").functions
    assert {"_scalars", "forward"} <= found.keys()
    shown = [line for line in found["_scalars"].lines if line.tensors]
    assert len(shown) > 20
    assert {line.depth for line in shown} == {0}
