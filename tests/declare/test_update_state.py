"""Which `update_state` a training step applies: those of the values it computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdiff as sd

N = sd.dim("N")


def _in_train(value: Any, s: Any) -> Any:
    return sd.by_mode(sd.update_state(value, s, s * 2), value + 1)


def _in_infer(value: Any, s: Any) -> Any:
    return sd.by_mode(value, sd.update_state(value * s, s, s * 2))


def _nested(value: Any, s: Any) -> Any:
    """The side for inference is inside the one for training."""
    return sd.by_mode(_in_infer(value, s), value)


def _within(value: Any, s: Any) -> Any:
    """The side for training is inside the one for inference."""
    return sd.by_mode(value, _in_train(value, s))


def _both(value: Any, s: Any) -> Any:
    """Two next values, of which each mode knows one."""
    first = sd.update_state(value, s, s * 2)
    return sd.by_mode(first, sd.update_state(value, s, s * 3))


def _below(value: Any, s: Any) -> Any:
    """The next value is itself one that differs by mode."""
    new = sd.by_mode(s * 2, sd.update_state(s, s, s * 5))
    return sd.update_state(value, s, new)


PLACES = {
    "train": (_in_train, 4.0),
    "infer": (_in_infer, 1.0),
    "infer in train": (_nested, 1.0),
    "train in infer": (_within, 1.0),
    "both": (_both, 4.0),
    "of a next value": (_below, 4.0),
    "outside": (lambda v, s: sd.update_state(sd.by_mode(v, v + s), s, s * 2), 4.0),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_step_applies_what_it_computes_alone(place: str) -> None:
    make, after = PLACES[place]
    x, t = sd.input("x", (N, 2)), sd.input("t", (N,))
    s = sd.state("s", (), init=1.0)
    y = make(x @ sd.param("W", (2,)), s)
    loss = sd.mean((y - t) ** 2)
    model = sd.Model("m", [x], [t], y, loss, optimizer=sd.optim.SGD(0.1))
    train = sd.compile(model).load().train
    for planned in (False, True):
        state = train.init_state(train.init_params(0, np.float64))
        for _ in range(2):
            train.train_step(state, np.ones((3, 2)), np.ones(3), planned=planned)
        assert state.params["s"] == after
