"""Leaves of a declared width: right gradients agree, and wrong ones are found.

float32 rounds away what slopes are told by, so the text is run in float64 with every
declared width lifted; neither `symdiff verify` nor `python -m` may call a right
gradient wrong, nor let a wrong one pass.
"""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import width_models as models
from cli_runs import printed as run

import symdiff as sd
from symdiff.review.verify import verify

N = sd.dim("N")
WIDTHS = ("float", "float32", "float64")


def say(compiled):
    """Return the exit code of ``python -m`` of a package, and its words."""
    lines = []
    check = importlib.import_module(f"{compiled.load().__name__}.__main__")
    code = check.verify(out=lines.append)
    if not code and hasattr(check, "_verify_complex"):
        code = check._verify_complex(out=lines.append)
    if not code and hasattr(check, "_verify_planned"):
        code = check._verify_planned(out=lines.append)
    return code, "\n".join(lines)


@pytest.mark.parametrize("case", models.CASES)
def test_right_gradients_agree(case):
    compiled = models.compiled(case)
    verdict = verify(compiled.write("build"))
    assert (verdict.code, verdict.problems) == (0, [])
    assert {w.tolerance for w in verdict.worst} == {verdict.tolerance}
    assert len(verdict.points) == 3
    assert say(compiled)[0] == 0
    differences = verify(Path("build/widths"), method="differences")
    assert (differences.code, differences.tolerance) == (0, 1e-6)


@pytest.mark.parametrize("case", models.CASES)
def test_a_right_gradient_in_one_file_agrees(case):
    verdict = verify(models.compiled(case, single_file=True).write("build"))
    assert (verdict.code, verdict.problems) == (0, [])


WRONG = {  # what becomes of gradients that were right
    "a term is lost": 'W=found["W"] - d_loss * 0.02 * params["W"]',
    "an element is": 'V=found["V"] + np.eye(4, 2) * 1e-5',
    "a factor is": 'b=found["b"] * 1.0001',
}


def made_wrong(compiled, new, head="params, residuals, d_loss=1.0"):
    """Return a package whose backward returns its own result, changed."""
    path = f"{compiled.name}/backward.py"
    names = ", ".join(part.partition("=")[0] for part in head.split(", "))
    more = f"""

_right = backward


def backward({head}):
    found = _right({names})
    return {new}
"""
    files = {**compiled.files, path: compiled.files[path] + more}
    return replace(compiled, files=files, _loaded=[])


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("case", models.CASES)
def test_wrong_gradients_are_found(case, wrong):
    changed = made_wrong(models.compiled(case), f"dict(found, {WRONG[wrong]})")
    code, words = say(changed)
    assert code == 1
    assert "DISAGREE" in words
    verdict = verify(changed.write("build"))
    assert verdict.code == 1
    assert [w.name for w in verdict.worst if w.wrong] == [WRONG[wrong][0]]


def test_the_commands_say_it_in_words(tmp_path):
    for case in ("W_32_b_64", "cast_32"):
        spec = models.written(tmp_path, case)
        run("compile", spec, "-o", tmp_path)
        told = run("verify", tmp_path / "widths")
        assert "gradients agree" in told
        assert "WRONG" not in told
        command = [sys.executable, "-m", "widths"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "gradients agree" in done.stdout


def test_compiling_checks_them(tmp_path):
    for case in ("W_32_b_64", "cast_32", "all_32"):
        names = {}
        exec(models.spec(case), names)
        compiled = sd.compile(names["model"], check=True)
        assert "# gradient check: passed" in compiled.files["widths/backward.py"]


# --- functions -----------------------------------------------------------------------


def mixed(x, w):
    return [sd.tanh(x @ w), sd.sum(x * w, axis=0)]


def stored(x, w):  # a constant that is stored beside the module
    numbers = np.random.default_rng(0).normal(size=(3, 33))
    c = sd.constant(numbers, dtype="float32")
    return [sd.sum((x @ c) * c[0] * c[1], axis=1) * w[0]]


def stopped(x, w):
    return [sd.sum(sd.stop_gradient(sd.exp(x * w)) * w * x, axis=0)]


def casts(x, w):
    narrow = sd.cast(sd.sin(x), "float32") * sd.cast(w, "float64")
    return [narrow, sd.cast(x @ w, "float")]


def sorts(x, w):
    return [sd.sort(x * w, axis=0)[0], sd.cumsum(x, axis=0) * w]


def draws(x, w):
    return [sd.nn.dropout(x * w, 0.5)]


def solves(x, w):
    return [sd.linalg.solve(x.T @ x + sd.eye(3), w)]


def scans(x, w):
    start = sd.cast(sd.zeros(3), (x[0] * w).dtype)

    def body(carry, row):
        new = sd.tanh(carry * w + row) + sd.cast(0.0, start.dtype)
        return new, sd.sum(new**2)

    return list(sd.scan(body, start, x))


FUNCTIONS = [mixed, stored, stopped, casts, sorts, draws, solves, scans]


@pytest.mark.parametrize("second", WIDTHS)
@pytest.mark.parametrize("first", WIDTHS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_of_two_widths_agree(function, first, second):
    x, w = sd.input("x", (N, 3), dtype=first), sd.input("w", 3, dtype=second)
    compiled = sd.compile(sd.Function("two", [x, w], function(x, w)))
    verdict = verify(compiled.write("build"))
    (note,) = verdict.notes
    assert note.startswith("forward.py agrees")
    assert (verdict.code, verdict.problems) == (0, [])
    code, words = say(compiled)
    assert code == 0, words
    module = importlib.import_module(f"{compiled.load().__name__}.backward")
    head = str(inspect.signature(module.backward))[1:-1]
    wrong = made_wrong(compiled, "found._replace(d_w=found.d_w * 1.0001)", head)
    assert say(wrong)[0] == 1


# --- what float32 is even so ---------------------------------------------------------


def test_an_allowance_for_float32_is_told():
    """Only text that was edited computes in float32 what it is given in float64."""
    narrow = 'dict(found, W=found["W"].astype("f4"))'
    verdict = verify(made_wrong(models.compiled("W_32"), narrow).write("build"))
    assert {w.name: w.tolerance for w in verdict.worst} == {
        "W": 1e-5,
        "b": verdict.tolerance,
        "V": verdict.tolerance,
    }
    assert any(
        note == "W: given float64, its gradient is computed in float32, so 1e-05 is "
        "allowed"
        for note in verdict.notes
    )


def test_modules_are_left_as_they_were():
    compiled = models.compiled("W_32_b_64")
    backward = models.module_of("W_32_b_64", "backward")
    before = dict(vars(backward))
    assert say(compiled)[0] == 0
    assert dict(vars(backward)) == before
    assert backward.np is np
