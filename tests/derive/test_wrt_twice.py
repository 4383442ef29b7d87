"""What is asked for twice has one gradient; `compile` says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdiff as sd

X, Y = sd.input("x", (3,)), sd.input("y", (3,))
F = sd.Function("f", [X, Y], sd.sum(X * Y**2))


@pytest.mark.parametrize(
    "wrt", [[Y, Y], ["y", "y"], [Y, "y"], ["x", "y", "x"]], ids=str
)
def test_a_variable_that_is_named_twice_is_refused(wrt: Any) -> None:
    with pytest.raises(sd.DeclarationError, match="twice"):
        sd.compile(F, wrt=wrt)


@pytest.mark.parametrize(
    ("wrt", "count"), [(["inputs", "y"], 2), (["y", "inputs"], 2), ([Y], 1), (None, 2)]
)
def test_a_group_may_hold_what_is_named_beside_it(wrt: Any, count: int) -> None:
    backward = sd.compile(F, wrt=wrt).load().backward
    _, residuals = backward.forward_with_residuals(np.ones(3), np.full(3, 2.0))
    assert len(backward.backward(residuals)) == count


def test_grad_returns_one_for_each_that_is_asked() -> None:
    found = sd.interpret(sd.grad(F.outputs[0], [Y, Y]), {X: np.ones(3), Y: np.ones(3)})
    np.testing.assert_array_equal(found, np.full((2, 3), 2.0))
