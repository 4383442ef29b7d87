"""Pages show what is so now: a block of theirs is run, or compared.

In: the text of a page. Out: the text as it should be, after its blocks were run in
order. A comment before a block says what it is:

``<!-- file: name.py -->``                  Python, run under that name
``<!-- session: name.py -->``               Python, after the blocks of that name
``<!-- in build, without symdiff -->``      Python, run in build/ where only NumPy is
``<!-- generated: path, function -->``      that function of that generated file
``<!-- excerpt: path -->``                  lines of a file of this repository
``<!-- output -->``                         what the block before printed

Shell blocks need no comment: their symdiff and python commands run, with few epochs.
``--update-golden`` writes what can be generated, excerpted or printed.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import linecache
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOT_RUN = ("pip ", "pytest", "ruff ", "mypy", ".ci/run", "python3 -m venv", ". ")
BLOCK = re.compile(r"(?:<!-- ([^\n]*) -->\n)?```(\w*)\n(.*?)```", re.S)
ALONE = "import sys\nfor n in ({}): sys.modules[n] = None\n".format(
    ", ".join(map(repr, ("jinja2", "scipy", "symdiff", "sympy")))
)


def _checked(command: Any, folder: Path) -> str:
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        shell=isinstance(command, str),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


def _shell(text: str, folder: Path) -> None:
    """Run the commands of a shell block, but for those that set up and test."""
    python = f'"{sys.executable}"'
    for line in text.splitlines():
        parts = [p for p in line.split(" && ") if not p.startswith(NOT_RUN)]
        command = " && ".join(parts)
        command = re.sub(
            r"\bsymdiff (train|compile|explain|graph)",
            rf"{python} -m symdiff \1",
            command,
        )
        command = re.sub(r"\bpython -m", f"{python} -m", command)
        command = re.sub(r"(symdiff train \S+)", r"\1 --epochs 2", command)
        if command:
            _checked(command, folder)


class Session:
    """Python that is run piece by piece, as one file that grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = ""
        self.names: dict[str, Any] = {"__name__": path.stem}

    def run(self, text: str) -> str:
        """Run the next piece; return what it printed."""
        before = "\n" * self.text.count("\n")
        self.text += text
        self.path.write_text(self.text, "utf-8")
        linecache.checkcache(str(self.path))
        printed = io.StringIO()
        folder = self.path.parent
        with contextlib.redirect_stdout(printed), contextlib.chdir(folder):
            exec(compile(before + text, str(self.path), "exec"), self.names)
        return printed.getvalue().replace(f"{folder}{os.sep}", "")


def _function(path: Path, name: str) -> str:
    """The text of one function of a generated file."""
    text = path.read_text("utf-8")
    start = text.index(f"def {name}(")
    return text[start:].split("\n\n\n")[0].rstrip() + "\n"


def _excerpt(path: Path, text: str) -> str:
    """The lines of a file from the block's first to its last line."""
    whole, lines = path.read_text("utf-8"), text.splitlines()
    start = whole.find(f"\n{lines[0]}\n")
    end = whole.find(f"\n{lines[-1]}\n", start)
    assert start >= 0, f"{path} does not hold {lines[0]!r}"
    assert end >= 0, f"{path} does not hold {lines[-1]!r}"
    return whole[start + 1 : end + len(lines[-1]) + 2]


def current(text: str, folder: Path) -> str:
    """Run the blocks of a page in order; return the text as it should be."""
    printed = ""
    sessions: dict[str, Session] = {}

    def replace(match: re.Match[str]) -> str:
        nonlocal printed
        what, language, body = match[1] or "", match[2], match[3]
        kind, _, rest = what.partition(": ")
        expected = body
        if language == "sh":
            _shell(body, folder)
        elif kind == "file":
            printed = Session(folder / rest).run(body)
        elif kind == "session":
            session = sessions.setdefault(rest, Session(folder / rest))
            printed = session.run(body)
        elif kind == "in build, without symdiff":
            printed = _checked([sys.executable, "-c", ALONE + body], folder / "build")
        elif kind == "generated":
            path, function = rest.split(", ")
            expected = _function(folder / path, function)
        elif kind == "excerpt":
            expected = _excerpt(ROOT / rest, body)
        elif kind == "output":
            expected = printed
        else:
            pytest.fail(f"a block that nothing checks: {match[0]}")
        return match[0][: match.start(3) - match.start()] + expected + "```"

    return BLOCK.sub(replace, text)


def check_page(page: str, folder: Path, config: pytest.Config, update: str) -> None:
    """Run a page's blocks in a folder; compare it with what it should be, or write it.

    ``update`` names the tests that write the page anew with ``--update-golden``.
    """
    shutil.copytree(ROOT / "examples", folder / "examples")
    text = (ROOT / page).read_text("utf-8")
    expected = current(text, folder)
    if config.getoption("--update-golden"):
        (ROOT / page).write_text(expected, "utf-8")
        return
    old, new = text.splitlines(), expected.splitlines()
    diff = difflib.unified_diff(old, new, page, "as it is now", lineterm="")
    assert text == expected, (
        "\n".join(diff) + f"\nIf that is meant: pytest {update} --update-golden"
    )
