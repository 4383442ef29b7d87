"""What cannot be made stable is warned of, with its line; what is stable is not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd


def _shares(e: Any, axis: Any = -1) -> Any:
    return e / sd.sum(e, axis=axis, keepdims=True)


def _shifted(x: Any) -> Any:
    return sd.exp(x - sd.max(x, axis=-1, keepdims=True))


def _compiled(build: Callable[[Any], Any]) -> None:
    x = sd.input("x", (4, 3))
    sd.compile(sd.Function("f", [x], build(x)), only=["forward"])


UNSTABLE = {
    "with an epsilon": lambda x: (
        sd.exp(x) / (sd.sum(sd.exp(x), axis=1, keepdims=True) + 1e-9)
    ),
    "mixture": lambda x: sd.log(sd.sum(sd.exp(x) * np.array([0.2, 0.3, 0.5]), axis=1)),
    "mixture of products": lambda x: sd.log(sd.exp(x) @ np.array([0.2, 0.3, 0.5])),
    "probability of a set": lambda x: sd.log(sd.sum(sd.softmax(x)[:, :2], axis=1)),
    "probability of a label": lambda x: sd.log(
        sd.sum(sd.softmax(x) * np.array([0.0, 1.0, 0.0]), axis=1)
    ),
    "the others": lambda x: sd.log(1 - sd.softmax(x)),
}
STABLE = {
    "softmax": lambda x: _shares(sd.exp(x)),
    "shifted, with an epsilon": lambda x: (
        _shifted(x) / (sd.sum(_shifted(x), axis=1, keepdims=True) + 1e-9)
    ),
    "kernel": lambda x: (
        sd.exp(-(x**2) / 2.0)
        / (sd.sum(sd.exp(-(x**2) / 2.0), axis=1, keepdims=True) + 1e-9)
    ),
    "logits": lambda x: sd.log(sd.softmax(x)[:, 1]),
    "with an epsilon inside": lambda x: sd.log(sd.softmax(x) + 1e-9),
    "norm": lambda x: sd.log(1 + sd.sum(x**2)),
    "decay": lambda x: sd.exp(-sd.abs(x)) / (1.0 + x**2),
    "gaussian": lambda x: sd.log(sd.sum(x**2, axis=1)) - sd.sum(x**2, axis=1),
}


@pytest.mark.parametrize("name", UNSTABLE)
def test_what_stays_unstable_is_warned_of_with_its_line(name: str) -> None:
    with pytest.warns(sd.SymdiffWarning, match=r"use|add up|combine") as caught:
        _compiled(UNSTABLE[name])
    assert [str(w.filename).endswith("test_unstable.py") for w in caught] == [True]


@pytest.mark.parametrize("name", STABLE)
def test_what_is_stable_is_not(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _compiled(STABLE[name])
