"""Reviews look at the files that Python imports, not at others of the same names.

The class: what may stand in the place of a file of a package (a compilation that was
broken off and was edited since, a folder), for each kind of file, and each command that
reads text: `check`, `diff` and `verify`.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_runs import printed as run
from cli_runs import python
from review_commands import edit, spec

from symdiff.emit.modules.writing import HIDDEN, build_of

WITH_ARRAYS = """\
import numpy as np
import symdiff as sd

x, w = sd.input("x", (sd.dim("N"), 4)), sd.param("w", 40, init=0.1)
y = x @ np.arange(160.0).reshape(4, 40) @ w
model = sd.Model("small", [x], [], y, sd.mean(y**2), optimizer=sd.optim.SGD(0.1))
"""


def broken_off(package, build=None):
    """Leave what a writer leaves that is killed when the new package is in place."""
    build = build or build_of((package / "__init__.py").read_bytes())
    folder = package / f"{HIDDEN}{build}"
    folder.mkdir()
    for path in package.iterdir():
        if path.is_file() and path.name != "__init__.py":
            shutil.copy(path, folder)
    return folder


def _in_hidden(package, name, old, new):
    path = broken_off(package) / name
    edit(path, old, new)
    return path


def _folder(package, name, old, new):
    path = package / name.removesuffix(".py") / "__init__.py"
    path.parent.mkdir()
    text = (package / name).read_text("utf-8")
    path.write_text(text.replace("from .", "from .."), "utf-8")
    edit(path, old, new)
    return path


PLACES = {"broken off": _in_hidden, "folder": _folder}
EDITS = {
    "forward.py": ("return z", "return 2 * z"),
    "backward.py": ("return {", "return {} or {"),
    "train.py": ("lr * g", "lr * lr * g"),
    "_fit.py": ("epochs=10", "epochs=11"),
    "_outputs.py": ("np.tanh", "np.cosh"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_that_python_imports_is_told(package, place, name):
    shutil.copytree(package, "as_it_was/small")
    path = PLACES[place](package, name, *EDITS[name])
    if name == "forward.py":
        asked = "import small.forward as f; print(f.__file__)"
        found = python("-c", asked, cwd=package.parent).stdout.strip()
        assert Path(found).samefile(path), "Python imports another file"
    said = run("check", "build", code=1)
    assert f"{path}: edited by hand" in said
    assert "symdiff compile model.py" in said
    assert str(path) in run("check", package / name, code=1)
    assert name in run("diff", "as_it_was", package, code=1)


@pytest.mark.parametrize("name", ["_fit.py", "_files.py"])
def test_verify_says_that_what_runs_was_edited(package, name):
    edit(broken_off(package) / name, "import numpy as np", "import numpy as np  # so")
    assert f"{name} was edited after it was generated" in run("verify", package)


def test_arrays_of_a_compilation_that_was_broken_off():
    run("compile", spec(WITH_ARRAYS))
    package = Path("build/small")
    shutil.copytree(package, "as_it_was/small")
    path = broken_off(package) / "constants.npz"
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{name: 2 * array for name, array in arrays.items()})
    said = run("check", "build", code=1)
    assert f"{path}: stale: its arrays are not those of the spec" in said
    assert "was edited after" in run("diff", "as_it_was", package, code=1)
    assert "was edited after" in run("verify", package)


def test_a_compilation_that_was_broken_off_is_no_fault(package):
    """Nor is one of another build, which Python does not import."""
    shutil.copytree(package, "as_it_was/small")
    broken_off(package)
    other = broken_off(package, "0123456789abcdef")
    edit(other / "forward.py", *EDITS["forward.py"])
    (package / "notes").mkdir()
    assert "what model.py compiles to" in run("check", "build")
    assert "compute the same" in run("diff", "as_it_was", package)
    assert "edited" not in run("verify", package)


def test_without_a_spec_edits_are_told_all_the_same(package):
    path = _in_hidden(package, "train.py", *EDITS["train.py"])
    Path("model.py").unlink()
    assert f"{path}: edited by hand" in run("check", "build", code=1)
