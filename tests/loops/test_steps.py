"""How often while loops run: a number for each loop, however they are differentiated.

Second and third derivatives whose result is used nonlinearly, loops that run more or
less often in one program, loops in loops, in branches and in scans: values against
derivatives of the same program in JAX, where every loop is written out.
"""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from loop_checks import module
from numpy.testing import assert_allclose

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

X, Y = 1.7, 5.3


class Plain:
    """Loops as Python's own, over JAX's numbers or NumPy's."""

    def __init__(self, xp: Any) -> None:
        self.sin, self.choose = xp.sin, xp.where

    def repeat(self, test: Any, body: Any, carry: Any) -> Any:
        """Repeat while the test holds of the number."""
        while test(carry):
            carry = body(carry)
        return carry

    def fold(self, body: Any, carry: Any, count: int) -> Any:
        """Repeat so many times."""
        for _ in range(count):
            carry = body(carry)
        return carry


class Ours:
    """Loops as symdiff's."""

    sin = staticmethod(np.sin)

    def choose(self, test: Any, a: Any, b: Any) -> Any:
        """Return one side."""
        return sd.cond(test, lambda: a, lambda: b)

    def repeat(self, test: Any, body: Any, carry: Any) -> Any:
        """Repeat while the test holds."""
        return sd.while_loop(test, body, carry)

    def fold(self, body: Any, carry: Any, count: int) -> Any:
        """Repeat so many times."""
        return sd.scan(lambda c, _: (body(c), None), carry, None, length=count)[0]


# --- programs of two numbers ----------------------------------------------------------


def grown(xp: Any, x: Any) -> Any:
    """A number that grows past 50, in more or fewer steps."""
    return xp.repeat(lambda c: c < 50.0, lambda c: c * x + xp.sin(c), x)


def squared(xp: Any, x: Any, y: Any) -> Any:
    """A result that is used nonlinearly."""
    return 1e-3 * grown(xp, x) ** 2 * y


def multiplied(xp: Any, x: Any, y: Any) -> Any:
    """Two loops that differ in nothing but their start."""
    return 1e-3 * grown(xp, x) * xp.sin(grown(xp, y))


def after_another(xp: Any, x: Any, y: Any) -> Any:
    """A loop that starts where another has ended."""
    first = grown(xp, x) * 0.04
    return xp.repeat(lambda c: c < 90.0, lambda c: c * y + xp.sin(c * first), first)


def within(xp: Any, x: Any, y: Any) -> Any:
    """A loop in the body of a loop, whose number of steps differs from turn to turn."""

    def outer(c: Any) -> Any:
        inner = xp.repeat(lambda d: d < 9.0, lambda d: d * x + xp.sin(d * c), c * 0.1)
        return c * y + xp.sin(inner)

    return 0.01 * xp.repeat(lambda c: c < 80.0, outer, x) ** 2


def in_a_scan(xp: Any, x: Any, y: Any) -> Any:
    """A loop at every step of a scan."""

    def step(c: Any) -> Any:
        end = xp.repeat(lambda d: d < 9.0, lambda d: d * x + xp.sin(d * c), c)
        return xp.sin(end * y) + 1.5

    return xp.fold(step, y * 0.2, 3) * x


def in_a_branch(xp: Any, x: Any, y: Any) -> Any:
    """A loop on either side."""
    big = grown(xp, x) * 0.02
    return xp.choose(y > 1.0, xp.sin(big * y) * big, big)


PROGRAMS = [
    squared,
    multiplied,
    *(pytest.param(p, marks=pytest.mark.slow) for p in (after_another, within)),
    *(pytest.param(p, marks=pytest.mark.slow) for p in (in_a_scan, in_a_branch)),
]


@pytest.fixture(scope="module")
def jax():
    found = pytest.importorskip("jax", reason="extra [oracles]")
    found.config.update("jax_enable_x64", True)
    return found


def jax_orders(jax: Any, program: Any) -> list[Any]:
    """Return gradient, Hessian, and the derivative of its trace."""

    def f(v: Any) -> Any:
        return program(Plain(jax.numpy), v[0], v[1])

    v = jax.numpy.array([X, Y])
    third = jax.grad(lambda v: jax.numpy.trace(jax.hessian(f)(v)))
    with jax.disable_jit():
        return [np.asarray(g(v)) for g in (jax.grad(f), jax.hessian(f), third)]


