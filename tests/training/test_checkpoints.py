"""Checkpoints: going on from them, and refusing those that are damaged or foreign."""

import dataclasses
import inspect
from pathlib import Path

import numpy as np
import pytest
from training_runs import GOOD, float32_rows, fresh, put, train, weights

import symdiff as sd

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_going_on_gives_the_bytes_of_a_run_that_was_not_interrupted(kind):
    options = ["--validation-split", 0.3, "--patience", 3, "--weights"]
    train(*options, "whole.npz", "--epochs", 6, "--checkpoint", f"w.{kind}")
    train(*options, "parts.npz", "--epochs", 2, "--checkpoint", f"c.{kind}")
    resume = ["--resume", "--checkpoint", f"c.{kind}", "--history", "h.csv"]
    said = train(*options, "parts.npz", "--epochs", 6, *resume)
    assert f"going on from c.{kind}, after epoch 2" in said
    assert weights("parts.npz") == weights("whole.npz")
    assert weights(f"c.{kind}") == weights(f"w.{kind}")
    assert len(Path("h.csv").read_text().splitlines()) == 7
    said = train(*options, "again.npz", "--epochs", 6, *resume)
    assert "the checkpoint has all 6 epochs" in said
    assert weights("again.npz") == weights("whole.npz")


def test_the_steps_that_are_told_are_those_of_this_run():
    options = ["--checkpoint", "c.npz", "--resume", "--batch-size", 10]
    for epochs, steps in ((2, 12), (5, 18), (5, 0)):  # of 60 rows
        said = train("--epochs", epochs, *options)
        assert f"trained {steps} steps in" in said


def test_resume_begins_where_there_is_nothing_to_go_on_from():
    said = train("--resume")
    assert "going on" not in said
    assert Path("build/small/checkpoint.npz").exists()
    assert "going on from build/small/checkpoint.npz, after epoch 3" in train(
        "--resume"
    )


def test_going_on_without_patience_keeps_the_last_weights(module):
    """The best weights of a run that had patience are not brought back later."""
    options = {"validation": float32_rows(), "checkpoint": "c.npz"}
    module.fit(fresh(module), float32_rows(), epochs=2, patience=5, **options)
    state, whole = fresh(module), fresh(module)
    module.fit(state, float32_rows(), epochs=4, **options)
    module.fit(whole, float32_rows(), epochs=4)
    assert np.array_equal(state.flat_params, whole.flat_params)


def test_a_run_that_ended_early_stays_ended():
    text = GOOD.replace("Adam(0.05)", "SGD(300.0)")
    options = ["--validation-split", 0.3, "--patience", 1, "--epochs", 40, "--resume"]
    train(*options, text=text)
    before = weights()
    assert "training had ended after epoch" in train(*options, text=text)
    assert weights() == before


def test_a_checkpoint_is_not_begun_anew_by_mistake():
    train("--checkpoint", "c.npz")
    before = weights("c.npz")
    assert "add --resume to go on from it" in train("--checkpoint", "c.npz", code=1)
    assert weights("c.npz") == before


