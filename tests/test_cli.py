"""The command line: what it writes and says, and one clear paragraph for errors."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import symdiff as sd
from symdiff.cli import main
from symdiff.cli.building import lines_that_matter
from symdiff.declare.spec import load_spec

ROOT = Path(__file__).parents[1]
DIGITS = ROOT / "examples" / "digits_mlp.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

DECLARED = """\
import numpy as np
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 4))
y = sd.input("y", (N,), dtype="int64", high=3)
"""
SCORES = """\
z = x @ sd.param("W", (4, 3), init="glorot_uniform") + sd.param("b", (3,))
"""
MODEL = """\
model = sd.Model("small", inputs=[x], targets=[y], outputs={"z": z},
                 loss=sd.nn.softmax_cross_entropy(z, y),
                 metrics={"accuracy": sd.nn.accuracy(z, y)},
                 optimizer=sd.optim.Adam(0.05))
training = sd.Training(epochs=3, batch_size=8, seed=1)
"""
DATA = """\
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    x = np.eye(4)[y] + 0.1 * rng.normal(size=(60, 4))
    return {"train": {"x": x[:40], "y": y[:40]}, "test": {"x": x[40:], "y": y[40:]}}
"""
GOOD = DECLARED + SCORES + MODEL + DATA


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def spec(text, name="spec.py"):
    Path(name).write_text(text, "utf-8")
    return name


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def error_of(*arguments, code=1):
    """The error output of a command that must fail, without a traceback."""
    result = run(*arguments, code=code)
    assert "Traceback" not in result.output
    assert "fault of symdiff" not in result.output
    return result.stderr


def python(*arguments, cwd, **options):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )


# --- compile -------------------------------------------------------------------------


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
    assert "no leaf of 'small'" in error_of("compile", "spec.py", "--wrt", "nope")


def test_a_gradient_by_an_input_has_no_training_step():
    run("compile", spec(GOOD), "--wrt", "inputs")
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
    assert "derive, rewrite, expand" in found


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


# --- bad specs -----------------------------------------------------------------------

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
    "data": (GOOD + "data = 3\n", "`data` is a int, 3; it must be a function"),
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


def test_any_character_can_be_shown_on_any_terminal(tmp_path):
    text = (
        GOOD.replace("z = x", "zβ = x").replace("z,", "zβ,").replace('": z}', '": zβ}')
    )
    found = python(
        *("-m", "symdiff", "train", spec(text)),
        cwd=tmp_path,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "latin-1"},
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "d_z\\u03b2.sum(axis=0)" in found.stdout


def test_hostile_parameter_names_compile_to_code_that_checks():
    names = ['"; import os', "W.b", "W_b", "lambda", "''' \\", "np", "d_z", "params"]
    terms = " + ".join(f"x @ sd.param({n!r}, (4, 3), init=1)" for n in names)
    run("compile", spec(f"{DECLARED}z = {terms}\n{MODEL}"))
    found = python("-m", "small", cwd="build")
    assert found.returncode == 0, found.stderr
    assert "gradients agree" in found.stdout


# --- output --------------------------------------------------------------------------


def test_output_below_a_file_cannot_be_written():
    Path("file").write_text("mine")
    found = error_of("compile", spec(GOOD), "-o", "file")
    assert found.startswith("error: cannot write file/small: Not a directory. Choose")
    assert Path("file").read_text() == "mine"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_is_read_only():
    Path("build").mkdir(mode=0o500)
    assert "cannot write" in error_of("compile", spec(GOOD))


@pytest.mark.parametrize("command", ["compile", "train"])
def test_foreign_files_are_left_as_they_are(command):
    mine = Path("build/small/backward.py")
    mine.parent.mkdir(parents=True)
    mine.write_text("print('mine')\n")
    found = error_of(command, spec(GOOD))
    assert "build/small/backward.py exists and was not generated by symdiff" in found
    assert [p.name for p in mine.parent.iterdir()] == ["backward.py"]
    assert mine.read_text() == "print('mine')\n"


def test_a_folder_in_the_place_of_a_module():
    Path("build/small/train.py").mkdir(parents=True)
    assert "is a folder" in error_of("compile", spec(GOOD))


def test_a_spec_is_not_overwritten_by_its_own_single_file():
    found = error_of("compile", spec(GOOD, "small.py"), "--single-file", "-o", ".")
    assert "not generated by symdiff" in found
    assert Path("small.py").read_text() == GOOD


# --- train ---------------------------------------------------------------------------


def weights(path="build/small/weights.npz"):
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_train_says_what_it_did_and_where_things_are():
    said = run("train", spec(GOOD)).stdout
    lines = [line for line in said.splitlines() if line.startswith("epoch")]
    pattern = (
        r"epoch \d/3  loss \d\.\d{4}  accuracy \d\.\d{4}"
        r"  test: loss \d\.\d{4}  accuracy \d\.\d{4}"
    )
    assert len(lines) == 3
    assert all(re.fullmatch(pattern, line) for line in lines)
    assert "examples: train 40, test 20" in said
    assert re.search(r"held out \(test\): loss \d\.\d{4}  accuracy \d\.\d{4}", said)
    assert "build/small/weights.npz" in said
    assert "build/small/" in said
    assert said.rstrip().endswith("}")  # the gradients that backward returns
    assert "d_z[np.arange(N), y] -= 1" in said
    assert {k: v.dtype for k, v in weights().items()} == {
        "W": "float32",
        "b": "float32",
    }


def test_training_is_repeatable_and_options_override_the_spec():
    spec(GOOD)
    run("train", "spec.py")
    first = weights()
    run("train", "spec.py", "-o", "again")
    again = weights("again/small/weights.npz")
    assert all(np.array_equal(first[k], again[k]) for k in first)
    said = run(
        "train", "spec.py", "--epochs", 1, "--batch-size", 40, "--seed", 5
    ).stdout
    assert "Training(epochs=1, batch_size=40, seed=5, shuffle=True)" in said
    assert "trained 1 steps" in said
    assert not np.array_equal(first["W"], weights()["W"])


@pytest.mark.parametrize("level", [0, 1])
def test_every_level_trains_to_the_same_weights(level):
    run("train", spec(GOOD), "-O", level)
    found = weights()
    run("train", "spec.py", "-o", "planned")
    expected = weights("planned/small/weights.npz")
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-6)


def test_no_epochs_leave_initial_weights():
    assert "trained 0 steps" in run("train", spec(GOOD), "--epochs", 0).stdout
    assert not weights()["b"].any()


def test_without_held_out_data_it_says_so():
    text = re.sub(r', "test": .*', "}", GOOD)
    said = run("train", spec(text)).stdout
    assert "held out: nothing; data() has only 'train'" in said


def test_validation_is_watched_and_test_is_told_at_the_end():
    text = GOOD.replace('"test": {"x": x[40:]', '"test": {"x": x[40:], "y": y[40:]}, '
                        '"validation": {"x": x[40:]')  # fmt: skip
    said = run("train", spec(text)).stdout
    assert said.count("  validation: loss") == 3
    assert "held out (validation)" in said
    assert "held out (test)" in said


def test_dropout_and_a_regression():
    text = """\
