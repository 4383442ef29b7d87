"""A planned step looks at shapes and dtypes once, and at values always.

What it has seen fit is kept by dtype and shape; everything else is checked as on the
first call, whatever came before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import symdiff as sd


def _labels() -> sd.Model:
    n = sd.dim("N")
    x = sd.input("x", (n, 3))
    y = sd.input("y", (n,), dtype="int64", high=4)
    z = sd.nn.dense(x, 4, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model("labels", [x], [y], z, loss=loss, optimizer=sd.optim.Adam(0.1))


def _lengths() -> sd.Model:
    """Indices that are bounded by a length, and a float that is bounded by numbers."""
    n, v = sd.dim("N"), sd.dim("V")
    table, i = sd.input("table", (v, 3)), sd.input("i", (n,), dtype="int64", high=v)
    p = sd.input("p", (n,), low=0, high=1)
    w = sd.param("w", (3,), init="ones")
    guess = sd.take(table, i, axis=0) @ w
    loss = sd.nn.mse(guess, p)
    optimizer = sd.optim.SGD(0.1)
    return sd.Model("lengths", [table, i], [p], guess, loss=loss, optimizer=optimizer)


X = np.arange(15.0, dtype=np.float32).reshape(5, 3)
Y = np.array([0, 3, 1, 2, 3])
P = np.linspace(0, 0.9, 5, dtype=np.float32)
GOOD = {"labels": (X, Y), "lengths": (X, Y, P)}
MODELS: dict[str, Callable[[], sd.Model]] = {"labels": _labels, "lengths": _lengths}


@cache
def _loaded(name: str) -> Any:
    return sd.compile(MODELS[name](), planned="exact").load()


def _put(array: np.ndarray, value: Any) -> np.ndarray:
    found = array.copy()
    found.flat[-1] = value
    return found


BAD: dict[str, tuple[str, Callable[..., tuple[Any, ...]], str]] = {
    "a label too large": ("labels", lambda x, y: (x, _put(y, 4)), "y: .* < 4, got 4"),
    "a label too small": (
        "labels",
        lambda x, y: (x, _put(y, -1)),
        "y: .* >= 0, got -1",
    ),
    "one row more": ("labels", lambda x, y: (x, [*y, 1]), r"y: expected shape \(N=5\)"),
    "floats as labels": ("labels", lambda x, y: (x, y * 1.0), "y: expected int64"),
    "a mask": ("labels", lambda x, y: (np.ma.array(x), y), "x: expected a plain array"),
    "wide floats": (
        "labels",
        lambda x, y: (x.astype(float), y),
        "must share one dtype",
    ),
    "an index too large": ("lengths", lambda t, i, p: (t, _put(i, 5), p), "i: .* < 5"),
    "fewer rows to index": ("lengths", lambda t, i, p: (t[:3], i, p), "i: .* < 3"),
    "an edge": ("lengths", lambda t, i, p: (t, i, _put(p, 1)), "p: .* < 1.0, got 1"),
    "a NaN beside it": (
        "lengths",
        lambda t, i, p: (t, i, _put(_put(p, 2)[::-1], np.nan)),
        "p: .* < 1.0, got 2",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit_is_refused_after_what_does(what: str) -> None:
    name, bad, message = BAD[what]
    package = _loaded(name)
    state = package.init_state(package.init_params(0))
    for _ in range(2):
        package.train_step(state, *GOOD[name])
    before = state.flat_params.copy()
    with pytest.raises((TypeError, ValueError), match=message):
        package.train_step(state, *bad(*GOOD[name]))
    assert np.array_equal(state.flat_params, before)


@pytest.mark.parametrize("name", MODELS)
def test_lists_and_arrays_take_turns(name: str) -> None:
    """What is no array is taken anew each time: its length may be another."""
    package = _loaded(name)
    states = [package.init_state(package.init_params(0)) for _ in range(2)]
    rows = [5, 2, 5, 4, 2]
    for step, n in enumerate(rows):
        data = [a[:n] if len(a) == 5 and a is not X else a for a in GOOD[name]]
        if name == "labels":
            data[0] = X[:n]
        given = [np.asfortranarray(a) if step % 2 else a for a in data]
        for k, a in enumerate(given):
            if a.dtype.kind == "i" and step != 2:
                given[k] = a.tolist() if step < 3 else a.astype(np.int16)
        found = package.train_step(states[0], *given)
        assert found == package.train_step(states[1], *data, planned=False)
        assert np.array_equal(states[0].flat_params, states[1].flat_params)


def test_a_single_file_has_no_function_twice() -> None:
    """Bounds by a length and limits of norms both need a function that checks."""
    n, v = sd.dim("N"), sd.dim("V")
    table, i = sd.input("table", (v, 3)), sd.input("i", (n,), dtype="int64", high=v)
    w = sd.param("w", (3, 2), init="ones")
    loss = sd.sum(sd.take(table, i, axis=0) @ w)
    optimizer = sd.optim.SGD(0.1, max_norm=1.0)
    model = sd.Model("both", [table, i], [], loss, loss=loss, optimizer=optimizer)
    for single in (True, False):
        files = sd.compile(model, single_file=single).files
        for text in files.values():
            if isinstance(text, str):
                names = re.findall(r"^def (\w+)", text, re.MULTILINE)
                assert len(names) == len(set(names))
        package = sd.compile(model, single_file=single).load()
        state = package.init_state(package.init_params(0))
        package.train_step(state, X, Y)
        with pytest.raises(ValueError, match=r"i: .* < 5, got 5"):
            package.train_step(state, X, _put(Y, 5))
