"""A loop of no steps does not run its body, interpreted or generated.

The class: bodies that cannot run on a row of zeros, since they invert, factor or solve
it, with a carry and without; and the loop of a Jacobian by an axis of length 0, whose
labels are of no class.
"""

import numpy as np
import pytest

import symdiff as sd

X = sd.input("x", (sd.dim("T"), 2, 2))


def inverted():
    return sd.map(sd.linalg.inv, X)


def with_a_carry():
    return sd.scan(lambda c, x: (c @ sd.linalg.inv(x), sd.trace(c)), sd.eye(2), X)


def factored():
    return sd.map(lambda x: sd.linalg.cholesky(x), X)


def solved():
    return sd.map(lambda x: sd.linalg.solve(x, x[0]), X)


@pytest.mark.parametrize("make", [inverted, with_a_carry, factored, solved])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_steps_give_empty_stacks(make, dtype):
    found = make()
    outputs = list(found) if isinstance(found, tuple) else [found]
    values = sd.interpret(outputs, {X: np.zeros((0, 2, 2), dtype)})
    made = sd.compile(sd.Function("f", [X], outputs), wrt=()).load().forward
    wanted = made.forward(np.zeros((0, 2, 2), dtype))
    wanted = list(wanted) if isinstance(wanted, tuple) else [wanted]
    for value, other in zip(values, wanted, strict=True):
        assert value.shape == other.shape
        assert value.dtype == other.dtype
        np.testing.assert_array_equal(value, other)


def test_a_jacobian_by_nothing():
    d = sd.dim("D")
    x, w = sd.input("x", d), sd.input("w", (d, d))
    slopes = sd.jacobian(sd.tanh(w @ x), x)
    assert sd.interpret(slopes, {x: np.zeros(0), w: np.zeros((0, 0))}).shape == (0, 0)