# --- transforms -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_second_derivatives_in_every_mode(jax, program):
    """Reverse over reverse, forward over reverse, Jacobians of Jacobians, products."""
    _, wanted, _ = jax_orders(jax, program)

    def f(v: Any) -> Any:
        return program(Ours(), v[0], v[1])

    v, unit = np.array([X, Y]), np.array([0.3, -1.1])
    ways = {
        "hessian": T.hessian(f)(v),
        "reverse over reverse": T.jacobian(T.grad(f), mode="reverse")(v),
        "forward over reverse": T.jacobian(T.grad(f), mode="forward")(v),
        "reverse over forward": T.jacobian(T.jacobian(f, mode="forward"))(v),
        "forward over forward": T.jacobian(
            T.jacobian(f, mode="forward"), mode="forward"
        )(v),
    }
    for way, found in ways.items():
        assert_allclose(found, wanted, rtol=1e-8, atol=1e-8, err_msg=way)
    assert_allclose(T.hvp(f)(v, unit), wanted @ unit, rtol=1e-8)
    slope = T.grad(lambda v, u: np.sum(T.grad(f)(v) * u))
    assert_allclose(slope(v, unit), wanted @ unit, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_third_derivatives(jax, program):
    *_, wanted = jax_orders(jax, program)

    def f(v: Any) -> Any:
        return program(Ours(), v[0], v[1])

    found = T.grad(lambda v: np.trace(T.hessian(f)(v)))(np.array([X, Y]))
    assert_allclose(found, wanted, rtol=1e-7)


def test_a_loop_whose_result_is_used_nonlinearly():
    """d²/dx² of w², w the end of a loop, by reverse over reverse."""

    def f(x: Any) -> Any:
        return grown(Ours(), x) ** 2

    def slope(x: float) -> float:
        return float(T.grad(f)(x))

    h = 1e-4
    near, far = slope(X + h) - slope(X - h), slope(X + 2 * h) - slope(X - 2 * h)
    wanted = (8 * near - far) / (12 * h)
    assert_allclose(T.grad(T.grad(f))(X), wanted, rtol=1e-7)
    assert_allclose(T.hessian(f)(X), wanted, rtol=1e-7)
    assert_allclose(T.jacobian(T.jacobian(f))(X), wanted, rtol=1e-7)
    assert_allclose(T.hvp(f)(X, 1.0), wanted, rtol=1e-7)


def test_loops_that_look_alike_run_as_often_as_each_must():
    """A derivative taken at two places has two loops, with a length each."""

    def product(x: Any, y: Any) -> Any:
        def f(v: Any) -> Any:
            return grown(Ours(), v)

        return T.grad(f)(x) * T.grad(f)(y)

    def slope(x: float, h: float = 1e-5) -> float:
        far, near = (
            grown(Plain(np), x + k * h) - grown(Plain(np), x - k * h) for k in (2, 1)
        )
        return (8 * near - far) / (12 * h)

    wanted = slope(X) * slope(Y)
    assert_allclose(T.jit(product)(X, Y), wanted, rtol=1e-7)
    value, _ = T.value_and_grad(product, (0, 1))(X, Y)
    assert_allclose(value, wanted, rtol=1e-7)


def test_a_loop_that_is_computed_before_the_loop_around_it():
    """What it has kept of its steps is read inside, and summed over there backwards."""

    def inner(v: Any) -> Any:
        return sd.while_loop(lambda c: c < 50.0, lambda c: c * c + 1.0, v)

    def f(x: Any) -> Any:
        def body(carry: Any) -> Any:
            c, n = carry
            both = T.vjp(lambda v: np.stack([inner(v), v * v]))
            slope = both(x, np.stack([1e-3 + 0.0 * x, n]))
            return 0.1 * slope + np.sin(c), n + 1.0

        return sd.while_loop(lambda c: c[1] < 2.5, body, (x, 0.0 * x))[0]

    def plain(x: float) -> float:
        c, d = x, 1.0
        while c < 50.0:
            c, d = c * c + 1.0, 2 * c * d
        end = x
        for n in range(3):
            end = 0.1 * (1e-3 * d + n * 2 * x) + np.sin(end)
        return float(end)

    x, h = 0.7, 1e-4
    near, far = (plain(x + k * h) - plain(x - k * h) for k in (1, 2))
    assert_allclose(T.jit(f)(x), plain(x), rtol=1e-12)
    assert_allclose(T.grad(f)(x), (8 * near - far) / (12 * h), rtol=1e-8)
    near, far = (T.grad(f)(x + k * h) - T.grad(f)(x - k * h) for k in (1, 2))
    assert_allclose(T.grad(T.grad(f))(x), (8 * near - far) / (12 * h), rtol=1e-7)


# --- graphs and generated text --------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
@pytest.mark.parametrize("level", [0, 2])
def test_compiled_second_derivatives(jax, program, level):
    """Forward, and backward: the third order, of a sum of the Hessian's entries."""
    x, y = sd.input("x", ()), sd.input("y", ())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sd.SymdiffWarning)
        rows = sd.hessian(program(Ours(), x, y), [x, y])
    trace = rows[0][0] + rows[1][1]
    outputs = {"xx": rows[0][0], "xy": rows[0][1], "yy": rows[1][1], "trace": trace}
    compiled = sd.compile(sd.Function("f", [x, y], outputs), optimize=level)
    backward = module(compiled["backward"])
    found, residuals = backward.forward_with_residuals(X, Y)
    _, wanted, third = jax_orders(jax, program)
    assert_allclose(found[:3], wanted[[0, 0, 1], [0, 1, 1]], rtol=1e-8)
    assert_allclose(module(compiled["forward"]).forward(X, Y), found, rtol=1e-12)
    assert_allclose(backward.backward(residuals, 0.0, 0.0, 0.0, 1.0), third, rtol=1e-7)
    assert_allclose(
        sd.interpret(list(outputs.values()), {x: X, y: Y}), found, rtol=1e-11
    )


def test_the_text_does_not_tell_what_was_compiled_before():
    def text() -> str:
        x = sd.input("x", ())
        y = grown(Ours(), x)
        return "".join(
            sd.compile(sd.Function("f", [x], sd.grad(y * y, x))).files.values()
        )

    first = text()
    for _ in itertools.repeat(None, 3):
        T.grad(lambda x: grown(Ours(), x))(X)
    assert text() == first
