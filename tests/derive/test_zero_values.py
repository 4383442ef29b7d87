"""A zero that is a value is no selection: what it multiplies comes through.

The class: ways of writing a product with 0 × functions that are steep at 0 × what lies
around them; both modes, the second order and generated code, against JAX, whose numbers
are IEEE's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

pytestmark = pytest.mark.oracle

STEEP = {
    "sqrt": lambda np_, x: np_.sqrt(x),
    "log": lambda np_, x: np_.log(x),
    "power": lambda np_, x: x**0.25,
    "inverse": lambda np_, x: 1.0 / x,
}
# With y = 1 everywhere.
ZEROS: dict[str, Callable[..., Any]] = {
    "number first": lambda np_, f, y: 0.0 * f,
    "number last": lambda np_, f, y: f * 0,
    "array": lambda np_, f, y: f * np_.zeros(3),
    "of another": lambda np_, f, y: (0.0 * y) * f,
    "minus itself": lambda np_, f, y: (y - y) * f,
    "negated": lambda np_, f, y: -(0.0 * f),
}
AROUND: dict[str, Callable[..., Any]] = {
    "nothing": lambda np_, t: t,
    "sum": lambda np_, t: t + 1.0,
    "joined": lambda np_, t: np_.concatenate([t, 2.0 * t]),
    "stacked": lambda np_, t: np_.stack([t, t]),
    "chosen": lambda np_, t: np_.where(np_.array([True, True, False]), t, 1.0),
    "reversed": lambda np_, t: t[::-1],
}
X = np.array([0.0, 1.0, 4.0])
Y = np.ones(3)


def loss(np_: Any, steep: str, zero: str, around: str, x: Any, y: Any) -> Any:
    product = ZEROS[zero](np_, STEEP[steep](np_, x), y)
    return np_.sum(AROUND[around](np_, product))


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("zero", ZEROS)
@pytest.mark.parametrize("steep", STEEP)
def test_what_a_zero_multiplies_comes_through(
    steep: str, zero: str, around: str
) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    name = (steep, zero, around)
    expected = jax.grad(lambda x: loss(jax.numpy, *name, x, Y))(X)
    x, y = sd.input("x", 3), sd.input("y", 3)
    total = loss(np, *name, x, y)
    (slope,) = sd.grad(total, [x])
    at = {x: X, y: Y}
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(sd.interpret(slope, at), expected)
        product = ZEROS[zero](np, STEEP[steep](np, x), y)
        moved = sd.interpret(sd.jvp(product, x, sd.constant(np.ones(3))), at)
        assert np.isnan(moved).tolist() == np.isnan(expected).tolist()
        for level in (0, 2):
            made = sd.compile(sd.Function("f", [x, y], total), optimize=level).load()
            _, residuals = made.backward.forward_with_residuals(X, Y)
            found = made.backward.backward(residuals, 1.0).d_x
            np.testing.assert_array_equal(found, expected)


JOINED: dict[str, Callable[..., Any]] = {
    "concatenate": lambda a, b: np.concatenate([a**2, 0 * b], axis=1),
    "concatenate last": lambda a, b: np.concatenate([b * 0.0, a**2], axis=1),
    "stack": lambda a, b: np.stack([b, 0 * b]),
    "set": lambda a, b: sd.at(b, (slice(None), 0)).set(0 * b[:, 1] + 2.0),
    "set to a product": lambda a, b: sd.at(b, 0).set(0 * b[1]),
    "divided": lambda a, b: np.concatenate([a, 0 / (b + 3.0)], axis=1),
    "chosen": lambda a, b: np.where(b > 0, b**2, 0 * b),
}


@pytest.mark.parametrize("name", JOINED)
def test_products_with_zero_have_their_shape_in_every_order(name: str) -> None:
    rng = np.random.default_rng(0)
    a, b = sd.input("a", (4, 3)), sd.input("b", (4, 2))
    at = {a: rng.normal(size=(4, 3)), b: rng.normal(size=(4, 2))}
    total = sd.sum(sd.sqrt(JOINED[name](a, b) ** 2 + 1.0) * 0.5)
    given = [sd.constant(rng.normal(size=t.shape)) for t in (a, b)]
    found = sd.interpret(sd.hvp(total, [a, b], given), at)
    slopes = sd.grad(total, [a, b])
    v = [t.node.attrs["value"] for t in given]
    moved = []
    for sign in (1, -1):
        near = {a: at[a] + sign * 1e-6 * v[0], b: at[b] + sign * 1e-6 * v[1]}
        moved.append(sd.interpret(slopes, near))
    for got, plus, minus in zip(found, *moved, strict=True):
        np.testing.assert_allclose(got, (plus - minus) / 2e-6, atol=1e-7)


ROWS: dict[str, Callable[[Any], Any]] = {
    "row": lambda k: k[None, :],
    "column": lambda k: k[:, None],
    "repeated": lambda k: np.broadcast_to(k, (2, 2)),
    "transposed": lambda k: np.broadcast_to(k, (2, 2)).T,
    "reshaped": lambda k: np.reshape(k, (2, 1)),
    "not": lambda k: np.logical_not(k)[:, None],
    "both": lambda k: np.logical_and(k[:, None], k[None, :]),
    "number": lambda k: k[0],
}


@pytest.mark.parametrize("row", ROWS)
def test_a_view_of_a_mask_selects_in_a_loop_as_outside(row: str) -> None:
    """The loop scales by 1, so that its gradient is that of the expression."""
    X, k = sd.input("X", (2, 2, 2)), sd.input("k", (2, 2), dtype="bool")

    def step(c: Any, e: Any) -> Any:
        return c, np.where(ROWS[row](e[1]), e[0] * c, 0.0)

    _, stacked = sd.scan(step, sd.constant(1.0), (sd.sqrt(X), k))
    masks = np.array([[True, False], [True, True]])
    shown = np.stack([np.broadcast_to(ROWS[row](m), (2, 2)) for m in masks])
    at = np.where(shown, 4.0, 0.0)
    (slope,) = sd.grad(sd.sum(stacked), [X])
    with np.errstate(all="ignore"):
        found = sd.interpret(slope, {X: at, k: masks})
    np.testing.assert_array_equal(found, np.where(shown, 0.25, 0.0))
