"""A small model and its rows, and `symdiff train` on it, for tests of training."""

from pathlib import Path

import cli_runs
import numpy as np
from cli_runs import DECLARED, SCORES, spec
from click.testing import CliRunner

from symdiff.cli import main

MODEL = DECLARED + SCORES + cli_runs.MODEL
DATA = """\
def rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    return {"x": (np.eye(4)[y] + 0.1 * rng.normal(size=(60, 4))), "y": y}
def data():
    return {"train": rows()}
"""
GOOD = MODEL + DATA


def train(*options, text=GOOD, code=0):
    result = CliRunner().invoke(main, ["train", spec(text), *map(str, options)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert "fault of symdiff" not in result.output
    return result.stdout if code == 0 else result.stderr


def weights(path="build/small/weights.npz"):
    return Path(path).read_bytes()


def rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    return {"x": np.eye(4)[y] + 0.1 * rng.normal(size=(60, 4)), "y": y}


def float32_rows():
    """The rows for `fit` itself: float32, as the parameters are."""
    data = rows()
    return {"x": np.float32(data["x"]), "y": data["y"]}


def fresh(module, seed=0):
    return module.init_state(module.init_params(seed), seed)


def put(name, content):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name
