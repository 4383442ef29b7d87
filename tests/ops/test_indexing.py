"""Indexing, updates and einsum on random cases; repeats, ties and errors by name."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.interpret import interpret
from symdiff.graph.tensor import Tensor

UFUNCS = {
    "add": np.add,
    "multiply": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


def check_modes(
    y: Tensor, variables: Sequence[Tensor], feed: dict[Any, Any]
) -> list[Any]:
    """Hold <g, jvp(t)> = <vjp(g), t>; return the tangents and what jvp made of them."""
    rng = np.random.default_rng(0)
    g = sd.input("g", y.shape)
    ts = [sd.input(f"t{k}", v.shape) for k, v in enumerate(variables)]
    values = [rng.normal(size=v.shape) for v in [g, *ts]]
    found = interpret(
        [*sd.vjp(y, list(variables), g), sd.jvp(y, list(variables), ts)],
        feed | dict(zip([g, *ts], values, strict=True)),
    )
    pulled = sum(np.sum(a * t) for a, t in zip(found, values[1:], strict=False))
    np.testing.assert_allclose(
        pulled, np.sum(found[-1] * values[0]), rtol=1e-9, atol=1e-9
    )
    return [*values[1:], found[-1]]


# --- random cases ---------------------------------------------------------------------


def random_index(
    rnd: random.Random, rng: np.random.Generator, shape: Any
) -> tuple[Any, ...]:
    """An index of every kind NumPy has, mostly valid."""
    entries: list[Any] = []
    axis = 0
    while axis < len(shape) and rnd.random() < 0.9:
        kind, length = rnd.random(), shape[axis]
        if kind < 0.15:
            entries.append(None)
            continue
        if kind < 0.22 and Ellipsis not in [e for e in entries if e is Ellipsis]:
            entries.append(Ellipsis)
            axis += rnd.randint(0, len(shape) - axis)
            continue
        if kind < 0.42:
            bounds = [None, 0, 1, -1, -2, 3, 9]
            step = rnd.choice([None, 1, 2, -1, -2])
            entries.append(slice(rnd.choice(bounds), rnd.choice(bounds), step))
        elif kind < 0.55:
            entries.append(rnd.randint(-length, length - 1))
        elif kind < 0.62:
            entries.append(rng.random(length) < 0.5)
        elif kind < 0.7:
            entries.append(np.arange(length))
        else:
            size = rnd.choice([(3,), (2, 1), (2, 3), (1,)])
            entries.append(rng.integers(-length, length, size=size))
        axis += 1
    return tuple(entries)


def updated(kind: str, x: np.ndarray, index: Any, value: np.ndarray) -> np.ndarray:
    """Return what NumPy's assignment or ``ufunc.at`` makes of a copy."""
    found = x.copy()
    if kind == "set":
        found[index] = value
    else:
        UFUNCS[kind].at(found, index, value)
    return found


@pytest.mark.parametrize("seed", range(200))
def test_random_index(seed: int) -> None:
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    shape = tuple(rnd.choice([1, 2, 3, 4]) for _ in range(rnd.randint(1, 4)))
    index = random_index(rnd, rng, shape)
    values = rng.normal(size=shape)
    try:
        wanted = values[index]
    except (IndexError, ValueError):
        pytest.skip("not an index of this shape")
    x = sd.input("x", shape)
    feed: dict[Any, Any] = {x: values}
    symbolic = list(index)
    for k, e in enumerate(index):
        if isinstance(e, np.ndarray) and e.dtype != bool and rnd.random() < 0.5:
            if np.array_equal(e, np.arange(e.size)) and rnd.random() < 0.5:
                symbolic[k] = sd.arange(e.size)
                continue
            symbolic[k] = sd.input(f"i{k}", e.shape, dtype="int64")
            feed[symbolic[k]] = e
    place = tuple(symbolic)
    read = x[place]
    np.testing.assert_array_equal(interpret(read, feed), wanted)
    assert read.shape == wanted.shape
    check_modes(read, [x], feed)
    new = rng.normal(size=wanted.shape) + 0 * wanted
    v = sd.input("v", new.shape)
    feed[v] = new
    for kind in ("set", *UFUNCS):
        y = getattr(x.at[place], kind)(v)
        wanted_y = updated(kind, values, index, new)
        np.testing.assert_allclose(interpret(y, feed), wanted_y)
        t_x, t_v, moved = check_modes(y, [x, v], feed)
        h = 1e-6
        ahead, behind = (
            updated(kind, values + e * t_x, index, new + e * t_v) for e in (h, -h)
        )
        np.testing.assert_allclose(
            moved, (ahead - behind) / (2 * h), rtol=1e-5, atol=1e-6
        )


