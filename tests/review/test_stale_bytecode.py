"""`symdiff verify` runs the text on disk, not bytecode of an earlier text."""

from __future__ import annotations

import compileall
import os
import sys
from pathlib import Path

import pytest

import symdiff as sd
from symdiff.review.verify import verify

# An edit of each module that keeps its size.
EDITS = {
    "backward": ("loss = 3", "loss = 4"),
    "forward": ("np.tanh", "np.cosh"),
    "train": ("y.max()", "y.min()"),
    "_planned": ("np.subtract(p, ", "np.add(     p, "),
}


def _model() -> sd.Model:
    x, w = sd.input("x", (sd.dim("N"), 3)), sd.param("w", (3,), init="ones")
    y = sd.tanh(x @ w)
    loss = 3 * sd.mean(y**2)
    return sd.Model(
        "m", [x], [], y, loss=loss, metrics={"far": sd.max(y)},
        optimizer=sd.optim.SGD(0.1),
    )  # fmt: skip


@pytest.mark.parametrize("module", EDITS)
def test_an_edit_of_the_same_size_and_second_is_seen(
    tmp_path: Path, module: str
) -> None:
    package = sd.compile(_model()).write(tmp_path)
    assert compileall.compile_dir(package, quiet=1)
    assert list(package.glob(f"__pycache__/{module}.*"))
    before = {p.name for p in package.rglob("*")}
    file = package / f"{module}.py"
    text, at = file.read_text("utf-8"), file.stat()
    old, new = EDITS[module]
    assert len(old) == len(new)
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    os.utime(file, ns=(at.st_atime_ns, at.st_mtime_ns))
    assert verify(package).code == 1
    assert {p.name for p in package.rglob("*")} == before
    assert sys.pycache_prefix is None
