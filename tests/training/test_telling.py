"""What a run says of itself: numbers of epochs, what is nan, what does not move."""

import csv
import json
from pathlib import Path

import cli_runs
import numpy as np
import pytest
from training_runs import DATA, GOOD, MODEL, float32_rows, fresh, train

import symdiff as sd

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")
NAN = MODEL + DATA.replace(
    'return {"train": rows()}',
    'v = rows(); v["x"][0] = np.nan; return {"train": rows(), "validation": v}',
)
BATCHES = MODEL + DATA.replace('"train": rows()', '"train": lambda epoch: [rows()]')


def test_epochs_are_counted_from_one_in_files_and_on_the_screen():
    said = train("--epochs", 3, "--history", "h.csv")
    assert "epoch 1/3" in said
    with Path("h.csv").open() as file:
        assert [r["epoch"] for r in csv.DictReader(file)] == ["1", "2", "3"]
    train("--epochs", 2, "--history", "h.json")
    assert [r["epoch"] for r in json.loads(Path("h.json").read_text())] == [1, 2]


def test_a_validation_loss_that_is_nan_ends_the_run_with_its_reason():
    said = train("--patience", 2, "--epochs", 9, text=NAN, code=1)
    assert "val_loss became nan in epoch 1" in said
    assert not Path("build/small/weights.npz").exists()
    assert "validation: loss nan" in train("--epochs", 2, text=NAN)  # nobody watches


def test_fit_warns_of_a_monitor_that_is_nan(module):
    bad = float32_rows()
    bad["x"][0] = np.nan
    with pytest.warns(UserWarning, match="val_loss is nan after epoch 1"):
        module.fit(fresh(module), float32_rows(), validation=bad, patience=2, epochs=1)


SCORES = """\
h = sd.nn.dense(x, 5, "tanh", init="zeros", name="hidden")
z = sd.nn.dense(h, 3, init="zeros", name="out")
"""
STILL = ["hidden.W", "hidden.b", "out.W"]


def test_parameters_that_do_not_move_are_named():
    n = sd.dim("N")
    x, y = sd.input("x", (n, 4)), sd.input("y", n, "int64", high=3)
    h = sd.nn.dense(x, 5, "tanh", init="zeros", name="hidden")
    z = sd.nn.dense(h, 3, init="zeros", name="out")
    loss = sd.nn.softmax_cross_entropy(z, y)
    for optimizer, names in (
        (sd.optim.SGD(0.1), STILL),
        (sd.optim.SGD(0.1, frozen=["hidden.*"]), STILL[2:]),
    ):
        model = sd.Model("m", [x], [y], z, loss, optimizer=optimizer)
        made = sd.compile(model).load().train
        with pytest.warns(UserWarning, match="unmoved by an epoch") as caught:
            made.fit(fresh(made), float32_rows(), epochs=3)
        assert [
            f"unmoved by an epoch: {', '.join(names)};" in str(w.message)
            for w in caught
        ] == [True]


def test_the_command_line_names_what_does_not_move():
    text = GOOD.replace(cli_runs.SCORES, SCORES)
    said = train("--epochs", 2, text=text)
    assert said.count(f"note: unmoved by an epoch: {', '.join(STILL)};") == 1


def test_a_size_of_batches_that_has_no_effect_is_refused():
    said = train("--batch-size", 5, text=BATCHES, code=1)
    assert "--batch-size has no effect" in said
    train("--epochs", 1, text=BATCHES)


@pytest.mark.parametrize(
    "more", [(), ("--patience", 2), ("--patience", 2, "--mode", "min")]
)
def test_a_monitor_that_is_not_there_tells_what_is(more):
    said = train("--monitor", "acuracy", *more, code=1)
    assert "'acuracy' is none of loss, accuracy, val_loss, val_accuracy" in said
    assert "did you mean 'accuracy'?" in said


@pytest.mark.parametrize("more", [{"monitor": "val_accuracy"}, {"mode": "max"}])
def test_a_monitor_that_nothing_watches_is_refused(module, more):
    words = "do nothing without patience or plateau"
    with pytest.raises(ValueError, match=words):
        module.fit(fresh(module), float32_rows(), validation=float32_rows(), **more)
    with pytest.raises(sd.DeclarationError, match=words):
        sd.Training(**more)
    ((name, value),) = more.items()
    options = ["--validation-split", 0.2, f"--{name}", value]
    assert words in train(*options, text=GOOD, code=1)


def test_averages_are_saved_on_request_and_told():
    text = GOOD.replace("Adam(0.05)", "Adam(0.05, ema=0.9)")
    assert "--averaged saves their running averages" in train("--epochs", 2, text=text)
    with np.load("build/small/weights.npz") as file:
        raw = dict(file)
    assert "the weights are the running averages" in train(
        "--epochs", 2, "--averaged", text=text
    )
    with np.load("build/small/weights.npz") as file:
        assert any((file[name] != raw[name]).any() for name in raw)
    assert "averaged_params" in Path("build/small/__init__.py").read_text()
    assert "give it ema=" in train("--averaged", code=1)
