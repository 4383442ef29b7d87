"""What is evaluated is the loss that is trained, in its stable form as well.

`evaluate` watches validation and decides when training stops: a raw formula that
overflows there, and not in the step, would stop it early.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

Z = np.array([[800.0, -800.0, 3.0], [-900.0, 5.0, 900.0], [0.0, 0.0, 0.0]])


def _log_sigmoid(z: Any, y: Any) -> Any:
    p = 1 / (1 + sd.exp(-z))
    return -(y * sd.log(p) + (1 - y) * sd.log(1 - p))


def _log_softmax(z: Any, y: Any) -> Any:
    e = sd.exp(z)
    return -y * sd.log(e / sd.sum(e, axis=1, keepdims=True))


def _log_sum(z: Any, y: Any) -> Any:
    return sd.log(sd.sum(sd.exp(z), axis=1)) - sd.sum(y * z, axis=1)


FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "log(sigmoid)": _log_sigmoid,
    "log(softmax)": _log_softmax,
    "log(sum(exp))": _log_sum,
    "log(1 + exp)": lambda z, y: sd.log(1 + sd.exp(z)) - y * z,
    "log1p(exp)": lambda z, y: sd.log1p(sd.exp(z)) - y * z,
    "log(sigmoid), named": lambda z, y: -y * sd.log(sd.sigmoid(z)),
}


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("name", FORMULAS)
def test_evaluate_is_as_stable_as_the_step(name: str, single: bool) -> None:
    N = sd.dim("N")
    x, y = sd.input("x", (N, 3)), sd.input("y", (N, 3))
    w = sd.param("w", (3,))
    losses = FORMULAS[name](x * w, y)
    model = sd.Model(
        "raw",
        *([x], [y]),
        outputs=x * w,
        loss=sd.mean(losses),
        metrics={"total": sd.sum(losses)},
        optimizer=sd.optim.SGD(0.1),
    )
    compiled = sd.compile(model, single_file=single)
    package: Any = compiled.load()
    train = package if single else importlib.import_module(f"{package.__name__}.train")
    params, targets = {"w": np.ones(3)}, np.eye(3)
    state = train.init_state(params)
    trained = train.train_step(state, Z, targets)
    evaluated = train.evaluate(params, Z, targets)
    assert all(np.isfinite(v) for v in trained.values())
    assert evaluated.keys() == trained.keys()
    for key, value in trained.items():
        np.testing.assert_allclose(evaluated[key], value, rtol=1e-13, err_msg=key)
