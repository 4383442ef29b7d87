"""Files that training writes: each its own, none lost, nothing left lying about."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from training_runs import GOOD, MODEL, rows, train, weights

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def np_data(name):
    np.savez(name, **rows())
    return name


SAME = {
    "weights": ["--weights", "c.npz", "--checkpoint", "c.npz"],
    "the default": ["--checkpoint", "build/small/weights.npz"],
    "resumed": ["--resume", "--weights", "build/small/checkpoint.npz"],
    "spelled": ["--weights", "a/../c.npz", "--checkpoint", "./c.npz"],
    "linked": ["--weights", "link.npz", "--checkpoint", "c.npz"],
    "the data": ["--data", "d.npz", "--weights", "d.npz"],
    "the data's checkpoint": ["--data", "d.npz", "--checkpoint", "d.npz", "--resume"],
    "a table": ["--data", "h.csv", "--history", "h.csv"],
    "constants": ["--weights", "build/small/constants.npz"],
}


@pytest.mark.parametrize("options", SAME.values(), ids=SAME)
def test_a_file_has_one_use(options):
    """Refused before anything is compiled, trained or written."""
    np_data("d.npz")
    Path("a").mkdir()
    Path("h.csv").write_text("1,2,3,4,0\n")
    Path("link.npz").symlink_to("c.npz")
    before = sorted(Path().rglob("*"))
    said = train(*options, text=MODEL if "--data" in options else GOOD, code=1)
    assert "would be the same file" in said
    assert "another name" in said
    assert sorted(Path().rglob("*")) == sorted([*before, Path("spec.py")])
    with np.load("d.npz") as file:
        assert set(file.files) == {"x", "y"}


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_weights_that_cannot_be_written_are_kept_beside(kind, monkeypatch):
    train("--weights", f"expected.{kind}")
    real = os.replace

    def fail(source, target):
        if str(target) == f"w.{kind}":
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", fail)
    Path(f"w_2.{kind}").write_bytes(b"mine")
    said = train("--weights", f"w.{kind}", code=1)
    assert f"cannot write w.{kind}: No space left" in said
    assert f"The weights are kept in w_3.{kind} instead" in said
    assert weights(f"w_3.{kind}") == weights(f"expected.{kind}")
    assert weights(f"w_2.{kind}") == b"mine"


def test_weights_are_kept_in_another_folder_where_none_takes_them_here(monkeypatch):
    train("--weights", "expected.npz")
    real = os.replace

    def fail(source, target):
        if Path(target).parent == Path("away"):
            raise OSError(30, "Read-only file system")
        real(source, target)

    monkeypatch.setattr(os, "replace", fail)
    Path("away").mkdir()
    said = train("--weights", "away/w.npz", code=1)
    assert f"kept in {Path('build/small/w_2.npz')} instead" in said
    assert weights("build/small/w_2.npz") == weights("expected.npz")


def test_weights_that_nothing_takes_are_said_to_be_lost(monkeypatch):
    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", lambda file: fail(file, file))
    assert "The training is lost" in train(code=1)


@pytest.mark.skipif(os.name == "nt", reason="there, open files cannot be removed")
def test_the_next_writer_removes_what_killed_ones_left(module):
    """And leaves what others are writing, and files that only look like it."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = [f"w[1].npz.{ended.pid}-{thread}.tmp" for thread in (1, 2)]
    kept = [
        f"w[1].npz.{os.getpid()}-7.tmp",
        f"w1.npz.{ended.pid}-1.tmp",
        "w[1].npz.a-b.tmp",
        f"w[1].npz.{10**30}-1.tmp",
        "w[1].npz.tmp",
    ]
    for name in (*dead, *kept):
        Path(name).write_bytes(b"half")
    module.save("w[1].npz", module.init_params(0))
    assert sorted(p.name for p in Path().iterdir()) == sorted([*kept, "w[1].npz"])
