"""Loops and branches as generated Python: values, gradients and second derivatives."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loop_checks import Built, built, check_text, derivatives
from loop_programs import BY_ID

WIDTHS = ("float64", "float32")


def _feeds(b: Built, symbolic: bool) -> list[list[np.ndarray]]:
    """Return operands; for symbolic lengths also of the lengths 1 and 0."""
    found = [b.values]
    if symbolic:
        for length in (1, 0) if b.loop.empty else (1,):
            rng = np.random.default_rng(length)
            shapes = [
                tuple(length if d == b.loop.symbolic else d for d in s)
                for s in b.loop.shapes
            ]
            found.append([np.asarray(0.5 * rng.normal(size=s)) for s in shapes])
    return found


def _check_clean(compiled: Any, folder: Path) -> None:
    """Laid out as by ruff, no lint, Python 3.9."""
    for path, text in compiled.files.items():
        if isinstance(text, str):
            ast.parse(text, feature_version=(3, 9))
            (folder / Path(path).name).write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--line-length", "88", "--target-version", "py39", "--isolated"]
    lint = ["check", "--select", "E,F,W,B,I", *options]
    for command in (lint, ["format", "--check", *options]):
        done = subprocess.run(
            [*ruff, *command, "--no-cache", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail((done.stdout + done.stderr)[-4000:])


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("name", list(BY_ID))
def test_forward_and_backward(name: str, level: int, tmp_path: Path) -> None:
    b = built(BY_ID[name])
    widths = WIDTHS[:1] if "converging" in name else WIDTHS  # its test needs float64
    made = check_text(b.outputs, b.leaves, _feeds(b, False), level, widths=widths)
    _check_clean(made, tmp_path)


@pytest.mark.parametrize("name", [n for n, p in BY_ID.items() if p.symbolic])
def test_symbolic_lengths(name: str, tmp_path: Path) -> None:
    """One text for every length, 1 and 0 among them."""
    b = built(BY_ID[name], symbolic=True)
    _check_clean(check_text(b.outputs, b.leaves, _feeds(b, True), 1), tmp_path)


SECOND = [n for n, p in BY_ID.items() if p.orders > 1]
# Each at one level, in turn; at the other one with the slow tests.
LEVELS = [(n, i % 2) for i, n in enumerate(SECOND)]
OTHERS = [pytest.param(n, 1 - at, marks=pytest.mark.slow) for n, at in LEVELS]


@pytest.mark.parametrize(("name", "level"), [*LEVELS, *OTHERS])
def test_second_order(name: str, level: int, tmp_path: Path) -> None:
    """The gradient and the Hessian product as outputs, and the gradient of both."""
    b = built(BY_ID[name])
    d = derivatives(b)
    leaves = [*b.leaves, *b.directions[0]]
    values = [*b.values, *b.moves[0]]
    outputs = [*d["grad"], *d["fwd"], *d["rev"]]
    made = check_text(outputs, leaves, [values], level, 1e-10, WIDTHS[:1])
    _check_clean(made, tmp_path)
