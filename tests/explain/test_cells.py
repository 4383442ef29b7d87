"""Cells of notebooks: places, errors and mathematics, with IPython and without."""

from __future__ import annotations

import linecache
import os
import subprocess
import sys
import traceback
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import symdiff as sd
from symdiff.explain.explorer.exploration import explored
from symdiff.graph.cells import cell_of, name_of
from symdiff.graph.tracebacks import lines_of, users_part

NUMBERED = "<ipython-input-3-0123456789ab>"
TEMPORARY = "/tmp/ipykernel_4711/1234567890.py"
SPEC = """
import symdiff as sd
x = sd.input("x", (3, 4))
W = sd.param("W", (4, 2))
z = sd.tanh(x @ W)
loss = sd.sum(z**2)
model = sd.Model("m", [x], [], z, loss=loss)
"""
WRONG = """
import symdiff as sd
x = sd.input("x", (3, 4))
def step(carry, row):
    return carry + row, None
sd.scan(step, sd.zeros(7), x)
"""


def cell(text: str, filename: str) -> dict[str, Any]:
    """Run a cell as IPython does: its lines are cached under the name of its code."""
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, filename, "exec"), scope)
    return scope


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        (NUMBERED, "In [3]"),
        ("/tmp/ipython-input-12-987654.py", "In [12]"),
        (TEMPORARY, "In [ ]"),
        (r"C:\Temp\ipykernel_1\22.py", "In [ ]"),
        ("/tmp/ipython-input-987654.py", "In [ ]"),
        ("vscode-notebook-cell:/home/me/a.ipynb#W3sZmlsZQ%3D%3D", "In [ ]"),
        ("/home/me/ipykernel_4711.py", ""),
        ("/home/me/model.py", ""),
        ("<stdin>", ""),
        ("<string>", ""),
    ],
)
def test_names_of_cells(filename: str, name: str) -> None:
    assert cell_of(filename) == name


def test_names_of_files() -> None:
    assert name_of("/home/me/model.py") == "model.py"
    assert name_of(NUMBERED) == "In [3]"


@pytest.mark.parametrize(
    ("filename", "place"), [(NUMBERED, "In [3]"), (TEMPORARY, "In [ ]")]
)
def test_a_cell_has_its_name_everywhere(filename: str, place: str) -> None:
    model = cell(SPEC, filename)["model"]
    made = sd.compile(model)
    text = made["backward"]
    assert f"from {place}." in text.split("\n")[0]
    assert f"# z = tanh(x @ W)     [{place}:5]\n" in text
    told = str(made.explain())
    assert f"{place}:5   z = sd.tanh(x @ W)\n" in told
    assert f"{place}:5" in model.outputs[0]._repr_html_()
    assert explored(model).sources.files[0].name == place
    for said in (*map(str, made.files.values()), told):
        assert "ipython" not in said
        assert "4711" not in said
        assert "1234567890" not in said


@pytest.mark.parametrize(
    ("filename", "place"), [(NUMBERED, "In [3]"), (TEMPORARY, "In [ ]")]
)
def test_errors_name_the_cell(filename: str, place: str) -> None:
    with pytest.raises(sd.ShapeError) as caught:
        cell(WRONG, filename)
    assert f"\n  at {place}:5: return carry + row, None" in str(caught.value)


def test_warnings_name_the_cell() -> None:
    text = (
        SPEC
        + "unused = sd.param('unused', (2,))\n"
        + ("sd.compile(sd.Model('m', [x], [], z + 0 * sd.sum(unused), loss=loss))\n")
    )
    with pytest.warns(sd.SymdiffWarning) as noted:
        cell(text, NUMBERED)
    assert noted[0].filename == "In [3]"


# --- tracebacks -----------------------------------------------------------------------


def raised(text: str) -> sd.SymdiffError:
    with pytest.raises(sd.SymdiffError) as caught:
        cell(text, NUMBERED)
    return caught.value


def test_frames_of_the_user_alone_are_shown() -> None:
    error = raised(WRONG)
    shown = traceback.extract_tb(users_part(error.__traceback__))
    assert [s.name for s in shown][-2:] == ["<module>", "step"]
    whole = traceback.extract_tb(error.__traceback__)
    assert len(whole) > len(shown)  # the error itself keeps all of them


