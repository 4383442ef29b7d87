"""`symdiff.transforms`: what needs a value is refused by its line; so are draws."""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.graph.errors import DeclarationError, TracingError

X = np.array([0.5, -1.0, 2.0])


def branch(x):
    if x[0] > 0:
        return np.sum(x)
    return -np.sum(x)


def assignment(x):
    x[0] = 1.0
    return np.sum(x)


def filling(x):
    out = np.zeros(3)
    out[0] = x[0]
    return np.sum(out)


def array_of_tensors(x):
    return np.sum(np.array([x[0], x[1]]))


def python_float(x):
    import math

    return math.sin(x[0])


def counting(x):
    n = 0
    while np.sum(x) > n:
        n += 1
    return n * np.sum(x)


@pytest.mark.parametrize(
    ("function", "line", "remedy"),
    [
        (branch, "if x[0] > 0:", "sd.where or sd.cond"),
        (counting, "while np.sum(x) > n:", "sd.while_loop"),
        (assignment, "x[0] = 1.0", ".at(i).set(v)"),
        (filling, "out[0] = x[0]", ".at(i).set(v)"),
        (array_of_tensors, "np.array([x[0], x[1]])", "np.stack"),
        (python_float, "math.sin(x[0])", "np.sin"),
    ],
)
def test_what_needs_a_value_names_the_line(function, line, remedy):
    with pytest.raises(TracingError) as error:
        T.grad(function)(X)
    assert line in str(error.value)
    assert remedy in str(error.value)
    assert "test_refusals.py" in str(error.value)


def test_draws_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(TracingError, match="random"):
        T.grad(lambda x: np.sum(x * rng.normal(size=3)))(X)
    with pytest.raises(TracingError, match="random"):
        T.grad(lambda x: np.sum(x * np.random.normal(size=3)))(X)
    with pytest.raises(DeclarationError, match=r"sd\.random"):
        T.grad(lambda x: np.sum(x * sd.random.normal((3,))))(X)
