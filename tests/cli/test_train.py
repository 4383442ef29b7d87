"""`symdiff train` on a spec: what it says and saves, and data that does not fit."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from cli_runs import (
    DATA,
    DECLARED,
    ENVIRONMENT,
    GOOD,
    MODEL,
    ROOT,
    SCORES,
    error_of,
    python,
    run,
    spec,
)

DIGITS = ROOT / "examples" / "digits_mlp.py"


def weights(path="build/small/weights.npz"):
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_train_says_what_it_did_and_where_things_are():
    said = run("train", spec(GOOD)).stdout
    lines = [line for line in said.splitlines() if line.startswith("epoch")]
    pattern = (
        r"epoch \d/3  loss \d\.\d{4}  accuracy \d\.\d{4}"
        r"  test: loss \d\.\d{4}  accuracy \d\.\d{4}"
    )
    assert len(lines) == 3
    assert all(re.fullmatch(pattern, line) for line in lines)
    assert "examples: train 40, test 20" in said
    assert re.search(r"held out \(test\): loss \d\.\d{4}  accuracy \d\.\d{4}", said)
    assert "build/small/weights.npz" in said
    assert "build/small/" in said
    assert said.rstrip().endswith("}")  # the gradients that backward returns
    assert "d_z[np.arange(N), y] -= 1" in said
    assert {k: v.dtype for k, v in weights().items()} == {
        "W": "float32",
        "b": "float32",
    }


def test_training_is_repeatable_and_options_override_the_spec():
    spec(GOOD)
    run("train", "spec.py")
    first = weights()
    run("train", "spec.py", "-o", "again")
    again = weights("again/small/weights.npz")
    assert all(np.array_equal(first[k], again[k]) for k in first)
    said = run(
        "train", "spec.py", "--epochs", 1, "--batch-size", 40, "--seed", 5
    ).stdout
    assert "Training(epochs=1, batch_size=40, seed=5, shuffle=True)" in said
    assert "trained 1 steps" in said
    assert not np.array_equal(first["W"], weights()["W"])


@pytest.mark.parametrize("level", [0, 1])
def test_every_level_trains_to_the_same_weights(level):
    run("train", spec(GOOD), "-O", level)
    found = weights()
    run("train", "spec.py", "-o", "planned")
    expected = weights("planned/small/weights.npz")
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-6)


def test_no_epochs_leave_initial_weights():
    assert "trained 0 steps" in run("train", spec(GOOD), "--epochs", 0).stdout
    assert not weights()["b"].any()


def test_without_held_out_data_it_says_so():
    text = re.sub(r', "test": .*', "}", GOOD)
    said = run("train", spec(text)).stdout
    assert "held out: nothing; data() has only 'train'" in said


def test_validation_is_watched_and_test_is_told_at_the_end():
    text = GOOD.replace('"test": {"x": x[40:]', '"test": {"x": x[40:], "y": y[40:]}, '
                        '"validation": {"x": x[40:]')  # fmt: skip
    said = run("train", spec(text)).stdout
    assert said.count("  validation: loss") == 3
    assert "held out (validation)" in said
    assert "held out (test)" in said


def test_dropout_and_a_regression():
    text = """\
z = sd.nn.dense(sd.nn.dropout(sd.nn.dense(x, 8, "tanh", name="a"), 0.5), 1, name="b")
t = sd.input("t", (N, 1))
model = sd.Model("noisy", inputs=[x], targets=[t], outputs=z, loss=sd.nn.mse(z, t),
                 optimizer=sd.optim.Momentum(0.01))
training = sd.Training(epochs=2)
def data():
    x = np.random.default_rng(0).normal(size=(50, 4))
    return {"train": {"x": x, "t": x[:, :1]}, "validation": {"x": x, "t": x[:, :1]}}
