"""Roots of sums of squares have one derivative at the origin, whatever their spelling,
and even functions of them that need no root keep their curvature there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms

N = 3
EYE, ONES = np.eye(N), np.ones((N, N))

# Spellings of a root of v' A v, by A: tests know nothing else of them.
ROOTS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "norm": (sd.linalg.norm, EYE),
    "norm of a row": (lambda v: sd.linalg.norm(v[None], axis=1)[0], EYE),
    "sqrt of sum of powers": (lambda v: sd.sqrt(sd.sum(v**2)), EYE),
    "sqrt of sum of products": (lambda v: sd.sqrt(sd.sum(v * v)), EYE),
    "sqrt of sum of squares": (lambda v: sd.sqrt(sd.sum(sd.square(v))), EYE),
    "sqrt of sum of abs": (lambda v: sd.sqrt(sd.sum(abs(v) ** 2)), EYE),
    "sqrt of v @ v": (lambda v: sd.sqrt(v @ v), EYE),
    "sqrt of dot": (lambda v: sd.sqrt(sd.dot(v, v)), EYE),
    "sqrt of vdot": (lambda v: sd.sqrt(sd.vdot(v, v)), EYE),
    "sqrt of inner": (lambda v: sd.sqrt(sd.inner(v, v)), EYE),
    "sqrt of einsum": (lambda v: sd.sqrt(sd.einsum("i,i->", v, v)), EYE),
    "power": (lambda v: sd.sum(v**2) ** 0.5, EYE),
    "power of v @ v": (lambda v: (v @ v) ** 0.5, EYE),
    "written out": (lambda v: sd.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2), EYE),
    "scaled": (lambda v: sd.sqrt(4.0 * sd.sum(v**2)), 4 * EYE),
    "of scaled elements": (lambda v: sd.sqrt(sd.sum((2.0 * v) ** 2)), 4 * EYE),
    "mean": (lambda v: sd.sqrt(sd.mean(v**2)), EYE / N),
    "mean power": (lambda v: sd.mean(v * v) ** 0.5, EYE / N),
    "hypot": (lambda v: sd.hypot(v[0], v[1]), np.diag([1.0, 1, 0])),
    "abs": (lambda v: abs(v[0]), np.diag([1.0, 0, 0])),
    "std": (sd.std, EYE / N - ONES / N**2),
    "sqrt of var": (lambda v: sd.sqrt(sd.var(v)), EYE / N - ONES / N**2),
    "power of var": (lambda v: sd.var(v) ** 0.5, EYE / N - ONES / N**2),
    "std with ddof": (
        lambda v: sd.sqrt(sd.var(v, ddof=1)),
        (EYE - ONES / N) / (N - 1),
    ),
    "centred": (
        lambda v: sd.sqrt(sd.mean((v - sd.mean(v)) ** 2)),
        EYE / N - ONES / N**2,
    ),
    "of pairs": (
        lambda v: sd.sqrt(sd.sum((v[:, None] - v[None, :]) ** 2)),
        2 * (N * EYE - ONES),
    ),
}

# f(r), and F with f(r) = F(q) for q = r**2: F, F', F''
EVEN: dict[str, tuple[Callable[[Any], Any], tuple[Callable[[Any], Any], ...]]] = {
    "square": (lambda r: r**2, (lambda q: q, lambda q: 1, lambda q: 0)),
    "product": (lambda r: r * r, (lambda q: q, lambda q: 1, lambda q: 0)),
    "np.square": (sd.square, (lambda q: q, lambda q: 1, lambda q: 0)),
    "half a square": (
        lambda r: 0.5 * r * r,
        (lambda q: q / 2, lambda q: 0.5, lambda q: 0),
    ),
    "fourth power": (lambda r: r**4, (lambda q: q**2, lambda q: 2 * q, lambda q: 2)),
    "gaussian": (
        lambda r: sd.exp(-(r**2)),
        (lambda q: np.exp(-q), lambda q: -np.exp(-q), lambda q: np.exp(-q)),
    ),
    "cauchy": (
        lambda r: sd.log(1 + r**2),
        (np.log1p, lambda q: 1 / (1 + q), lambda q: -1 / (1 + q) ** 2),
    ),
    "pseudo-Huber": (
        lambda r: sd.sqrt(1 + r**2),
        (
            lambda q: np.sqrt(1 + q),
            lambda q: (1 + q) ** -0.5 / 2,
            lambda q: -((1 + q) ** -1.5) / 4,
        ),
    ),
}
POINTS = {"origin": np.zeros(N), "constant": np.full(N, 2.0), "away": [1.0, -2.0, 0.5]}


@pytest.mark.parametrize("function", list(EVEN))
@pytest.mark.parametrize("spelling", list(ROOTS))
def test_even_functions_of_a_root(spelling: str, function: str) -> None:
    root, matrix = ROOTS[spelling]
    call, (value, first, second) = EVEN[function]
    v, s = sd.input("v", (N,)), sd.input("s", (N,))
    y = call(root(v))
    found = [y, sd.grad(y, v), sd.jvp(y, v, s), sd.hessian(y, v), sd.hvp(y, v, s)]
    for name, point in POINTS.items():
        at, move = np.array(point), np.array([0.3, -1.0, 2.0])
        q, slope = at @ matrix @ at, 2 * matrix @ at
        q = max(q, 0.0)
        hessian = second(q) * np.outer(slope, slope) + first(q) * 2 * matrix
        gradient = first(q) * slope
        right = [value(q), gradient, gradient @ move, hessian, hessian @ move]
        with np.errstate(all="ignore"):
            got = sd.interpret(found, {v: at, s: move})
        for g, r in zip(got, right, strict=True):
            np.testing.assert_allclose(g, r, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("spelling", list(ROOTS))
def test_a_root_at_the_origin(spelling: str) -> None:
    """The root has derivative 0 there, and its own elsewhere, in each spelling."""
    root, matrix = ROOTS[spelling]
    v = sd.input("v", (N,))
    r = root(v)
    g = sd.grad(r, v)
    found = [g, sd.jvp(r, v, sd.ones(N)), sd.hessian(r, v)]
    for at in (np.zeros(N), np.array([1.0, -2.0, 0.5])):
        with np.errstate(all="ignore"):
            got, moved, curved = sd.interpret(found, {v: at})
        length, slope = np.sqrt(at @ matrix @ at), matrix @ at
        right = slope / length if length else np.zeros(N)
        wanted = np.zeros((N, N))
        if length:
            wanted = (matrix - np.outer(right, right)) / length
        np.testing.assert_allclose(got, right, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(moved, right.sum(), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(curved, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("spelling", list(ROOTS))
def test_generated_code_at_the_origin(spelling: str) -> None:
    v = sd.input("v", (N,))
    r = ROOTS[spelling][0](v)
    made = sd.compile(sd.Function("f", [v], r + r**2), optimize=1).load().backward
    for dtype in (np.float32, np.float64):
        with np.errstate(all="ignore"):
            y, residuals = made.forward_with_residuals(np.zeros(N, dtype))
            (d_v,) = made.backward(residuals, np.ones_like(y))
        assert d_v.dtype == dtype
        np.testing.assert_array_equal(d_v, 0)


# What is no sum of squares keeps the infinite slope of a root.
OTHERS: dict[str, Callable[[Any], Any]] = {
    "root of a number": lambda v: sd.sqrt(v[0]),
    "of a sum": lambda v: sd.sqrt(sd.sum(v)),
    "of a cube": lambda v: sd.sqrt(sd.sum(v**2) + v[0] ** 3 + v[1]),
    "of a mixed product": lambda v: sd.sqrt(v[0] * v[1] + v[2]),
}


@pytest.mark.parametrize("name", list(OTHERS))
def test_other_roots_stay(name: str) -> None:
    v = sd.input("v", (N,))
    with np.errstate(all="ignore"):
        got = sd.interpret(sd.grad(OTHERS[name](v), v), {v: np.zeros(N)})
    assert not np.all(np.isfinite(got))


def test_squares_of_a_root_of_a_number() -> None:
    """sqrt(x)**2 is x where x >= 0; value and derivatives are NaN where it is NaN."""
    x = sd.input("x", (6,))
    at = np.array([0.0, 4.0, -1.0, np.nan, np.inf, 2.0])
    for y in (sd.sqrt(x) ** 2, sd.sqrt(x) * sd.sqrt(x), sd.square(sd.sqrt(x))):
        with np.errstate(all="ignore"):
            f = sd.compile(sd.Function("f", [x], y)).load()
            np.testing.assert_array_equal(
                f.forward.forward(at), [0, 4, np.nan, np.nan, np.inf, 2]
            )
            g = sd.interpret(sd.grad(sd.sum(y), x), {x: at})
            second = sd.grad(sd.sum(sd.grad(sd.sum(y * x), x)), x)
            h = sd.interpret(second, {x: at})
        np.testing.assert_array_equal(g, [1, 1, np.nan, np.nan, 1, 1])
        np.testing.assert_array_equal(h[2:4], np.nan)


def test_a_variable_is_not_looked_through() -> None:
    """The derivative of r**2 in r itself is 2 r, also where r is a norm."""
    v = sd.input("v", (N,))
    r = sd.linalg.norm(v)
    at = {v: np.array([3.0, 4.0, 0.0])}
    assert sd.interpret(sd.grad(r**2, r), at) == 10


NUMBERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "square of sqrt": (lambda x: np.square(np.sqrt(x)), lambda x: 1 + 0 * x),
    "power of sqrt": (lambda x: np.sqrt(x) ** 2, lambda x: 1 + 0 * x),
    "product of sqrts": (lambda x: np.sqrt(x) * np.sqrt(x), lambda x: 1 + 0 * x),
    "fourth power": (lambda x: np.sqrt(x) ** 4, lambda x: 2 * x),
    "scaled": (lambda x: 3.0 * np.sqrt(x) * np.sqrt(x), lambda x: 3 + 0 * x),
    "times x": (lambda x: np.sqrt(x) * np.sqrt(x) * x, lambda x: 2 * x),
    "a view of a root": (lambda x: np.sqrt(x).T ** 2, lambda x: 1 + 0 * x),
    "square of abs": (lambda x: np.abs(x) ** 2, lambda x: 2 * x),
    "square of hypot": (lambda x: np.hypot(x, 1.0) ** 2, lambda x: 2 * x),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", NUMBERS)
def test_no_derivative_is_made_up_where_there_is_no_value(name: str) -> None:
    """Below 0 and at NaN a root has no value, and its square no slope."""
    f, slope = NUMBERS[name]
    x = np.array([-1.0, -0.25, np.nan, 0.0, 0.25, 4.0])
    expected = np.where(np.isnan(f(x)), np.nan, slope(x))
    for found in (
        transforms.elementwise_grad(f)(x),
        transforms.jvp(f)(x, np.ones(6)),
        transforms.jit(lambda x: transforms.elementwise_grad(f)(x))(x),
    ):
        np.testing.assert_allclose(found, expected)
    hidden = transforms.elementwise_grad(lambda x: np.where(x > 0, f(x), 7 * x))(x)
    np.testing.assert_allclose(hidden, np.where(x > 0, slope(x), 7.0))
