"""`symdiff compile`: what it writes and says, with every option."""

import re
import sys
from pathlib import Path

import pytest
from cli_runs import GOOD, error_of, python, run, spec

import symdiff as sd
from symdiff.declare.spec import load_spec


def test_version():
    assert run("--version").stdout == f"symdiff {sd.__version__}\n"


def test_compile_writes_what_compile_returns():
    said = run("compile", spec(GOOD)).stdout
    files = sd.compile(load_spec(Path("spec.py")).model).files
    written = {
        p.relative_to("build").as_posix(): p for p in Path("build").rglob("*.py")
    }
    assert written.keys() == files.keys()
    for name, path in written.items():
        assert path.read_text("utf-8") == files[name], name
        assert str(path) in said
    assert "cd build && python -m small" in said


def test_the_same_spec_gives_the_same_bytes_from_anywhere(tmp_path, monkeypatch):
    run("compile", spec(GOOD), "-o", "here")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    run("compile", tmp_path / "spec.py")
    for path in (tmp_path / "here").rglob("*.py"):
        other = Path("build", path.relative_to(tmp_path / "here"))
        assert path.read_bytes() == other.read_bytes()


def test_a_comment_in_the_spec_changes_headings_and_hashes_alone():
    run("compile", spec(GOOD))
    run("compile", spec("# a comment\n" + GOOD), "-o", "after")
    for path in Path("build").rglob("*.py"):
        after = Path("after", path.relative_to("build")).read_text("utf-8").splitlines()
        changed = [
            line
            for line, other in zip(
                path.read_text("utf-8").splitlines(), after, strict=True
            )
            if line != other
        ]
        assert all(
            re.search(r"\[spec.py:\d+\]$|^# (options|body sha256):", line)
            for line in changed
        ), changed


def test_the_package_runs_where_symdiff_cannot_be_imported(tmp_path):
    run("compile", spec(GOOD))
    blocked = (
        "import sys\nfor n in ('symdiff', 'sympy', 'jinja2'): sys.modules[n] = None\n"
    )
    use = (
        "import numpy as np, runpy\n"
        "from small.forward import forward\n"
        "from small import init_params\n"
        "print(forward(init_params(0), np.ones((2, 4), np.float32)).shape)\n"
        "runpy.run_module('small', run_name='__main__')\n"
    )
    found = python("-c", blocked + use, cwd=tmp_path / "build")
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("(2, 3)\n")
    assert "gradients agree" in found.stdout


@pytest.mark.parametrize("level", [0, 1, 2])
def test_levels(level):
    run("compile", spec(GOOD), "-O", level)
    text = Path("build/small/backward.py").read_text("utf-8")
    assert f"options: -O{level}," in text
    assert Path("build/small/_planned.py").exists() == (level == 2)


def test_a_planned_step_with_the_readable_one_s_bits():
    run("compile", spec(GOOD), "--planned", "exact")
    text = Path("build/small/_planned.py").read_text("utf-8")
    assert ", planned=exact; graph" in text
    assert "BOUND" not in text
    said = python("-m", "small", cwd="build").stdout
    assert "the planned step equals the readable step bit for bit" in said
    run("check", "build")
    run("compile", "spec.py", "-o", "fast")
    assert "BOUND" in Path("fast/small/_planned.py").read_text("utf-8")
    said = python("-m", "small", cwd="fast").stdout
    assert "the planned step agrees with the readable step, worst" in said
    assert "planned=exact" in run("diff", "build/small", "fast/small", code=1).stdout


def test_only_forward_carries_nothing_else():
    run("compile", spec(GOOD), "--only", "forward")
    assert {p.name for p in Path("build/small").iterdir()} == {
        "__init__.py",
        "forward.py",
    }


def test_single_file():
    said = run("compile", spec(GOOD), "--single-file", "--only", "forward").stdout
    assert [p.name for p in Path("build").iterdir()] == ["small.py"]
    assert "small.py" in said


def test_wrt_chooses_what_to_differentiate_by():
    run("compile", spec(GOOD), "--wrt", "W", "--only", "backward")
    text = Path("build/small/backward.py").read_text("utf-8")
    assert "d_W" in text
    assert "d_b" not in text
    assert "no input or parameter of 'small'" in error_of(
        "compile", "spec.py", "--wrt", "nope"
    )
    twice = error_of("compile", "spec.py", "--wrt", "W", "--wrt", "W")
    assert "wrt names 'W' twice" in twice