def test_without_ipython_the_lines_are_pythons() -> None:
    lines = lines_of(raised(WRONG))
    assert lines[0] == "Traceback (most recent call last):"
    assert not any("symdiff/" in line for line in lines if line.startswith('  File "'))


def test_a_traceback_of_internal_frames_alone_stays() -> None:
    try:
        sd.input("x", (2,)).no_such_method()
    except AttributeError as error:
        whole = error.__traceback__
    assert whole is not None
    inner = whole.tb_next
    assert users_part(inner) is inner


# --- mathematics as text --------------------------------------------------------------


class Printer:
    """What IPython's printer is to an object: a stack of what is being printed."""

    def __init__(self, depth: int = 1) -> None:
        self.stack, self.said = [0] * depth, ""

    def text(self, text: str) -> None:
        self.said += text


def printed(thing: Any, depth: int = 1) -> str:
    found = Printer(depth)
    thing._repr_pretty_(found, False)
    return found.said


def test_equations_as_text() -> None:
    scope = cell(SPEC, NUMBERED)
    assert printed(scope["z"]) == "z = tanh(x @ W)  # float[3, 2]"
    assert printed(scope["z"], 2) == repr(scope["z"])
    assert printed(scope["x"]) == "<Tensor x: input float[3, 4]>"
    told = "Model m\n    z = tanh(x @ W)\n    loss = (z**2).sum()"
    assert printed(scope["model"]) == told
    assert 'title="z = tanh(x @ W)"' in scope["z"]._repr_html_()


def test_reprs_are_short() -> None:
    model = cell(SPEC, NUMBERED)["model"]
    assert repr(model) == "<Model m: x -> 1 result, 1 parameter, with a loss>"
    leaves = [sd.input(f"x{i}", (2,)) for i in range(9)]
    function = sd.Function("f", leaves, {"a": sum(leaves), "b": leaves[0]})
    assert repr(function) == "<Function f: x0, x1, x2, x3, ... -> 2 results>"


def test_a_report_needs_no_mathjax() -> None:
    report = sd.compile(cell(SPEC, NUMBERED)["model"]).explain()
    html = report._repr_html_()
    assert html.startswith("<iframe srcdoc=")
    assert "&lt;math" in html
    assert "<script" not in html


# --- a real shell ---------------------------------------------------------------------

SHELL = """
from IPython.core.interactiveshell import InteractiveShell
{more}
shell = InteractiveShell.instance(colors="NoColor")
for text in {cells!r}:
    shell.run_cell(text, store_history=True)
"""
OF_KERNEL = """
from ipykernel.compiler import XCachingCompiler
InteractiveShell.compiler_class = XCachingCompiler
"""


def run_cells(folder: Path, cells: Sequence[str], more: str = "") -> str:
    """Return what a shell of its own says when it runs cells."""
    code = SHELL.format(cells=[c.strip() for c in cells], more=more)
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "IPYTHONDIR": str(folder)},
    )
    return run.stdout


@pytest.mark.skipif(find_spec("IPython") is None, reason="needs IPython")
def test_in_a_shell(tmp_path: Path) -> None:
    shown = "print(sd.compile(model)['backward'])"
    said = run_cells(tmp_path, [SPEC, "z", "[z]", shown, WRONG, "x @ x"])
    assert "Out[2]: z = tanh(x @ W)  # float[3, 2]\n" in said
    assert "Out[3]: [<Tensor tanh float[3, 2]>]\n" in said
    assert "# z = tanh(x @ W)     [In [1]:4]\n" in said
    assert "at In [5]:4: return carry + row, None\n" in said
    assert "at In [6]:1: x @ x\n" in said
    assert "wrapper" not in said
    assert "provenance.py" not in said


@pytest.mark.skipif(find_spec("ipykernel") is None, reason="needs ipykernel")
def test_in_a_kernel(tmp_path: Path) -> None:
    shown = "print(sd.compile(model)['backward'])"
    said = run_cells(tmp_path, [SPEC, shown, "x @ x"], OF_KERNEL)
    assert "# z = tanh(x @ W)     [In [1]:4]\n" in said
    assert "at In [3]:1: x @ x\n" in said
    assert "ipykernel_" not in said
