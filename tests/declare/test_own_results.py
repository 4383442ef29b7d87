"""Results of the user's own ops have the declared shape, and are the caller's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdiff as sd
from symdiff.transforms import jit


@pytest.mark.parametrize("text", ["3", "7/2", "a - a + 2", "pi", "2*a", "b"])
def test_an_expression_that_leaves_operands_out_has_their_shape(text: str) -> None:
    """A number, and an operand that is not read, in front of all sorts of readers."""
    op = sd.elementwise("some", text, symbols=["a", "b"])
    x, y = sd.input("x", (3, 4)), sd.input("y", (2, 1, 4))
    t = op(x, y)
    given = [np.full(leaf.shape, 1.5, np.float32) for leaf in (x, y)]
    value = np.float32(sp.sympify(text).subs({"a": 1.5, "b": 1.5}))
    for found in (t, sd.sum(t, axis=-1), sd.where(x > 0, t, t), 2.0**-t, t @ x[0]):
        expected = sd.interpret(found, {x: given[0], y: given[1]})
        assert expected.shape == found.shape
        for level in (0, 1):
            function = sd.compile(sd.Function("f", [x, y], found), optimize=level)
            result = function.load().forward.forward(*given)
            assert result.dtype == np.float32
            np.testing.assert_allclose(result, expected, 1e-6)
    np.testing.assert_allclose(sd.interpret(t, {x: given[0], y: given[1]}), value)


def _itself(x: Any) -> Any:
    return x


def _turned(x: Any) -> Any:
    return x[::-1]


@pytest.mark.parametrize("value", [_itself, _turned])
def test_results_of_an_op_that_returns_its_operand_are_the_callers(value: Any) -> None:
    op = sd.primitive("lends", evaluate=value, vjp=lambda ct, out, x: value(ct))
    x = sd.input("x", 3)
    at = np.arange(3.0)
    for level in (0, 1):
        made = sd.compile(sd.Function("f", [x], [op(x), op(x)]), optimize=level).load()
        first, second = made.forward.forward(at)
        first[:] = -1
        assert list(at) == [0, 1, 2]
        assert np.array_equal(second, value(at))
    jit(op)(at)[:] = -1
    assert list(at) == [0, 1, 2]
