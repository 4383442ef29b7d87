"""Data goes by the names that the user declared, wherever it is handed over by name.

The names are those that generated code cannot use for its own variables: builtins,
keywords, what the templates call theirs, no identifiers, and names that would be equal
as identifiers.
"""

import pickle
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from cli_runs import DECLARED, ENVIRONMENT, MODEL, SCORES, run, spec

import symdiff as sd
from symdiff.compiler.compilation import load_package

NAMES = (
    *("type", "class", "key", "data", "len", "state", "params", "file", "np"),
    *("a b", "a_b", "a.b", "x", "x1", "train/x", "50%", "{x}", "it's", '"', "Ω"),
    *("self", "loss", "name", "arguments", "value", "d_x", "_check", "print"),
)  # fmt: skip
TARGET = "lambda"
ALL = (*NAMES, TARGET)
TEXT = f"""\
import numpy as np
import symdiff as sd

N = sd.dim("N")
leaves = [sd.input(name, (N,)) for name in {NAMES!r}]
target = sd.input({TARGET!r}, (N,), low=-100, high=100)
w = sd.param("w", ({len(NAMES)},), init=0.1)
z = sum((i + 1) * x * w[i] for i, x in enumerate(leaves))
model = sd.Model("hostile", leaves, [target], outputs={{"z": z}},
                 loss=sd.mean((z - target) ** 2), optimizer=sd.optim.SGD(1e-4))
training = sd.Training(epochs=1, batch_size=4)
"""


def rows(count=6, dtype=np.float32):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=count).astype(dtype) for name in ALL}


def save(path, arrays):
    """Write an .npz of arrays of any names."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as out:
                np.lib.format.write_array(out, array)
    return path


@pytest.fixture(scope="module")
def package():
    scope = {}
    exec(TEXT, scope)
    return sd.compile(scope["model"]).load()


def losses(package, data, **options):
    state = package.init_state(package.init_params(0))
    history = package.fit(state, data, epochs=2, batch_size=3, **options)
    return [record["loss"] for record in history]


def test_fit_takes_declared_names(package):
    wanted = losses(package, rows(), shuffle=False)
    assert wanted[1] < wanted[0]
    batches = [{n: a[i : i + 3] for n, a in rows().items()} for i in (0, 3)]
    assert losses(package, lambda epoch: batches) == wanted
    assert losses(package, rows(), shuffle=False, validation=rows(4)) == wanted


def test_tables_and_errors_say_declared_names(package):
    assert tuple(package.train.DATA) == ALL
    assert tuple(package.backward.ARGUMENTS) == ALL
    assert tuple(package.forward.ARGUMENTS) == NAMES
    params = {"w": np.ones(len(NAMES))}
    for i, name in enumerate(ALL):
        wrong = [*rows(dtype=float).values()]
        wrong[i] = np.zeros((2, 2))
        with pytest.raises(ValueError, match=rf"^{re.escape(name)}: expected shape"):
            package.value_and_grad(params, *wrong)
        with pytest.raises(ValueError, match="data must have the keys") as found:
            losses(package, {n: a for n, a in rows().items() if n != name})
        assert repr(name) in str(found.value)


def test_the_numbers_are_those_of_their_names(package):
    data = rows(dtype=float)
    params = {"w": np.linspace(1, 2, len(NAMES))}
    z = sum((i + 1) * data[n] * params["w"][i] for i, n in enumerate(NAMES))
    value, grads = package.value_and_grad(params, *(data[n] for n in ALL))
    assert value == pytest.approx(np.mean((z - data[TARGET]) ** 2), rel=1e-12)
    error = 2 * (z - data[TARGET])
    slope = [np.mean(error * (i + 1) * data[n]) for i, n in enumerate(NAMES)]
    np.testing.assert_allclose(grads["w"], slope, rtol=1e-10)
    assert package.train.evaluate(params, *(data[n] for n in ALL))["loss"] == value


def test_files_of_points_and_values_have_declared_names():
    run("compile", spec(TEXT))
    save("point.npz", {**rows(dtype=float), "w": np.ones(len(NAMES))})
    said = run("verify", "build/hostile", "--points", "point.npz").stdout
    assert "at\n  point.npz" in said
    save("point.npz", {("type_" if n == "type" else n): a for n, a in rows().items()})
    said = run("verify", "build/hostile", "--points", "point.npz", code=2).stderr
    assert (
        "'type_', which is no argument and no parameter; they are type, class" in said
    )
    save("point.npz", rows(dtype=float))
    assert "point.npz" in run("explain", "spec.py", "--values", "point.npz").stdout


def test_the_package_trains_and_checks_itself(tmp_path):
    run("compile", spec(TEXT))
    save("d.npz", rows())

    def python(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "hostile", *arguments],
            cwd="build", env=ENVIRONMENT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "weights: " in python("train", "../d.npz")
    assert "gradients agree" in python()
    said = python("train", "--help")
    assert all(word in said for name in ALL for word in name.split())


def test_every_kind_of_data_that_symdiff_trains_on():
    save("d.npz", rows())
    Path("d.csv").write_text(
        "\n".join([
            ",".join('"' + name.replace('"', '""') + '"' for name in ALL),
            *(",".join(map(str, row)) for row in np.stack([*rows().values()], 1)),
        ]), "utf-8"
    )  # fmt: skip
    columns = []
    for i, (name, array) in enumerate(rows().items()):
        np.save(f"{i}.npy", array)
        columns += ["--data", f"{name}={i}.npy"]
    load = "    held = dict(np.load('d.npz'))\n"
    whole = f"def data():\n{load}    return {{'train': held, 'validation': held}}\n"
    parts = (
        f"def data():\n{load}"
        "    return {'train': lambda epoch: [{n: a[i:i+4] for n, a in held.items()}\n"
        "                                    for i in (0, 4)]}\n"
    )
    found = []
    for text, arguments in (
        (TEXT, ["--data", "d.npz"]),
        (TEXT, ["--data", "d.csv"]),
        (TEXT, columns),
        (TEXT + whole, []),
        (TEXT + parts, []),
    ):
        run("train", spec(text), *arguments)
        found.append(np.load("build/hostile/weights.npz")["w"])
        Path("build/hostile/weights.npz").unlink()
    for weights in found[1:4]:
        np.testing.assert_allclose(weights, found[0], rtol=1e-6)
    assert not np.array_equal(found[4], np.full(len(NAMES), np.float32(0.1)))


TOML = """\
[model]
name = "hostile"