BATCH, Y = sd.dim("N"), sd.input("y", sd.dim("N"), dtype="int64")
COUNTED = {
    "by arange": (lambda x: x[np.arange(5), [3, 0, 0, 2, 1]], (5, 4)),
    "by sd.arange": (lambda x: x[sd.arange(BATCH), Y], (BATCH, 4)),
    "beside a slice": (lambda x: x[sd.arange(BATCH), 1:, Y], (BATCH, 3, 4)),
    "along an axis": (lambda x: sd.take_along_axis(x, Y[:, None], 1), (BATCH, 4)),
    "sorted": (lambda x: sd.sort(x, axis=0), (BATCH, 4)),
    "picked": (lambda x: sd.pick(x, Y), (BATCH, 4)),
    "without repeats": (lambda x: x[:, [2, 0]], (BATCH, 4)),
}
REPEATING = {
    "half the rows": (lambda x: x[np.arange(4) // 2, Y], (5, 4)),
    "fewer rows": (lambda x: x[np.arange(1), Y], (5, 4)),
    "two arrays": (lambda x: x[Y, Y], (5, 4)),
    "from the end": (lambda x: x[[0, -5]], (5, 4)),
    "rows by number": (lambda x: sd.take(x, Y, axis=0), (5, 4)),
}


def gradient_text(read: Any, shape: Any) -> str:
    x = sd.input("x", shape)
    out = sd.sum(read(x) ** 2)
    return str(sd.compile(sd.Function("f", [x, Y], out)).files["f/backward.py"])


@pytest.mark.parametrize(("read", "shape"), COUNTED.values(), ids=COUNTED)
def test_what_cannot_repeat_is_assigned(read: Any, shape: Any) -> None:
    assert "np.add.at" not in gradient_text(read, shape)


@pytest.mark.parametrize(("read", "shape"), REPEATING.values(), ids=REPEATING)
def test_what_may_repeat_adds_up(read: Any, shape: Any) -> None:
    assert "np.add.at" in gradient_text(read, shape)


def random_subscripts(rnd: random.Random) -> tuple[str, list[tuple[int, ...]]]:
    """Subscripts with repeats, ``...``, axes of length 1, and their shapes."""
    sizes = {c: rnd.choice([1, 2, 3]) for c in "abcde"}
    hidden = [rnd.choice([1, 2, 3]) for _ in range(2)]
    dots = rnd.random() < 0.3
    terms, shapes = [], []
    for _ in range(rnd.choice([1, 2, 2, 2, 3, 4])):
        term = "".join(rnd.choice("abcde") for _ in range(rnd.randint(0, 4)))
        shape = [sizes[c] for c in term]
        if dots and rnd.random() < 0.8:
            count, at = rnd.randint(0, 2), rnd.randint(0, len(term))
            stretched = [d if rnd.random() < 0.8 else 1 for d in hidden[2 - count :]]
            shape[at:at] = stretched
            term = f"{term[:at]}...{term[at:]}"
        terms.append(term)
        shapes.append(tuple(shape))
    text = ",".join(terms)
    if rnd.random() < 0.8:
        letters = sorted(set(text) - set(".,"))
        rnd.shuffle(letters)
        output = "".join(letters[: rnd.randint(0, len(letters))])
        text += "->" + ("..." if "..." in text else "") + output
    return text, shapes


@pytest.mark.parametrize("seed", range(200))
def test_random_einsum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    text, shapes = random_subscripts(random.Random(seed))
    arrays = [rng.normal(size=s) for s in shapes]
    try:
        wanted = np.einsum(text, *arrays)
    except ValueError:
        pytest.skip("not valid subscripts")
    xs = [sd.input(f"x{k}", s) for k, s in enumerate(shapes)]
    feed: dict[Any, Any] = dict(zip(xs, arrays, strict=True))
    y = sd.einsum(text, *xs)
    assert y.shape == np.shape(wanted)
    np.testing.assert_allclose(interpret(y, feed), wanted, atol=1e-12)
    check_modes(y, xs, feed)


# --- repeats and ties -----------------------------------------------------------------


def gradient(y: Tensor, x: Tensor, feed: dict[Any, Any]) -> Any:
    """Return d(sum of y times 1, 2, 3, ...)/dx."""
    size = int(np.prod(y.shape))
    weights = np.arange(1.0, size + 1).reshape(y.shape)
    return interpret(sd.grad(sd.sum(y * weights), x), feed)


def test_of_repeated_writes_the_last_one_gets_the_gradient() -> None:
    x, v, i = (
        sd.input("x", (4,)),
        sd.input("v", (3,)),
        sd.input("i", (3,), dtype="int64"),
    )
    feed = {x: np.zeros(4), v: np.ones(3), i: np.array([2, 0, 2])}
    y = x.at[i].set(v)
    np.testing.assert_array_equal(gradient(y, v, feed), [0, 1, 3])
    np.testing.assert_array_equal(gradient(y, x, feed), [0, 2, 0, 4])


def test_negative_and_positive_indices_of_one_element_are_repeats() -> None:
    v, i = sd.input("v", (2,)), sd.input("i", (2,), dtype="int64")
    y = sd.zeros((4,)).at[i].set(v)
    feed = {v: np.ones(2), i: np.array([3, -1])}
    np.testing.assert_array_equal(gradient(y, v, feed), [0, 4])
    constant = sd.zeros((4,)).at[[3, -1]].set(v)
    np.testing.assert_array_equal(gradient(constant, v, feed), [0, 4])


def test_repeated_factors_with_zeros_have_every_derivative() -> None:
    v, i = sd.input("v", (3,)), sd.input("i", (3,), dtype="int64")
    y = sd.sum(sd.ones((2,)).at[i].multiply(v))
    feed = {v: np.array([0.0, 5.0, 0.0]), i: np.array([1, 1, 1])}
    np.testing.assert_array_equal(interpret(sd.grad(y, v), feed), [0, 0, 0])
    w = sd.input("w", (3,))
    product = sd.grad(sd.sum(sd.grad(y, v) * w), v)
    along = interpret(product, feed | {w: np.array([1.0, 0.0, 0.0])})
    np.testing.assert_array_equal(along, [0, 0, 5])


def test_ties_of_max_at_share() -> None:
    x, v = sd.input("x", (2,)), sd.input("v", (3,))
    y = x.at[[0, 0, 1]].max(v)
    feed = {x: np.array([1.0, 0.0]), v: np.array([1.0, 1.0, 2.0])}
    np.testing.assert_allclose(gradient(y, v, feed), [1 / 3, 1 / 3, 2])
    np.testing.assert_allclose(gradient(y, x, feed), [1 / 3, 0])


def test_pooling_gives_all_to_the_first_of_a_tie() -> None:
    x = sd.input("x", (1, 4))
    feed = {x: np.array([[1.0, 1.0, 0.0, 0.0]])}
    np.testing.assert_array_equal(
        gradient(sd.max_pool1d(x, 3, stride=1), x, feed), [[1, 2, 0, 0]]
    )
    z = sd.input("z", (2, 2))
    pooled = sd.max_pool2d(z, 2)
    np.testing.assert_array_equal(
        gradient(pooled, z, {z: np.ones((2, 2))}), [[1, 0], [0, 0]]
    )


def test_equal_elements_keep_their_order_in_a_sort() -> None:
    x = sd.input("x", (4,))
    feed = {x: np.array([2.0, 1.0, 2.0, 1.0])}
    np.testing.assert_array_equal(gradient(sd.sort(x), x, feed), [3, 1, 4, 2])


# --- errors ---------------------------------------------------------------------------

X = sd.input("x", (4, 5))
ROWS = sd.input("rows", (3,), dtype="int64")
MASK = sd.input("mask", (4, 5), dtype="bool")
ERRORS: list[tuple[Callable[[], Any], type, str]] = [
    (lambda: X[MASK], sd.ShapeError, "sd.where"),
    (lambda: X[[4]], sd.ShapeError, "index 4 is out of range for axis 0 of length 4"),
    (lambda: X[:, [-6]], sd.ShapeError, "out of range for axis 1"),
    (lambda: sd.take(X, [9], axis=1), sd.ShapeError, "out of range"),
    (lambda: X[X], sd.DTypeError, "indices must be integers"),
    (lambda: X[[0.5]], sd.DTypeError, "indices must be integers"),
    (lambda: X[ROWS, ROWS, ROWS], sd.ShapeError, "too many indices"),
    (lambda: X[..., ROWS, ...], sd.ShapeError, "one Ellipsis"),
    (
        lambda: X[np.ones((3, 5), bool)],
        sd.ShapeError,
        "does not fit an axis of length 4",
    ),
    (lambda: X.at[ROWS].set(np.ones((3, 7))), sd.ShapeError, "do not broadcast"),
    (lambda: ROWS.at[0].set(1.5), sd.DTypeError, "does not fit"),
    (lambda: X.at[MASK].set(np.ones((4, 5))), sd.ShapeError, "sd.where"),
    (lambda: sd.nonzero(X), sd.ShapeError, "sd.where"),
    (lambda: sd.unique(X), sd.ShapeError, "sd.sort"),
    (lambda: sd.einsum("ij,jk", X, X), sd.ShapeError, "'j' has lengths 5 and 4"),
    (lambda: sd.einsum("ij", X, X), sd.ShapeError, "1 terms for 2 operands"),
    (lambda: sd.einsum("ijk", X), sd.ShapeError, "does not name the 2 axes"),
    (lambda: sd.einsum("ij->k", X), sd.ShapeError, "output must name"),
    (lambda: sd.fft.fft(X), sd.DTypeError, "real arrays only"),
    (lambda: sd.linalg.eig(X), sd.DTypeError, "eigh"),
    (lambda: sd.linalg.solve(X, X), sd.ShapeError, "square"),
    (lambda: sd.linalg.svd(X), sd.ShapeError, "full_matrices=False"),
    (lambda: sd.linalg.qr(X, mode="complete"), sd.DeclarationError, "'reduced'"),
    (lambda: sd.cross(X, X), sd.ShapeError, "3 elements"),
    (lambda: sd.sliding_window_view(X, 6, axis=1), sd.ShapeError, "does not fit"),
    (lambda: sd.max_pool1d(X, 2, padding=2), sd.DeclarationError, "half of the window"),
    (lambda: sd.conv1d(X, X), sd.ShapeError, "takes 3 axes"),
]


@pytest.mark.parametrize(("call", "error", "words"), ERRORS)
def test_errors_say_what_to_do(
    call: Callable[[], Any], error: type, words: str
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
    assert "test_indexing.py" in str(caught.value)
