"""train.py holds what is the model's; the rest is in files that all models share."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import symdiff as sd
from symdiff.ops.core.helpers import HELPERS

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARED = ("_state", "_files", "_fit")
# What train.py may define: all of it reads or changes what this model alone has.
INITIAL = {"init_params", "TrainState", "init_state"}
STEP = {"compute_grads", "apply_update", "train_step", "_planned_step"}
OF_STEP = {"_hyper", "_key", "_within", "averaged_params", "_decay", "_of_whole"}
FORWARD = {"metrics", "evaluate", "divisors", "held_out_divisors"}
LAZY = {"__getattr__", "__dir__"}
OWN = INITIAL | STEP | OF_STEP | FORWARD | LAZY
LINES = 195  # of train.py but for the model's own forward pass and initial values
N = sd.dim("N")


def dense(loss, optimizer=None, dtype="float", metrics=None, layer=lambda h: h):
    """A small model, in one way unlike the others."""
    x, y = sd.input("x", (N, 4), dtype), sd.input("y", (N, 3), dtype)
    W, b = sd.param("W", (4, 3), dtype=dtype), sd.param("b", (3,), "zeros")
    z = layer(x @ W) + b if dtype == "float" else layer(x @ W)
    found = loss(z, y)
    given = {name: make(z, y) for name, make in (metrics or {}).items()}
    optimizer = optimizer or sd.optim.SGD(0.1)
    return sd.Model("m", [x], [y], z, found, metrics=given, optimizer=optimizer)


def of_two_widths():
    x, W = sd.input("x", (N, 4)), sd.param("W", (4, 3), dtype="float64")
    z = sd.cast(x, "float64") @ W
    loss = sd.mean(z**2) + sd.cast(sd.mean(sd.param("b", (3,)) ** 2), "float64")
    return sd.Model("m", [x], [], z, loss, optimizer=sd.optim.Adam(0.1))


def without_rows():
    x, W = sd.input("x", (5, 4)), sd.param("W", (4, 3))
    return sd.Model(
        "m", [x], [], x @ W, sd.sum((x @ W) ** 2), optimizer=sd.optim.SGD(0.1)
    )


MSE = sd.nn.mse
KINDS = {
    "sums": lambda: dense(lambda z, y: sd.sum((z - y) ** 2)),
    "a weighted mean": lambda: dense(
        lambda z, y: sd.sum(sd.abs(y) * z**2) / sd.sum(sd.abs(y))
    ),
    "a mean that batches do not tell": lambda: dense(
        lambda z, y: sd.sqrt(MSE(z, y)), metrics={"size": lambda z, y: sd.max(z)}
    ),
    "averages": lambda: dense(MSE, sd.optim.Adam(0.1, ema=0.9, clip_norm=1.0)),
    "a schedule": lambda: dense(MSE, sd.optim.Adam(sd.optim.schedules.cosine(0.1, 9))),
    "frozen": lambda: dense(MSE, sd.optim.Momentum(0.1, frozen="b", max_norm=1.0)),
    "groups": lambda: dense(MSE, sd.optim.Adam(groups={"b": {"lr": 0.1}})),
    "states": lambda: dense(MSE, layer=lambda h: sd.nn.batch_norm(h, name="n")),
    "draws": lambda: dense(MSE, layer=lambda h: sd.nn.dropout(h, 0.5)),
    "evaluation draws": lambda: dense(
        lambda z, y: MSE(z + sd.random.normal(z.shape), y)
    ),
    "declared widths": lambda: dense(MSE, dtype="float64"),
    "no rows": without_rows,
}


def of_examples():
    """Models of the examples that declare them where they are imported."""
    found = {}
    for path in sorted(EXAMPLES.glob("*.py")):
        if not path.name.startswith("_"):
            names = runpy.run_path(str(path), run_name=path.stem).values()
            models = [m for m in names if isinstance(m, sd.Model) and m.optimizer]
            if models:
                found[path.stem] = models[0]
    return found


@pytest.fixture(scope="module")
def texts():
    """The modules of packages, by example or kind, then by the module's name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYMDIFF_SMALL", "1")
        patch.syspath_prepend(str(EXAMPLES))
        models = of_examples()
    assert len(models) > 10
    models |= {kind: make() for kind, make in KINDS.items()}
    return {
        name: {path.stem: text for path, text in parts(model)}
        for name, model in models.items()
    }


def parts(model):
    files = sd.compile(model).files.items()
    return [(Path(name), text) for name, text in files if name.endswith(".py")]


