"""Checks of right gradients agree where what they are made of cancels; mutants do not.

At a saturated tanh, and for a softmax that is sure, a gradient has the rounding of the
numbers that cancel in it, not of what is left.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_runs import printed as run
from review_commands import alone, edit, spec

CASES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "tanh": (
        (
            "x = sd.input('x', N, low=11, high=13)\n"
            "model = sd.Function('f', [x], sd.tanh(x))\n"
        ),
        [("d_x = ", "d_x = -"), ("d_x = ", "d_x = 1.001 * "), (" * (1 - ", " * (2 - ")],
    ),
    "tanh of an input and its gradient": (
        (
            "x = sd.input('x', N, low=9, high=10)\n"
            "model = sd.Function('f', [x], sd.tanh(x) + 1e-8 * sd.sin(x))\n"
        ),
        [("1e-8 * np.cos", "-1e-8 * np.cos"), ("np.cos(x)", "1")],
    ),
    "sure of itself": (
        (
            "x = sd.input('x', (N, 3), low=14, high=16)\n"
            "y = sd.input('y', N, dtype='int64', high=3)\n"
            "z = x * (sd.one_hot(y, 3) + 0.01)\n"
            "model = sd.Function('f', [x, y], sd.nn.softmax_cross_entropy(z, y))\n"
        ),
        [("d_x = ", "d_x = -"), ("d_x = ", "d_x = 1.001 * "), ("] -= 1", "] -= 0")],
    ),
    "sure of its weights": (
        (
            "x = sd.input('x', (N, 3), low=14, high=16)\n"
            "y = sd.input('y', N, dtype='int64', high=3)\n"
            "w = sd.param('w', (3, 3), init='ones')\n"
            "z = (x * (sd.one_hot(y, 3) + 0.01)) @ (w * sd.eye(3))\n"
            "model = sd.Model('f', [x], [y], x, sd.nn.softmax_cross_entropy(z, y))\n"
        ),
        [("] -= 1", "] -= 0"), ('{"w": ', '{"w": -'), ('{"w": ', '{"w": 1.001 * ')],
    ),
}
# Here nothing is left: each gradient is 0 but for rounding.
NOTHING_LEFT = {
    "flat": "x = sd.input('x', N, low=20, high=25)\n"
    "model = sd.Function('f', [x], sd.tanh(x))\n",
    "flat and steep": "x = sd.input('x', (N, 3), low=1, high=2)\n"
    "w = sd.param('w', (3, 2), init='ones')\n"
    "q = sd.tanh((x @ w) * 1000)\n"
    "model = sd.Model('f', [x], [], q, sd.mean(q**2) + sd.mean(q))\n",
}


def compiled(text: str) -> Path:
    """Compile a spec; return its package."""
    run("compile", spec("import symdiff as sd\nN = sd.dim('N')\n" + text))
    return Path("build/f")


@pytest.mark.parametrize(
    "text",
    [t for t, _ in CASES.values()] + [*NOTHING_LEFT.values()],
    ids=[*CASES, *NOTHING_LEFT],
)
def test_right_gradients_agree(text: str) -> None:
    package = compiled(text)
    said = run("verify", package)
    assert "complex steps" in said
    code, said = alone(package)
    assert code == 0 or "not checkable" in said, said


MUTANTS = [(text, *m) for text, mutants in CASES.values() for m in mutants]


@pytest.mark.parametrize(("text", "old", "new"), MUTANTS)
def test_wrong_ones_do_not(text: str, old: str, new: str) -> None:
    package = compiled(text)
    edit(package / "backward.py", old, new)
    assert "DISAGREE" in run("verify", package, code=1)
    code, said = alone(package)
    assert code == 1 or "not checkable" in said, said


def test_points_of_the_user_agree() -> None:
    package = compiled(
        "x = sd.input('x', N)\nmodel = sd.Function('f', [x], sd.tanh(x))\n"
    )
    np.savez("data.npz", x=np.array([12.0, -20.0, 25.0, 0.3]))
    run("verify", package, "--points", "data.npz", "--random", 0)
    edit(package / "backward.py", "d_x = ", "d_x = -")
    said = run("verify", package, "--points", "data.npz", "--random", 0, code=1)
    assert "DISAGREE" in said
