"""Integers are computed with in their declared dtype, whatever dtype is given.

Every declared integer dtype meets every given one, in every use of an integer and at
every door by which data comes in; the oracle is NumPy on arrays of the declared dtype.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdiff as sd

N = sd.dim("N")
KINDS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
GIVEN = [*KINDS, ">i2", ">u8"]  # of the other byte order, too
SMALL = np.array([0, 1, 5, 100, 127])  # what all of them hold
TABLE = np.arange(128) * 0.5

# What a graph makes of integers, and what NumPy makes of an array of them.
USES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "as it is": (lambda i: i, lambda a: a),
    "double": (lambda i: 2 * i - 1, lambda a: 2 * a - 1),
    "square": (lambda i: i * i + i, lambda a: a * a + a),
    "power": (lambda i: i**2, lambda a: a**2),
    "negative": (lambda i: -i, lambda a: -a),
    "quotient": (lambda i: (i + i) // 3, lambda a: (a + a) // 3),
    "remainder": (lambda i: (3 * i) % 7, lambda a: (3 * a) % 7),
    "comparison": (lambda i: i - 1 < i, lambda a: a - 1 < a),
    "selection": (
        lambda i: sd.where(i > 1, i, -i),
        lambda a: np.where(a > 1, a, -a),
    ),
    "order": (lambda i: sd.sort(-i), lambda a: np.sort(-a)),
    "sum": (lambda i: sd.sum(i * i), lambda a: np.sum(a * a)),
    "running sum": (lambda i: sd.cumsum(i), lambda a: np.cumsum(a)),
    "cast": (lambda i: sd.cast(i * i, "float"), lambda a: (a * a).astype(float)),
    "index": (lambda i: sd.take(sd.constant(TABLE), i), lambda a: TABLE[a]),
}


@pytest.fixture(autouse=True)
def _wrapping_and_a_rate_of_0_are_no_news() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def graph(kind: str) -> tuple[Any, dict[str, Any]]:
    i = sd.input("i", (N,), dtype=kind)
    named = {name.replace(" ", "_"): use(i) for name, (use, _) in USES.items()}
    return i, named


def same(found: Any, kind: str) -> None:
    """Hold what comes out to NumPy's results, dtypes included."""
    values = SMALL.astype(kind)
    for (name, (_, use)), got in zip(USES.items(), found, strict=True):
        right = use(values)
        assert np.asarray(got).dtype == np.asarray(right).dtype, name
        np.testing.assert_array_equal(got, right, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_functions_compute_in_the_declared_dtype(kind: str) -> None:
    i, named = graph(kind)
    function = sd.Function("whole", [i], named)
    package = sd.compile(function, wrt=()).load()
    alone = sd.compile(function, only=("forward",), single_file=True).load()
    doors = {
        "forward": package.forward.forward,
        "single file": alone.forward,
        "interpret": lambda a: sd.interpret(list(named.values()), {i: a}),
    }
    for door in doors.values():
        for given in GIVEN:
            same(door(SMALL.astype(given)), kind)
        same(door(SMALL.tolist()), kind)


def model(kind: str) -> sd.Model:
    x = sd.input("x", (N,))
    i, y = (sd.input(name, (N,), dtype=kind) for name in "iy")
    w = sd.param("w", (), init="ones")
    z = w * x * sd.cast(2 * i - 1, "float")
    loss = sd.mean(z * sd.cast(y * y - 3 * y, "float"))
    return sd.Model(
        f"whole_{kind}",
        [x, i],
        [y],
        {"z": z, "i": i},
        loss,
        metrics={"half": sd.mean(sd.cast(y + y, "float")) / 2},
        optimizer=sd.optim.SGD(0.0),
    )


X = np.array([1.0, -2.0, 0.5, 4.0, 3.0])


@pytest.mark.parametrize("kind", KINDS)
def test_models_compute_in_the_declared_dtype(kind: str, tmp_path: Path) -> None:
    package = sd.compile(model(kind)).load()
    train, params = package.train, {"w": np.ones(())}
    a = SMALL.astype(kind)
    z, seen = X * (2 * a - 1), np.asarray(a * a - 3 * a, float)
    loss, half = np.mean(z * seen), np.mean(np.asarray(a + a, float)) / 2

    def right(found: dict[str, Any]) -> None:
        values = [found["loss"], found.get("half", half)]
        np.testing.assert_allclose(values, [loss, half], rtol=1e-12)

    for given in GIVEN:
        b = SMALL.astype(given)
        shown = package.forward.forward(params, X, b)
        np.testing.assert_array_equal(shown.z, z)
        assert shown.i.dtype == kind
        found, gradients = package.backward.value_and_grad(params, X, b, b)
        right({"loss": found})
        np.testing.assert_allclose(gradients["w"], loss, rtol=1e-12)
        right(train.evaluate(params, X, b, b))
        for planned in (False, True):
            state = train.init_state(params)
            right(train.train_step(state, X, b, b, planned=planned))
            np.testing.assert_allclose(state.grads["w"], loss, rtol=1e-12)
    data = {"x": X, "i": on_disk(tmp_path / "i", "uint8"), "y": SMALL.astype("int8")}
    for settings in ({}, {"planned": False}, {"accumulate": 2}):
        for given in (data, lambda epoch: iter([data])):
            right(fit(train, params, given, settings))


def fit(train: Any, params: Any, data: Any, settings: Any) -> dict[str, Any]:
    """Return what one epoch finds, after holding its validation to it."""
    state = train.init_state(params)
    (found,) = train.fit(state, data, epochs=1, validation=data, **settings)
    for name in ("loss", "half"):
        np.testing.assert_allclose(found[f"val_{name}"], found[name], rtol=1e-12)
    return found  # type: ignore[no-any-return]


def on_disk(path: Path, kind: str) -> Any:
    """A data set that is read when a batch is taken, and cannot be written."""
    SMALL.astype(kind).tofile(path)
    return np.memmap(path, kind, "r")


def limits(kind: str) -> list[int]:
    found = np.iinfo(kind)
    return [int(found.min), int(found.max)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_declared_dtype_cannot_hold_is_refused(kind: str) -> None:
    i = sd.input("i", (), dtype=kind)
    forward = sd.compile(sd.Function("one", [i], i), wrt=()).load().forward.forward
    low, high = limits(kind)
    for given in KINDS:
        for number in limits(given):
            if low <= number <= high:
                assert int(forward(np.array(number, given))) == number
                assert int(sd.interpret(i, {i: np.array(number, given)})) == number
                continue
            words = f"i: expected {kind}, which cannot hold {number}$"
            with pytest.raises(ValueError, match=words):
                forward(np.array(number, given))
            with pytest.raises(TypeError, match=f"{kind}, which cannot hold {number}"):
                sd.interpret(i, {i: np.array(number, given)})


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        *((kind, given) for kind in ("int64", "uint8") for given in (bool, float)),
        *(("bool", given) for given in ("int64", "uint8", float)),
        ("float", bool),
    ],
)
def test_another_kind_is_refused_in_words(kind: str, given: Any) -> None:
    v = sd.input("v", (2,), dtype=kind)
    result = sd.where(v, 1.0, 0.0) if kind == "bool" else v
    forward = sd.compile(sd.Function("one", [v], result), wrt=()).load().forward.forward
    array = np.array([0, 1]).astype(given)
    with pytest.raises(TypeError, match=f"v: expected {kind}, got {array.dtype}; use"):
        forward(array)
    with pytest.raises(TypeError, match=f"declared {kind}, got {array.dtype}; use"):
        sd.interpret(result, {v: array})
