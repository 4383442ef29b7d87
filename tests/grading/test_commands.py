"""`symdiff exercise` and `symdiff grade` as they are used in a course."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import printed as run
from students.solutions import SOLUTIONS
from students.specs import SPECS


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in SPECS.items():
        Path(f"{name}.py").write_text(text, "utf-8")


def alone(*arguments, code=0):
    """What python prints in the exercise's folder, where symdiff is not to be had."""
    hidden = "import sys; sys.modules['symdiff'] = sys.modules['sympy'] = None; "
    start = "import runpy; sys.argv = sys.argv[1:]; runpy.run_module(sys.argv[0], "
    command = [sys.executable, "-c", f"{hidden}{start}run_name='__main__')"]
    found = subprocess.run(
        [*command, *arguments],
        cwd="exercise",
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == code, found.stdout + found.stderr
    assert not found.stderr
    return found.stdout


def solve(model, body=None):
    """Write a student's backward into the exercise."""
    path = Path("exercise", model, "backward.py")
    text = path.read_text("utf-8")
    start, end = text.index("def backward("), text.index("\ndef value_and_grad(")
    body = SOLUTIONS[model] if body is None else body
    path.write_text(f"{text[:start]}{body}\n\n{text[end:]}", "utf-8")
    return path


@pytest.mark.parametrize("hints", ["none", "shapes", "rules"])
@pytest.mark.parametrize("model", ["residual", "scanned", "dropped", "linear_svm"])
def test_an_exercise_says_what_is_to_be_written(model, hints):
    run("exercise", f"{model}.py", "--hints", hints)
    text = Path("exercise", model, "backward.py").read_text("utf-8")
    body = text[text.index("def backward(") : text.index("def value_and_grad(")]
    assert '"""Return d(loss)/d(parameter)' in body
    assert "= ..." in body
    assert (f"[{model}.py:" in body) == (hints != "none")
    assert not [row for row in body.splitlines() if "@" in row and "#" not in row]
    if hints == "shapes":
        assert "softmax(z) - onehot" not in text
    told = alone(model, "verify", code=1)
    assert "not written yet" in told
    assert "0 of" in told


def test_the_student_is_told_what_is_right():
    run("exercise", "residual.py")
    solve("residual")
    assert "6 of 6 right" in alone("residual")
    solve("residual", SOLUTIONS["residual"].replace("dh = dr + da2", "dh = da2"))
    told = alone("residual", "verify", code=1)
    assert "4 of 6 right" in told
    assert "first.W   WRONG    at [" in told
    solve("residual", SOLUTIONS["residual"].replace("dr = dy @", "dr = ...\n    dy @"))
    assert "waits for a `...` that backward.py:" in alone("residual", code=1)
    solve("residual", "def backward(params, residuals, d_loss=1.0):\n    return 3\n")
    assert "something else than the gradients" in alone("residual", code=1)


def test_a_students_file_is_never_written_over():
    run("exercise", "residual.py")
    run("exercise", "residual.py", "--hints", "rules")  # nobody has changed it
    path = solve("residual")
    mine = path.read_text("utf-8")
    told = run("exercise", "residual.py", code=1)
    assert "may hold somebody's work" in told
    run("compile", "residual.py", "-o", "exercise", code=1)
    assert path.read_text("utf-8") == mine
    run("exercise", "residual.py", "--force")
    assert path.read_text("utf-8") != mine


def test_a_solved_exercise_trains():
    text = Path("residual.py").read_text("utf-8")
    spec = text.replace("sd.nn.mse(y, t)", "sd.nn.mse(y, t),\n    optimizer=")
    Path("residual.py").write_text(
        spec.replace("optimizer=\n", "optimizer=sd.optim.SGD(0.1)\n"), "utf-8"
    )
    run("exercise", "residual.py")
    solve("residual")
    import numpy as np

    rng = np.random.default_rng(0)
    np.savez("data.npz", x=rng.normal(size=(40, 3)), t=rng.normal(size=(40, 2)))
    told = alone("residual", "train", "../data.npz", "--epochs", "2")
    assert "loss" in told


def test_what_has_no_gradient_is_no_exercise():
    Path("bare.py").write_text(
        "import symdiff as sd\nx = sd.input('x', 3)\n"
        "model = sd.Model('bare', inputs=[x], outputs=x * 2)\n"
    )
    assert "no backward pass" in run("exercise", "bare.py", code=1)
    assert "nothing to grade" in run("grade", "x.py", "--spec", "bare.py", code=2)


def test_files_are_graded():
    run("exercise", "residual.py")
    path = solve("residual")
    assert "7 of 7 points" in run("grade", "exercise/residual", "--spec", "residual.py")
    solve("residual", SOLUTIONS["residual"].replace("dh = dr + da2", "dh = da2"))
    told = run("grade", path, "--spec", "residual.py", code=1)
    for words in (
        "5 of 7 points",
        "first.W   [3, 4]  WRONG",
        "The first wrong node: d_h",
        'r = h + dense(h, 4, activation="sigmoid", name="middle")   [residual.py:',
        'dh = da2 @ params["middle.W"].T',
        "one of its contributions is left out",
        "d_h = d_middle_z @ middle_W.T + d_r  [N, 4]",
        "accumulate instead of overwriting",
    ):
        assert words in told
    (found,) = json.loads(run("grade", path, "--spec", "residual.py", "--json", code=1))
    assert (found["points"], found["total"], found["right"]) == (5, 7, False)
    (finding,) = found["findings"]
    assert finding["cause"] == "fan-out"
    assert finding["certain"]
    assert finding["gradients"] == ["first.W", "first.b"]


def test_many_files_give_a_table():
    run("exercise", "residual.py")
    text = solve("residual").read_text("utf-8")
    Path("ada.py").write_text(text, "utf-8")
    Path("bob.py").write_text(text.replace("2 * difference", "difference"), "utf-8")
    told = run("grade", "ada.py", "bob.py", "--spec", "residual.py", code=1)
    rows = told.splitlines()
    assert rows[0].split() == ["ada.py", "7/7", "all", "right"]
    assert rows[1].split() == [
        "bob.py",
        "0/7",
        "d_y:",
        "a",
        "factor",
        "2",
        "is",
        "missing",
    ]
    told = run("grade", "ada.py", "eve.py", "--spec", "residual.py", code=2)
    assert "eve.py    -    cannot be graded" in told


def test_files_beside_a_students_are_found_but_hide_nothing():
    run("exercise", "residual.py")
    text = solve("residual").read_text("utf-8")
    Path("folder").mkdir()
    Path("folder", "random.py").write_text("raise RuntimeError\n", "utf-8")
    Path("folder", "helper.py").write_text("two = 2\n", "utf-8")
    mine = text.replace("2 * difference", "__import__('helper').two * difference")
    Path("folder", "ada.py").write_text(mine, "utf-8")
    told = run("grade", "folder/ada.py", "--spec", "residual.py")
    assert "7 of 7 points" in told


def test_names_that_are_no_identifiers():
    Path("odd.py").write_text(
        "import symdiff as sd\n"
        "N = sd.dim('N')\n"
        "x = sd.input('my x', (N, 3))\n"
        "w, v = sd.param('it\\'s \"W\"', (3,)), sd.param('größe.1', ())\n"
        "loss = sd.mean((x * w) ** 2) * v\n"
        "model = sd.Model('odd', inputs=[x], outputs=x * w, loss=loss)\n",
        "utf-8",
    )
    run("exercise", "odd.py")
    text = Path("exercise/odd/backward.py").read_text("utf-8")
    assert "d_größe_1 = ..." in text
    told = run("grade", "exercise/odd", "--spec", "odd.py", code=1)
    assert "0 of 3 points" in told
    assert "größe.1" in told
    run("compile", "odd.py")
    assert "3 of 3 points" in run("grade", "build/odd", "--spec", "odd.py")


def test_a_function_of_several_inputs():
    Path("exercise").mkdir()
    Path("area.py").write_text(SPECS["area"], "utf-8")
    run("exercise", "area.py", "-O", "0")
    assert "0 of 2 right" in alone("area", code=1)
    path = Path("exercise/area/backward.py")
    text = path.read_text("utf-8")
    start, end = text.index("def backward("), text.index("\ndef _check(")
    path.write_text(f"{text[:start]}{SOLUTIONS['area']}\n{text[end:]}", "utf-8")
    assert "2 of 2 right" in alone("area")
    assert "3 of 3 points" in run("grade", path, "--spec", "area.py")
