"""Files that are broken, hostile or odd get a sentence, never a traceback."""

from __future__ import annotations

import pytest
from students.solutions import SOLUTIONS

from symdiff.grading.grade import Grader
from symdiff.grading.sandbox import Limits

START = "    dy = 2 *"
SOLUTION = SOLUTIONS["residual"]


def _at_start(statement):
    return SOLUTION.replace(START, f"    {statement}\n{START}", 1)


def _said(verdict):
    """Everything that is said of a file; both forms of it can be made."""
    assert verdict.dict()["points"] == verdict.points
    text = verdict.text()
    assert "Traceback" not in text
    return text


ENDS = {
    "sys.exit": (_at_start("import sys; sys.exit(0)"), "it calls sys.exit(0)"),
    "os._exit": (_at_start("import os; os._exit(0)"), "ended the process by itself"),
    "input": (_at_start("input()"), "asks for input"),
    "recursion": (
        _at_start("return backward(params, residuals)"),
        "calls itself without end",
    ),
    "not written": (_at_start("raise NotImplementedError"), "not written yet"),
    "memory": (_at_start("np.ones((30000, 30000)) + 1"), "out of memory"),
    "crash": (
        _at_start("import ctypes; ctypes.string_at(0)"),
        "crashed the interpreter",
    ),
    "interrupt": (_at_start("raise KeyboardInterrupt"), "KeyboardInterrupt"),
    "an error that cannot be shown": (
        _at_start("raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})"),
        ": E:  (at a",  # the line is of the text above it
    ),
    "spoils the files": (
        _at_start("import os; [os.remove(f) for f in os.listdir('.')]"),
        "ended the process",
    ),
    "syntax": (SOLUTION.replace("dy = 2", "dy = = 2"), "SyntaxError"),
    "import": (_at_start("import nothing_of_that_name"), "ModuleNotFoundError"),
    "no backward": ("loss = 3\n", "defines no function backward"),
    "a number": ("backward = 3\n", "defines no function backward"),
    "nothing": (SOLUTION.split("    return")[0], "backward returns NoneType"),
    "a name": (SOLUTION.replace('"first.W"', '"W1"'), "is missing from"),
    "text": (SOLUTION.replace("dW1,", '"dW1",'), "which is no array of floats"),
    "complex": (SOLUTION.replace("dW1,", "dW1 + 0j,"), "which is no array of floats"),
    "halves": (SOLUTION.replace("dW1,", "dW1.astype('f2'),"), "too few digits"),
    "nan": (SOLUTION.replace("dW1,", "dW1 * np.nan,"), "not finite"),
    "random": (
        SOLUTION.replace("dW1,", "dW1 * (1 + 1e-3 * np.random.rand()),"),
        "not the same each time",
    ),
    **{
        f"from call {n} on": (
            "CALLS = []\n"
            + _at_start(f"CALLS.append(0); d_loss *= 1 + (len(CALLS) >= {n})"),
            "not the same each time",
        )
        for n in (2, 3, 4, 9)
    },
    "changes x": (
        SOLUTION.replace("    return", "    x *= 2\n    return"),
        "changes x",
    ),
    "changes params": (
        SOLUTION.replace("    return", "    params['last.b'] -= db3\n    return"),
        "changes params['last.b'] in place",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_it_is_said_in_plain_words(grade, name):
    body, words = ENDS[name]
    verdict = grade("residual", body)
    assert verdict.code == 1
    assert words in _said(verdict)


FINE = {
    "prints": (_at_start("print('hello')"), "it prints while it runs"),
    "changes the folder": (_at_start("import os; os.chdir('/')"), ""),
    "lists": (SOLUTION.replace("db1,", "db1.tolist(),"), "returns float64"),
    "another name": (
        SOLUTION.replace("    return {", '    return {\n        "more": 1,'),
        "names nobody asked for",
    ),
    "a callable": (
        SOLUTION.replace("def backward(", "def own(").replace("(params", "(params")
        + "\n\ndef backward(*arguments):\n    return own(*arguments)\n",
        "",
    ),
    "sympy": (_at_start("import sympy"), "it imports sympy"),
}


@pytest.mark.parametrize("name", FINE)
def test_what_does_no_harm_is_noted_at_most(grade, name):
    body, words = FINE[name]
    verdict = grade("residual", body)
    assert verdict.code == 0, verdict.text()
    assert words in _said(verdict)


def test_a_loop_without_end_is_ended_and_its_line_named(grade, tmp_path):
    grade("residual", SOLUTION)
    grader = _grader(tmp_path)
    file = tmp_path / "student.py"
    file.write_text(
        "def backward(params, residuals, d_loss=1.0):\n    while True:\n        pass\n"
    )
    verdict = grader.grade(file)
    assert "did not finish within 2 seconds" in _said(verdict)
    assert verdict.findings[0].line in (2, 3)


def test_no_loss_argument_is_a_mistake_of_that_name(grade):
    body = SOLUTION.replace(", d_loss=1.0)", ")").replace(" * d_loss", "")
    verdict = grade("residual", body)
    assert verdict.findings[0].cause == "d_loss"
    assert any("takes no d_loss" in note for note in verdict.notes)


def test_a_forward_pass_that_was_changed_is_told(grade):
    body = """\
def loss_and_residuals(params, x, t):
    return 1.0, (x, t)


def backward(params, residuals, d_loss=1.0):
    return {name: 0 * array for name, array in params.items()}
"""
    verdict = grade("residual", body)
    assert any("another loss than the spec's" in f for f in verdict.faults)


def test_a_file_that_is_not_there_cannot_be_graded(tmp_path):
    verdict = _grader(tmp_path).grade(tmp_path / "nobody.py")
    assert verdict.code == 2
    assert "cannot be graded" in _said(verdict)


def _grader(folder):
    from students.specs import SPECS

    from symdiff.compiler.compile import compile_
    from symdiff.declare.spec import load_spec

    path = folder / "residual.py"
    path.write_text(SPECS["residual"], "utf-8")
    model = load_spec(path).model
    return Grader(model, compile_(model, optimize=1), limits=Limits(2.0))
