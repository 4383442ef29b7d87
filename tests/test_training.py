"""`symdiff train` and the generated `fit`: every option, and inputs that are wrong."""

import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

import symdiff as sd
from symdiff.cli import main
from symdiff.training.curve import history_text, sketch, svg

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
posix = pytest.mark.skipif(os.name == "nt", reason="signals")

MODEL = """\
import numpy as np
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 4))
y = sd.input("y", (N,), dtype="int64", high=3)
z = x @ sd.param("W", (4, 3), init="glorot_uniform") + sd.param("b", (3,))
model = sd.Model("small", inputs=[x], targets=[y], outputs={"z": z},
                 loss=sd.nn.softmax_cross_entropy(z, y),
                 metrics={"accuracy": sd.nn.accuracy(z, y)},
                 optimizer=sd.optim.Adam(0.05))
training = sd.Training(epochs=3, batch_size=8, seed=1)
"""
DATA = """\
def rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    return {"x": (np.eye(4)[y] + 0.1 * rng.normal(size=(60, 4))), "y": y}
def data():
    return {"train": rows()}
"""
GOOD = MODEL + DATA


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def spec(text=GOOD, name="spec.py"):
    Path(name).write_text(text, "utf-8")
    return name


def train(*options, text=GOOD, code=0):
    result = CliRunner().invoke(main, ["train", spec(text), *map(str, options)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert "fault of symdiff" not in result.output
    return result.stdout if code == 0 else result.stderr


def weights(path="build/small/weights.npz"):
    return Path(path).read_bytes()


def rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    return {"x": np.eye(4)[y] + 0.1 * rng.normal(size=(60, 4)), "y": y}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The generated package of the model, in a folder of its own."""
    folder = tmp_path_factory.mktemp("package")
    path = folder / "spec.py"
    path.write_text(GOOD, "utf-8")
    result = CliRunner().invoke(main, ["compile", str(path), "-o", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def module():
    names = {}
    exec(MODEL, names)
    return sd.compile(names["model"]).load().train


def fresh(module, seed=0):
    return module.init_state(module.init_params(seed), seed)


# --- data ----------------------------------------------------------------------------


def table(header=True, columns=("x0", "x1", "x2", "x3")):
    data = rows()
    lines = [",".join([*columns, "y"])] if header else []
    lines += [
        ",".join([*(repr(float(v)) for v in x), str(y)])
        for x, y in zip(data["x"], data["y"], strict=True)
    ]
    return "\n".join(lines) + "\n"


def write_npz():
    np.savez("d.npz", **rows())
    return ["--data", "d.npz"]


def write_npy():
    data = rows()
    np.save("images.npy", data["x"])
    np.save("y.npy", data["y"])
    return ["--data", "x=images.npy", "--data", "y.npy"]


def write_csv():
    Path("d.csv").write_text(table())
    return ["--data", "d.csv"]


def write_bare_csv():
    Path("d.csv").write_text(table(header=False))
    return ["--data", "d.csv"]


def write_named_csv():
    """One argument takes the columns that no other does."""
    Path("d.csv").write_text(table(columns=("height", "width", "depth", "age")))
    return ["--data", "d.csv"]


def write_gz():
    Path("d.csv.gz").write_bytes(gzip.compress(table().encode()))
    return ["--data", "d.csv.gz"]


@pytest.mark.parametrize(
    "write",
    [write_npz, write_npy, write_csv, write_bare_csv, write_named_csv, write_gz],
)
def test_data_from_files_trains_to_the_same_bytes(write):
    """Rows of .npy files are read from disk, batch by batch, in the same order."""
    train()
    expected = weights()
    assert "examples: train 60" in train(*write(), text=MODEL)
    assert weights() == expected
    train("--validation-split", 0.25, text=GOOD)
    expected = weights()
    train(*write(), "--validation-split", 0.25, text=MODEL)
    assert weights() == expected


def test_an_npz_may_hold_what_is_held_out():
    data = rows()
    parts = {"train": slice(0, 40), "validation": slice(40, 50), "test": slice(50, 60)}
    arrays = {f"{p}/{k}": a[s] for p, s in parts.items() for k, a in data.items()}
    np.savez("d.npz", **arrays)
    said = train("--data", "d.npz", text=MODEL)
    assert "examples: train 40, validation 10, test 10" in said
    assert "held out (validation)" in said
    assert "held out (test)" in said


def test_functions_give_batches():
    """Iterables larger than memory: any split may be a function of the epoch."""
    text = MODEL + DATA.replace('"train": rows()', '"train": batches, "test": batches')
    text += """\
def batches(epoch):
    d = rows()
    order = np.random.default_rng([1, epoch]).permutation(60)
    for i in range(0, 60, 8):
        yield {k: a[order[i:i + 8]] for k, a in d.items()}
"""
    train()
    expected = weights()
    said = train(text=text)
    assert weights() == expected
    assert "examples: train in batches, test in batches" in said
    assert "held out (test): loss" in said
    assert "comes in batches" in train("--validation-split", 0.5, text=text, code=1)


BATCHES = {
    "raises": ("yield 1 / 0", "data()['train'] raised ZeroDivisionError"),
    "no dict": ("yield [1]", "['train'] must be a dict of arrays"),
    "keys": ("yield {'x': 1}", "missing ['y']"),
    "none": ("yield from ()", "data has no rows"),
    "not iterable": ("return 3", "data()['train'] raised TypeError"),
    "shape": (
        "yield {'x': np.ones((2, 5)), 'y': [0, 1]}",
        "x: expected shape (N, 4), got (2, 5)",
    ),
    "strings": ("yield {'x': ['a'], 'y': [0]}", "'x' has dtype <U1"),
}


@pytest.mark.parametrize(("body", "message"), BATCHES.values(), ids=BATCHES)
def test_batches_that_do_not_fit(body, message):
    text = (
        MODEL + f"def data():\n    return {{'train': f}}\ndef f(epoch):\n    {body}\n"
    )
    found = train(text=text, code=1)
    assert message in found
    assert found.startswith("error: spec.py")


def put(name, content):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


WRONG_FILES = {
    "kind": (lambda: put("d.txt", ""), "expected .npz, .csv"),
    "none": (lambda: "none.npz", "cannot read none.npz: No such file"),
    "damaged": (lambda: put("d.npz", "no"), "d.npz holds no arrays"),
    "no rows": (lambda: put("d.csv", "x,y\n"), "d.csv has no rows"),
    "words": (
        lambda: put("d.csv", "x0,x1,x2,x3,y\n1,2,3,4,a\n"),
        "no table of numbers",
    ),
    "ragged": (lambda: put("d.csv", "1,2,3,4,0\n1,2\n"), "no table of numbers"),
    "columns": (lambda: put("d.csv", "1,2,3\n"), "needs 4 for x, 1 for y"),
    "names": (
        lambda: put("d.csv", "x0,x1,y\n1,2,0\n"),
        "has the columns 2 for x, 1 for y; the model needs 4 for x",
    ),
    "fractions": (lambda: put("d.csv", "1,2,3,4,0.5\n"), "y must hold whole numbers"),
    "no utf-8": (lambda: put("d.csv", b"\xff\xfe1"), "cannot read d.csv"),
    "gzip": (lambda: put("d.csv.gz", "no"), "cannot read d.csv.gz"),
    "pickle": (
        lambda: np.savez("d.npz", x=np.array([None])) or "d.npz",
        "x cannot be read: Object arrays cannot be loaded",
    ),
    "keys": (lambda: np.savez("d.npz", x=1) or "d.npz", "missing ['y']"),
    "one npy": (lambda: np.save("x.npy", rows()["x"]) or "x.npy", "missing ['y']"),
    "range": (
        lambda: np.savez("d.npz", x=np.ones((2, 4)), y=[0, 3]) or "d.npz",
        "y: expected values < 3, got 3",
    ),
}


@pytest.mark.parametrize(("make", "message"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_files_that_do_not_fit(make, message):
    assert message in train("--data", make(), text=MODEL, code=1)


# --- settings ------------------------------------------------------------------------

WRONG_OPTIONS = {
    "no validation": (["--patience", 2], "val_loss needs rows that are held out"),
    "split": (["--validation-split", 1.5], "must be 0 or more and below 1"),
    "small split": (["--validation-split", 0.001], "leaves 60 of 60 rows"),
    "monitor": (
        ["--patience", 2, "--monitor", "val_f1", "--mode", "max"],
        "'val_f1' is none of loss, accuracy, val_loss, val_accuracy",
    ),
    "mode": (
        ["--patience", 2, "--monitor", "accuracy"],
        "needs mode='min' or mode='max'",
    ),
    "history": (["--history", "h.txt"], "h.txt must end in .csv or .json"),
    "plot": (["--plot", "p.png"], "p.png must end in .svg"),
    "weights": (["--weights", "w.pt"], "must end in .npz or .safetensors"),
    "folder": (["--plot", "no/p.svg"], "no is no folder"),
    "a folder": (["--history", "d.csv"], "d.csv is a folder"),
}


@pytest.mark.parametrize(
    ("options", "message"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS
)
def test_options_that_make_no_sense(options, message):
    Path("d.csv").mkdir()
    assert message in train(*options, code=1)


def test_a_split_beside_validation_data_is_refused():
    text = GOOD.replace('"train": rows()', '"train": rows(), "validation": rows()')
    assert "has 'validation' already" in train(
        "--validation-split", 0.5, text=text, code=1
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"patience": 0},
        {"patience": 1.5},
        {"accumulate": 0},
        {"validation_split": 1},
        {"validation_split": "a"},
        {"mode": "best"},
        {"monitor": 3},
        {"shuffle": 1},
        {"patience": 3, "monitor": "val_accuracy"},
        {"plateau": {"factor": 0.5}},
        {"plateau": {"factor": 2, "patience": 1}},
        {"plateau": {"factor": 0.5, "patience": 0}},
        {"plateau": 3},
    ],
)
def test_settings_are_checked(arguments):
    with pytest.raises(sd.DeclarationError, match="Training"):
        sd.Training(**arguments)


def test_settings_show_what_was_chosen():
    found = repr(sd.Training(epochs=3, patience=2))
    assert (
        found == "Training(epochs=3, batch_size=32, seed=0, shuffle=True, patience=2)"
    )


def test_patience_ends_early_and_the_best_weights_come_back():
    """With a huge learning rate the first epochs are the best."""
    text = GOOD.replace("Adam(0.05)", "SGD(300.0)")
    options = ["--validation-split", 0.3, "--patience", 2, "--epochs", 40]
    said = train(*options, "--history", "h.json", text=text)
    history = json.loads(Path("h.json").read_text())
    values = [r["val_loss"] for r in history]
    best = int(np.argmin(values))
    assert len(values) == best + 3 < 40
    assert f"the weights are those after epoch {best + 1}" in said
    (held,) = re.findall(r"held out \(validation\): loss (\S+)", said)
    assert float(held) == pytest.approx(values[best], rel=1e-3)
    train(*options[:2], "--epochs", best + 1, "--weights", "w.npz", text=text)
    assert weights("w.npz") == weights()


def test_a_monitor_may_be_raised(module):
    """The first of the best accuracies is kept, not the first of the worst."""
    state = fresh(module)
    history = module.fit(
        *(state, rows()),
        validation=rows(),
        patience=3,
        monitor="val_accuracy",
        mode="max",
        epochs=50,
    )
    values = [r["val_accuracy"] for r in history]
    assert max(values) == module.evaluate(state.params, **_float32(rows()))["accuracy"]
    assert len(values) == values.index(max(values)) + 4


def _float32(data):
    return {"x": np.float32(data["x"]), "y": data["y"]}


@pytest.fixture(autouse=True)
def _float32_rows(request, monkeypatch):
    """Tests of fit itself give what the parameters have: float32."""
    if "module" in request.fixturenames:
        original = rows
        monkeypatch.setitem(globals(), "rows", lambda: _float32(original()))


def test_plateaus_lower_the_learning_rate(module):
    state = fresh(module)
    x = rows()
    history = module.fit(
        state, x, plateau={"factor": 0.5, "patience": 2}, monitor="loss", epochs=60
    )
    losses = [r["loss"] for r in history]
    rate, best, flat = 0.05, np.inf, 0
    for loss in losses:
        flat = 0 if loss < best else flat + 1
        best = min(best, loss)
        if flat == 2:
            rate, flat = rate / 2, 0
    assert state.hyper["lr"] == rate
    text = GOOD.replace("Adam(0.05)", "SGD(300.0)").replace(
        "seed=1", "seed=1, monitor='loss', plateau={'factor': 0.1, 'patience': 1}"
    )
    assert "lr is now 30" in train("--epochs", 10, text=text)


WRONG_FIT = {
    "patience": {"patience": 0},
    "no validation": {"patience": 3},
    "mode": {"patience": 3, "monitor": "accuracy"},
    "monitor": {"patience": 3, "monitor": "f1", "mode": "min"},
    "plateau": {"plateau": {"factor": 0.5}, "monitor": "loss"},
    "factor": {"plateau": {"factor": 5, "patience": 1}, "monitor": "loss"},
    "epochs": {"epochs": -1},
    "batch_size": {"batch_size": 0},
    "validation": {"validation": lambda epoch: []},
}


@pytest.mark.parametrize("settings", WRONG_FIT.values(), ids=WRONG_FIT)
def test_fit_refuses_what_makes_no_sense(module, settings):
    with pytest.raises(ValueError, match=r"."):
        module.fit(fresh(module), rows(), **settings)


@pytest.mark.parametrize("data", [3, [1], {"x": 1, "y": 2}, {"x": np.ones((2, 4))}])
def test_fit_refuses_what_is_no_data(module, data):
    with pytest.raises((TypeError, ValueError), match=r"data|expected arrays"):
        module.fit(fresh(module), data)


def test_callbacks_see_steps_and_epochs_and_may_stop(module):
    seen = []
    history = module.fit(
        *(fresh(module), rows()),
        batch_size=25,
        epochs=5,
        callback=lambda epoch, step, steps, found: seen.append((epoch, step, steps)),
        after_epoch=lambda record: seen.append(record) or record["epoch"] == 1,
    )
    assert len(history) == 2
    assert seen[:4] == [(0, 0, 3), (0, 1, 3), (0, 2, 3), history[0]]


def test_accumulation_gives_the_gradient_of_the_whole_batch(module):
    one, parts = fresh(module), fresh(module)
    module.fit(one, rows(), epochs=2, batch_size=20)
    module.fit(parts, rows(), epochs=2, batch_size=20, accumulate=4)
    assert one.step == parts.step
    np.testing.assert_allclose(one.flat_params, parts.flat_params, rtol=1e-4, atol=1e-6)


def test_weights_of_samples_are_an_input():
    """What has no weight is not learnt from: as if it were not there."""
    text = MODEL.replace(
        "model = sd.Model", 'w = sd.input("w", N)\nmodel = sd.Model'
    ).replace("targets=[y]", "targets=[y, w]")
    text = text.replace(
        "loss=sd.nn.softmax_cross_entropy(z, y)",
        "loss=sd.sum(w * sd.nn.softmax_cross_entropy(z, y, 'none')) / sd.sum(w)",
    )
    text += DATA.replace(
        '"train": rows()', '"train": {**rows(), "w": np.arange(60.) < 30}'
    ).replace("np.arange(60.) < 30", "(np.arange(60) < 30) * 1.0")
    text = text.replace("batch_size=8", "batch_size=60, shuffle=False")
    train(text=text)
    with np.load("build/small/weights.npz") as file:
        found = file["W"]
    half = GOOD.replace(
        '"train": rows()', '"train": {k: a[:30] for k, a in rows().items()}'
    )
    train(text=half.replace("batch_size=8", "batch_size=60, shuffle=False"))
    with np.load("build/small/weights.npz") as file:
        np.testing.assert_allclose(found, file["W"], rtol=1e-5)


# --- what is written -----------------------------------------------------------------


def test_history_and_plot():
    said = train("--history", "h.csv", "--plot", "p.svg", "--validation-split", 0.2)
    assert "written: h.csv" in said
    assert "written: p.svg" in said
    header, *lines = Path("h.csv").read_text().splitlines()
    assert header == "epoch,loss,accuracy,val_loss,val_accuracy"
    assert [line.split(",")[0] for line in lines] == ["0", "1", "2"]
    train("--history", "h.json", "--validation-split", 0.2)
    history = json.loads(Path("h.json").read_text())
    assert [list(map(float, line.split(","))) for line in lines] == [
        list(map(float, record.values())) for record in history
    ]
    root = ElementTree.fromstring(Path("p.svg").read_text())
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert f"loss {history[-1]['loss']:.4g}" in texts
    assert len([e for e in root.iter() if e.tag.endswith("polyline")]) == 2


def curve(values, **more):
    return [
        {"epoch": i, "loss": v, **{k: vs[i] for k, vs in more.items()}}
        for i, v in enumerate(values)
    ]


@pytest.mark.parametrize(
    "history",
    [
        [],
        curve([1.0]),
        curve([2.0, 2.0]),
        curve([np.nan, np.inf]),
        curve([1e9, 1e-9, 1.0]),
        curve([-1.0, 0.0, 1.0], val_loss=[np.nan, 2.0, 1.0]),
        curve(list(np.exp(-np.arange(500) / 50))),
    ],
)
def test_any_history_can_be_drawn(history):
    root = ElementTree.fromstring(svg(history, "a < b & c"))
    for e in root.iter():
        for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", e.get("points", "")):
            assert 0 <= float(x) <= 640
            assert 0 <= float(y) <= 400
    for encoding in ("utf-8", "ascii"):
        text = sketch(history, encoding)
        text.encode(encoding)
        assert all(len(line) < 100 for line in text.splitlines())
    assert json.loads(history_text(history, "json")) == json.loads(
        json.dumps(history).replace("NaN", "null").replace("Infinity", "null")
    )
    assert len(history_text(history, "csv").splitlines()) == len(history) + 1


def test_a_falling_curve_falls():
    lines = sketch(curve([5.0, 4.0, 3.0, 2.0, 1.0]), "ascii").splitlines()
    assert lines[0].startswith("5 |*")
    assert lines[5].startswith("1 |")
    assert lines[5].rstrip().endswith("*")
    assert [line.index("*") for line in lines[:6]] == sorted(
        line.index("*") for line in lines[:6]
    )


def test_weights_that_are_no_safetensors_are_left_as_they_are():
    train("--weights", "w.safetensors")
    train("--weights", "w.safetensors")  # over its own
    Path("other.safetensors").write_text("mine")
    assert "holds no weights" in train("--weights", "other.safetensors", code=1)
    assert Path("other.safetensors").read_text() == "mine"


@pytest.mark.oracle
def test_weights_as_safetensors():
    train("--weights", "w.safetensors")
    train("--weights", "w.npz")
    library = pytest.importorskip("safetensors.numpy", reason="extra [oracles]")
    found = library.load_file("w.safetensors")
    with np.load("w.npz") as file:
        assert {k: v.tobytes() for k, v in found.items()} == {
            k: file[k].tobytes() for k in file.files
        }


def test_safetensors_from_elsewhere_can_be_loaded(module):
    """The format, written by hand: a length, JSON, little-endian bytes."""
    params = module.init_params(3)
    header = {
        "b": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]},
        "__metadata__": {"format": "np"},
        "W": {"dtype": "F32", "shape": [4, 3], "data_offsets": [12, 60]},
    }
    text = json.dumps(header).encode()
    body = params["b"].astype("<f4").tobytes() + params["W"].astype("<f4").tobytes()
    put("w.safetensors", len(text).to_bytes(8, "little") + text + body)
    found = module.load("w.safetensors")
    assert all(np.array_equal(found[k], params[k]) for k in params)


# --- checkpoints ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_going_on_gives_the_bytes_of_a_run_that_was_not_interrupted(kind):
    options = ["--validation-split", 0.3, "--patience", 3, "--weights"]
    train(*options, "whole.npz", "--epochs", 6, "--checkpoint", f"w.{kind}")
    train(*options, "parts.npz", "--epochs", 2, "--checkpoint", f"c.{kind}")
    resume = ["--resume", "--checkpoint", f"c.{kind}", "--history", "h.csv"]
    said = train(*options, "parts.npz", "--epochs", 6, *resume)
    assert f"going on from c.{kind}, after epoch 2" in said
    assert weights("parts.npz") == weights("whole.npz")
    assert weights(f"c.{kind}") == weights(f"w.{kind}")
    assert len(Path("h.csv").read_text().splitlines()) == 7
    said = train(*options, "again.npz", "--epochs", 6, *resume)
    assert "the checkpoint has all 6 epochs" in said
    assert weights("again.npz") == weights("whole.npz")


def test_resume_begins_where_there_is_nothing_to_go_on_from():
    said = train("--resume")
    assert "going on" not in said
    assert Path("build/small/checkpoint.npz").exists()
    assert "going on from build/small/checkpoint.npz, after epoch 3" in train(
        "--resume"
    )


def test_going_on_without_patience_keeps_the_last_weights(module):
    """The best weights of a run that had patience are not brought back later."""
    options = {"validation": rows(), "checkpoint": "c.npz"}
    module.fit(fresh(module), rows(), epochs=2, patience=5, **options)
    state, whole = fresh(module), fresh(module)
    module.fit(state, rows(), epochs=4, **options)
    module.fit(whole, rows(), epochs=4)
    assert np.array_equal(state.flat_params, whole.flat_params)


def test_a_run_that_ended_early_stays_ended():
    text = GOOD.replace("Adam(0.05)", "SGD(300.0)")
    options = ["--validation-split", 0.3, "--patience", 1, "--epochs", 40, "--resume"]
    train(*options, text=text)
    before = weights()
    assert "training had ended after epoch" in train(*options, text=text)
    assert weights() == before


def test_a_checkpoint_is_not_begun_anew_by_mistake():
    train("--checkpoint", "c.npz")
    before = weights("c.npz")
    assert "add --resume to go on from it" in train("--checkpoint", "c.npz", code=1)
    assert weights("c.npz") == before


OTHER = {
    "cut": (lambda old: old[: len(old) // 2], GOOD, [], "is damaged"),
    "empty": (lambda old: b"", GOOD, [], "is damaged"),
    "flipped": (
        lambda old: old[:400] + bytes([old[400] ^ 1]) + old[401:],
        GOOD,
        [],
        "is damaged",
    ),
    "model": (bytes, GOOD.replace("(4, 3)", "(4, 3)").replace("z, y)", "2 * z, y)", 1),
              [], "is of another model or optimiser"),
    "optimiser": (bytes, GOOD.replace("Adam", "SGD"), [], "another model or optimiser"),
    "rate": (bytes, GOOD.replace("0.05", "0.5"), [], "another model or optimiser"),
    "seed": (bytes, GOOD, ["--seed", 3], "of a run with"),
    "batch": (bytes, GOOD, ["--batch-size", 5], "'batch_size': 5"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text", "more", "message"), OTHER.values(), ids=OTHER
)
def test_checkpoints_that_cannot_be_gone_on_from(change, text, more, message):
    """One clear error, and the file stays as it is."""
    train("--checkpoint", "c.npz")
    wrong = change(weights("c.npz"))
    put("c.npz", wrong)
    found = train("--checkpoint", "c.npz", "--resume", *more, text=text, code=1)
    assert message in found
    assert "It is left as it is" in found
    assert weights("c.npz") == wrong


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_damage_is_noticed_and_changes_nothing(module, kind):
    """Cut anywhere, or with any byte changed: refused, or exactly what was saved."""
    saved = fresh(module, 1)
    module.fit(saved, rows(), epochs=1, checkpoint=f"c.{kind}")
    good = weights(f"c.{kind}")
    rng = np.random.default_rng(0)
    wrong = [good[:n] for n in rng.integers(0, len(good), 40)]
    wrong += [
        good[:i] + bytes([good[i] ^ (1 << int(i) % 8)]) + good[i + 1 :]
        for i in rng.integers(0, len(good), 80)
    ]
    refused = 0
    for content in wrong:
        put(f"bad.{kind}", content)
        state = fresh(module, 2)
        before = state.flat_params.copy()
        said = ""
        try:
            module.load_checkpoint(f"bad.{kind}", state)
        except ValueError as error:
            said = str(error)
            refused += 1
        expected = before if said else saved.flat_params
        assert np.array_equal(state.flat_params, expected)
        assert not said or f"bad.{kind}" in said
    assert refused > 80


def test_a_failed_save_leaves_the_old_file(module, monkeypatch):
    module.save("w.npz", module.init_params(0))
    old = weights("w.npz")

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        module.save("w.npz", module.init_params(1))
    assert weights("w.npz") == old
    assert [p.name for p in Path().iterdir()] == ["w.npz"]


# --- killed and gone on --------------------------------------------------------------

CHILD = """\
import os, signal, sys
import numpy as np
sys.path.insert(0, {folder!r})
from small import train
def kill(name, at, when):
    if not name:
        return
    real, calls = getattr(os, name), [0]
    def wrapper(*arguments):
        calls[0] += 1
        if calls[0] == at and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments)
        if calls[0] == at and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(os, name, wrapper)
rng = np.random.default_rng(0)
data = {{"x": rng.normal(size=(96, 4)).astype(np.float32), "y": rng.integers(0, 3, 96)}}
held = {{k: a[:20] for k, a in data.items()}}
state = train.init_state(train.init_params(0))
kill(*{kill!r})
train.fit(state, data, epochs={epochs}, batch_size=4, validation=held, patience=1000,
          plateau={{"factor": 0.9, "patience": 1}}, checkpoint="c.npz")
train.save("w.npz", state.params)
"""


def child(folder, package, kill=("", 0, ""), epochs=60):
    text = CHILD.format(folder=str(package), kill=kill, epochs=epochs)
    return subprocess.Popen([sys.executable, "-c", text], cwd=folder)


def killed_and_gone_on(folder, package, rng, duration):
    """Kill a run at random moments, starting it again till it ends; count the kills."""
    folder.mkdir()
    kills = 0
    while True:
        process = child(folder, package)
        try:
            if kills < 4:
                process.wait(rng.uniform(0.2, 1.0) * duration)
            else:
                process.wait()
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0
        return kills


def never_killed(folder, package):
    start = time.monotonic()
    assert child(folder, package).wait() == 0
    return (folder / "w.npz").read_bytes(), time.monotonic() - start


def repeated(tmp_path, package, times):
    """Kill so many runs, and more if most ended before their turn; count the kills."""
    expected, duration = never_killed(tmp_path, package)
    rng = np.random.default_rng()
    kills, i = 0, 0
    while i < times or (kills < times and i < 5 * times):
        i += 1
        folder = tmp_path / f"run{i}"
        kills += killed_and_gone_on(folder, package, rng, duration)
        assert (folder / "w.npz").read_bytes() == expected, f"run {i}"
        assert (folder / "c.npz").read_bytes() == (tmp_path / "c.npz").read_bytes()
    return kills


@posix
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path, package):
    assert repeated(tmp_path, package, 2) >= 2


@posix
@pytest.mark.slow
def test_fifty_killed_runs_go_on_to_the_same_bytes(tmp_path, package):
    kills = repeated(tmp_path, package, 50)
    print(f"\n50 runs, {kills} kills, 50 times the same bytes")
    assert kills >= 50


@posix
@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_a_checkpoint_is_written(tmp_path, package, name, when):
    expected = tmp_path / "expected"
    expected.mkdir()
    assert child(expected, package, epochs=5).wait() == 0
    killed = child(tmp_path, package, (name, 3, when), epochs=5)
    assert killed.wait() == -signal.SIGKILL
    assert child(tmp_path, package, epochs=5).wait() == 0
    for file in ("c.npz", "w.npz"):
        assert (tmp_path / file).read_bytes() == (expected / file).read_bytes()
    assert not (tmp_path / "c.npz.tmp").exists()


@posix
@pytest.mark.parametrize("patience", [["--patience", "1000000"], []])
def test_ctrl_c_keeps_the_best_weights_and_the_last_epoch(patience):
    text = GOOD.replace(
        "def data():\n",
        "import os, signal, threading\n"
        "def data():\n"
        "    interrupt = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "    threading.Timer(0.4, interrupt).start()\n",
    )
    options = ["--epochs", "1000000", *patience, "--validation-split", "0.3"]
    options += ["--history", "history.csv"]
    found = subprocess.run(
        [*(sys.executable, "-m", "symdiff", "train"), spec(text), *options, "--resume"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert found.returncode == 130, found.stderr
    said = re.search(
        r"interrupted in epoch \d+: the weights after epoch (\d+), the best by "
        r"val_loss \((\S+)\) are saved in build/small/weights.npz",
        found.stdout,
    )
    rows = csv.DictReader(Path("history.csv").read_text().splitlines())
    losses = [float(row["val_loss"]) for row in rows]
    assert int(said[1]) == losses.index(min(losses)) + 1
    assert float(said[2]) == pytest.approx(min(losses), rel=1e-3)
    held_out = re.search(r"held out \(validation\): loss (\S+)", found.stdout)
    assert float(held_out[1]) == pytest.approx(min(losses), abs=1e-4)
    expected = "whole epoch is in build/small/checkpoint.npz: go on with --resume"
    assert expected in found.stdout
    assert Path("build/small/weights.npz").exists()


# --- what is not finite --------------------------------------------------------------

LOG = """\
picked = sd.relu(sd.take_along_axis(z, y[:, None], axis=1))
loss = -sd.mean(sd.log(picked))
"""
UNSTABLE = GOOD.replace("model = sd.Model", LOG + "model = sd.Model").replace(
    "loss=sd.nn.softmax_cross_entropy(z, y)", "loss=loss"
)


def diagnosis(text, *options):
    """The three facts that --debug-nans names, and the first line of what it says."""
    found = train("--debug-nans", *options, text=text, code=1)
    facts = [
        re.search(rf"{fact}: +(.*)", found)[1]
        for fact in ("first node", "line in spec", "generated line")
    ]
    file, line, shown = re.match(
        r"(build/small/\w+\.py):(\d+): (.*)", facts[2]
    ).groups()
    assert Path(file).read_text().splitlines()[int(line) - 1].strip() == shown
    return re.search(r"error: (.*)", found)[1], *facts


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_logarithm_of_zero_is_named(level):
    first, node, where, line = diagnosis(UNSTABLE, "-O", level)
    assert re.search(r"the loss became (inf|nan) in epoch 1, at step \d", first)
    assert node.startswith("log: np.log(picked) is -inf at [")
    assert "picked in 0.." in node
    number = UNSTABLE.splitlines().index("loss = -sd.mean(sd.log(picked))") + 1
    assert where.startswith(f"spec.py:{number}: loss = ")
    assert "backward.py" in line
    assert "np.log(picked)" in line


def test_nan_in_the_data_is_named():
    text = GOOD.replace('return {"x"', 'y[7] = 0; return {"x"').replace(
        'return {"train": rows()}',
        'd = rows(); d["x"][7, 2] = np.nan; return {"train": d}',
    )
    _, node, where, line = diagnosis(text)
    assert re.match(r"x: the data is nan at \[\d, 2\]", node)
    assert where == "spec.py:5: its declaration"
    assert "x, y = _check(params, x=x, y=y)" in line


def test_an_update_that_overflows_is_named():
    first, node, where, line = diagnosis(GOOD.replace("Adam(0.05)", "SGD(3e38)")
                                         .replace("loss=", "loss=1e3 * "))  # fmt: skip
    assert "the update left W not finite" in first
    assert node.startswith("multiply: lr * g is ")
    assert where.endswith("optimizer=SGD(lr=3e+38)")
    assert "train.py" in line


def test_a_gradient_alone_may_be_at_fault():
    """The root of zero is zero; its derivative is not finite."""
    text = MODEL.replace("model = sd.Model", "r = sd.sum(sd.sqrt(x[:, 0]**2 * 0.0 * "
                         "sd.param('s', ())**2))\nmodel = sd.Model") + DATA  # fmt: skip
    text = text.replace(
        "softmax_cross_entropy(z, y)", "softmax_cross_entropy(z, y) + r"
    )
    first, node, where, line = diagnosis(text)
    assert "the gradient of s is not finite" in first
    assert "is nan" in node or "is inf" in node
    number = next(i for i, t in enumerate(text.splitlines(), 1) if t.startswith("r = "))
    assert where.startswith(f"spec.py:{number}: ")
    assert "backward.py" in line


MASKED = """\
mask = sd.where(x > 0, 0.0, -np.inf)
a = sd.softmax(x + mask)
"""


def test_infinities_that_are_meant_are_not_blamed():
    """A mask of -inf is fine; a row that is all masked is not."""
    text = MODEL.replace("z = x @", f"{MASKED}z = a @") + DATA
    text = text.replace("np.eye(4)[y]", "np.abs(np.eye(4)[y])").replace(
        'return {"train": rows()}',
        "d = rows(); d['x'] = np.abs(d['x']); d['x'][:, 1] = -1; BAD; "
        'return {"train": d}',
    )
    assert "trained" in train("--debug-nans", text=text.replace("BAD", "pass"))
    _, node, where, _ = diagnosis(text.replace("BAD", "d['x'][50] = -1"))
    assert " is nan at [" in node
    assert "a = softmax(x + mask)" in where or "a = sd.softmax(x + mask)" in where


def test_debugging_changes_no_bytes():
    train("--validation-split", 0.2)
    expected = weights()
    train("--validation-split", 0.2, "--debug-nans")
    assert weights() == expected


def test_without_debugging_it_says_how():
    found = train(text=UNSTABLE, code=1)
    assert "--debug-nans says where it begins" in found
    assert not Path("build/small/weights.npz").exists()


# --- a loss that draws ---------------------------------------------------------------


def test_held_out_rows_of_a_model_that_draws_meet_the_same_draws():
    x = sd.input("x", (sd.dim("N"), 3))
    noise = sd.random.normal((x.shape[0], 3))
    loss = sd.mean(sd.square(sd.nn.dense(x, 3) + noise - x))
    model = sd.Model("noisy", [x], [], x, loss=loss, optimizer=sd.optim.SGD(0.0))
    train = sd.compile(model).load().train
    state = train.init_state(train.init_params(0))
    rows = {"x": np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)}

    def batches(epoch):
        for i in range(0, 40, 10):
            yield {"x": rows["x"][i : i + 10]}

    for held_out in (rows, batches):
        history = train.fit(state, rows, epochs=3, validation=held_out)
        assert len({record["val_loss"] for record in history}) == 1
        assert len({record["loss"] for record in history}) == 3
    found = train._held_out(state.params, rows, 0)["val_loss"]
    assert found == train.evaluate(state.params, rows["x"], 0)["loss"]
