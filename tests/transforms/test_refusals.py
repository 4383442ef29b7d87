"""`symdiff.transforms`: what needs a value is refused by its line; so are draws."""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.graph.errors import (
    ArgumentError,
    DeclarationError,
    ShapeError,
    TracingError,
)

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
        (array_of_tensors, "np.array([x[0], x[1]])", "symdiff.numpy"),
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


# --- vectors --------------------------------------------------------------------------


@pytest.mark.parametrize("vector", [1.0, np.ones(2), np.ones((3, 1))])
def test_a_vector_has_the_shape_of_what_it_belongs_to(vector):
    """One number is no direction, and nothing is broadcast."""
    shape = r"of shape \(.*for .*of shape \(3,\); give the {} that shape"
    for product in (T.jvp(np.sin), T.hvp(lambda x: np.sum(x**3))):
        with pytest.raises(ShapeError, match="a tangent " + shape.format("tangent")):
            product(X, vector)
    with pytest.raises(ShapeError, match="a cotangent " + shape.format("cotangent")):
        T.vjp(np.sin)(X, vector)
    x = sd.input("x", (3,))
    for derive in (
        lambda: sd.jvp(x**2, x, vector),
        lambda: sd.hvp(sd.sum(x), x, vector),
    ):
        with pytest.raises(ShapeError, match=r"a tangent .* for 'x' of shape"):
            derive()
    with pytest.raises(ShapeError, match="a cotangent " + shape.format("cotangent")):
        sd.vjp(x**2, x, vector)


def test_one_number_belongs_to_a_number():
    assert T.jvp(np.sin)(0.0, 2.0) == 2.0
    assert T.vjp(lambda x: np.sum(x))(X, 2.0).tolist() == [2.0] * 3
    with pytest.raises(ShapeError, match="ones_like"):
        T.jvp(np.sin)(X, 1.0)


@pytest.mark.parametrize(
    "transform",
    [
        *(T.grad, T.value_and_grad, T.grad_and_aux, T.elementwise_grad, T.vjp, T.jvp),
        *(T.jacobian, T.hessian, T.hvp, T.make_vjp, T.make_jvp, T.make_hvp),
    ],
    ids=lambda t: t.__name__,
)
def test_the_spelling_of_jax_is_told_from_ours(transform):
    with pytest.raises(ArgumentError, match="did you mean 'argnum'") as error:
        transform(lambda a, b: np.sum(a * b), argnums=1)
    assert "test_refusals.py" in str(error.value)
