"""What training writes: the history, its curves, and weights in two formats."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from training_runs import put, train

from symdiff.training.curve import history_text, sketch, svg

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def test_history_and_plot():
    said = train("--history", "h.csv", "--plot", "p.svg", "--validation-split", 0.2)
    assert "written: h.csv" in said
    assert "written: p.svg" in said
    header, *lines = Path("h.csv").read_text().splitlines()
    assert header == "epoch,loss,accuracy,val_loss,val_accuracy"
    assert [line.split(",")[0] for line in lines] == ["1", "2", "3"]
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
    told = [{**record, "epoch": record["epoch"] + 1} for record in history]
    assert json.loads(history_text(history, "json")) == json.loads(
        json.dumps(told).replace("NaN", "null").replace("Infinity", "null")
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
