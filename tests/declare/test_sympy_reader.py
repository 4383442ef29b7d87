"""SymPy in and out: values, derivatives, shapes, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdiff as sd

p, q = sp.symbols("p q")
X, Y = sp.MatrixSymbol("X", 2, 2), sp.MatrixSymbol("Y", 2, 2)
V = sp.MatrixSymbol("V", 2, 1)
RNG = np.random.default_rng(0)
AT = {"X": RNG.normal(size=(2, 2)) + 2 * np.eye(2), "Y": RNG.normal(size=(2, 2))}
AT["V"] = RNG.normal(size=(2, 1))


def _matrices() -> dict[Any, Any]:
    return {s: sd.input(s.name, tuple(map(int, s.shape))) for s in (X, Y, V)}


SCALARS = [
    sp.sin(p) * q + sp.exp(-(q**2)),
    sp.log(1 + p**2) / (1 + q**2),
    sp.Max(p, q) - sp.Abs(p * q),
    sp.Piecewise((p * q, p > 0), (sp.cos(q), True)),
    sp.sqrt(p**2 + q**2) + sp.atan2(p, q),
    sp.Rational(1, 3) * p + sp.pi * q - sp.E,
    sp.tanh(p) * sp.erf(q) + p**3,
]


@pytest.mark.parametrize("e", SCALARS, ids=str)
def test_scalars_and_their_derivatives(e: Any) -> None:
    x, y = sd.input("x", (4,)), sd.input("y", ())
    at = {x: np.array([0.3, -0.7, 1.2, 2.0]), y: np.array(0.6)}
    t = sd.from_sympy(e, {p: x, "q": y})
    numbers = [{p: float(v), q: 0.6} for v in at[x]]
    wanted = [float(e.subs(n)) for n in numbers]
    np.testing.assert_allclose(sd.interpret(t, at), wanted, rtol=1e-12)
    d_x, d_y = sd.interpret(sd.grad(sd.sum(t), [x, y]), at)
    real = {s: sp.Symbol(s.name, real=True) for s in (p, q)}
    slopes = [sp.diff(e.subs(real), real[s]) for s in (p, q)]
    rows = [{real[s]: v for s, v in n.items()} for n in numbers]
    np.testing.assert_allclose(d_x, [float(slopes[0].subs(n)) for n in rows], rtol=1e-9)
    np.testing.assert_allclose(
        d_y, sum(float(slopes[1].subs(n)) for n in rows), rtol=1e-9
    )


MATRICES = [
    X * Y + 2 * X.T,
    X.inv() * Y - sp.Identity(2),
    X**3 * V,
    sp.Trace(X * Y) * X,
    sp.HadamardProduct(X, Y) + sp.OneMatrix(2, 2),
    sp.Determinant(X) * Y,
    (X * V).T * Y * V,
    -X + sp.ZeroMatrix(2, 2),
    X[0, 1] * Y,
    sp.Matrix([[1, 2], [3, 4]]) * X,
]


@pytest.mark.parametrize("e", MATRICES, ids=str)
def test_matrices(e: Any) -> None:
    leaves = _matrices()
    t = sd.from_sympy(e, leaves)
    found = sd.interpret(t, {leaf: AT[s.name] for s, leaf in leaves.items()})
    exact = e.subs({s: sp.Matrix(AT[s.name]) for s in (X, Y, V)}).doit()
    wanted = np.array(sp.Matrix(exact).tolist(), dtype=float)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("e", [sp.Trace(X * Y), sp.Determinant(X) + p, X[1, 0] ** 2])
def test_scalars_of_matrices(e: Any) -> None:
    leaves = _matrices()
    x = sd.input("p", ())
    t = sd.from_sympy(e, {**leaves, p: x})
    assert t.shape == ()
    feed = {leaf: AT[s.name] for s, leaf in leaves.items()} | {x: np.array(0.3)}
    exact = e.subs({s: sp.Matrix(AT[s.name]) for s in (X, Y)}).doit().subs(p, 0.3)
    np.testing.assert_allclose(sd.interpret(t, feed), float(exact))


def test_an_explicit_matrix_is_stacked() -> None:
    e = sp.Matrix([[sp.cos(p), -sp.sin(p)], [sp.sin(p), sp.cos(p)]])
    x = sd.input("p", ())
    t = sd.from_sympy(e, {p: x})
    at = {x: np.array(0.4)}
    c, s = np.cos(0.4), np.sin(0.4)
    np.testing.assert_allclose(sd.interpret(t, at), [[c, -s], [s, c]])
    j = sd.interpret(sd.jacobian(t, x), at)
    np.testing.assert_allclose(j, [[-s, -c], [c, -s]])


def test_a_matrix_with_numbers_among_its_entries() -> None:
    x = sd.input("p", ())
    t = sd.from_sympy(sp.Matrix([[1, p], [0, 2]]), {p: x})
    np.testing.assert_array_equal(sd.interpret(t, {x: np.array(3.0)}), [[1, 3], [0, 2]])
    made = sd.compile(sd.Function("f", [x], t))
    assert "np.stack" in made["forward"] or "np.array" in made["forward"]


def test_refused() -> None:
    x = sd.input("x", ())
    with pytest.raises(sd.DeclarationError, match="symbol q has no tensor"):
        sd.from_sympy(p + q, {p: x})
    with pytest.raises(sd.ShapeError, match="column"):
        sd.from_sympy(V, {V: sd.input("v", (2,))})
    with pytest.raises(sd.ShapeError, match="its tensor has"):
        sd.from_sympy(X, {X: sd.input("m", (3, 2))})
    with pytest.raises(sd.DeclarationError, match="no op in symdiff"):
        sd.from_sympy(sp.besselj(0, p), {p: x})


# --- graphs to SymPy ------------------------------------------------------------------


def test_a_scalar_graph_is_its_formula() -> None:
    x, y = sd.input("x", ()), sd.input("y", ())
    a, b = sp.Symbol("x", real=True), sp.Symbol("y", real=True)
    e = sd.to_sympy(sd.sin(x) * y + x**2 / (1 + sd.exp(y)))
    assert sp.simplify(e - (sp.sin(a) * b + a**2 / (1 + sp.exp(b)))) == 0
    assert sd.to_sympy(0.5 * x) == a / 2
    g = sd.to_sympy(sd.grad(sd.sin(x) * y, x))
    assert sp.simplify(g - sp.cos(a) * b) == 0


def test_axes_become_arrays() -> None:
    x = sd.input("x", (2, 2))
    v = sd.input("v", (2,))
    e = sd.to_sympy(x @ v)
    assert str(e.tolist()) == "[v_0*x_0_0 + v_1*x_0_1, v_0*x_1_0 + v_1*x_1_1]"
    assert sd.to_sympy(x + 1.0).shape == (2, 2)
    total = sd.to_sympy(sd.sum(x * x))
    assert total == sum(
        sp.Symbol(f"x_{i}_{j}", real=True) ** 2 for i in (0, 1) for j in (0, 1)
    )


def test_composites_and_branches() -> None:
    x = sd.input("x", ())
    s = sp.Symbol("x", real=True)
    e = sd.to_sympy(sd.where(x > 0, x, sd.exp(x)))
    assert e.subs(s, 2) == 2
    assert e.subs(s, -1) == sp.exp(-1)
    assert (
        abs(float(sd.to_sympy(sd.sigmoid(x)).subs(s, 0.3)) - 1 / (1 + np.exp(-0.3)))
        < 1e-15
    )


def test_round_trip() -> None:
    x, y = sd.input("x", ()), sd.input("y", ())
    a, b = sp.Symbol("x", real=True), sp.Symbol("y", real=True)
    for e in (sp.sin(a * b) + a**3, sp.log(1 + a**2) * sp.tanh(b), a / b - sp.sqrt(2)):
        back = sd.to_sympy(sd.from_sympy(e, {a: x, b: y}))
        at = {a: 0.7, b: -1.3}
        assert abs(float(back.subs(at)) - float(e.subs(at))) < 1e-14


def test_not_everything_has_a_formula() -> None:
    x = sd.input("x", (sd.dim("N"),))
    with pytest.raises(sd.DeclarationError, match="symbolic lengths"):
        sd.to_sympy(sd.sum(x))
    y, _ = sd.scan(lambda c, r: (c * r, None), 1.0, sd.input("z", (3,)))
    with pytest.raises(sd.DeclarationError, match="no exact form"):
        sd.to_sympy(y)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_polygammas_are_read_and_differentiated(order: int) -> None:
    a, x = sp.Symbol("a"), sd.input("x", 3)
    at = np.array([0.5, 1.5, 3.0])
    made = sd.from_sympy(sp.polygamma(order, a), {a: x})
    slope = sd.grad(sd.sum(made), x)
    expected = [[float(sp.polygamma(order + k, v)) for v in at] for k in (0, 1)]
    found = sd.interpret([made, slope], {x: at})
    np.testing.assert_allclose(found, expected, rtol=1e-12)
