"""A checkpoint knows what its run began with, and what is told is of its weights.

A state that began otherwise (a rate, a key, first parameters) is refused, not replaced
without a word; the epoch that is named is the one whose weights are saved.
"""

import re

import numpy as np
import pytest
from training_runs import DATA, GOOD, MODEL, float32_rows, fresh, train, weights

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def fit(module, state, epochs, **more):
    return module.fit(state, float32_rows(), epochs=epochs, checkpoint="c.npz", **more)


def other_rate(state):
    state.hyper["lr"] *= 10


def other_parameters(state):
    next(iter(state.params.values()))[...] += 0.5


CHANGES = {
    "rate": (0, other_rate, "hyper"),
    "key": (9, lambda state: None, "key"),
    "parameters": (0, other_parameters, "first_params"),
}


@pytest.mark.parametrize(("seed", "change", "named"), CHANGES.values(), ids=CHANGES)
def test_a_state_that_began_otherwise_is_refused(module, seed, change, named):
    fit(module, fresh(module), 2)
    before = weights("c.npz")
    state = module.init_state(module.init_params(0), seed)
    change(state)
    with pytest.raises(ValueError, match=rf"c\.npz is of a run with \{{'{named}'"):
        fit(module, state, 4)
    assert weights("c.npz") == before
    whole = fresh(module)
    fit(module, whole, 4)
    assert whole.epoch == 4


def test_a_state_that_is_there_goes_on(module):
    """One process that calls fit again, and one that reads the checkpoint first."""
    state = fresh(module)
    for _ in range(4):
        fit(module, state, 1)
    read = fresh(module)
    module.load_checkpoint("c.npz", read)
    fit(module, read, 2)
    module.fit(state, float32_rows(), epochs=2)
    unbroken = fresh(module)
    module.fit(unbroken, float32_rows(), epochs=6)
    assert all(np.array_equal(a, read.params[n]) for n, a in unbroken.params.items())
    assert all(np.array_equal(a, state.params[n]) for n, a in unbroken.params.items())


def test_a_rate_that_is_changed_between_two_calls_is_not_lost(module):
    state = fresh(module)
    fit(module, state, 1)
    state.hyper["lr"] *= 0.5
    with pytest.raises(ValueError, match="'hyper'"):
        fit(module, state, 1)


def test_other_first_weights_on_the_command_line():
    train("--checkpoint", "c.npz")
    text = GOOD.replace("glorot_uniform", "he_normal")
    said = train("--checkpoint", "c.npz", "--resume", text=text, code=1)
    assert "is of a run with {'first_params'" in said


WORSE = """
def data():
    d = rows()
    return {"train": d, "validation": {"x": d["x"][::-1] + 1, "y": d["y"]}}
"""


@pytest.mark.parametrize("first", [[], ["--patience", 9]], ids=["without", "with"])
@pytest.mark.parametrize("more", [["--patience", 2], ["--patience", 9]])
def test_the_epoch_that_is_named_has_the_weights_that_are_saved(first, more):
    text = MODEL + DATA + WORSE
    train(*first, "--checkpoint", "c.npz", "--epochs", 3, text=text)
    options = ["--checkpoint", "c.npz", "--resume", "--epochs", 7, "--history", "h.csv"]
    said = train(*more, *options, text=text)
    named = re.search(r"those after epoch (\d+), the best by val_loss \((.*)\)", said)
    assert named
    held = re.search(r"held out \(validation\): loss ([\d.]+)", said)
    assert held
    assert float(held[1]) == pytest.approx(float(named[2]), rel=1e-3)
    assert ("were not kept" in said) is (not first)
