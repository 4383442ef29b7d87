"""Names of files that are no UTF-8, or would move a cursor: told by every command."""

import os
import re
import sys
from pathlib import Path

import pytest
from cli_runs import GOOD, run
from click.testing import CliRunner

from symdiff.cli import main

BYTES = os.fsdecode(b"caf\xe9 \xff")
COMMANDS = {
    "compile": ["compile", "{spec}", "-o", "{out}"],
    "train": ["train", "{spec}", "-o", "{out}", "--weights", "{weights}"],
    "explain": ["explain", "{spec}"],
    "explain to a file": ["explain", "{spec}", "-o", "{out}.html"],
    "graph": ["graph", "{spec}", "-o", "{out}.svg"],
    "explore": ["explore", "{spec}", "-o", "{out}.html"],
    "check": ["check", "{made}", "--spec", "{spec}"],
    "verify": ["verify", "{made}"],
    "diff": ["diff", "{spec}", "{made}"],
    "bench": ["bench", "{spec}", "--rounds", "1"],
    "exercise": ["exercise", "{spec}", "-o", "{out}"],
    "grade": ["grade", "{made}/backward.py", "--spec", "{spec}"],
    "new": ["new", "house", "-o", "{out}"],
    "schema": ["schema", "-o", "{out}"],
}
OPTIONS = [
    ["train", "spec.py", "--data", "x={out}.npy"],
    *(
        ["train", "spec.py", f"--{o}", "{out}"]
        for o in ("checkpoint", "history", "plot")
    ),
    *([c, "spec.py", "--values", "{out}"] for c in ("explain", "graph", "explore")),
    *(["verify", "made", f"--{o}", "{out}"] for o in ("points", "params")),
    ["bench", "spec.py", "--json", "{out}"],
]


def arguments(words, name):
    places = {
        "spec": f"{name}.py",
        "out": f"out {name}",
        "weights": f"{name}.npz",
        "made": f"made {name}/small",
    }
    return [word.format(**places) for word in words]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_names_that_are_no_utf_8(tmp_path, monkeypatch, words):
    """They work, and messages show the bytes; also where the folder is called so."""
    folder = tmp_path / BYTES
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path(f"{BYTES}.py").write_text(GOOD, "utf-8")
    if any("{made}" in word for word in words):
        run("compile", f"{BYTES}.py", "-o", f"made {BYTES}")
    result = CliRunner().invoke(main, arguments(words, BYTES))
    assert "fault of symdiff" not in result.output
    assert result.exit_code == 0, result.output


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_errors_show_the_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["compile", f"{BYTES}.py"])
    assert result.exit_code == 1
    assert r"caf\udce9 \udcff.py does not exist" in result.stderr


@pytest.mark.parametrize("character", "\n\r\x1b\x07\x7f\x9b\u2028", ids=ascii)
@pytest.mark.parametrize("words", [*COMMANDS.values(), *OPTIONS])
def test_control_characters_are_refused(tmp_path, monkeypatch, words, character):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments(words, f"a{character}b"))
    assert result.exit_code == 2
    assert re.search(r"a\\\w+b.*holds a control character", result.output, re.DOTALL)
    assert character == "\n" or character not in result.output
    assert not list(tmp_path.iterdir())
