"""Settings given as numbers of NumPy do what Python's do; others are refused by name.

The class: every setting of `fit`, `init_state`, `sd.Training` and the state's own
counters, in every kind that stands for its value, and in kinds that do not.
"""

import json

import numpy as np
import pytest
from training_runs import float32_rows, fresh

import symdiff as sd

WHOLE = [np.int8, np.uint8, np.int32, np.int64, np.uint64]
REAL = [np.float16, np.float32, np.float64]
PLATEAU = {"factor": 0.5, "patience": 2}
GOOD = {
    "epochs": (3, WHOLE),
    "batch_size": (25, WHOLE),
    "accumulate": (2, WHOLE),
    "seed": (7, WHOLE),
    "patience": (2, WHOLE),
    "shuffle": (False, [np.bool_]),
    "planned": (False, [np.bool_]),
    "monitor": ("loss", [np.str_]),
    "mode": ("min", [np.str_]),
    "plateau": (
        PLATEAU,
        [lambda p: {"factor": np.float32(0.5), "patience": np.int64(2)}],
    ),
}
NO_COUNT = [2.5, 2.0, np.float64(2), "2", True, np.True_, [2], np.array([2]), 1j]
NO_TRUTH = [1, 0, "yes", np.int64(1), [True]]
NO_NUMBER = ["0.5", True, None, 1j, np.nan, np.inf, [0.5]]
WRONG = {
    "epochs": [*NO_COUNT, None, -1],
    "batch_size": [*NO_COUNT, None, 0],
    "accumulate": [*NO_COUNT, None, 0],
    "seed": [*NO_COUNT, None],
    "patience": [*NO_COUNT, 0],
    "shuffle": [*NO_TRUTH, None],
    "planned": [*NO_TRUTH, None],
    "monitor": [3, True, ["loss"], b"loss", None],
    "mode": [3, True, "best", ["min"]],
    "callback": [3, "print", True],
    "after_epoch": [3, "print", True],
    "checkpoint": [3, True, b"c.npz", ["c.npz"]],
    "plateau": [3, True, [1], {}, {"factor": 0.5}, {**PLATEAU, "min_lr": 0.1}]
    + [{**PLATEAU, "factor": value} for value in [*NO_NUMBER, 0.0, 1.0, 2]]
    + [{**PLATEAU, "patience": value} for value in [*NO_COUNT, None, 0]],
}


def said(module, path, **settings):
    """Return everything that a run leaves: weights, history and checkpoint."""
    state = fresh(module)
    beside = {"epochs": 4, "monitor": "loss", "patience": 2, **settings}
    history = module.fit(state, float32_rows(), checkpoint=path, **beside)
    return state.flat_params.tobytes(), json.dumps(history), path.read_bytes()


@pytest.mark.parametrize("name", GOOD)
def test_numbers_of_numpy_are_as_good_as_python_s(module, name, tmp_path):
    value, kinds = GOOD[name]
    wanted = said(module, tmp_path / "python.npz", **{name: value})
    for i, kind in enumerate(kinds):
        assert said(module, tmp_path / f"{i}.npz", **{name: kind(value)}) == wanted


@pytest.mark.parametrize("name", WRONG)
def test_what_a_setting_cannot_be_is_refused_by_its_name(module, name):
    for value in WRONG[name]:
        state = fresh(module)
        before = state.flat_params.copy()
        settings = {"monitor": "loss", "patience": 2, name: value}
        with pytest.raises((TypeError, ValueError), match=name):
            module.fit(state, float32_rows(), **settings)
        np.testing.assert_array_equal(state.flat_params, before)


TRAINING = [n for n in GOOD if n not in ("planned",)]


@pytest.mark.parametrize("name", TRAINING)
def test_training_takes_numbers_of_numpy(name):
    value, kinds = GOOD[name]
    beside = {"patience": 3, "monitor": "loss"}
    wanted = sd.Training(**{**beside, name: value})
    for kind in kinds:
        found = sd.Training(**{**beside, name: kind(value)})
        assert found == wanted
        assert repr(found) == repr(wanted) or name in ("monitor", "mode")
    for kind in REAL:
        assert sd.Training(validation_split=kind(0.5)) == sd.Training(
            validation_split=0.5
        )


@pytest.mark.parametrize("name", TRAINING)
def test_training_refuses_what_a_setting_cannot_be(name):
    for value in WRONG[name]:
        with pytest.raises(sd.DeclarationError, match=name):
            sd.Training(**{"patience": 3, "monitor": "loss", name: value})


def test_seeds_and_counters_of_a_state(module, tmp_path):
    for kind in WHOLE:
        one, other = fresh(module), fresh(module)
        one.key, one.step, one.epoch = kind(3), kind(5), kind(2)
        other.key, other.step, other.epoch = 3, 5, 2
        states = [one, other]
        histories = [module.fit(s, float32_rows(), epochs=1) for s in states]
        assert json.dumps(histories[0]) == json.dumps(histories[1])
        for i, state in enumerate(states):
            module.save_checkpoint(tmp_path / f"{i}.npz", state)
        found = [(tmp_path / f"{i}.npz").read_bytes() for i in range(2)]
        assert found[0] == found[1]
        state = module.init_state(module.init_params(kind(3)), kind(3))
        assert type(state.key) is int
    for value in [*NO_COUNT, None]:
        with pytest.raises(TypeError, match="seed must be a whole number"):
            module.init_state(module.init_params(), value)
        state = fresh(module)
        state.epoch = value
        with pytest.raises(TypeError, match=r"state\.epoch must be a whole number"):
            module.fit(state, float32_rows())


@pytest.mark.parametrize("optimizer", [sd.optim.SGD, sd.optim.Adam])
def test_optimisers_take_numbers_of_numpy_and_no_others(optimizer):
    for kind in REAL:
        assert repr(optimizer(kind(0.5))) == repr(optimizer(0.5))
    for value in NO_NUMBER:
        with pytest.raises(sd.DeclarationError, match="lr"):
            optimizer(lr=value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"step": -1}, r"state\.step must be 0 or more, got -1"),
        ({"epoch": np.int64(-2)}, r"state\.epoch must be 0 or more, got -2"),
        ({"step": True}, r"state\.step must be a whole number"),
        ({"hyper": 10**400}, r"state\.hyper\['lr'\] must be a finite number, got inf"),
        ({"hyper": -(10**400)}, r"state\.hyper\['lr'\] must be a finite number"),
        ({"hyper": np.nan}, r"state\.hyper\['lr'\] must be a finite number"),
    ],
)
def test_what_a_state_cannot_count_or_hold_is_refused(module, wrong, said):
    state = fresh(module)
    for name, value in wrong.items():
        if name == "hyper":
            state.hyper["lr"] = value
        else:
            setattr(state, name, value)
    before = state.flat_params.copy()
    for run in (
        lambda: module.train_step(state, *float32_rows().values()),
        lambda: module.fit(state, float32_rows(), epochs=1),
    ):
        with pytest.raises((TypeError, ValueError), match=said):
            run()
    np.testing.assert_array_equal(state.flat_params, before)
