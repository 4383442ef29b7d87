"""`symdiff verify`: right gradients agree, wrong ones are named, at any points."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_runs import printed as run
from review_commands import SPEC, edit, spec


def function(body, arguments, outputs, name="f"):
    """The text of a spec of a function."""
    return (
        "import symdiff as sd\nN, M = sd.dim('N'), sd.dim('M')\n"
        f"{body}\nmodel = sd.Function({name!r}, [{arguments}], [{outputs}])\n"
    )


DROPOUT = """\
import symdiff as sd
x = sd.input("x", (sd.dim("N"), 4))
h = sd.nn.dropout(sd.tanh(x @ sd.param("W", (4, 3))), 0.5)
model = sd.Model("small", inputs=[x], outputs=h, loss=sd.mean(h**2),
                 optimizer=sd.optim.SGD(0.1))
"""

VERIFIED = {
    "model": SPEC,
    "dropout": DROPOUT,
    "kinks": function(
        "a, b = sd.input('a', (N, M)), sd.input('b', (M,))\n"
        "c = sd.maximum(a, b) * abs(b)",
        "a, b",
        "sd.max(c, axis=1), sd.sum(a > 0, axis=0), c",
    ),
    "declared widths and ranges": function(
        "a = sd.input('a', (2 * N, 3), dtype='float32', low=1, high=2)\n"
        "i = sd.input('i', (N,), dtype='int64')",
        "a, i",
        "sd.take(sd.log(a - 0.999), i, axis=0)",
    ),
    "not every draw": function(
        "a = sd.input('a', (2, 2))",
        "a",
        "sd.linalg.cholesky(a @ a.T - 0.5 * sd.eye(2))",
    ),
    "scalars": function(
        "a, b = sd.input('a', ()), sd.input('b', ())", "a, b", "sd.exp(a) / b"
    ),
}


@pytest.mark.parametrize("single", [False, True], ids=["package", "single"])
@pytest.mark.parametrize("text", VERIFIED.values(), ids=VERIFIED)
def test_right_gradients_agree(text, single):
    run("compile", spec(text), *["--single-file"][:single])
    (made,) = Path("build").iterdir()
    said = run("verify", made)
    assert "gradients agree" in said
    assert "random point 3" in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("d_z @", "-d_z @"),
        ("d_z @", "1.00001 * d_z @"),
        ("d_z.sum(axis=0)", "d_z.mean(axis=0)"),
        ("d_z.sum(axis=0)", "d_z[0]"),
        ("d_z.sum(axis=0)", "d_z.sum()"),
        ("d_z.sum(axis=0)", "d_z.sum(axis=0) * np.array([1, 1, np.nan])"),
    ],
)
@pytest.mark.parametrize("method", ["auto", "differences"])
def test_wrong_gradients_are_named(package, old, new, method):
    edit(package / "backward.py", old, new)
    said = run("verify", package, "--method", method, code=1)
    wrong = [line.split()[0] for line in said.splitlines() if "WRONG" in line]
    assert wrong == (["V"] if "@" in old else ["b"])
    assert "DISAGREE" in said
    assert "note: the file was edited" in said


@pytest.mark.parametrize("command", ["verify", "module"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("d_loss / N", "1 / N"),  # not times d_loss
        ("p.copy()", "p"),  # changes the residuals
        ('"b": d_b', '"b": d_b[None]'),  # of another shape
        (', "b": d_b', ""),  # not there
    ],
)
def test_what_backward_promises_is_checked(package, old, new, command):
    edit(package / "backward.py", old, new)
    if command == "verify":
        assert "gradients agree, worst" not in run("verify", package, code=1)
        return
    ran = subprocess.run(
        [sys.executable, "-m", package.name],
        cwd=package.parent,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "DISAGREE" in ran.stdout


def test_an_edit_of_what_is_not_checked_is_told(package):
    edit(package / "train.py", "def init_params(", "def  init_params(")
    said = run("verify", package)
    assert "note: train.py was edited after it was generated" in said
    assert "edited" not in run("verify", package / "backward.py")


def test_a_planned_step_that_cannot_be_run_is_not_a_wrong_gradient(package):
    train = package / "train.py"
    (build,) = (s for s in train.read_text().splitlines() if s.startswith("BUILD = "))
    train.write_text(build)
    said = run("verify", package, code=2)
    assert "not checkable: the planned step cannot be compared" in said
    assert "DISAGREE" not in said


def test_weights_without_a_parameter_are_refused(package):
    np.savez("other.npz", x=np.zeros(3))
    assert "holds no parameter" in run(
        "verify", package, "--params", "other.npz", code=2
    )
    np.save("one.npy", np.zeros(3))
    assert "is one array" in run("verify", package, "--points", "one.npy", code=2)


def test_weights_that_are_not_looked_at_are_told(package):
    np.savez("older.npz", W=np.ones((5, 3)), out=np.zeros(3))
    said = run("verify", package, "--params", "older.npz")
    assert "note: older.npz: out is no parameter here, and is not looked at" in said
    assert "note: older.npz has no V, b, which is drawn at random" in said
    np.savez("whole.npz", V=np.ones((4, 5)), W=np.ones((5, 3)), b=np.zeros(3))
    assert "whole.npz" not in run("verify", package, "--params", "whole.npz")


def test_points_go_by_the_names_of_the_spec():
    text = SPEC.replace('sd.input("x"', 'sd.input("state"').replace(
        'sd.input("y"', 'sd.input("a b"'
    )
    run("compile", spec(text))
    np.savez("data.npz", **{"state": np.ones((2, 4)), "a b": np.array([0, 2])})
    assert "data.npz" in run("verify", "build/small", "--points", "data.npz")


def test_a_parameter_goes_before_an_argument_of_a_name_like_its_own():
    text = SPEC.replace('sd.input("x"', 'sd.input("W_"')
    run("compile", spec(text))
    given = {"W_": np.ones((2, 4)), "y": np.array([0, 2]), "W": np.full((5, 3), 0.5)}
    np.savez("data.npz", **given)
    assert "data.npz" in run("verify", "build/small", "--points", "data.npz")


def test_points_of_the_user(package):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4)).astype(np.float32), rng.integers(0, 3, 50)
    W = rng.normal(size=(5, 3))
    np.savez("data.npz", x=x, y=y)
    np.savez("both.npz", x=x, y=y, W=W, **{"params/b": np.ones(3)})
    np.savez("weights.npz", W=W)
    given = ["--points", "data.npz", "--points", "both.npz", "--params", "weights.npz"]
    said = run("verify", package, *given, "--random", 1)
    assert "data.npz, both.npz, random point 1" in said
    assert "complex steps" in said
    assert "central differences" in run("verify", package, "--method", "differences")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 4))}, "lacks y"),
        ({"x": np.zeros((2, 4)), "y": [0, 1], "z": 1}, "has 'z'"),
        ({"x": np.zeros((2, 5)), "y": [0, 1]}, "expected shape"),
        ({"x": np.zeros((2, 4)), "y": [0, 3]}, "expected values < 3"),
        ({"x": np.zeros((2, 4)), "y": [0, 1], "W": np.zeros(2)}, "expected shape"),
    ],
)
def test_points_that_do_not_fit(package, arrays, message):
    np.savez("data.npz", **arrays)
    assert message in run("verify", package, "--points", "data.npz", code=2)


def test_what_cannot_be_verified(package):
    Path("text.npz").write_text("no")
    assert "no .npz file" in run("verify", package, "--points", "text.npz", code=2)
    assert "cannot read" in run("verify", package, "--points", "none.npz", code=2)
    assert "cannot read" in run("verify", "nothing", code=2)
    assert "was not generated" in run("verify", "model.py", code=2)
    run("compile", "model.py", "--only", "forward", "-o", "less")
    assert "no backward pass" in run("verify", "less/small", code=2)
    edit(package / "backward.py", "def backward(", "def backward((")
    assert "SyntaxError" in run("verify", package, code=2)
    # nothing but a kink to look at
    x = "x = sd.input('x', (3,))"
    run("compile", spec(function(x, "x", "sd.relu(x), abs(x)"), "k.py"))
    np.savez("zero.npz", x=np.zeros(3))
    said = run("verify", "build/f", "--points", "zero.npz", "--random", 0, code=2)
    assert "zero.npz lies at a kink" in said


def test_edits_that_break_the_code(package):
    text = (package / "backward.py").read_text("utf-8")
    for old, new, error in (
        ("import numpy as np", "import numpy as np\nundefined", "NameError"),
        ("import numpy as np", "import numpy as np\n1 / 0", "ZeroDivisionError"),
        ("    return {", "    [].pop()\n    return {", "IndexError"),
    ):
        (package / "backward.py").write_text(text.replace(old, new), "utf-8")
        said = run("verify", package, code=2)
        assert re.search(rf"backward.py:\d+: {error}: .*cannot be run as it is", said)
    # of the wrong shape: the planned step cannot take it either
    edited = re.sub(r"d_b = (.*)\.sum\(axis=0\)", r"d_b = \1.sum(axis=1)", text)
    assert edited != text
    (package / "backward.py").write_text(edited, "utf-8")
    said = run("verify", package, code=1)
    assert re.search(r"b .*WRONG at random point 1 of shape", said)
    assert "the planned step cannot be compared" in said


def test_a_folder_with_packages_below_it(package):
    assert "gradients agree" in run("verify", "build")
    assert "compute the same" in run("diff", "build", "build")
    Path("empty").mkdir()
    assert "holds no generated package" in run("verify", "empty", code=2)
    shutil.copytree(package, "build/other")
    said = run("verify", "build", code=2)
    assert "several generated packages" in said
    assert "build/other, build/small" in said


def test_many_parameters_are_looked_at_in_one_direction_each():
    spec(
        "import symdiff as sd\nx = sd.input('x', (sd.dim('N'), 64))\nh = x\n"
        "for i in range(20):\n"
        "    h = h + sd.nn.dense(h, 64, activation='tanh', name=f'layer{i}')\n"
        "model = sd.Model('deep', [x], outputs=h, loss=sd.mean(h * h))\n"
    )
    run("compile", "model.py")
    said = run("verify", "build")
    assert "random point 1\n" in said
    assert said.count("relative error") == 40
    run("verify", "build", "--random", 2, "--directions", 1)


def test_a_wide_layer_is_drawn_where_it_does_not_saturate():
    spec(
        "import symdiff as sd\nx = sd.input('x', (sd.dim('N'), 200))\n"
        "h = sd.nn.dense(x, 200, name='a')\n"
        "model = sd.Model('wide', [x], outputs=h, loss=sd.mean(h * h))\n"
    )
    run("compile", "model.py")
    text = Path("build/wide/__main__.py").read_text("utf-8")
    assert "0.01 * rng.standard_normal((200, 200))" in text
    assert "0.1 * rng.standard_normal((200,))" in text


def test_gradients_by_inputs_that_are_no_identifiers():
    text = SPEC.replace('sd.input("x"', 'sd.input("the x"')
    run("compile", spec(text), "--wrt", "the x", "--wrt", "W")
    assert "the x" in run("verify", "build/small")
