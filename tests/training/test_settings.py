"""Settings of training: as options, in `sd.Training`, and as arguments of `fit`."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from training_runs import GOOD, float32_rows, fresh, train, weights

import symdiff as sd

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

WRONG_OPTIONS = {
    "no validation": (["--patience", 2], "val_loss needs rows that are held out"),
    "split": (["--validation-split", 1.5], "must be 0 or more and below 1"),
    "small split": (["--validation-split", 0.001], "leaves 60 of 60 rows"),
    "monitor": (
        ["--patience", 2, "--monitor", "val_f1", "--mode", "max"],
        "'val_f1' is none of loss, accuracy, val_loss, val_accuracy",
    ),
    "mode": (
        ["--patience", 2, "--monitor", "accuracy"],
        "needs mode='min' or mode='max'",
    ),
    "history": (["--history", "h.txt"], "h.txt must end in .csv or .json"),
    "plot": (["--plot", "p.png"], "p.png must end in .svg"),
    "weights": (["--weights", "w.pt"], "must end in .npz or .safetensors"),
    "folder": (["--plot", "no/p.svg"], "no is no folder"),
    "a folder": (["--history", "d.csv"], "d.csv is a folder"),
}


@pytest.mark.parametrize(
    ("options", "message"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS
)
def test_options_that_make_no_sense(options, message):
    Path("d.csv").mkdir()
    assert message in train(*options, code=1)


def test_a_split_beside_validation_data_is_refused():
    text = GOOD.replace('"train": rows()', '"train": rows(), "validation": rows()')
    assert "has 'validation' already" in train(
        "--validation-split", 0.5, text=text, code=1
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"patience": 0},
        {"patience": 1.5},
        {"accumulate": 0},
        {"validation_split": 1},
        {"validation_split": "a"},
        {"mode": "best"},
        {"monitor": 3},
        {"shuffle": 1},
        {"patience": 3, "monitor": "val_accuracy"},
        {"plateau": {"factor": 0.5}},
        {"plateau": {"factor": 2, "patience": 1}},
        {"plateau": {"factor": 0.5, "patience": 0}},
        {"plateau": 3},
    ],
)
def test_settings_are_checked(arguments):
    with pytest.raises(sd.DeclarationError, match="Training"):
        sd.Training(**arguments)


def test_settings_show_what_was_chosen():
    found = repr(sd.Training(epochs=3, patience=2))
    assert (
        found == "Training(epochs=3, batch_size=32, seed=0, shuffle=True, patience=2)"
    )


def test_patience_ends_early_and_the_best_weights_come_back():
    """With a huge learning rate the first epochs are the best."""
    text = GOOD.replace("Adam(0.05)", "SGD(300.0)")
    options = ["--validation-split", 0.3, "--patience", 2, "--epochs", 40]
    said = train(*options, "--history", "h.json", text=text)
    history = json.loads(Path("h.json").read_text())
    values = [r["val_loss"] for r in history]
    best = int(np.argmin(values))
    assert len(values) == best + 3 < 40
    assert f"the weights are those after epoch {best + 1}" in said
    (held,) = re.findall(r"held out \(validation\): loss (\S+)", said)
    assert float(held) == pytest.approx(values[best], rel=1e-3)
    train(*options[:2], "--epochs", best + 1, "--weights", "w.npz", text=text)
    assert weights("w.npz") == weights()


def test_a_monitor_may_be_raised(module):
    """The first of the best accuracies is kept, not the first of the worst."""
    state = fresh(module)
    history = module.fit(
        *(state, float32_rows()),
        validation=float32_rows(),
        patience=3,
        monitor="val_accuracy",
        mode="max",
        epochs=50,
    )
    values = [r["val_accuracy"] for r in history]
    assert max(values) == module.evaluate(state.params, **float32_rows())["accuracy"]
    assert len(values) == values.index(max(values)) + 4


def test_plateaus_lower_the_learning_rate(module):
    state = fresh(module)
    x = float32_rows()
    history = module.fit(
        state, x, plateau={"factor": 0.5, "patience": 2}, monitor="loss", epochs=60
    )
    losses = [r["loss"] for r in history]
    rate, best, flat = 0.05, np.inf, 0
    for loss in losses:
        flat = 0 if loss < best else flat + 1
        best = min(best, loss)
        if flat == 2:
            rate, flat = rate / 2, 0
    assert state.hyper["lr"] == rate
    text = GOOD.replace("Adam(0.05)", "SGD(300.0)").replace(
        "seed=1", "seed=1, monitor='loss', plateau={'factor': 0.1, 'patience': 1}"
    )
    assert "lr is now 30" in train("--epochs", 10, text=text)


@pytest.mark.parametrize("schedule", ["exponential(300.0, 0.99)", "constant(300.0)"])
def test_a_lowered_rate_is_told_as_the_next_step_has_it(schedule):
    """A schedule's base alone is no rate; epoch k ends after step 8k."""
    text = GOOD.replace("Adam(0.05)", f"SGD(sd.optim.schedules.{schedule})").replace(
        "seed=1", "seed=1, monitor='loss', plateau={'factor': 0.1, 'patience': 1}"
    )
    said = train("--epochs", 10, text=text)
    told = re.findall(r"epoch +(\d+)/10 .*lr is now (\S+)", said)
    assert told

    gamma = 0.99 if "0.99" in schedule else 1.0
    for lowered, (epoch, rate) in enumerate(told, 1):
        steps = 8 * int(epoch)
        assert float(rate) == pytest.approx(300 * 0.1**lowered * gamma**steps, rel=1e-3)


WRONG_FIT = {
    "patience": {"patience": 0},
    "no validation": {"patience": 3},
    "mode": {"patience": 3, "monitor": "accuracy"},
    "monitor": {"patience": 3, "monitor": "f1", "mode": "min"},
    "plateau": {"plateau": {"factor": 0.5}, "monitor": "loss"},
    "factor": {"plateau": {"factor": 5, "patience": 1}, "monitor": "loss"},
    "epochs": {"epochs": -1},
    "batch_size": {"batch_size": 0},
    "validation": {"validation": lambda epoch: []},
}


@pytest.mark.parametrize("settings", WRONG_FIT.values(), ids=WRONG_FIT)
def test_fit_refuses_what_makes_no_sense(module, settings):
    with pytest.raises(ValueError, match=r"."):
        module.fit(fresh(module), float32_rows(), **settings)


@pytest.mark.parametrize("data", [3, [1], {"x": 1, "y": 2}, {"x": np.ones((2, 4))}])
def test_fit_refuses_what_is_no_data(module, data):
    with pytest.raises((TypeError, ValueError), match=r"data|expected arrays"):
        module.fit(fresh(module), data)


def test_callbacks_see_steps_and_epochs_and_may_stop(module):
    seen = []
    history = module.fit(
        *(fresh(module), float32_rows()),
        batch_size=25,
        epochs=5,
        callback=lambda epoch, step, steps, found: seen.append((epoch, step, steps)),
        after_epoch=lambda record: seen.append(record) or record["epoch"] == 1,
    )
    assert len(history) == 2
    assert seen[:4] == [(0, 0, 3), (0, 1, 3), (0, 2, 3), history[0]]


def test_accumulation_gives_the_gradient_of_the_whole_batch(module):
    one, parts = fresh(module), fresh(module)
    module.fit(one, float32_rows(), epochs=2, batch_size=20)
    module.fit(parts, float32_rows(), epochs=2, batch_size=20, accumulate=4)
    assert one.step == parts.step
    np.testing.assert_allclose(one.flat_params, parts.flat_params, rtol=1e-4, atol=1e-6)
