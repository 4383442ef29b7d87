"""Generated code gives nothing to what is not read, as `interpret` does.

The oracle is the closed form of what is read, at every level and in the planned step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from unread_tables import SELECT, STEEP, points

import symdiff as sd

CASES = [(name, select) for name in STEEP for select in SELECT]
FEW = [CASES[i] for i in np.random.default_rng(4).permutation(len(CASES))[:12]]
LOOPS = [("sqrt", "row", "map"), ("several", "take", "map"), ("log", "row", "scan")]


def _run(name: str, form: str) -> Any:
    call = STEEP[name].call
    if form == "map":
        return lambda x: sd.map(call, x)
    if form == "scan":
        zero = sd.constant(0.0)
        return lambda x: sd.scan(lambda c, r: (c + 1.0, call(r)), zero, x)[1]
    return call


def _right(name: str, select: str) -> tuple[Any, Any]:
    """Return a point, and the gradient there of the sum of what is selected."""
    pick, read = SELECT[select]
    x = sd.input("x", (2, 3))
    often = sd.interpret(sd.grad(sd.sum(pick(x)), x), {x: np.ones((2, 3))})
    at = points(STEEP[name], read)
    right = np.zeros((2, 3))
    with np.errstate(all="ignore"):
        right[read] = (often * STEEP[name].first(at))[read]
    return at, right


def _check_levels(name: str, select: str, form: str, levels: tuple[int, ...]) -> None:
    at, right = _right(name, select)
    x = sd.input("x", (2, 3))
    y = SELECT[select][0](_run(name, form)(x))
    for level in levels:
        made = sd.compile(sd.Function("f", [x], y), optimize=level).load().backward
        with np.errstate(all="ignore"):
            value, residuals = made.forward_with_residuals(at)
            found = made.backward(residuals, np.ones_like(value))
        np.testing.assert_allclose(found.d_x, right, rtol=1e-9, err_msg=f"O{level}")


def _check_step(name: str, select: str, form: str) -> None:
    """Compare a planned and a readable step of a model whose parameter is x."""
    at, right = _right(name, select)
    x, scale = sd.param("x", (2, 3)), sd.input("scale", ())
    loss = sd.sum(SELECT[select][0](_run(name, form)(x))) * scale
    model = sd.Model("m", [scale], [], loss, loss=loss, optimizer=sd.optim.SGD(lr=0.5))
    package = sd.compile(model).load()
    for planned in (True, False):
        state = package.init_state({"x": at.copy()})
        with np.errstate(all="ignore"):
            package.train_step(state, 2.0, planned=planned)
        np.testing.assert_allclose(state.grads["x"], 2 * right, rtol=1e-9)
        unread = right == 0
        np.testing.assert_array_equal(state.params["x"][unread], at[unread])


@pytest.mark.parametrize(("name", "select"), FEW)
def test_generated_code(name: str, select: str) -> None:
    _check_levels(name, select, "at once", (0, 1, 2))


@pytest.mark.parametrize(("name", "select", "form"), LOOPS)
def test_generated_loops(name: str, select: str, form: str) -> None:
    _check_levels(name, select, form, (0, 1, 2))
    _check_step(name, select, form)


@pytest.mark.parametrize(("name", "select"), FEW[:4])
def test_planned_steps(name: str, select: str) -> None:
    _check_step(name, select, "at once")


@pytest.mark.slow
@pytest.mark.parametrize("select", list(SELECT))
def test_all_generated_code(select: str) -> None:
    for name in STEEP:
        _check_levels(name, select, "at once", (0, 1, 2))
