"""A bank of hostile files: points are for gradients that were measured, and only those.

Whatever a file does, it gets a verdict in bounded time, the verdicts of other files
stay, and nothing that it started is left.
"""

from __future__ import annotations

import copy
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hostile_files import RIGHT, WORTHLESS, daemons
from students.specs import SPECS

from symdiff.compiler.compile import compile_
from symdiff.declare.spec import load_spec
from symdiff.grading import keeper, results, sandbox
from symdiff.grading.grade import Grader
from symdiff.grading.sandbox import Limits
from symdiff.grading.verdict import table

PROC = Path("/proc/self/environ").exists()


@dataclass(frozen=True)
class Short(Limits):
    """Limits whose wall is near, so that what waits is ended soon."""

    @property
    def wall(self):
        return 6.0


@pytest.fixture(scope="module")
def grader(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "residual.py"
    path.write_text(SPECS["residual"], "utf-8")
    model = load_spec(path).model
    return Grader(model, compile_(model, optimize=1), limits=Short(2.0, 512))


@pytest.fixture
def temporary(monkeypatch, tmp_path):
    """The folder that files are run in."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    (tmp_path / "beside").mkdir(0o750)
    (tmp_path / "beside" / "secret").write_text("kept", "utf-8")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def marks(monkeypatch, temporary):
    """The marks of the runs of a test."""
    made = []

    def mark(_):
        made.append(os.urandom(8).hex())
        return made[-1]

    monkeypatch.setattr(sandbox.secrets, "token_hex", mark)
    monkeypatch.setattr(sandbox, "LEEWAY", 2.0)
    return made


LONG = ("stops its keeper", "handles signals", "recursion in C", "memory")


def _bank():
    """The names of the files; those that use up their time are slow."""
    slow = [pytest.mark.slow]
    return [pytest.param(n, marks=slow if n in LONG else []) for n in WORTHLESS]


@pytest.mark.parametrize("name", _bank())
def test_a_file_without_right_gradients_gets_no_points(
    grader, marks, temporary, name, tmp_path
):
    file = tmp_path / "student.py"
    file.write_text(WORTHLESS[name], "utf-8")
    start = time.monotonic()
    verdict = grader.grade(file)
    assert time.monotonic() - start < 60  # far above the wall, far below for ever
    assert verdict.points == 0
    assert verdict.code in (1, 2)
    text = verdict.text() + table([verdict, verdict])
    assert "Traceback" not in text
    assert "7 of 7" not in text.replace("\\n", "\n").split("\n")[0]
    assert "\x1b" not in text
    assert verdict.dict()["points"] == 0
    if PROC:
        assert not keeper.marked(marks[-1])
    assert not list(temporary.iterdir())
    beside = tmp_path / "beside"
    assert (beside.stat().st_mode & 0o777) == 0o750
    assert (beside / "secret").read_text("utf-8") == "kept"


@pytest.mark.skipif(not PROC, reason="processes are found by /proc")
@pytest.mark.parametrize("name", daemons(""))
def test_nothing_outlives_a_file(grader, marks, name, tmp_path):
    place = tmp_path / "numbers"
    file = tmp_path / "student.py"
    file.write_text(daemons(str(place))[name], "utf-8")
    verdict = grader.grade(file)
    assert verdict.code == 0, verdict.text()  # its gradients are right
    numbers = [int(n) for n in place.read_text("utf-8").split()]
    assert numbers
    assert not [n for n in numbers if Path(f"/proc/{n}/cmdline").exists()]
    assert not keeper.marked(marks[-1])


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "long", "gone"])
def test_what_is_no_file_cannot_be_graded(grader, kind, tmp_path):
    file = tmp_path / "student.py"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    elif kind == "folder":
        (file / "backward.py").mkdir(parents=True)
    elif kind == "long":
        file.write_bytes(b"#" * 10**7)
    verdict = grader.grade(file)
    assert verdict.code == 2
    assert "cannot read" in verdict.text()


def test_the_other_files_keep_their_verdicts(grader, tmp_path, monkeypatch):
    """Even where an outcome is what no comparison expects."""
    files = {"right": RIGHT, "odd": RIGHT, "again": RIGHT}
    real = results.outcome

    def odd(*arguments):
        made = real(*arguments)
        if made.gradients and "odd" in current:
            made.gradients = {n: np.array("text") for n in made.gradients}
        return made

    monkeypatch.setattr(sandbox, "outcome", odd)
    verdicts = {}
    for name, text in files.items():
        current = [name]
        file = tmp_path / f"{name}.py"
        file.write_text(text, "utf-8")
        verdicts[name] = grader.grade(file)
    assert [v.code for v in verdicts.values()] == [0, 2, 0]
    assert "cannot be graded" in table(list(verdicts.values()))


X = "changes residuals.x in place"
CONDUCT = {
    "x *= 2": X,
    "params.pop('last.b')": "changes params['last.b'] in place",
    "np.array_equal = lambda *a, **k: True; x *= 2": X,
    "import builtins; builtins.id = lambda a: 1; x *= 2": X,
}


@pytest.mark.parametrize("statement", CONDUCT)
def test_conduct_is_measured_from_outside(grader, statement, tmp_path):
    file = tmp_path / "student.py"
    body = RIGHT.replace("    return {", f"    {statement}\n    return {{", 1)
    file.write_text(body, "utf-8")
    verdict = grader.grade(file)
    assert verdict.points < verdict.total
    assert CONDUCT[statement] in verdict.text()


@pytest.mark.skipif(os.name == "nt", reason="what a process computed is not told there")
@pytest.mark.parametrize(
    ("doing", "said"),
    [
        ("while True:\n  pass", "within 6 seconds: a loop that never ends?"),
        ("import time; time.sleep(60)", "within 5 seconds: does it wait?"),
    ],
    ids=["computes", "waits"],
)
def test_a_busy_machine_changes_no_words(doing, said, grader, tmp_path):
    """A wall that comes before the processor's limit stands for a busy machine."""

    class Near(Limits):
        @property
        def wall(self):
            return 5.0

    file = tmp_path / "student.py"
    file.write_text(f"def backward(*_, **__):\n {doing}\n", "utf-8")
    near = copy.copy(grader)
    near.limits = Near(6.0, 512)
    assert said in near.grade(file).text()
