"""An array that is cut into equal parts is split in one statement, wherever it is read.

Slices that a composite layer names, or the user, are `np.split`, in forward as in
backward; what is read as a slice of its own stays one.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from loop_checks import check_text, module

import symdiff as sd

N, T = sd.dim("N"), sd.dim("T")
SLICED = re.compile(r"\b(\w*z|turned|h)\[:, (\d*:\d+|\d+:)\]")


def lstm(x: Any) -> Any:
    return sd.nn.lstm(x, 3, name="cell")[0]


def gru(x: Any) -> Any:
    return sd.nn.gru(x, 3, name="cell")[0]


def scanned(x: Any) -> Any:
    W = sd.param("W", (2, 9))

    def step(h: Any, x_t: Any) -> Any:
        a, b, c = sd.split(x_t @ W, 3, axis=1)
        return sd.tanh(a * h + b * c), None

    return sd.scan(step, sd.zeros((N, 3)), sd.swapaxes(x, 0, 1))[0]


def at_once(x: Any) -> Any:
    a, b, c = sd.split(x[:, 0] @ sd.param("W", (2, 9)), 3, axis=1)
    return sd.tanh(a) * b + c


LAYERS = {f.__name__: f for f in (lstm, gru, scanned, at_once)}


def compiled(name: str) -> Any:
    x = sd.input("x", (N, T, 2))
    out = LAYERS[name](x)
    return sd.compile(sd.Model("m", [x], [], out, loss=sd.mean(out * out)), optimize=1)


@pytest.mark.parametrize("name", LAYERS)
def test_equal_parts_are_split_in_one_statement(name: str) -> None:
    made = compiled(name)
    for file in ("forward", "backward"):
        code = re.sub(r"#.*", "", made[file])
        assert "np.split(" in code
        assert not SLICED.search(code), file


@pytest.mark.parametrize("name", LAYERS)
def test_both_halves_compute_the_graph(name: str) -> None:
    x = sd.input("x", (N, T, 2))
    out = LAYERS[name](x)
    loss = sd.mean(out * out)
    weights = sd.params(loss)
    backward = module(compiled(name)["backward"])
    rng = np.random.default_rng(0)
    given = {w: rng.normal(size=w.shape) for w in weights} | {
        x: rng.normal(size=(2, 4, 2))
    }
    value, *slopes = sd.interpret([loss, *sd.grad(loss, weights)], given)
    params = {w.name: given[w] for w in weights}
    got, found = backward.value_and_grad(params, given[x])
    np.testing.assert_allclose(got, value, rtol=1e-12)
    for w, slope in zip(weights, slopes, strict=True):
        np.testing.assert_allclose(found[w.name], slope, rtol=1e-10, atol=1e-13)


def test_a_slice_that_nobody_names_stays_one() -> None:
    x = sd.input("x", (N, 6))
    out = sd.tanh(x[:, :2]) * sd.sin(x[:, 2:4]) + x[:, 4:]
    made = sd.compile(sd.Function("f", [x], [out]), optimize=1)
    assert "np.split" not in made["forward"]


def test_a_part_that_is_a_result_has_a_statement_of_its_own() -> None:
    x = sd.input("x", (N, 6))
    a, b, c = sd.split(sd.tanh(x), 3, axis=1)
    check_text([a, sd.sin(b) * c], [x], [[np.ones((2, 6))]], 1)
