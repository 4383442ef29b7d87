"""`symdiff` is a flat package of names: found when asked for, listed, and nothing
else.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import symdiff as sd

ROOT = Path(__file__).parents[1]


def test_every_listed_name_exists():
    for name in [*dir(sd), *sd._KNOWN.split()]:
        assert getattr(sd, name) is not None


def test_every_public_function_is_an_attribute():
    from symdiff.ops.core.operands import API

    _ = sd.tanh
    assert API["tanh"] is sd.tanh
    for name, function in API.items():
        place = sd
        for part in name.split("."):
            place = getattr(place, part)
        if name == "trace":  # of a function it is a `Function`, else NumPy's
            continue
        assert place is function, name


def test_star_import_takes_the_public_names():
    names: dict[str, object] = {}
    exec("from symdiff import *", names)
    assert names["grad"] is sd.grad
    assert "Model" in names


@pytest.mark.parametrize("place", ["sd", "sd.linalg", "sd.random"])
def test_a_name_that_does_not_exist_is_an_attribute_error(place):
    space = eval(place)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = space.no_such_name
    assert not hasattr(space, "__wrapped__")


def test_a_near_miss_is_suggested():
    with pytest.raises(AttributeError, match=r"did you mean sd\.softmax\?"):
        _ = sd.sofmax


def test_type_checkers_see_the_names(tmp_path):
    pytest.importorskip("mypy", reason="extra [test]")
    program = tmp_path / "program.py"
    program.write_text(
        "import symdiff as sd\n"
        "x = sd.input('x', 3)\n"
        "reveal_type(sd.Model)\n"
        "reveal_type(sd.nn.l2(x))\n"
        "reveal_type(sd.tanh(x))\n"
        "reveal_type(sd.grad(sd.nn.l2(x), x))\n",
        "utf-8",
    )
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"),
         "--no-implicit-reexport", "--follow-imports", "silent", str(program)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert "error" not in result.stdout, result.stdout
    assert "symdiff.declare.model.Model" in result.stdout
    assert 'type is "symdiff.graph.tensor.Tensor"' in result.stdout
