"""`symdiff bench`: what it times, at which lengths, and what it refuses."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import symdiff as sd
from symdiff.cli import main
from symdiff.review.bench import bench

SPEC = """\
import symdiff as sd

N, M = sd.dim("N"), sd.dim("M")
x = sd.input("x", (N, 4))
y = sd.input("y", (N,), dtype="int64", high=3)
z = sd.nn.dropout(sd.nn.dense(x, 3, name="out"), 0.5)
model = sd.Model("small", [x], [y], z, loss=sd.nn.softmax_cross_entropy(z, y),
                 optimizer=sd.optim.SGD(0.1))
"""
FUNCTION = """\
import symdiff as sd

N = sd.dim("N")
a, b = sd.input("a", (N,)), sd.input("b", (2 * N,))
model = sd.Function("joined", [a, b], [sd.sum(a) * b, sd.concatenate([a, b])])
"""


def run(folder: Path, text: str, *options: str, code: int = 0) -> str:
    path = folder / "model.py"
    path.write_text(text)
    done = CliRunner().invoke(main, ["bench", str(path), "--rounds", "1", *options])
    assert done.exit_code == code, done.output
    return done.output


def test_a_model(tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    shown = run(
        tmp_path, SPEC, "--dim", "N=5", "--dtype", "float64", "--json", str(file)
    )
    assert "small at N=5, float64" in shown
    found = json.loads(file.read_text())
    assert list(found["seconds"]) == [
        "forward",
        "loss_and_residuals",
        "backward",
        "value_and_grad",
        "train_step",
        "train_step, readable",
    ]
    assert all(s > 0 for times in found["seconds"].values() for s in times)


@pytest.mark.parametrize("level", ["0", "1"])
def test_without_a_planned_step(tmp_path: Path, level: str) -> None:
    assert "readable" not in run(tmp_path, SPEC, "-O", level)


def test_a_function_of_related_lengths(tmp_path: Path) -> None:
    shown = run(tmp_path, FUNCTION, "--dim", "N=7")
    assert "N=7" in shown
    assert "forward_with_residuals" in shown


@pytest.mark.parametrize("given", ["N", "N=", "N=-1", "N=1.5", "=3"])
def test_lengths_that_are_none(tmp_path: Path, given: str) -> None:
    assert "NAME=LENGTH" in run(tmp_path, SPEC, "--dim", given, code=2)


def test_a_dim_the_model_has_not(tmp_path: Path) -> None:
    assert "no dim of the model" in run(tmp_path, SPEC, "--dim", "K=3", code=1)


@pytest.mark.parametrize("optimizer", [None, sd.optim.SGD(0.01)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_timed_are_numbers(optimizer: Any, dtype: str) -> None:
    """A variance, or what is positive, is drawn near what it starts from."""
    x = sd.input("x", (sd.dim("N"), 4))
    width, wide = sd.param("width", 4, init=1.0), sd.param("s", (), 2.0, "float64")
    z = sd.nn.batch_norm(x * sd.log(width), name="norm")
    loss = sd.mean(z**3) + sd.cast(sd.sqrt(wide), "float")
    model = sd.Model("m", [x], [], z, loss, optimizer=optimizer)
    package = sd.compile(model).load()
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bench(package, {"N": 5}, dtype, rounds=1).timings


def test_functions_get_rows_of_equal_number() -> None:
    n = sd.dim("N")
    x = sd.input("x", (n,))
    package = sd.compile(sd.Function("twice", [x], 2 * x)).load()
    found = bench(package, {"N": 3}, rounds=2)
    assert {len(t.seconds) for t in found.timings} == {2}
    assert all(t.best <= t.median for t in found.timings)
