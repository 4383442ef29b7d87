"""A model's wrt that names nothing is an error, and not a package without a gradient.

The class: an empty choice, and inputs without floats; with and without an optimiser and
metrics, in Python and from the command line. Prediction alone needs no choice.
"""

from pathlib import Path

import pytest
from cli_runs import error_of, printed

import symdiff as sd

SPEC = """\
import symdiff as sd

i, w = sd.input("i", sd.dim("N"), "int64", high=3), sd.param("w", 3)
model = sd.Model("m", [i], [], w[i], sd.mean(w[i] ** 2))
"""


def _model(optimizer, metrics):
    i, w = sd.input("i", sd.dim("N"), "int64", high=3), sd.param("w", 3)
    found = {"most": sd.max(w[i])} if metrics else {}
    return sd.Model("m", [i], [], w[i], sd.mean(w[i] ** 2), found, optimizer)


@pytest.mark.parametrize("wrt", [[], (), "inputs", ["inputs"]])
@pytest.mark.parametrize("optimizer", [None, sd.optim.SGD(0.1)])
@pytest.mark.parametrize("metrics", [False, True])
def test_a_choice_of_nothing_is_an_error(wrt, optimizer, metrics):
    model = _model(optimizer, metrics)
    with pytest.raises(sd.DeclarationError, match="names nothing to differentiate by"):
        sd.compile(model, wrt=wrt)
    made = sd.compile(model, wrt=wrt, only="forward")
    assert sorted(made.files) == ["m/__init__.py", "m/forward.py"]


def test_the_command_line_says_so_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec.py").write_text(SPEC, "utf-8")
    assert "names nothing" in error_of("compile", "spec.py", "--wrt", "inputs")
    assert not Path("build").exists()
    printed("compile", "spec.py", "--wrt", "params")


def test_a_function_may_have_no_gradient():
    i = sd.input("i", 3, "int64")
    for wrt in (None, (), "inputs"):
        assert (
            "f/backward.py"
            not in sd.compile(sd.Function("f", [i], 2 * i), wrt=wrt).files
        )
