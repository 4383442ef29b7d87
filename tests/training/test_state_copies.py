"""A copy of a state goes on alone: it trains as the state would have."""

import copy
import pickle
import sys

import numpy as np
import pytest
from generated import beside
from training.states import (
    OPTIMIZERS,
    N,
    X,
    module_of,
    optim,
    started,
    train_on,
)

import symdiff as sd

COPIES = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda state: pickle.loads(pickle.dumps(state)),
    "in a dict": lambda state: copy.deepcopy({"best": [state]})["best"][0],
}


def held(train):
    return beside(train, "_state")._held


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_goes_on_alone(name, how, monkeypatch):
    """It trains as the state would have, and neither changes the other."""
    train = module_of(name)
    monkeypatch.setitem(sys.modules, train.__name__, train)  # pickle looks there
    state, twin = started(train), started(train)
    state.hyper["lr"] = twin.hyper["lr"] = 0.05
    copied = COPIES[how](state)
    kept = [array.copy() for array in held(train)(state)]
    train_on(train, copied, {})
    for array, before in zip(held(train)(state), kept, strict=True):
        np.testing.assert_array_equal(array, before)
    assert (state.step, copied.step) == (twin.step, twin.step + 3)
    train_on(train, state, {})
    train_on(train, twin, {})
    for own, of_copy, of_twin in zip(
        *map(held(train), (state, copied, twin)), strict=True
    ):
        np.testing.assert_array_equal(own, of_twin)
        np.testing.assert_array_equal(of_copy, of_twin)
    assert copied.hyper == state.hyper
    assert copied.hyper is not state.hyper


def test_a_copy_takes_in_what_was_assigned():
    train = module_of("adam")
    state = started(train)
    state.params["a.W"] = np.ones((4, 4))
    np.testing.assert_array_equal(copy.copy(state).flat_params[:16], np.ones(16))
    state.params["a.W"] = np.ones(3)
    with pytest.raises(ValueError, match=r"a\.W.*shape"):
        copy.copy(state)


def test_a_copy_of_parameters_of_two_widths_goes_on_alone():
    x = sd.input("x", (N, 4), "float64")
    W, b = sd.param("W", (4, 3), dtype="float64"), sd.param("b", 3, dtype="float32")
    z = sd.tanh(x @ W) + b
    made = sd.Model("wide", [x], [], z, sd.mean(z**2), optimizer=optim.Adam(0.1))
    train = sd.compile(made).load().train
    state, twin = (train.init_state(train.init_params(0)) for _ in range(2))
    for each in (state, twin):
        train.train_step(each, X)
    copied = copy.deepcopy(state)
    for each in (copied, copied, state, twin):
        train.train_step(each, X)
    for own, of_twin in zip(held(train)(state), held(train)(twin), strict=True):
        np.testing.assert_array_equal(own, of_twin)
    assert (copied.step, state.step) == (3, 2)
    assert copied.params["b"].dtype == np.float32