def defined(text):
    body = ast.parse(text).body
    return {s.name: s for s in body if isinstance(s, (ast.FunctionDef, ast.ClassDef))}


def test_train_has_what_is_the_model_s_alone(texts):
    helpers = {f"_{name}" for name in HELPERS}
    for name, files in texts.items():
        found = defined(files["train"])
        blocks = {n for n in found if n.endswith("_block")}
        assert found.keys() - helpers - blocks <= OWN, name
        own = [
            found[n] for n in found if n in helpers | blocks | FORWARD | {"init_params"}
        ]
        lines = files["train"].count("\n")
        lines -= sum(f.end_lineno - f.lineno + 1 for f in own)
        assert lines <= LINES, name
        assert not re.search(r"\bepochs? in\b|batch_size|\bopen\(", files["train"]), (
            name
        )


def test_shared_files_are_the_same_for_every_model(texts):
    for part in SHARED:
        assert {body(files[part]) for files in texts.values()} == {
            body(texts["digits_mlp"][part])
        }, part


def test_only_the_state_of_several_widths_is_another():
    mine = {path.stem: body(text) for path, text in parts(of_two_widths())}
    others = {path.stem: body(text) for path, text in parts(KINDS["sums"]())}
    assert [part for part in SHARED if mine[part] != others[part]] == ["_state"]
    assert "flat_params" not in mine["_state"]


def body(text):
    """Return a module without its header and the line that tells compilations apart."""
    return re.sub(r"\A(#.*\n)+|^BUILD = .*\n", "", text, flags=re.MULTILINE)


def test_no_function_is_in_two_files_of_training(texts):
    for name, files in texts.items():
        found = [
            function
            for module in ("backward", "train", *SHARED)
            for function in defined(files[module])
        ]
        assert len(found) == len({*found}), (name, sorted(found))


def test_names_stay():
    package = sd.compile(KINDS["averages"]()).load()
    names = "TrainState init_params init_state evaluate compute_grads apply_update"
    names += " train_step averaged_params fit save load save_checkpoint load_checkpoint"
    for name in names.split():
        assert callable(getattr(package.train, name)), name
        assert name in dir(package.train), name
        # fit is looked up when it is asked for: linters call it undefined in __all__
        assert name in package.train.__all__ or name == "fit", name
    for name in ("fit", "save", "load", "train_step", "averaged_params"):
        assert getattr(package, name) is getattr(package.train, name)
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = package.train.fitt


@pytest.mark.parametrize("first", ["train", *SHARED, "__main__"])
def test_files_are_imported_in_any_order(first, tmp_path):
    sd.compile(KINDS["sums"]()).write(tmp_path)
    program = (
        f"import m.{first}; from m.train import fit, save, load; import m.train as t"
    )
    program += "; from m.train import *; import m; assert m.fit is t.fit is fit"
    run(program, tmp_path)


def test_weights_are_read_without_the_step(tmp_path):
    sd.compile(KINDS["sums"]()).write(tmp_path)
    program = "import m, sys; m.load; assert 'm.train' not in sys.modules"
    run(program, tmp_path)


def test_a_file_of_another_compilation_is_refused(tmp_path):
    for part in SHARED:
        sd.compile(KINDS["sums"]()).write(tmp_path)
        other = sd.compile(KINDS["draws"]())[part]
        Path(tmp_path, "m", f"{part}.py").write_text(other)
        said = run("import m; m.fit", tmp_path, code=1)
        assert f"{part}.py is not of the compilation" in said


def test_a_package_without_these_files_is_written_anew(tmp_path):
    whole = sd.compile(KINDS["sums"]())
    sd.compile(KINDS["draws"]()).write(tmp_path)
    for part in SHARED:
        Path(tmp_path, "m", f"{part}.py").unlink()
    whole.write(tmp_path)
    for part in SHARED:
        assert Path(tmp_path, "m", f"{part}.py").read_text() == whole[part]


def test_one_file_has_it_all(texts):
    model = KINDS["averages"]()
    text = sd.compile(model, single_file=True).files["m.py"]
    apart = {path.stem: text for path, text in parts(model)}
    shared = [f for part in SHARED for f in defined(apart[part])]
    assert {*shared, "TrainState", "train_step"} <= defined(text).keys()
    for part in SHARED:
        for name, function in defined(apart[part]).items():
            assert ast.dump(function) == ast.dump(defined(text)[name]), name


def run(program, folder, code=0):
    command = [sys.executable, "-W", "error", "-c", program]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert found.returncode == code, found.stderr
    return found.stderr
