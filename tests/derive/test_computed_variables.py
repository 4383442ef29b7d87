"""Second derivatives by a tensor that is computed from another variable.

The class: every elementwise function of the sample table as ``a = f(x)``, the Hessian
of a function of x and a by both, against ``a = f(x) + e`` and the input e. Where a
slope is written with the value of a, which hides what varies, an error says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rewrite.test_stability import FORMULAS, ORDINARY
from samples import SAMPLES, draw

import symdiff as sd
from symdiff.ops.core.record import OPS

UNARY = {
    s.fn: s
    for s in SAMPLES
    if isinstance(s.fn, str) and s.fn in OPS and OPS[s.fn].is_elementwise
    if len(s.args) == 1 and s.differentiable and s.second
}


def mixed(x: Any, a: Any) -> Any:
    return sd.sum(a * a * x + sd.sin(a) + x * x)


def blocks(y: Any, wrt: list[Any], feed: dict[Any, Any]) -> list[list[np.ndarray]]:
    return [[sd.interpret(h, feed) for h in row] for row in sd.hessian(y, wrt)]


def hides_what_varies(y: Any, x: Any, a: Any) -> bool:
    """Whether the slope of ``a`` is written with a; then every way says so."""
    try:
        sd.hessian(y, [x, a])
    except sd.SymdiffError as error:
        refused = str(error)
    else:
        return False
    assert "its own slope is written with its value" in refused
    for second in (
        lambda: sd.hvp(y, [x, a], [x, a]),
        lambda: sd.grad(sd.sum(sd.grad(y, x)), a),
        lambda: sd.jacobian(sd.grad(y, x), a),
    ):
        with pytest.raises(sd.SymdiffError, match="Add an input of zeros"):
            second()
    return True


@pytest.mark.parametrize("name", UNARY)
def test_a_hessian_by_a_computed_tensor(name: str) -> None:
    sample = UNARY[name]
    values = draw(sample)[0][0]
    x, e = sd.input("x", values.shape), sd.input("e", values.shape)
    a = sample.build([x])
    y = mixed(x, a)
    if hides_what_varies(y, x, a):
        return
    found = blocks(y, [x, a], {x: values})
    shifted = mixed(x, a + e)
    wanted = blocks(shifted, [x, e], {x: values, e: np.zeros_like(values)})
    for row, other in zip(found, wanted, strict=True):
        for block, right in zip(row, other, strict=True):
            np.testing.assert_allclose(block, right, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_hessian_by_a_raw_formula(name: str) -> None:
    """The variable is found again where its formula is replaced by a stable one."""
    x = sd.input("x", (2, 3))
    a = FORMULAS[name][0](x)
    assert a.node.inputs
    weights = sd.constant(np.arange(1.0, 1 + np.prod(a.shape)).reshape(a.shape))
    y = sd.sum(weights * sd.sin(a))
    point = {x: np.abs(ORDINARY) + 0.1}
    values, own = sd.interpret(a, point), sd.interpret(weights, point)
    wanted = np.diag((-own * np.sin(values)).ravel()).reshape(a.shape * 2)
    np.testing.assert_allclose(sd.interpret(sd.hessian(y, a), point), wanted)
    (blocks_,) = blocks(y, [a], point)
    np.testing.assert_allclose(blocks_[0], wanted)


USES = {
    "entropy": lambda a: a * sd.log(a),
    "log": lambda a: sd.log(a) ** 2,
    "other log": lambda a: a * sd.log(1 - a),
    "log1p": lambda a: sd.log(1 + a) * a,
    "root": lambda a: sd.sqrt(a) * a,
    "square": lambda a: a**2 * sd.exp(a),
    "exponential": lambda a: sd.exp(a) / (1 + sd.exp(a)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", FORMULAS)
def test_second_derivatives_by_a_raw_formula(name: str, use: str) -> None:
    """What is made of the variable is not mistaken for a part of its formula."""
    x = sd.input("x", (2, 3))
    a = FORMULAS[name][0](x)
    point = {x: np.abs(ORDINARY) + 0.1}
    b = sd.input("b", a.shape)
    other = {b: sd.interpret(a, point)}
    y, z = sd.sum(USES[use](a)), sd.sum(USES[use](b))
    ones = sd.constant(np.ones(a.shape))
    with np.errstate(all="ignore"):
        wanted = sd.interpret(sd.hvp(z, b, ones), other)
        for second in (
            sd.hvp(y, a, ones),
            sd.grad(sd.sum(sd.grad(y, a)), a),
            sd.vjp(sd.grad(y, a), a, ones),
        ):
            found = sd.interpret(second, point)
            np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9)


def test_a_formula_that_is_another_variable_is_not_that_variable() -> None:
    x = sd.input("x", 3)
    a = sd.log(sd.exp(x))
    slope = sd.grad(sd.sum(a * x), a)
    values = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(sd.interpret(slope, {x: values}), values)


def test_what_does_not_read_its_slope_is_differentiated() -> None:
    x = sd.input("x", 3)
    a = sd.tanh(x)
    y = sd.sum(a * a * a)
    values = np.array([0.1, -0.4, 0.7])
    (hessian,) = blocks(y, [a], {x: values})
    np.testing.assert_allclose(hessian[0], np.diag(6 * np.tanh(values)))
    slope = sd.grad(y, a)  # adds up uses of a itself
    second = sd.interpret(sd.grad(sd.sum(slope), a), {x: values})
    np.testing.assert_allclose(second, 6 * np.tanh(values))
    np.testing.assert_allclose(
        sd.interpret(sd.grad(sd.sum(a * a + a), a), {x: values}),
        2 * np.tanh(values) + 1,
    )
