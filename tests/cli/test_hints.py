"""Command lines that symdiff prints can be pasted into a shell, whatever the paths."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import ENVIRONMENT, GOOD, run, spec

FOLDER = '-it\'s $HOME; "a" * \\'
TRAIN = ["train", "--epochs", "1"]


def commands(*arguments):
    """The output of a command, and the command lines in it."""
    said = run(*arguments).stdout
    return said, re.findall(r"(?:: +)((?:cd|symdiff) .*)", said)


def pasted(line):
    shell = f'symdiff() {{ "{sys.executable}" -m symdiff "$@"; }}\n'
    shell += f'python() {{ "{sys.executable}" "$@"; }}\n'
    return subprocess.run(
        ["sh", "-c", shell + line],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.name == "nt", reason="the hints are for a POSIX shell")
def test_hints_can_be_pasted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(FOLDER).mkdir()
    path = f"./{FOLDER}/spec.py"
    Path(spec(GOOD)).rename(path)
    found = []
    for arguments in (["compile"], TRAIN, ["exercise"]):
        output = Path(FOLDER, "course" if arguments == ["exercise"] else "out")
        said, lines = commands(*arguments, path, f"--output=./{output}")
        assert lines, said
        found += lines
    edited = Path(FOLDER, "out", "small", "train.py")
    edited.write_text(edited.read_text() + "# more\n")
    said = run("check", f"./{FOLDER}/out/small", "--spec", path, code=1).stdout
    found += re.findall(r"regenerate: (.*)", said)
    assert len(found) == 5
    for line in found:
        result = pasted(line)
        wrong = "No such file|not found|Usage|does not exist|syntax error|cannot read"
        assert not re.search(wrong, result.stdout + result.stderr), (line, result)


@pytest.mark.skipif(os.name == "nt", reason="the hints are for a POSIX shell")
def test_what_new_says_comes_next_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, (line,) = commands("new", "house", "--template", "regression", "-o", "two words")
    result = pasted(line)
    assert result.returncode == 0, result
    assert "gradients agree" in result.stdout
