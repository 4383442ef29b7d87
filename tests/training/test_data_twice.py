"""Data that is given twice is an error: neither of the two is passed over in silence.

The class: a split both in the file for `train` and in one of its own, and an argument
both with and without its split's prefix, in either order; what is given once is read.
"""

from pathlib import Path

import numpy as np
import pytest
from cli_runs import error_of, printed

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")
SPEC = """\
[model]
name = "line"
[inputs]
x = { shape = ["N"] }
[targets]
t = { shape = ["N"] }
[params]
w = { shape = [] }
[equations]
z = "w * x"
loss = "mse(z, t)"
[outputs]
z = "z"
[optimizer]
kind = "sgd"
lr = 0.1
[training]
epochs = 1
[data]
"""


def rows(count, prefix=""):
    return {f"{prefix}{name}": np.ones(count) for name in "xt"}


def spec(**files):
    lines = [f"{split} = {path!r}" for split, path in files.items()]
    Path("spec.toml").write_text(SPEC + "\n".join(lines))
    return "spec.toml"


@pytest.fixture(autouse=True)
def _files(in_an_empty_folder):
    np.savez("some.npz", **rows(8, "train/"), **rows(3, "validation/"))
    np.savez("plain.npz", **rows(5))


@pytest.mark.parametrize("order", [1, -1])
def test_a_split_in_two_files(order):
    files = {"train": "some.npz", "validation": "plain.npz"}
    said = error_of("train", spec(**dict(list(files.items())[::order])))
    assert "some.npz holds 'validation', and so does plain.npz" in said
    told = printed("train", spec(train="some.npz", test="plain.npz"))
    assert "train 8, validation 3, test 5" in told


@pytest.mark.parametrize("order", [1, -1])
def test_an_argument_with_and_without_a_prefix(order):
    both = {**rows(8, "train/"), "x": np.zeros(8)}
    np.savez("both.npz", **dict(list(both.items())[::order]))
    said = error_of("train", spec(train="both.npz"))
    assert "both.npz holds 'x' and train/x for the same argument" in said
