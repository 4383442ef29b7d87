"""Arrays that are filled: reads of what was written, and the stack of written rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import symdiff as sd
import symdiff.numpy as np
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.derive.stability import stabilise
from symdiff.graph.node import topological

X = numpy.array([0.7, -1.3, 0.4])
STARTS = {
    "zeros": lambda np, x, shape: np.zeros(shape),
    "ones": lambda np, x, shape: np.ones(shape),
    "full of x": lambda np, x, shape: np.full(shape, x[0]),
    "of x": lambda np, x, shape: np.zeros(shape) + x[2],
    "outer": lambda np, x, shape: np.sin(np.zeros(shape) + x[: shape[-1]]),
}
SHAPES = ((1,), (2,), (3,), (2, 3), (3, 1), (2, 2), (2, 1, 3), (5, 1))


def place(draw: random.Random, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return an index: numbers, negative ones too, slices, and whole axes."""
    found: list[Any] = []
    for length in shape[: draw.choice((1, len(shape)))]:
        i = draw.randrange(-length, length)
        start = draw.randrange(length)
        stop = draw.randint(start + 1, length)
        part = draw.choice((i, i, i, slice(start, stop), slice(None), slice(-1, None)))
        found.append(part)
    return tuple(found)


def filling(seed: int) -> Callable[[Any, Any], Any]:
    """Return a random program f(np, x) that writes into an array and reads it."""
    draw = random.Random(seed)
    shape, start = draw.choice(SHAPES), STARTS[draw.choice(list(STARTS))]
    steps: list[tuple[Any, ...]] = []
    ordered = draw.random() < 0.5
    for k in range(draw.randint(2, 9)):
        to = place(draw, shape)
        if ordered:
            to = (k % shape[0], *to[1:])
        steps.append((draw.randrange(5), to, place(draw, shape), draw.randrange(3)))

    def f(np: Any, x: Any) -> Any:
        y, total = start(np, x, shape), 0.0
        for kind, to, read, i in steps:
            value = np.sin(np.sum(y[read])) * x[i]
            if kind == 0:
                y[to] = value
            elif kind == 1:
                y[to] = float(i) - 1.0
            elif kind == 2:
                y[to] = y[to] * value
            elif kind == 3:
                y[to] += value
            else:
                total = total + value * np.sum(y)
        weights = numpy.arange(1.0, 1 + y.size).reshape(y.shape)
        return np.sum(np.cos(y * weights)) + total, y

    return f


def slopes(f: Callable[[Any], Any], x: Any) -> Any:
    steps = 1e-5 * numpy.eye(x.size)
    return numpy.stack([(f(x + s) - f(x - s)) / 2e-5 for s in steps], axis=-1)


@pytest.mark.parametrize("seed", range(50))
def test_random_fillings_agree_with_numpy_and_with_differences(seed: int) -> None:
    f = filling(seed)
    found, expected = T.jit(lambda x: f(np, x))(X), f(numpy, X)
    for mine, theirs in zip(found, expected, strict=True):
        numpy.testing.assert_allclose(mine, theirs, rtol=1e-13, atol=1e-13)

    gradient = T.grad(lambda x: f(np, x)[0])
    numpy.testing.assert_allclose(
        gradient(X), slopes(lambda x: f(numpy, x)[0], X), rtol=1e-6, atol=1e-6
    )
    moved = numpy.array([1.0, -0.5, 2.0])
    numpy.testing.assert_allclose(
        T.hvp(lambda x: f(np, x)[0])(X, moved),
        slopes(gradient, X) @ moved,
        rtol=1e-5,
        atol=1e-5,
    )
    numpy.testing.assert_allclose(
        T.jvp(lambda x: f(np, x)[1])(X, moved),
        slopes(lambda x: f(numpy, x)[1], X) @ moved,
        rtol=1e-6,
        atol=1e-6,
    )


def ops_of(tensor: sd.Tensor) -> set[str]:
    (stable,) = stabilise([tensor])
    return {n.op.name for n in topological([stable.node])}


def test_what_is_read_is_what_was_written() -> None:
    x = sd.input("x", (4, 3))
    v = sd.input("v", (3,))
    y = x.at[1].set(v).at[3, 0].set(0.0)
    for read, left in (
        (y[1], {"input", "expand_dims", "squeeze"}),
        (y[1, 2], {"input", "expand_dims", "slice", "squeeze"}),
        (y[0], {"input", "slice", "squeeze"}),
        (y[:, 1:], {"input", "slice", "set_at", "expand_dims", "literal"}),
    ):
        found = ops_of(read)
        assert found <= left, read
        if "set_at" not in left:
            values = {x: numpy.ones((4, 3)), v: numpy.arange(3.0)}
            (stable,) = stabilise([read])
            numpy.testing.assert_array_equal(
                sd.interpret(stable, values), sd.interpret(read, values)
            )


def test_an_array_that_is_filled_row_by_row_is_the_stack_of_its_rows() -> None:
    v = sd.input("v", (3,))
    y = sd.zeros((3, 3))
    for i in (2, 0, 1):
        y = y.at[i].set(v * (i + 1.0))
    assert "set_at" not in ops_of(y)
    assert "stack" in ops_of(y)
    half = sd.zeros((4,)).at[1].set(v[0]).at[2].set(5.0)
    assert "stack" in ops_of(half)
    few = sd.zeros((9,)).at[1].set(v[0])
    assert "set_at" in ops_of(few)


def test_symbolic_lengths_stay_as_they_are() -> None:
    n = sd.dim("N")
    x, v = sd.input("x", (n, 3)), sd.input("v", (3,))
    y = x.at[0].set(v)
    values = {x: numpy.ones((4, 3)), v: numpy.arange(3.0)}
    for read in (y[0], y[1], y[-1], y[:, 0], sd.sum(y, axis=0)):
        (stable,) = stabilise([read])
        numpy.testing.assert_array_equal(
            sd.interpret(stable, values), sd.interpret(read, values)
        )
    assert ops_of(y[0]) <= {"input", "squeeze", "expand_dims"}


def test_a_recurrence_that_fills_an_array_is_a_chain_of_numbers() -> None:
    def f(x: Any) -> Any:
        w = np.zeros(len(x))
        w[0] = x[0]
        for k in range(1, len(x)):
            w[k] = np.tanh(w[k - 1]) + x[k]
        return np.sum(w**2)

    gradient = T.grad(f)
    gradient(X)
    assert ".copy()" not in gradient.source.partition("def _check")[0]
