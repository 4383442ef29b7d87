"""A small spec, and commands of symdiff run on it, for tests of the command line."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from symdiff.cli import main

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

DECLARED = """\
import numpy as np
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 4))
y = sd.input("y", (N,), dtype="int64", high=3)
"""
SCORES = """\
z = x @ sd.param("W", (4, 3), init="glorot_uniform") + sd.param("b", (3,))
"""
MODEL = """\
model = sd.Model("small", inputs=[x], targets=[y], outputs={"z": z},
                 loss=sd.nn.softmax_cross_entropy(z, y),
                 metrics={"accuracy": sd.nn.accuracy(z, y)},
                 optimizer=sd.optim.Adam(0.05))
training = sd.Training(epochs=3, batch_size=8, seed=1)
"""
DATA = """\
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    x = np.eye(4)[y] + 0.1 * rng.normal(size=(60, 4))
    return {"train": {"x": x[:40], "y": y[:40]}, "test": {"x": x[40:], "y": y[40:]}}
"""
GOOD = DECLARED + SCORES + MODEL + DATA


def spec(text, name="spec.py"):
    Path(name).write_text(text, "utf-8")
    return name


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def printed(*arguments, code=0):
    """What a command printed; its exit code is held to what is expected."""
    output = run(*arguments, code=code).output
    assert "Traceback" not in output, output
    assert "fault of symdiff" not in output, output
    return output


def error_of(*arguments, code=1):
    """The error output of a command that must fail, without a traceback."""
    result = run(*arguments, code=code)
    assert "Traceback" not in result.output
    assert "fault of symdiff" not in result.output
    return result.stderr


def python(*arguments, cwd, **options):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )
