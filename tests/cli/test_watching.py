"""`symdiff explore --watch`, as a process that is saved to and interrupted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from symdiff.cli import main

SPEC = """
import symdiff as sd
from sizes import SLOPE

x = sd.input("x", ())
model = sd.Function("line", [x], SLOPE * x)
"""


def _heeds_interrupts() -> None:
    """Undo what a shell does to what it starts in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Watched:
    """A running `symdiff explore --watch`."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "symdiff", "explore", "spec.py", "--watch"]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            preexec_fn=_heeds_interrupts,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        found = re.fullmatch(
            r"watching spec\.py at (http://127\.0\.0\.1:\d+/)\n", first
        )
        assert found, first
        self.address = found[1]

    def asked(self, path: str = "") -> str:
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return str(answer.read().decode())

    def until(self, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the state once it is as it should be."""
        seen, late = 0, time.monotonic() + 60
        while time.monotonic() < late:
            state = json.loads(self.asked(f"changes?after={seen}"))
            seen = state["changes"]
            if not state["busy"] and good(state):
                return dict(state)
        raise AssertionError(state)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    (tmp_path / "spec.py").write_text(SPEC, "utf-8")
    (tmp_path / "sizes.py").write_text("SLOPE = 2.5\n", "utf-8")
    found = Watched(tmp_path)
    yield found
    found.process.kill()
    found.process.wait()


def test_the_page_follows_what_is_saved_until_it_is_interrupted(
    watched: Watched, tmp_path: Path
) -> None:
    first = watched.until(lambda s: s["version"] != "0")
    page = watched.asked()
    assert "2.5" in page
    assert first["error"] == ""
    # an imported file that is wrong: the last page stays
    (tmp_path / "sizes.py").write_text("SLOPE = 'two\n", "utf-8")
    broken = watched.until(lambda s: bool(s["error"]))
    assert "sizes.py:1: SyntaxError" in broken["error"]
    assert str(tmp_path) not in broken["error"]
    assert broken["version"] == first["version"]
    assert watched.asked() == page
    # mended again, under an editor's other name first
    (tmp_path / "new").write_text("SLOPE = 4.5\n", "utf-8")
    (tmp_path / "new").replace(tmp_path / "sizes.py")
    mended = watched.until(lambda s: s["version"] != first["version"])
    assert mended["error"] == ""
    assert "4.5" in watched.asked()
    watched.process.send_signal(signal.SIGINT)
    said, _ = watched.process.communicate(timeout=20)
    assert watched.process.returncode == 0
    assert said.endswith("\nended\n")
    assert "Traceback" not in said
    assert said.count("made the page") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "8000"], "--port is where --watch serves"),
        (["--watch", "-o", "x.html"], "leave -o out"),
        (["--watch", "--port", "0"], "--port"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: list[str], words: str) -> None:
    found = CliRunner().invoke(main, ["explore", "spec.py", *options])
    assert found.exit_code == 2
    assert words in found.output