def test_a_gradient_by_an_input_has_no_training_step():
    told = run("compile", spec(GOOD), "--wrt", "inputs").stderr
    assert told.count("note: no train.py: wrt has x, an input") == 1
    assert not Path("build/small/train.py").exists()
    found = python("-m", "small", cwd="build")
    assert found.returncode == 0, found.stderr
    found = error_of("compile", "spec.py", "--wrt", "x", "--only", "train")
    assert "'small' has no train for wrt='x', an input" in found


def test_print_after_shows_the_program():
    said = run("compile", spec(GOOD), "--print-after", "derive").stdout
    assert "--- after derive ---" in said
    assert "softmax_cross_entropy" in said
    found = error_of("compile", "spec.py", "--print-after", "nope", code=2)
    assert "derive, update, rewrite, expand" in found


def test_a_function_compiles():
    text = "import symdiff as sd\nx = sd.input('x', (3,))\n"
    run("compile", spec(text + "model = sd.Function('double', [x], 2 * x)\n"))
    assert Path("build/double/backward.py").exists()


def test_what_an_earlier_compilation_left_is_named():
    run("compile", spec(GOOD))
    said = run("compile", "spec.py", "--only", "forward").stderr
    assert "build/small/train.py is left from an earlier compilation" in said
    assert "forward.py" not in said


def test_a_spec_imports_what_lies_beside_it(tmp_path, monkeypatch):
    Path("folder").mkdir()
    Path("folder/beside_the_spec.py").write_text("WIDTH = 3\n")
    text = GOOD.replace("(4, 3)", "(4, beside_the_spec.WIDTH)")
    run("compile", spec("import beside_the_spec\n" + text, "folder/spec.py"))
    assert str(tmp_path / "folder") not in sys.path


@pytest.mark.parametrize("called", ["models/deep/spec.py", "models.deep.spec"])
def test_a_spec_in_a_package_imports_from_it(called, tmp_path):
    """By the file's path, and by the module's name; `train` calls data() likewise."""
    Path("models/deep").mkdir(parents=True)
    for file, text in (
        ("models/__init__.py", ""),
        ("models/deep/__init__.py", ""),
        ("models/sizes.py", "WIDTH = 3\n"),
        ("models/deep/beside.py", "ROWS = 60\n"),
    ):
        Path(file).write_text(text)
    text = "from ..sizes import WIDTH\nfrom . import beside\n" + GOOD
    text = text.replace("(4, 3)", "(4, WIDTH)")
    text = text.replace("def data():", "def data():\n    from .beside import ROWS")
    spec(text.replace("3, 60)", "3, ROWS)"), "models/deep/spec.py")
    before = list(sys.path)
    run("compile", called)
    run("train", called)
    assert sys.path == before
    for name in [n for n in sys.modules if n.split(".")[0] == "models"]:
        del sys.modules[name]


def test_a_relative_import_outside_of_a_package_says_what_is_missing():
    found = error_of("compile", spec("from .sizes import WIDTH\n" + GOOD))
    assert "spec.py:1: ImportError: attempted relative import" in found
    assert "its folder has no __init__.py. Add one, or import what lies beside" in found


@pytest.mark.parametrize("name", ["con", "AUX", "nul", "Prn", "com1", "lpt9"])
def test_names_that_windows_keeps_to_itself(name):
    found = error_of("compile", spec(GOOD.replace('"small"', repr(name))))
    assert f"name {name!r} is a device on Windows" in found


def test_a_spec_may_change_the_current_folder(tmp_path):
    Path("elsewhere").mkdir()
    Path("elsewhere/here.txt").write_text("")
    text = GOOD.replace("def data():", "def data():\n    open('here.txt').close()")
    run("train", spec(text + "import os\nos.chdir('elsewhere')\n"))
    assert Path.cwd() == tmp_path
    assert Path("build/small/weights.npz").exists()
    spec("import os\nos.chdir('elsewhere')\n1 / 0\n")
    assert error_of("compile", "spec.py").startswith("error: spec.py:3: ZeroDiv")


def test_a_spec_s_main_part_does_not_run():
    run("compile", spec(GOOD + "if __name__ == '__main__':\n    raise ValueError\n"))
