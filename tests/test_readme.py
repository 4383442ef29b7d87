"""README.md and CONTRIBUTING.md show what is so now: a block is run, or compared.

A comment before a block says what it is:

``<!-- file: name.py -->``                  Python, run under that name
``<!-- in build, without symdiff -->``      Python, run in build/ where only NumPy is
``<!-- generated: path, function -->``      that function of that generated file
``<!-- excerpt: path -->``                  lines of a file of this repository
``<!-- output -->``                         what the block before printed

Shell blocks need no comment: their symdiff and python commands run, with few epochs.
``--update-golden`` writes what can be generated, excerpted or printed.
"""

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

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "CONTRIBUTING.md"]
NOT_RUN = ("pip ", "pytest", "ruff ", "mypy", ".ci/run", "python3 -m venv", ". ")
BLOCK = re.compile(r"(?:<!-- ([^\n]*) -->\n)?```(\w*)\n(.*?)```", re.S)
ALONE = "import sys\nfor n in ({}): sys.modules[n] = None\n".format(
    ", ".join(map(repr, ("jinja2", "scipy", "symdiff", "sympy")))
)


def _checked(command, folder):
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


def _shell(text, folder):
    """Run the commands of a shell block, but for those that set up and test."""
    python = f'"{sys.executable}"'
    for line in text.splitlines():
        parts = [p for p in line.split(" && ") if not p.startswith(NOT_RUN)]
        command = " && ".join(parts)
        command = re.sub(
            r"\bsymdiff (train|compile)", rf"{python} -m symdiff \1", command
        )
        command = re.sub(r"\bpython -m", f"{python} -m", command)
        command = re.sub(r"(symdiff train \S+)", r"\1 --epochs 2", command)
        if command:
            _checked(command, folder)


def _python(text, name, folder):
    """Run Python text as the file `name`; return what it printed."""
    path = folder / name
    path.write_text(text, "utf-8")
    linecache.checkcache(str(path))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.chdir(folder):
        exec(compile(text, str(path), "exec"), {"__name__": path.stem})
    return printed.getvalue().replace(f"{folder}{os.sep}", "")


def _function(path, name):
    """The text of one function of a generated file."""
    text = path.read_text("utf-8")
    start = text.index(f"def {name}(")
    return text[start:].split("\n\n\n")[0].rstrip() + "\n"


def _excerpt(path, text):
    """The lines of a file from the block's first to its last line."""
    whole, lines = path.read_text("utf-8"), text.splitlines()
    start = whole.find(f"\n{lines[0]}\n")
    end = whole.find(f"\n{lines[-1]}\n", start)
    assert start >= 0, f"{path} does not hold {lines[0]!r}"
    assert end >= 0, f"{path} does not hold {lines[-1]!r}"
    return whole[start + 1 : end + len(lines[-1]) + 2]


def current(text, folder):
    """Run the blocks of README's text in order; return it as it should be."""
    printed = ""

    def replace(match):
        nonlocal printed
        what, language, body = match[1] or "", match[2], match[3]
        kind, _, rest = what.partition(": ")
        expected = body
        if language == "sh":
            _shell(body, folder)
        elif kind == "file":
            printed = _python(body, rest, folder)
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


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_and_shows_what_is_so(page, tmp_path, pytestconfig):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    text = (ROOT / page).read_text("utf-8")
    expected = current(text, tmp_path)
    if pytestconfig.getoption("--update-golden"):
        (ROOT / page).write_text(expected, "utf-8")
        return
    old, new = text.splitlines(), expected.splitlines()
    diff = difflib.unified_diff(old, new, page, "as it is now", lineterm="")
    assert text == expected, (
        "\n".join(diff)
        + "\nIf that is meant: pytest tests/test_readme.py --update-golden"
    )


def test_generated_code_is_shown_first():
    """Page one: one line, its gradient, then the network."""
    kinds = [
        match[1] for match in BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))
    ]
    assert kinds[:5] == [
        None,
        "file: one_line.py",
        "generated: build/sigmoid/backward.py, backward",
        "excerpt: examples/digits_mlp.py",
        "generated: build/digits_mlp/backward.py, backward",
    ]