z = sd.nn.dense(sd.nn.dropout(sd.nn.dense(x, 8, "tanh", name="a"), 0.5), 1, name="b")
t = sd.input("t", (N, 1))
model = sd.Model("noisy", inputs=[x], targets=[t], outputs=z, loss=sd.nn.mse(z, t),
                 optimizer=sd.optim.Momentum(0.01))
training = sd.Training(epochs=2)
def data():
    x = np.random.default_rng(0).normal(size=(50, 4))
    return {"train": {"x": x, "t": x[:, :1]}, "validation": {"x": x, "t": x[:, :1]}}
"""
    run("train", spec(DECLARED + text), "--seed", 3)
    first = weights("build/noisy/weights.npz")
    run("train", "spec.py", "--seed", 3)
    again = weights("build/noisy/weights.npz")
    assert all(np.array_equal(first[k], again[k]) for k in first)


def test_names_that_are_no_identifiers_are_keys_of_the_data():
    text = GOOD.replace('sd.input("x"', 'sd.input("the pixels"')
    text = text.replace('{"x":', '{"the pixels":')
    assert "held out" in run("train", spec(text)).stdout


NOT_TRAINABLE = {
    "function": (
        DECLARED + "model = sd.Function('small', [x], 2 * x)\n" + DATA,
        "is an sd.Function, which has no loss",
    ),
    "no optimizer": (
        re.sub(r",\n *optimizer=.*", ")", GOOD),
        "has no optimizer=, so it cannot be trained",
    ),
    "no loss": (
        DECLARED + SCORES + "model = sd.Model('small', inputs=[x], outputs=z)\n",
        "has no loss= and no optimizer=",
    ),
    "no data": (DECLARED + SCORES + MODEL, "has no data()"),
}
RETURNED = {
    "raises": (
        "raise ValueError('none today')",
        "spec.py:15: data() raised ValueError",
    ),
    "None": ("return None", "data() must return a dict with the key 'train', got None"),
    "no train": ("return {'test': {}}", "with the key 'train', got the keys ['test']"),
    "unknown split": ("return {'train': {}, 'dev': {}}", "unknown key 'dev'"),
    "a list": ("return {'train': [1, 2]}", "['train'] must be a dict of arrays"),
    "keys": (
        "return {'train': {'x': 1, 'z': 2}}",
        "must have the keys ['x', 'y']: missing ['y'], unexpected ['z']",
    ),
    "scalars": ("return {'train': {'x': 1.0, 'y': 1}}", "['x'] is a single number"),
    "ragged": ("return {'train': {'x': [[1.0], [1.0, 2.0]], 'y': [0, 1]}}", "no array"),
    "objects": ("return {'train': {'x': [[None]], 'y': [0]}}", "has dtype object"),
    "strings": ("return {'train': {'x': [['a']], 'y': [0]}}", "has dtype <U1"),
    "lengths": (
        "return {'train': {'x': np.ones((5, 4)), 'y': [0, 1]}}",
        "one number of rows, 1 or more, got {'x': 5, 'y': 2}",
    ),
    "no rows": (
        "return {'train': {'x': np.ones((0, 4)), 'y': np.zeros(0, int)}}",
        "one number of rows, 1 or more",
    ),
    "shape": (
        "return {'train': {'x': np.ones((2, 5)), 'y': [0, 1]}}",
        "x: expected shape (N, 4), got (2, 5)",
    ),
    "kind": (
        "return {'train': {'x': np.ones((2, 4)), 'y': [0.0, 1.0]}}",
        "y: expected int, got float",
    ),
    "range": (
        "return {'train': {'x': np.ones((20, 4)), 'y': [0] * 19 + [3]}}",
        "data()['train'] (rows 16 to 20): y: expected values < 3, got 3",
    ),
    "held out": (
        "return {k: {'x': np.ones((1, 4)), 'y': [v]} for k, v in PARTS}",
        "data()['test']: y: expected values >= 0, got -1",
    ),
}


@pytest.mark.parametrize(("text", "message"), NOT_TRAINABLE.values(), ids=NOT_TRAINABLE)
def test_what_cannot_be_trained(text, message):
    found = error_of("train", spec(text))
    assert message in found
    assert found.startswith("error: spec.py")


@pytest.mark.parametrize(("body", "message"), RETURNED.values(), ids=RETURNED)
def test_data_that_does_not_fit(body, message):
    text = DECLARED + SCORES + MODEL
    text += f"PARTS = [('train', 0), ('test', -1)]\ndef data():\n    {body}\n"
    found = error_of("train", spec(text))
    assert message in found
    assert "spec.py" in found
    assert not Path("build/small/weights.npz").exists()


def test_a_loss_that_becomes_nan_stops_and_saves_nothing():
    text = GOOD.replace("0.1 * rng.normal", "np.inf * rng.normal")
    found = error_of("train", spec(text))
    assert "the loss became nan in epoch 1" in found
    assert not Path("build/small/weights.npz").exists()


def test_weights_that_are_no_weights_are_left_as_they_are():
    path = Path("build/small/weights.npz")
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert "holds no weights; it is left as it is" in error_of("train", spec(GOOD))
    assert path.read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interruption_saves_whole_steps(tmp_path):
    text = GOOD.replace(
        "def data():\n",
        "import os, signal, threading\n"
        "def data():\n"
        "    interrupt = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "    threading.Timer(0.5, interrupt).start()\n",
    )
    found = python(
        *("-m", "symdiff", "train", spec(text), "--epochs", 1_000_000),
        cwd=tmp_path,
        env=ENVIRONMENT,
    )
    assert found.returncode == 130, found.stderr
    assert found.stderr == ""
    (steps,) = re.findall(
        r"interrupted in epoch \d+: the weights after (\d+) whole steps are saved",
        found.stdout,
    )
    assert int(steps) > 0
    assert "held out (test)" in found.stdout
    assert np.isfinite(weights()["W"]).all()


def test_the_digits_reach_97_percent():
    said = run("train", DIGITS).stdout
    (accuracy,) = re.findall(r"held out \(test\): loss \S+  accuracy (\S+)", said)
    assert float(accuracy) >= 0.97


def test_the_lines_that_matter_begin_with_a_heading():
    text = "x = 1\n\n\ndef backward(params):\n    a\n    # one\n    d = 2\n\n\ndef f():"
    assert lines_that_matter(text).splitlines() == ["# one", "d = 2"]


def test_many_lines_do_not_push_the_summary_out_of_sight(monkeypatch):
    assert "that matter:" in run("train", spec(GOOD)).stdout
    monkeypatch.setattr("symdiff.cli.building.SHOWN", 2)
    said = run("train", spec(GOOD)).stdout
    assert "that matter" not in said
    assert said.rstrip().splitlines()[-1].startswith("check its gradients: ")
