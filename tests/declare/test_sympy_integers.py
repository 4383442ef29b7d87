"""SymPy's integers are real numbers: expressions of them are floats, to any order."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdiff as sd

u, v = sp.symbols("u v", real=True)
POINTS = [(-1.7, 0.6), (-0.4, -1.3), (0.8, 1.9), (1.6, -0.7), (2.3, 0.2)]


def condition(rng: np.random.Generator, depth: int) -> Any:
    """Return a random condition on u and v."""
    kind = (
        rng.choice(["and", "or", "not", "xor"]) if depth and rng.random() < 0.6 else ""
    )
    if kind == "not":
        return sp.Not(condition(rng, depth - 1))
    if kind:
        join = {"and": sp.And, "or": sp.Or, "xor": sp.Xor}[kind]
        return join(condition(rng, depth - 1), condition(rng, depth - 1))
    relation = [sp.Gt, sp.Lt, sp.Ge, sp.Le][rng.integers(4)]
    left = [u, v, u - v, u + 2 * v][rng.integers(4)]
    return relation(left, sp.Rational(int(rng.integers(-3, 4)), 2) + sp.Rational(1, 16))


def expression(rng: np.random.Generator, depth: int) -> Any:
    """Return a random expression in which integers abound."""
    if not depth:
        integers = [0, 1, -1, 2, 3, 10**20, -(2**70)]
        leaf = [u, v, sp.Integer(integers[rng.integers(len(integers))])]
        return leaf[rng.integers(3)]
    a, b = expression(rng, depth - 1), expression(rng, depth - 1)
    match int(rng.integers(8)):
        case 0:
            return a + b
        case 1:
            return a * b
        case 2:
            return sp.Pow(a, int(rng.integers(2, 4)), evaluate=False)
        case 3:
            return a / (2 + sp.Abs(b))
        case 4:
            return sp.Max(a, b)
        case 5:
            return sp.tanh(a / 3) - b
    return sp.Piecewise((a, condition(rng, 2)), (b, True))


def number(e: Any, at: tuple[float, float]) -> float:
    """Return an expression's value by SymPy, to 30 digits."""
    exact = {u: sp.Rational(str(at[0])), v: sp.Rational(str(at[1]))}
    return float(sp.N(e.subs(exact), 30))


def read(e: Any) -> Any:
    """Return the values of what is read, at the points."""
    x, y = sd.input("x", len(POINTS)), sd.input("y", len(POINTS))
    tensor = sd.from_sympy(e, {u: x, v: y})
    assert tensor.dtype.is_float
    a, b = np.array(POINTS).T
    return np.broadcast_to(sd.interpret(tensor, {x: a, y: b}), a.shape)


@pytest.mark.parametrize("seed", range(80))
def test_random_expressions_have_sympys_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    e = expression(rng, 3)
    wanted = [number(e, at) for at in POINTS]
    np.testing.assert_allclose(
        read(e), wanted, rtol=1e-9, atol=1e-9 * np.max(np.abs(wanted))
    )


BIG = sp.Piecewise((10**10, u > 0), (1, True))
FIXED = [
    sp.Integer(3),
    sp.Integer(2) ** 70,
    sp.Piecewise((1, u > 0), (2, True)) / 4,
    BIG * BIG.subs(u, v),
    sp.Pow(BIG, 2, evaluate=False),
    sp.Piecewise((10**20, u > 0), (1, True)),
    sp.Pow(2, sp.Piecewise((-3, u > 0), (3, True)), evaluate=False),
    sp.exp(sp.Piecewise((1, u > 0), (3, True), evaluate=False), evaluate=False),
    sp.Piecewise((u, sp.Xor(u > 0, v > 0)), (v, True)),
    sp.Piecewise(
        (sp.Piecewise((1, v > 0), (2, True)), u > 0), (3, True), evaluate=False
    ),
]


@pytest.mark.parametrize("e", FIXED, ids=str)
def test_integers_alone_are_floats(e: Any) -> None:
    np.testing.assert_allclose(read(e), [number(e, at) for at in POINTS], rtol=1e-12)


OPS = [
    "Piecewise((u, u > 0), (0, True))",
    "Piecewise((u, ~(u > 0)), (v, True))",
    "Piecewise((u, (u > 0) & (v > 0)), (2*v, (u > 0) | (v > 0)), (1, True))",
    "Piecewise((1, u > 0), (2, True)) * u**2 / 4",
    "Piecewise((u**3, u > 0), (u**2 + 3*u*v, True))",
    "Max(u, 0)*v",
    "u*v*10**20",
    "Max(u, v, 1)**2",
]


@pytest.mark.filterwarnings("ignore:.*does not influence")
@pytest.mark.parametrize("text", OPS)
def test_ops_of_them_to_second_order(text: str) -> None:
    op = sd.elementwise("own", text, symbols="u v")
    x, y = sd.input("x", len(POINTS)), sd.input("y", len(POINTS))
    value = op(x, y)
    first = sd.grad(sd.sum(value), [x, y])
    second = sd.grad(sd.sum(first[0] * sd.sin(y)) + sd.sum(first[1]), [x, y])
    e = sp.sympify(text, locals={"u": u, "v": v})
    d = [sp.diff(e, s) for s in (u, v)]
    mixed = d[0] * sp.sin(v) + d[1]
    formulas = [e, *d, sp.diff(mixed, u), sp.diff(mixed, v)]
    formulas = [f.replace(sp.DiracDelta, lambda *_: sp.Integer(0)) for f in formulas]
    wanted = [[number(f.doit(), at) for at in POINTS] for f in formulas]
    made = sd.Function("f", [x, y], [value, *first, *second])
    for level, width in itertools.product((0, 1, 2), (np.float64, np.float32)):
        at = np.array(POINTS, width).T
        found = sd.compile(made, optimize=level).load().forward.forward(*at)
        for got, right in zip(found, wanted, strict=True):
            assert got.dtype == width
            rtol = 1e-9 if width is np.float64 else 1e-4
            np.testing.assert_allclose(got, right, rtol=rtol, atol=rtol)


def test_what_is_no_real_number_is_refused() -> None:
    x = sd.input("x", 3)
    for e, message in (
        (sp.Integer(10) ** 400, "too large"),
        (sp.Piecewise((sp.Integer(10) ** 400, u > 0), (1, True)), "too large"),
        (sp.Piecewise((u, sp.Contains(u, sp.Interval(0, 1))), (v, True)), "Contains"),
        (sp.nan * u, "nan is no number"),
        (sp.zoo + u, "zoo is no number"),
        (sp.sqrt(-2) * u, "is complex"),
        (sp.ITE(u > 0, v > 0, v < 0), "ITE"),
    ):
        with pytest.raises(sd.DeclarationError, match=message):
            sd.from_sympy(e, {u: x, v: x})
