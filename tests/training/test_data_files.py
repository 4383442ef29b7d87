"""Data to train on: files, batches, weights, what is held out, what does not fit."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from generated import beside
from training_runs import DATA, GOOD, MODEL, put, rows, train, weights

import symdiff as sd
from symdiff.training.csv_files import read_csv

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


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


def write_shuffled_csv(between="."):
    """Columns are in the order of the numbers in their names."""
    lines = [line.split(",") for line in table().splitlines()]
    order = [4, 2, 0, 3, 1]
    body = "\n".join(",".join(cells[i] for i in order) for cells in lines)
    Path("d.csv").write_text(body.replace("x", f"x{between}"))
    return ["--data", "d.csv"]


def write_spaced_csv():
    return write_shuffled_csv(" ")


def write_dashed_csv():
    return write_shuffled_csv("-")


def write_gz():
    Path("d.csv.gz").write_bytes(gzip.compress(table().encode()))
    return ["--data", "d.csv.gz"]


@pytest.mark.parametrize(
    "write",
    [
        write_npz,
        write_npy,
        write_csv,
        write_bare_csv,
        write_named_csv,
        write_gz,
        write_shuffled_csv,
        write_spaced_csv,
        write_dashed_csv,
    ],
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


WRONG_FILES = {
    "kind": (lambda: put("d.txt", ""), "expected .npz, .csv"),
    "none": (lambda: "none.npz", "cannot read none.npz: No such file"),
    "damaged": (
        lambda: put("d.npz", "no"),
        "d.npz holds no numbers but Python objects, or is no file of arrays",
    ),
    "no rows": (lambda: put("d.csv", "x,y\n"), "d.csv has no rows"),
    "words": (
        lambda: put("d.csv", "x0,x1,x2,x3,y\n\n1,2,3,4,0\n1,2,3,4,a\n"),
        "d.csv:4: column 'y' has the text 'a'; only numbers can be read",
    ),
    "ragged": (
        lambda: put("d.csv", "1,2,3,4,0\n1,2\n"),
        "d.csv:2 has 2 cells, and line 1 has 5",
    ),
    "a name too few": (
        lambda: put("d.csv", "x0,x1,x2,x3,y\n1,2,3,4,0,7\n"),
        "d.csv:2 has 6 cells, and the header has 5",
    ),
    "semicolons": (
        lambda: put("d.csv", "x0;x1;x2;x3;y\n1,5;2;3;4;0\n"),
        "d.csv:1: its cells are parted by semicolons; save it with commas",
    ),
    "tabs": (
        lambda: put("d.csv", "1\t2\t3\t4\t0\n"),
        "d.csv:1: its cells are parted by tabs",
    ),
    "no value": (
        lambda: put("d.csv", "x0,x1,x2,x3,y\n1,2,,4,0\n"),
        "d.csv:2: column 'x2' has no value (''); fill it in, or leave the row out",
    ),
    "no value in the first row": (
        lambda: put("d.csv", "1,NA,3,4,0\n"),
        "d.csv:1: column 2 has no value ('NA')",
    ),
    "a quoted text of two lines": (
        lambda: put("d.csv", 'x0,x1,x2,x3,y\n1,2,3,4,0\n1,2,"3\nm",4,0\n'),
        "d.csv:4: column 'x2' has the text '3\\nm'",
    ),
    "texts that are not used": (
        lambda: put("d.csv", "x0,x1,x2,x3,city,y\n1,2,3,4,Rome,0\n"),
        "d.csv:1 has columns that no argument takes, 'city'; leave them out",
    ),
    "a sign of a comment": (
        lambda: put("d.csv", "1,2,3,4,0\n1,2,3,4,0 # old\n"),
        "d.csv:2: column 5 has the text '0 # old'",
    ),
    "columns": (lambda: put("d.csv", "1,2,3\n"), "needs 4 for x, 1 for y"),
    "names": (
        lambda: put("d.csv", "x0,x1,y\n1,2,0\n"),
        "the model needs 4 for x, 1 for y. What x would take is 'x0', 'x1'",
    ),
    "gaps": (
        lambda: put("d.csv", "x0,x1,x2,x4,y\n1,2,3,4,0\n"),
        "has 'x0', 'x1', 'x2', 'x4' for x: numbers that repeat, or leave gaps",
    ),
    "repeated": (
        lambda: put("d.csv", "x0,x1,x1,x2,y\n1,2,3,4,0\n"),
        "numbers that repeat, or leave gaps",
    ),
    "fractions": (
        lambda: put("d.csv", "x0,x1,x2,x3,y\n1,2,3,4,0\n\n1,2,3,4,0.5\n"),
        "d.csv:4: column 'y': y must hold whole numbers, got 0.5",
    ),
    "infinite labels": (
        lambda: put("d.csv", "1,2,3,4,inf\n"),
        "d.csv:1: column 5: y must hold whole numbers, got inf",
    ),
    "labels of more than 64 bits": (
        lambda: put("d.csv", "1,2,3,4,0\n1,2,3,4,9223372036854775808\n"),
        "d.csv:2: column 5: y must hold whole numbers of 64 bits, got 922337203685477",
    ),
    "fractions of large labels": (
        lambda: put("d.csv", "1,2,3,4,9007199254740993.5\n"),
        "must hold whole numbers of 64 bits, got 9007199254740993.5",
    ),
    "no utf-8": (lambda: put("d.csv", b"\xff\xfe1"), "cannot read d.csv"),
    "gzip": (lambda: put("d.csv.gz", "no"), "cannot read d.csv.gz"),
    "pickle": (
        lambda: np.savez("d.npz", x=np.array([None])) or "d.npz",
        "x holds no numbers but Python objects",
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


WHOLE = [2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 10**17 + 7, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("header", ["x,i0,i1\n", ""])
def test_whole_numbers_are_read_exactly(header):
    """Identities and hashes are larger than what floats tell apart."""
    x, i = sd.input("x", "N"), sd.input("i", ("N", 2), "int64")
    model = sd.Model("f", [x, i], [], x + sd.cast(i[:, 0] % 10, "float"))
    path = put("d.csv", header + "".join(f"0.5,{v}, {v}.0\n" for v in WHOLE))
    found = read_csv(model, Path(path))["i"]
    np.testing.assert_array_equal(found, np.array([[v, v] for v in WHOLE]))


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
    found = beside(train, "_fit")._held_out(state.params, rows, 0)["val_loss"]
    assert found == train.evaluate(state.params, rows["x"], 0)["loss"]