OTHER = {
    "cut": (lambda old: old[: len(old) // 2], GOOD, [], "is damaged"),
    "empty": (lambda old: b"", GOOD, [], "is damaged"),
    "flipped": (
        lambda old: old[:400] + bytes([old[400] ^ 1]) + old[401:],
        GOOD,
        [],
        "is damaged",
    ),
    "model": (bytes, GOOD.replace("(4, 3)", "(4, 3)").replace("z, y)", "2 * z, y)", 1),
              [], "is of another model or optimiser"),
    "optimiser": (bytes, GOOD.replace("Adam", "SGD"), [], "another model or optimiser"),
    "rate": (bytes, GOOD.replace("0.05", "0.5"), [], "another model or optimiser"),
    "seed": (bytes, GOOD, ["--seed", 3], "of a run with"),
    "batch": (bytes, GOOD, ["--batch-size", 5], "'batch_size': 5"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text", "more", "message"), OTHER.values(), ids=OTHER
)
def test_checkpoints_that_cannot_be_gone_on_from(change, text, more, message):
    """One clear error, and the file stays as it is."""
    train("--checkpoint", "c.npz")
    wrong = change(weights("c.npz"))
    put("c.npz", wrong)
    found = train("--checkpoint", "c.npz", "--resume", *more, text=text, code=1)
    assert message in found
    assert "It is left as it is" in found
    assert weights("c.npz") == wrong


FIRST = {
    "batch_size": 20,
    "accumulate": 1,
    "seed": 0,
    "shuffle": True,
    "monitor": "loss",
    "mode": "min",
    "plateau": {"factor": 0.5, "patience": 1},
}
THEN = {
    "batch_size": [10],
    "accumulate": [2],
    "seed": [1],
    "shuffle": [False],
    "monitor": ["accuracy"],
    "mode": ["max"],
    "plateau": [{"factor": 0.1, "patience": 1}, {"factor": 0.5, "patience": 2}, None],
}
# the data, how long to train, what is told, and what may change between runs
FREE = {"state", "data", "validation", "epochs", "checkpoint", "patience"} | {
    "planned",
    "callback",
    "after_epoch",
}


def test_every_setting_of_a_run_is_held_to_by_its_checkpoint(module):
    assert {*inspect.signature(module.fit).parameters} == FREE | FIRST.keys()
    module.fit(fresh(module), float32_rows(), epochs=1, checkpoint="c.npz", **FIRST)
    for name, others in THEN.items():
        for other in others:
            settings = {**FIRST, name: other, "epochs": 2, "checkpoint": "c.npz"}
            settings["patience"] = 5  # so that monitor has a use without plateau
            with pytest.raises(ValueError, match=f"of a run with .*'{name}'"):
                module.fit(fresh(module), float32_rows(), **settings)
    module.fit(fresh(module), float32_rows(), epochs=2, checkpoint="c.npz", **FIRST)


SETTINGS = {
    "batch_size": 20,
    "seed": 3,
    "shuffle": False,
    "accumulate": 2,
    "validation_split": 0.3,
    "patience": 2,
    "monitor": "loss",
    "mode": "min",
    "plateau": {"factor": 0.5, "patience": 1},
}


def test_the_command_goes_on_from_runs_of_every_setting():
    """One at a time, and all at once; killed or not, the weights are the same."""
    fields = {f.name: f.default for f in dataclasses.fields(sd.Training)}
    assert fields.keys() == SETTINGS.keys() | {"epochs"}
    assert not any(fields[k] == value for k, value in SETTINGS.items())
    ways = [{k: SETTINGS[k]} for k in SETTINGS] + [SETTINGS]
    for i, way in enumerate(ways):
        asked = dict(way)
        if asked.keys() & {"monitor", "mode", "patience", "plateau"}:  # all watch
            asked = {"monitor": "loss", "patience": 5, **asked}
        text = f"{GOOD}training = sd.Training(epochs=4, **{asked!r})\n"
        train("--weights", f"whole{i}.npz", text=text)
        parts = ["--weights", f"parts{i}.npz", "--checkpoint", f"c{i}.npz", "--resume"]
        train(*parts, "--epochs", 2, text=text)
        assert "after epoch 2" in train(*parts, text=text), way
        assert weights(f"parts{i}.npz") == weights(f"whole{i}.npz"), way


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_damage_is_noticed_and_changes_nothing(module, kind):
    """Cut anywhere, or with any byte changed: refused, or exactly what was saved."""
    saved = fresh(module, 1)
    module.fit(saved, float32_rows(), epochs=1, checkpoint=f"c.{kind}")
    good = weights(f"c.{kind}")
    rng = np.random.default_rng(0)
    wrong = [good[:n] for n in rng.integers(0, len(good), 40)]
    wrong += [
        good[:i] + bytes([good[i] ^ (1 << int(i) % 8)]) + good[i + 1 :]
        for i in rng.integers(0, len(good), 80)
    ]
    refused = 0
    for content in wrong:
        put(f"bad.{kind}", content)
        state = fresh(module, 2)
        before = state.flat_params.copy()
        said = ""
        try:
            module.load_checkpoint(f"bad.{kind}", state)
        except ValueError as error:
            said = str(error)
            refused += 1
        expected = before if said else saved.flat_params
        assert np.array_equal(state.flat_params, expected)
        assert not said or f"bad.{kind}" in said
    assert refused > 80


def test_a_failed_save_leaves_the_old_file(module, monkeypatch):
    module.save("w.npz", module.init_params(0))
    old = weights("w.npz")

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        module.save("w.npz", module.init_params(1))
    assert weights("w.npz") == old
    assert [p.name for p in Path().iterdir()] == ["w.npz"]
