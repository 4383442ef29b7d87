"""Jacobians, Hessians and their products: both modes, blocks, symbolic lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sample_checks import slope

import symdiff as sd
from symdiff.graph.errors import DerivativeError, ShapeError

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 3))
X = RNG.normal(size=3)


def layer(x: Any) -> Any:
    """A curved map of 3 numbers to 4, or of rows of 3 to rows of 4."""
    return sd.tanh(x @ W.T) * sd.sum(x * x, axis=-1, keepdims=True)


def dense(function: Any, at: np.ndarray) -> np.ndarray:
    """The Jacobian by central differences, axes of the result first."""
    columns = []
    for i in np.ndindex(at.shape):
        unit = np.zeros(at.shape)
        unit[i] = 1
        columns.append(slope(lambda h, u=unit: [function(at + h * u)])[0])
    return np.moveaxis(np.array(columns), 0, -1).reshape(
        *np.shape(columns[0]), *at.shape
    )


def value(x: np.ndarray) -> np.ndarray:
    """`layer` in NumPy."""
    return np.tanh(x @ W.T) * np.sum(x * x, axis=-1, keepdims=True)


@pytest.mark.parametrize("mode", [None, "forward", "reverse"])
@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_jacobian_by_either_mode(mode: Any, shape: Any) -> None:
    """The shape of the result, then that of the variable; looped over or not."""
    x = sd.input("x", shape)
    at = RNG.normal(size=shape)
    found = sd.interpret(sd.jacobian(layer(x), x, mode=mode), {x: at})
    assert found.shape == (*shape[:-1], 4, *shape)
    np.testing.assert_allclose(found, dense(value, at), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mode", [None, "forward", "reverse"])
def test_blocks_are_the_diagonal_of_the_dense_jacobian(mode: Any) -> None:
    N = sd.dim("N")
    x = sd.input("x", (N, 3))
    blocks = sd.jacobian(layer(x), x, batch_dims=1, mode=mode)
    assert blocks.shape == (N, 4, 3)
    for count in (5, 1):
        at = RNG.normal(size=(count, 3))
        found = sd.interpret(blocks, {x: at})
        wanted = np.stack([dense(value, row) for row in at])
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9)


def test_jacobian_of_a_symbolic_length() -> None:
    """Neither length is known: rows are looped over; text and graph agree."""
    N = sd.dim("N")
    x = sd.input("x", N)
    J = sd.jacobian(sd.sin(x) * sd.sum(x), x)
    forward = sd.compile(sd.Function("jac", x, J)).load().forward.forward
    for count in (3, 1):
        at = RNG.normal(size=count)
        wanted = np.diag(np.cos(at) * at.sum()) + np.sin(at)[:, None]
        np.testing.assert_allclose(sd.interpret(J, {x: at}), wanted, rtol=1e-12)
        np.testing.assert_allclose(forward(at), wanted, rtol=1e-12)


def test_hessian_blocks() -> None:
    """Of a list of tensors; the mixed blocks are transposes of each other."""
    a, b = sd.input("a", 3), sd.input("b", 4)
    loss = sd.sum(layer(a) * sd.exp(b))
    feed = {a: X, b: RNG.normal(size=4)}
    (aa, ab), (ba, bb) = sd.hessian(loss, [a, b])
    found = sd.interpret([aa, ab, ba, bb], feed)
    np.testing.assert_allclose(found[0], found[0].T, rtol=1e-12)
    np.testing.assert_allclose(found[1], found[2].T, rtol=1e-12)
    e = np.exp(feed[b])
    np.testing.assert_allclose(found[3], np.diag(value(X) * e), rtol=1e-12)
    np.testing.assert_allclose(
        found[2], e[:, None] * dense(value, X), rtol=1e-7, atol=1e-9
    )
    gradient = sd.grad(loss, a)
    wanted = dense(lambda x: sd.interpret(gradient, {**feed, a: x}), X)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-7, atol=1e-9)


def test_products_are_the_matrices_times_the_vector() -> None:
    x, v = sd.input("x", 3), sd.input("v", 3)
    residual = layer(x)
    loss = sd.sum(residual**2) / 2
    feed = {x: X, v: RNG.normal(size=3)}
    made = [sd.hvp(loss, x, v), sd.hessian(loss, x), sd.gnvp(residual, x, v)]
    product, hessian, gauss = sd.interpret(made, feed)
    np.testing.assert_allclose(product, hessian @ feed[v], rtol=1e-11)
    J = dense(value, X)
    np.testing.assert_allclose(gauss, J.T @ J @ feed[v], rtol=1e-7)


def test_products_for_several_variables() -> None:
    a, b = sd.input("a", 3), sd.input("b", 4)
    va, vb = sd.input("va", 3), sd.input("vb", 4)
    residual = layer(a) * sd.exp(b)
    feed = {t: RNG.normal(size=t.shape) for t in (a, b, va, vb)}
    moved = np.concatenate([feed[va], feed[vb]])
    Ja, Jb = sd.interpret(sd.jacobian(residual, [a, b]), feed)
    J = np.concatenate([Ja, Jb], axis=1)
    found = sd.interpret(sd.gnvp(residual, [a, b], [va, vb]), feed)
    np.testing.assert_allclose(np.concatenate(found), J.T @ J @ moved, rtol=1e-11)
    blocks = sd.hessian(sd.sum(residual), [a, b])
    whole = np.block([sd.interpret(row, feed) for row in blocks])
    found = sd.interpret(sd.hvp(sd.sum(residual), [a, b], [va, vb]), feed)
    np.testing.assert_allclose(np.concatenate(found), whole @ moved, rtol=1e-10)


def test_a_jacobian_can_be_differentiated() -> None:
    x = sd.input("x", 3)
    penalty = sd.sum(sd.jacobian(layer(x), x) ** 2)
    found = sd.interpret(sd.grad(penalty, x), {x: X})
    wanted = dense(lambda at: np.sum(dense(value, at) ** 2), X)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_mistakes_are_named() -> None:
    x = sd.input("x", (2, 3))
    with pytest.raises(DerivativeError, match="'forward' or 'reverse'"):
        sd.jacobian(layer(x), x, mode="both")
    with pytest.raises(ShapeError, match="batch_dims=3 exceeds"):
        sd.jacobian(layer(x), x, batch_dims=3)
    with pytest.raises(ShapeError, match="batch axes differ"):
        sd.jacobian(sd.sum(x, axis=0), x, batch_dims=1)
