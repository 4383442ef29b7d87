"""Pages show what is so now: a block of theirs is run, or compared.

In: the text of a page. Out: the text as it should be, after its blocks were run in
order. A comment before a block says what it is:

``<!-- file: name.py -->``                  Python, run under that name
``<!-- file: name.toml -->``                any other text, written under that name
``<!-- session: name.py -->``               Python, after the blocks of that name
``<!-- in build, without symdiff -->``      Python, run in build/ where only NumPy is
``<!-- generated: path, function -->``      that function of that generated file
``<!-- excerpt: path -->``                  lines of a file of this repository
``<!-- output -->``                         what the block before printed
``<!-- help: command -->``                  what ``symdiff command --help`` prints
``<!-- fails -->``                          shell whose last command exits with 1
``<!-- picture: path -->``                  before an image: the file it is a copy of

Shell blocks need no comment: their symdiff and python commands run, with few epochs.
TOML without one is parsed. ``--update-golden`` writes what can be generated, excerpted,
printed or drawn.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import linecache
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from symdiff.cli import main

ROOT = Path(__file__).parents[1]
NOT_RUN = ("pip ", "pytest", "ruff ", "mypy", ".ci/run", "python3 -m venv", ". ")
BLOCK = re.compile(r"(?:<!-- ([^\n]*) -->\n)?```(\w*)\n(.*?)```", re.S)
PICTURE = re.compile(r"<!-- picture: ([^\n]*) -->\n!\[[^]]*\]\(([^)]*)\)")
WIDTH = "88"
ALONE = "import sys\nfor n in ({}): sys.modules[n] = None\n".format(
    ", ".join(map(repr, ("jinja2", "scipy", "symdiff", "sympy")))
)


def _checked(command: Any, folder: Path, code: int = 0) -> str:
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": WIDTH, "NO_COLOR": "1"},
        shell=isinstance(command, str),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == code, f"{command}\n{result.stdout}"
    return result.stdout


def _shell(text: str, folder: Path, fails: bool) -> str:
    """Run the commands of a shell block, but for those that set up and test.

    Returns what they print.
    """
    printed = ""
    lines = text.replace("\\\n", " ").splitlines()
    for line in lines:
        parts = [p for p in line.split(" && ") if not p.startswith(NOT_RUN)]
        command = " && ".join(parts)
        if "--epochs" not in command:
            command = re.sub(r"(symdiff train \S+)", r"\1 --epochs 2", command)
        code = int(fails and line is lines[-1])
        if parts and all(p.startswith("symdiff ") for p in parts):
            printed += "".join(_command(p, folder, code) for p in command.split(" && "))
        elif command:
            python = f'"{sys.executable}"'
            command = re.sub(r"\bsymdiff (?=[a-z])", f"{python} -m symdiff ", command)
            command = re.sub(r"\bpython (?=-|\w+\.py)", f"{python} ", command)
            printed += _checked(command, folder, code)
    return printed


def _command(command: str, folder: Path, code: int) -> str:
    """Run a command of symdiff's own in this process, which is much faster."""
    linecache.checkcache()
    environment = {"COLUMNS": WIDTH, "NO_COLOR": "1"}
    with contextlib.chdir(folder):
        found = CliRunner().invoke(main, shlex.split(command)[1:], env=environment)
    assert found.exit_code == code, f"{command}\n{found.output}"
    return found.output


@contextlib.contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let the files of a page import each other, and forget them afterwards."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(str(folder)):
                del sys.modules[name]


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


def help_of(command: str) -> str:
    """Return what ``symdiff command --help`` prints."""
    arguments = [*command.split(), "--help"]
    found = CliRunner().invoke(main, arguments, prog_name="symdiff", terminal_width=88)
    assert found.exit_code == 0, found.output
    return found.output


def current(text: str, folder: Path) -> str:
    """Run the blocks of a page in order; return the text as it should be."""
    blocks = len(BLOCK.findall(text))
    assert text.count("```") == 2 * blocks, "a block that nothing checks: title=…?"
    printed = ""
    sessions: dict[str, Session] = {}

    def replace(match: re.Match[str]) -> str:
        nonlocal printed
        what, language, body = match[1] or "", match[2], match[3]
        kind, _, rest = what.partition(": ")
        expected = body
        if language == "sh":
            printed = _shell(body, folder, kind == "fails")
        elif language == "toml" and not kind:
            tomllib.loads(body)
        elif kind == "file" and language != "python":
            (folder / rest).write_text(body, "utf-8")
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
        elif kind == "help":
            expected = help_of(rest)
        else:
            pytest.fail(f"a block that nothing checks: {match[0]}")
        return match[0][: match.start(3) - match.start()] + expected + "```"

    return BLOCK.sub(replace, text)


def _pictures(text: str, page: Path, folder: Path, update: bool) -> None:
    """Compare the pictures of a page with what its blocks drew, or write them anew."""
    for drawn, shown in PICTURE.findall(text):
        found, kept = (folder / drawn).read_bytes(), page.parent / shown
        if update:
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(found)
        assert found == kept.read_bytes(), f"{kept} is not what {drawn} is now"


def check_page(page: str, folder: Path, config: pytest.Config, update: str) -> None:
    """Run a page's blocks in a folder; compare it with what it should be, or write it.

    ``update`` names the tests that write the page anew with ``--update-golden``.
    """
    shutil.copytree(ROOT / "examples", folder / "examples")
    text = (ROOT / page).read_text("utf-8")
    with importable(folder):
        expected = current(text, folder)
    _pictures(text, ROOT / page, folder, config.getoption("--update-golden"))
    check_text(page, expected, config, update)


def check_text(
    page: str, expected: str, config: pytest.Config, update: str = "tests"
) -> None:
    """Compare a page with what it should be, or write it anew."""
    if config.getoption("--update-golden"):
        (ROOT / page).write_text(expected, "utf-8")
        return
    text = (ROOT / page).read_text("utf-8")
    old, new = text.splitlines(), expected.splitlines()
    diff = difflib.unified_diff(old, new, page, "as it is now", lineterm="")
    assert text == expected, (
        "\n".join(diff) + f"\nIf that is meant: pytest {update} --update-golden"
    )