[inputs]
type = { shape = ["N"] }
len = { shape = ["N"] }
data = { shape = ["N"] }

[targets]
key = { shape = ["N"] }

[params]
state = { shape = [] }

[equations]
z = "(type + 2 * len - data) * state"
loss = "mean((z - key) ** 2)"

[outputs]
z = "z"

[optimizer]
kind = "sgd"

[data]
train = "d.npz"
"""


def test_names_of_a_spec_in_toml():
    names = ("type", "len", "data", "key")
    save("d.npz", {n: np.ones(4, np.float32) for n in names})
    run("train", spec(TOML, "spec.toml"))
    assert Path("build/hostile/weights.npz").exists()
    save("d.npz", {f"{n}_": np.ones(4, np.float32) for n in names})
    said = run("train", "spec.toml", code=1).stderr
    assert "d.npz, train: must have the arrays ['type', 'len', 'data', 'key']" in said


# --- python -m NAME train FILE: mistakes are told in words ----------------------------


def _npz(**arrays):
    np.savez("d.npz", **arrays)
    return "d.npz"


X, Y = np.ones((4, 4), np.float32), np.zeros(4, int)
MISTAKES = {
    "no such file": (lambda: ["none.npz"], "none.npz"),
    "a folder": (lambda: ["."], "Is a directory"),
    "a table": (
        lambda: [spec("x,y\n1,2\n", "d.csv")],
        "d.csv is no .npz file; make one by np.savez('d.csv.npz', **{'x': ..., 'y'",
    ),
    "one array": (lambda: np.save("d.npy", X) or ["d.npy"], "d.npy is no .npz file"),
    "a pickle": (
        lambda: Path("d.npz").write_bytes(pickle.dumps({"x": 1})) and ["d.npz"],
        "d.npz is no .npz file",
    ),
    "objects": (
        lambda: [_npz(x=np.array([{}]), y=Y)],
        "d.npz: 'x' cannot be read as an array of numbers: save it anew",
    ),
    "a damaged file": (
        lambda: [_cut(_npz(x=X, y=Y))],
        "d.npz",
    ),
    "other keys": (lambda: [_npz(x=X, z=Y)], "data must have the keys ['x', 'y'], got"),
    "rows": (lambda: [_npz(x=X, y=Y[:3])], "data must have one number of rows"),
    "a shape": (lambda: [_npz(x=X[:, :3], y=Y)], "x: expected shape (N, 4)"),
    "a dtype": (lambda: [_npz(x=X, y=Y + 0.5)], "y: expected int64, got float64"),
    "text": (lambda: [_npz(x=X.astype(str), y=Y)], "x: expected float, got <U"),
    "a range": (lambda: [_npz(x=X, y=Y + 3)], "y: expected values < 3, got 3"),
    "epochs": (lambda: [_npz(x=X, y=Y), "--epochs", "-1"], "epochs"),
    "a batch of 0": (lambda: [_npz(x=X, y=Y), "--batch-size", "0"], "batch_size"),
    "no folder": (
        lambda: [_npz(x=X, y=Y), "-o", "none/w.npz"],
        "-o none/w.npz: there is no folder none",
    ),
}


def _cut(name):
    whole = Path(name).read_bytes()
    middle = whole.index(b"NUMPY") + 60
    Path(name).write_bytes(whole[:middle] + bytes(40) + whole[middle + 40 :])
    return name


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    scope = {}
    exec(DECLARED + SCORES + MODEL, scope)
    folder = tmp_path_factory.mktemp("small")
    path = sd.compile(scope["model"]).write(folder)
    return import_module(f"{load_package('_small_names', path).__name__}.__main__")


@pytest.mark.parametrize(("make", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_of_training_by_the_package_are_told_in_words(
    small, make, said, capsys
):
    assert small.main(["train", *make()]) == 2
    found = capsys.readouterr().err
    assert found.startswith("python -m small train: ")
    assert said in found
    assert found.count("\n") == 1
    assert "allow_pickle" not in found
    assert not Path("weights.npz").exists()