"""
    run("train", spec(DECLARED + text), "--seed", 3)
    first = weights("build/noisy/weights.npz")
    run("train", "spec.py", "--seed", 3)
    again = weights("build/noisy/weights.npz")
    assert all(np.array_equal(first[k], again[k]) for k in first)


def test_names_that_are_no_identifiers_are_keys_of_the_data():
    text = GOOD.replace('sd.input("x"', 'sd.input("the pixels"')
    text = text.replace('{"x":', '{"the pixels":')
    assert "held out" in run("train", spec(text)).stdout


NOT_TRAINABLE = {
    "function": (
        DECLARED + "model = sd.Function('small', [x], 2 * x)\n" + DATA,
        "is an sd.Function, which has no loss",
    ),
    "no optimizer": (
        re.sub(r",\n *optimizer=.*", ")", GOOD),
        "has no optimizer=, so it cannot be trained",
    ),
    "no loss": (
        DECLARED + SCORES + "model = sd.Model('small', inputs=[x], outputs=z)\n",
        "has no loss= and no optimizer=",
    ),
    "no data": (DECLARED + SCORES + MODEL, "has no data()"),
}
RETURNED = {
    "raises": (
        "raise ValueError('none today')",
        "spec.py:15: data() raised ValueError",
    ),
    "None": ("return None", "data() must return a dict with the key 'train', got None"),
    "no train": ("return {'test': {}}", "with the key 'train', got the keys ['test']"),
    "unknown split": ("return {'train': {}, 'dev': {}}", "unknown key 'dev'"),
    "a list": ("return {'train': [1, 2]}", "['train'] must be a dict of arrays"),
    "keys": (
        "return {'train': {'x': 1, 'z': 2}}",
        "must have the keys ['x', 'y']: missing ['y'], unexpected ['z']",
    ),
    "scalars": ("return {'train': {'x': 1.0, 'y': 1}}", "['x'] is a single number"),
    "ragged": ("return {'train': {'x': [[1.0], [1.0, 2.0]], 'y': [0, 1]}}", "no array"),
    "objects": ("return {'train': {'x': [[None]], 'y': [0]}}", "has dtype object"),
    "strings": ("return {'train': {'x': [['a']], 'y': [0]}}", "has dtype <U1"),
    "lengths": (
        "return {'train': {'x': np.ones((5, 4)), 'y': [0, 1]}}",
        "one number of rows, 1 or more, got {'x': 5, 'y': 2}",
    ),
    "no rows": (
        "return {'train': {'x': np.ones((0, 4)), 'y': np.zeros(0, int)}}",
        "one number of rows, 1 or more",
    ),
    "shape": (
        "return {'train': {'x': np.ones((2, 5)), 'y': [0, 1]}}",
        "x: expected shape (N, 4), got (2, 5)",
    ),
    "kind": (
        "return {'train': {'x': np.ones((2, 4)), 'y': [0.0, 1.0]}}",
        "y: expected int64, got float",
    ),
    "range": (
        "return {'train': {'x': np.ones((20, 4)), 'y': [0] * 19 + [3]}}",
        "data()['train'] (rows 16 to 20): y: expected values < 3, got 3",
    ),
    "held out": (
        "return {k: {'x': np.ones((1, 4)), 'y': [v]} for k, v in PARTS}",
        "data()['test']: y: expected values >= 0, got -1",
    ),
}


@pytest.mark.parametrize(("text", "message"), NOT_TRAINABLE.values(), ids=NOT_TRAINABLE)
def test_what_cannot_be_trained(text, message):
    found = error_of("train", spec(text))
    assert message in found
    assert found.startswith("error: spec.py")


@pytest.mark.parametrize(("body", "message"), RETURNED.values(), ids=RETURNED)
def test_data_that_does_not_fit(body, message):
    text = DECLARED + SCORES + MODEL
    text += f"PARTS = [('train', 0), ('test', -1)]\ndef data():\n    {body}\n"
    found = error_of("train", spec(text))
    assert message in found
    assert "spec.py" in found
    assert not Path("build/small/weights.npz").exists()


def test_a_loss_that_becomes_nan_stops_and_saves_nothing():
    text = GOOD.replace("0.1 * rng.normal", "np.inf * rng.normal")
    found = error_of("train", spec(text))
    assert "the loss became nan in epoch 1" in found
    assert not Path("build/small/weights.npz").exists()


def test_weights_that_are_no_weights_are_left_as_they_are():
    path = Path("build/small/weights.npz")
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert "holds no weights; it is left as it is" in error_of("train", spec(GOOD))
    assert path.read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interruption_saves_whole_steps(tmp_path):
    text = GOOD.replace(
        "def data():\n",
        "import os, signal, threading\n"
        "def data():\n"
        "    interrupt = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "    threading.Timer(0.5, interrupt).start()\n",
    )
    found = python(
        *("-m", "symdiff", "train", spec(text), "--epochs", 1_000_000),
        cwd=tmp_path,
        env=ENVIRONMENT,
    )
    assert found.returncode == 130, found.stderr
    assert found.stderr == ""
    (steps,) = re.findall(
        r"interrupted in epoch \d+: the weights after (\d+) whole steps are saved",
        found.stdout,
    )
    assert int(steps) > 0
    assert "held out (test)" in found.stdout
    assert np.isfinite(weights()["W"]).all()


def test_the_digits_reach_97_percent():
    said = run("train", DIGITS).stdout
    (accuracy,) = re.findall(r"held out \(test\): loss \S+  accuracy (\S+)", said)
    assert float(accuracy) >= 0.97
