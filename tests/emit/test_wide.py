"""Models with more names than a line holds: every file stays within its columns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.emit.modules.fitting import fitted

N = sd.dim("N")


def wide_model() -> sd.Model:
    """Return a model of many long names, whose parameters start as constants."""
    inputs = [sd.input(f"a_rather_long_measurement_{i}", (N,)) for i in range(12)]
    targets = [sd.input(f"target_{i}_of_it", (N,)) for i in range(6)]
    weights = [sd.param(f"the_weight_of_measurement_{i}", ()) for i in range(12)]
    terms = [x * w for x, w in zip(inputs, weights, strict=True)]
    prediction = sd.nn.dropout(sum(terms[1:], terms[0]), 0.5)
    errors = [sd.mean((prediction - y) ** 2) for y in targets]
    return sd.Model(
        "wide",
        inputs=inputs,
        targets=targets,
        outputs={f"a_named_output_{i}": t for i, t in enumerate(terms)},
        loss=sum(errors[1:], errors[0]),
        metrics={f"metric_number_{i}": sd.mean(t) for i, t in enumerate(terms)},
        optimizer=sd.optim.Adam(1e-3),
    )


def wide_function() -> sd.Function:
    """Return a function of many inputs and many results."""
    inputs = [sd.input(f"a_rather_long_measurement_{i}", (N,)) for i in range(12)]
    return sd.Function(
        "wide", inputs, [*(x * 2 for x in inputs), inputs[0] * inputs[1]]
    )


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("declare", [wide_model, wide_function])
def test_wide_files_are_clean(
    declare: Any, single: bool, level: int, tmp_path: Path
) -> None:
    sd.compile(declare(), optimize=level, single_file=single).write(tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--line-length", "88", "--target-version", "py39", "--isolated"]
    lint = ["check", "--select", "E,F,W,B,I", *options]
    for command in (lint, ["format", "--check", *options]):
        done = subprocess.run(
            [*ruff, *command, "--no-cache", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, (done.stdout + done.stderr)[-4000:]


def test_wide_modules_run() -> None:
    package = sd.compile(wide_model()).load()
    params = package.init_params(0)
    state = package.init_state(params)
    arguments = [np.ones(3, np.float32) for _ in range(18)]
    assert package.train_step(state, *arguments)["loss"] == 6.0


@pytest.mark.parametrize("width", range(80, 96))
def test_a_docstring_about_as_wide_as_a_line(width: int, tmp_path: Path) -> None:
    text = f'def f():\n    """{"word " * 14}{"x" * (width - 77)}."""\n    return 1\n'
    got = fitted(text)
    assert max(len(line) for line in got.split("\n")) <= 88
    assert got.split() == text.split() or (
        got.replace('.\n    """', '."""').split() == text.split()
    )
    (tmp_path / "m.py").write_text(got)
    command = [sys.executable, "-m", "ruff", "format", "--check", "--isolated"]
    done = subprocess.run(
        [*command, "--no-cache", str(tmp_path / "m.py")], check=False, text=True
    )
    assert not done.returncode
