"""Specs that are wrong, missing or hostile: one clear paragraph for errors."""

import os
from pathlib import Path

import pytest
from cli_runs import DECLARED, GOOD, MODEL, SCORES, error_of, python, run, spec

BAD = {
    "no model": ("net = 3\n", "spec.py declares no `model`"),
    "another name": (
        DECLARED + "net = sd.Function('net', [x], 2 * x)\n",
        "It declares net; name the one to compile `model`.",
    ),
    "empty": ("", "declares no `model`"),
    "model is no model": (
        "\nmodel = {'a': 1}\n",
        "spec.py:2: `model` is a dict, {'a': 1}; it must be an sd.Model or",
    ),
    "model is a class": ("import symdiff as sd\nmodel = sd.Model\n", "is a class"),
    "training": (
        GOOD.replace("sd.Training(epochs=3, batch_size=8, seed=1)", "{}"),
        "spec.py:12: `training` is a dict, {}; it must be an sd.Training",
    ),
    "data": (GOOD + "data = 3\n", "`data` is an int, 3; it must be a function"),
    "syntax": (
        "import symdiff as sd\n\n    x = (1,\n",
        "spec.py:3: IndentationError: unexpected indent\n    x = (1,\n    ^",
    ),
    "not closed": (
        "x = (1,\ny = 2\n",
        "SyntaxError: '(' was never closed\n    x = (1,",
    ),
    "null byte": ("x = 1\0\n", "null bytes"),
    "raises": (
        "def f():\n    return 1 / 0\n\nf()\n",
        "spec.py:2: ZeroDivisionError: division by zero\n    return 1 / 0\n",
    ),
    "import": ("import no_such_thing\n", "spec.py:1: ModuleNotFoundError: No module"),
    "exit": ("import sys\nsys.exit(3)\n", "spec.py:2: calls sys.exit(3)."),
    "no message": ("raise ValueError\n", "spec.py:1: ValueError\n    raise ValueError"),
    "hostile exception": (
        "class E(BaseException):\n    def __str__(self): raise E\nraise E\n",
        "spec.py:3: E",
    ),
    "hostile model": (
        "class M:\n    def __repr__(self): 1 / 0\nmodel = M()\n",
        "spec.py:3: `model` is a M, <M>;",
    ),
    "shapes": (
        DECLARED + "W = sd.param('W', (5, 3))\nz = x @ W\n",
        "contracts 4 with 5",
    ),
    "same name": (
        DECLARED
        + "z = x @ sd.param('W', (4, 3)) + sd.param('W', (3,))\n"
        + MODEL.replace("glorot", ""),
        "two leaves are called 'W'",
    ),
    "loss not a scalar": (
        GOOD.replace("entropy(z, y)", "entropy(z, y, reduction='none')"),
        "the loss has shape (N,); a loss is a scalar.",
    ),
    "integer parameter": (
        DECLARED + "k = sd.param('k', (3,), dtype='int64')\n",
        "spec.py:7: parameter 'k' cannot have dtype int64",
    ),
    "integer state": (
        DECLARED + "k = sd.state('k', (3,), dtype='int64')\n",
        "spec.py:7: state 'k' cannot have dtype int64",
    ),
    "module name": (
        GOOD.replace('"small"', "'a\"; import os'"),
        "cannot name a Python module",
    ),
    "keyword": (GOOD.replace('"small"', '"class"'), "is a keyword"),
    "hides a module": (GOOD.replace('"small"', '"numpy"'), "would hide the module"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_bad_spec_is_one_paragraph(text, message):
    found = error_of("compile", spec(text))
    assert message in found
    assert found.startswith("error: spec.py")
    assert len(found.splitlines()) <= 3
    assert not Path("build").exists()


def test_a_line_of_an_imported_file_is_named_beside_the_spec_s():
    Path("beside_wrong.py").write_text(
        "import symdiff as sd\ndef f(x):\n    return x @ x[0]\n"
    )
    found = error_of(
        "compile", spec(f"from beside_wrong import f\n{DECLARED}z = f(y)\n")
    )
    assert found.startswith("error: spec.py:8: ")
    assert "beside_wrong.py:3: return x @ x[0]" in found


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nope.py", "nope.py does not exist; a spec is a .py file"),
        ("folder", "folder is a folder"),
        ("folder.py", "folder.py is a folder"),
        ("notes.txt", "notes.txt is neither a .py nor a .toml file"),
        ("x" * 300 + ".py", "File name too long"),
        ("notes.txt/spec.py", "Not a directory"),
    ],
)
def test_a_path_that_is_no_spec(path, message):
    Path("folder").mkdir()
    Path("folder.py").mkdir()
    Path("notes.txt").write_text("")
    assert message in error_of("compile", path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_not_waited_for():
    os.mkfifo("pipe.py")
    assert "not a regular file" in error_of("compile", "pipe.py")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads anything")
def test_a_spec_that_cannot_be_read():
    Path(spec(GOOD)).chmod(0)
    assert "cannot read spec.py: Permission denied" in error_of("compile", "spec.py")


def test_traceback_shows_the_original():
    result = run("compile", spec("def f():\n    1 / 0\nf()\n"), "--traceback", code=1)
    assert "Traceback (most recent call last)" in result.stderr
    assert "ZeroDivisionError" in result.stderr
    assert result.stderr.endswith("error: spec.py:2: ZeroDivisionError: division by "
                                  "zero\n    1 / 0\n")  # fmt: skip


def test_usage_errors_exit_with_2():
    for arguments in (["compile"], ["compile", "a.py", "-O", "7"], ["nope"], ["train"]):
        run(*arguments, code=2)


def test_an_unreached_parameter_is_one_line_of_warning():
    text = DECLARED + SCORES + "u = sd.param('u', (3,))\n" + MODEL
    text = text.replace('{"z": z}', '{"z": z, "w": z + u}')
    found = run("compile", spec(text)).stderr
    assert found == (
        "warning: spec.py:9: the loss does not reach parameter u: its gradient is 0.\n"
    )


def test_hostile_parameter_names_compile_to_code_that_checks():
    names = ['"; import os', "W.b", "W_b", "lambda", "''' \\", "np", "d_z", "params"]
    terms = " + ".join(f"x @ sd.param({n!r}, (4, 3), init=1)" for n in names)
    run("compile", spec(f"{DECLARED}z = {terms}\n{MODEL}"))
    found = python("-m", "small", cwd="build")
    assert found.returncode == 0, found.stderr
    assert "gradients agree" in found.stdout
