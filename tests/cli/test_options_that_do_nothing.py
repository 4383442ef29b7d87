"""An option that would change nothing is an error, and no command has one that is dead.

The class: options about numbers, steps or levels where there are none; and, of every
command, that each of its options is read.
"""

import ast
import inspect
import textwrap
from pathlib import Path

import numpy as np
import pytest
from cli_runs import GOOD, error_of, printed, spec

import symdiff as sd
from symdiff.cli import main
from symdiff.explain.explanation import explained

LOOP = """\
import symdiff as sd

x, u = sd.input("x", sd.dim("T")), sd.input("u", ())
h, _ = sd.scan(lambda h, row: (sd.tanh(u * h + row), h), sd.constant(0.0), x)
model = sd.Function("loop", [x, u], h)
"""
WITHOUT_NUMBERS = [
    ("explain", "--seed", "3"),
    ("explain", "--step", "1"),
    ("graph", "--seed", "3"),
    ("graph", "--seed", "3", "-o", "a.html"),
    ("explore", "--values", "none", "--seed", "3"),
]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_option_is_read_by_its_command():
    for name, command in main.commands.items():
        text = inspect.getsource(inspect.unwrap(command.callback))
        (function,) = ast.parse(textwrap.dedent(text)).body
        read = {
            node.id
            for statement in function.body
            for node in ast.walk(statement)
            if isinstance(node, ast.Name)
        }
        for parameter in command.params:
            if parameter.name == "traceback":  # read by what wraps every command
                continue
            named = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
            others = function.args.kwarg and function.args.kwarg.arg
            bound = parameter.name if parameter.name in named else others
            assert bound in read, f"{name} ignores {parameter.opts}"


@pytest.mark.parametrize("words", WITHOUT_NUMBERS, ids=" ".join)
def test_seeds_and_steps_need_numbers(words):
    command, *options = words
    said = error_of(command, spec(LOOP), *options, code=2 if "--seed" in words else 1)
    assert "values" in said
    assert not Path("a.html").exists()


def test_a_page_is_unfolded_already():
    words = ("graph", spec(LOOP), "--unfold")
    assert "--unfold" in error_of(*words, "-o", "a.html", code=2)
    printed(*words, "-o", "a.svg")


def test_a_step_that_no_loop_has():
    told = printed("explain", spec(LOOP), "--values", "random", "--step", "1")
    assert "Values at t = 1" in told
    said = error_of("explain", "spec.py", "--values", "random", "--step", "99")
    assert "no loop has a step 99" in said
    said = error_of("explain", spec(GOOD), "--values", "random", "--step", "0")
    assert "no loop has a step 0" in said
    x = sd.input("x", 3)
    with pytest.raises(sd.ArgumentError, match="no loop has a step 0"):
        explained(sd.Function("f", [x], x**2), values={"x": np.ones(3)}, step=0)


def test_a_level_for_what_is_compiled_already():
    printed("compile", spec(GOOD), "-o", "one")
    printed("compile", "spec.py", "-o", "two")
    said = error_of("diff", "one", "two", "-O", "0", code=2)
    assert "-O" in said
    assert "compute the same" in printed("diff", "one", "two")
    printed("diff", "spec.py", "two", "-O", "2")
