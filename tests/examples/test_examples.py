"""Every example runs by itself, at small size, and agrees with what it claims.

CI runs them at full size.
"""

import os
import re
import runpy
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest

import symdiff as sd

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(p for p in EXAMPLES.glob("*.py") if not p.name.startswith("_"))


def run(*arguments, folder):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(EXAMPLES.parent),
            "SYMDIFF_SMALL": "1",
            "OPENBLAS_NUM_THREADS": "1",  # the other cores run other tests
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_an_example_agrees_with_its_claims(script, tmp_path):
    result = run(str(script), folder=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert "MISMATCH" not in result.stdout
    if "finish()" in script.read_text("utf-8"):
        assert len(re.findall("\n    (ok|not judged)", result.stdout)) >= 5
        assert "\n    ok" in result.stdout
    for picture in tmp_path.rglob("*.svg"):
        assert xml.etree.ElementTree.parse(picture).getroot().tag.endswith("}svg")


def test_an_example_that_is_wrong_exits_1(tmp_path):
    lines = "import sys; sys.path.insert(0, sys.argv[1])", "from _report import *"
    for claims, code in (
        ("check('a', 1, 1)", 0),
        ("check('a', 1, 2); check('b', 1, 1)", 1),
    ):
        program = "; ".join((*lines, claims, "finish()"))
        assert run("-c", program, str(EXAMPLES), folder=tmp_path).returncode == code


def test_bounds_are_claims_too():
    lines = "import sys; sys.path.insert(0, sys.argv[1])", "from _report import *"
    for claims, code, told in (
        ("at_least('a', 1, 1.0); at_most('b', 1, 1.0)", 0, "not judged at small size"),
        ("at_least('a', 9, 1.0, when_small=1)", 0, "ok"),
        ("at_most('a', 1, 9.0, when_small=9)", 0, "ok"),
        ("at_least('a', 0, 1.0, when_small=2)", 1, "MISMATCH"),
        ("at_most('a', 0, float('nan'), when_small=2)", 1, "MISMATCH"),
    ):
        program = "; ".join((*lines, claims, "finish()"))
        result = run("-c", program, str(EXAMPLES), folder=EXAMPLES)
        assert (result.returncode, told in result.stdout) == (code, True)


@pytest.mark.parametrize("name", ["digits_mlp", "linear_svm"])
def test_the_data_fits_the_model(name):
    spec = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    model, parts = spec["model"], spec["data"]()
    assert isinstance(model, sd.Model)
    assert isinstance(spec["training"], sd.Training)
    for part in parts.values():
        assert list(part) == [t.name for t in (*model.inputs, *model.targets)]
        at = {leaf.name: part[leaf.name] for leaf in (*model.inputs, *model.targets)}
        assert at["x"].dtype == np.float32
        rng = np.random.default_rng(0)
        for key, leaf in model.params.items():
            drawn = leaf.node.attrs["init"].draw(rng, leaf.shape)
            at[key] = drawn.astype(np.float32)
        loss, *outputs = sd.interpret([model.loss, *model.outputs], at)
        assert loss.dtype == np.float32
        assert all(len(o) == len(part["x"]) for o in outputs)


def test_the_digits_are_split_once_into_three_quarters_and_one():
    data = runpy.run_path(str(EXAMPLES / "digits_mlp.py"))["data"]
    parts, again = data(), data()
    assert [len(parts[k]["x"]) for k in ("train", "test")] == [1348, 449]
    np.testing.assert_array_equal(parts["test"]["x"], again["test"]["x"])
    assert parts["train"]["x"].min() == 0
    assert parts["train"]["x"].max() == 1
    assert set(parts["test"]["y"]) == set(range(10))
