"""Derivatives inside derivatives: every transform's argument is a variable of its own.

Random programs (`nested_programs`) against dual numbers with tags and against JAX: as
they are, under `jit`, differentiated in both modes, and with one value passed twice.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from nested_duals import Duals, plain, rows_by
from nested_programs import Derived, Maker, entries, packed, run, unpacked

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

X, Y = 0.7, -1.3


class Transforms:
    """The operations of programs, by symdiff."""

    sin, cos, tanh = staticmethod(np.sin), staticmethod(np.cos), staticmethod(np.tanh)

    def choose(self, test: Any, then: Any, otherwise: Any) -> Any:
        """Return one side."""
        return sd.cond(test > 0, then, otherwise)

    def fold(self, step: Any, carry: Any, rows: Any) -> Any:
        """Return the last carry and the sum of what each step gave."""
        carry, ys = sd.scan(step, carry, sd.stack(rows))
        return carry, sd.sum(ys)

    def repeat(self, test: Any, body: Any, carry: Any) -> Any:
        """Repeat while the test holds."""
        return sd.while_loop(test, body, carry)

    def derive(self, e: Derived, f: Any, at: list[Any], vector: list[Any]) -> Any:
        """Return the weighted sum of what a transform returns."""
        function, args = called(e, f, at, np.stack)
        apart = e.form == "apart" and e.kind != "jit"
        options = {"argnum": tuple(range(len(at)))} if apart else {}
        transform = getattr(T, e.kind)(function, **options)
        if e.kind == "vjp":
            args.append(packed(e.results, vector, np.stack))
        elif vector:
            args.append(packed(e.form, vector, np.stack))
        return total(e, transform(*args))


class Jax:
    """The operations of programs, by JAX; loops are written out."""

    fold, repeat = Duals.fold, Duals.repeat

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax = jax

    def __getattr__(self, name: str) -> Any:
        return getattr(self.jax.numpy, name)

    def choose(self, test: Any, then: Any, otherwise: Any) -> Any:
        """Return one side; both are smooth."""
        return self.jax.numpy.where(test > 0, then(), otherwise())

    def derive(self, e: Derived, f: Any, at: list[Any], vector: list[Any]) -> Any:
        """Return the weighted sum of what a transform returns."""
        jax, stack = self.jax, self.jax.numpy.stack
        at = [jax.numpy.asarray(a, float) for a in at]
        vector = [jax.numpy.asarray(v, float) for v in vector]
        function, args = called(e, f, at, stack)
        argnums = tuple(range(len(at))) if e.form == "apart" else 0
        match e.kind:
            case "jit":
                found = function(*args)
            case "grad" | "value_and_grad":
                found = getattr(jax, e.kind)(function, argnums)(*args)
            case "elementwise_grad":
                value, pull = jax.vjp(function, *args)
                (found,) = pull(jax.numpy.ones_like(value))
            case "vjp":
                (found,) = jax.vjp(function, *args)[1](packed(e.results, vector, stack))
            case "jvp":
                moved = [packed(e.form, vector, stack)]
                found = jax.jvp(function, args, moved)[1]
            case "hvp":
                moved = [packed(e.form, vector, stack)]
                found = jax.jvp(jax.grad(function), args, moved)[1]
            case _:
                found = getattr(jax, e.kind)(function)(*args)
        return total(e, found)


def called(e: Derived, f: Any, at: list[Any], stack: Any) -> tuple[Any, list[Any]]:
    """Return a function of packed arguments, and the arguments."""
    count, form = len(at), e.form

    def function(*args: Any) -> Any:
        return packed(e.results, f(*unpacked(form, args, count)), stack)

    return function, list(at) if form == "apart" else [packed(form, at, stack)]


def total(e: Derived, found: Any) -> Any:
    """Return the weighted sum of all numbers that a transform returned."""
    added: Any = 0.0
    for value, by in entries(e, found):
        added = added + by * value
    return added


# --- the class: random nestings -------------------------------------------------------


def expected(program: Any) -> dict[str, list[float]] | None:
    """Return what each way of running a program gives; None where numbers are large."""

    def f(x: Any, y: Any) -> Any:
        return run(Duals(), program, {"x": x, "y": y})

    value, slopes = plain(f(X, Y)), rows_by(lambda x, y: [f(x, y)], [X, Y])
    same = rows_by(lambda x: [f(x, x)], [X])
    gradient = [plain(column[0]) for column in slopes]
    wanted = {
        "as it is": [value],
        "jit": [value],
        "value_and_grad": [value, *gradient],
        "one value twice": [plain(f(X, X)), plain(same[0][0])],
    }
    small = all(abs(v) < 1e5 for values in wanted.values() for v in values)
    return wanted if small else None


def found(program: Any, way: str) -> list[float]:
    """Return what symdiff gives."""

    def f(x: Any, y: Any) -> Any:
        return run(Transforms(), program, {"x": x, "y": y})

    match way:
        case "as it is":
            value = f(X, Y)
            return [sd.interpret(value, {}) if isinstance(value, sd.Tensor) else value]
        case "jit":
            return [T.jit(f)(X, Y)]
        case "value_and_grad":
            value, slopes = T.value_and_grad(f, (0, 1))(X, Y)
            return [value, *slopes]
    return list(T.make_jvp(lambda x: f(x, x))(X)(1.0))


def check(seed: int, deepest: int, loops: bool) -> bool:
    """Hold one program to the dual numbers; return whether it was of use."""
    program = Maker(seed, deepest, loops).program()
    wanted = expected(program)
    for way, values in (wanted or {}).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sd.SymdiffWarning)
            got = found(program, way)
        what = f"seed {seed}, {way}: {program}"
        np.testing.assert_allclose(got, values, rtol=1e-8, atol=1e-8, err_msg=what)
    return wanted is not None


@pytest.mark.parametrize("first", [0, 3])
def test_random_nestings(first):
    """Two and three deep, every transform, closures over every variable around."""
    assert sum(check(seed, 3, loops=False) for seed in range(first, first + 3)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 1060, 10))
def test_more_random_nestings(first):
    assert sum(check(seed, 3, loops=False) for seed in range(first, first + 10)) > 6


@pytest.mark.parametrize("first", [200, 203])
def test_random_nestings_around_loops(first):
    """The same with loops and branches around and inside of transforms."""
    assert sum(check(seed, 2, loops=True) for seed in range(first, first + 3)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("first", range(3000, 3030, 10))
def test_more_random_nestings_around_loops(first):
    assert sum(check(seed, 2, loops=True) for seed in range(first, first + 10)) > 6


@pytest.mark.parametrize("seed", [3, 5])
def test_dual_numbers_agree_with_jax(seed):
    """The oracle is held to another: values and gradients of random nestings."""
    pytest.importorskip("jax", reason="extra [oracles]")
    check_oracle(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 120, 10))
def test_dual_numbers_agree_with_jax_more_often(first):
    pytest.importorskip("jax", reason="extra [oracles]")
    for seed in range(first, first + 10):
        check_oracle(seed)


def check_oracle(seed: int) -> None:
    """Hold the dual numbers to JAX."""
    xp, program = Jax(), Maker(seed).program()
    wanted = expected(program)
    if wanted is not None:
        value, slopes = xp.jax.value_and_grad(
            lambda x, y: run(xp, program, {"x": x, "y": y}), (0, 1)
        )(X, Y)
        np.testing.assert_allclose(
            [value, *slopes], wanted["value_and_grad"], rtol=1e-9, atol=1e-9
        )


# --- those that were wrong ------------------------------------------------------------


def test_a_closure_over_the_variable_of_jit_is_a_constant():
    assert T.jit(lambda x: T.grad(lambda b: x * b)(x))(3.0) == 3.0
    assert T.jit(lambda x: T.jvp(lambda b: x * b)(x, 1.0))(3.0) == 3.0
    assert T.jit(lambda x: T.hvp(lambda b: x * b**3)(x, 1.0))(3.0) == 54.0
    assert T.jit(lambda x: T.hessian(lambda b: x * b**3)(x))(3.0) == 54.0
    assert T.jit(lambda p: T.grad(lambda q: p["a"] * q["a"])(p))({"a": 3.0})["a"] == 3.0
    found = T.jit(lambda x: T.jacobian(lambda b: x * b)(x))(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(found, np.diag([1.0, 2.0]))


def test_an_argument_that_is_not_differentiated_is_no_inner_variable():
    f = T.value_and_grad(lambda x, y: x * T.grad(lambda b: y * b)(y))
    assert f(2.0, 3.0) == (6.0, 3.0)


def test_every_inner_transform_has_a_variable_of_its_own():
    def twice(x):
        return T.grad(lambda b: x * b)(x) + T.grad(lambda b: x * b)(x)

    assert T.jit(twice)(3.0) == 6.0
    assert T.grad(twice)(3.0) == 2.0


def test_the_surrogate_of_a_policy_gradient():
    """d/dv exp(log p(v) - log p(w)) at v = w is that of log p."""

    def log_p(w):
        return -np.sum((w - 1.0) ** 2)

    w = np.array([0.5, 2.0])
    surrogate = T.jit(lambda w: T.grad(lambda v: np.exp(log_p(v) - log_p(w)))(w))
    np.testing.assert_allclose(surrogate(w), -2 * (w - 1.0))


def test_a_closure_inside_the_body_of_a_loop_is_a_constant():
    def f(x):
        def step(c, _):
            return c + T.grad(lambda b: x * b)(x) * T.grad(lambda b: c * b)(c), None

        return sd.scan(step, x, None, length=2)[0]

    assert T.jit(f)(3.0) == 3.0 * (1 + 3.0) ** 2
    assert T.grad(f)(3.0) == pytest.approx((1 + 3.0) ** 2 + 2 * 3.0 * (1 + 3.0))
