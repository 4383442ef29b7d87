"""The reference has every public name, and every command's help."""

from __future__ import annotations

import re

import pytest
from docstrings import public
from pages import ROOT, check_text
from reference import page

import symdiff as sd
from symdiff.cli import main
from symdiff.ops.core.operands import API

FOLDER = ROOT / "docs" / "reference"


def test_the_page_of_functions_is_what_the_docstrings_say(
    pytestconfig: pytest.Config,
) -> None:
    check_text("docs/reference/functions.md", page(), pytestconfig)


def test_every_public_name_is_in_the_reference() -> None:
    text = "\n".join(p.read_text("utf-8") for p in FOLDER.glob("*.md"))
    known = set(re.findall(r"[\w.]+", text))
    last = {name.rpartition(".")[2] for name in known}
    functions = {name.rpartition(".")[2] for name in API}
    missing = [
        name
        for name in public()
        if name.rpartition(".")[2] not in last and name not in functions
    ]
    assert not missing, f"docs/reference lacks {', '.join(missing)}"


def test_every_command_shows_its_help() -> None:
    text = (FOLDER / "cli.md").read_text("utf-8")
    missing = [c for c in main.commands if f"<!-- help: {c} -->" not in text]
    assert not missing, f"docs/reference/cli.md lacks {', '.join(missing)}"


N, T = sd.dim("N"), sd.dim("T")
ROWS = {
    "dense": lambda f: f(sd.input("x", (N, 8)), 5, name="a"),
    "conv1d": lambda f: f(sd.input("x", (N, 3, 20)), 4, 3, name="a"),
    "conv2d": lambda f: f(sd.input("x", (N, 3, 9, 9)), 4, 3, name="a"),
    "embedding": lambda f: f(
        sd.input("x", (N, T), dtype="int64", high=9), 9, 5, name="a"
    ),
    "rnn": lambda f: f(sd.input("x", (N, T, 8)), 5, name="a")[0],
    "lstm": lambda f: f(sd.input("x", (N, T, 8)), 5, name="a")[0],
    "gru": lambda f: f(sd.input("x", (N, T, 8)), 5, name="a")[0],
    "multi_head_attention": lambda f: f(sd.input("x", (N, T, 8)), 2, name="a"),
    "batch_norm": lambda f: f(sd.input("x", (N, 8)), name="a"),
    "layer_norm": lambda f: f(sd.input("x", (N, 8)), name="a"),
    "rms_norm": lambda f: f(sd.input("x", (N, 8)), name="a"),
    "group_norm": lambda f: f(sd.input("x", (N, 6, 4)), 3, name="a"),
}


@pytest.mark.parametrize("name", ROWS)
def test_the_table_of_layers_names_what_they_declare(name: str) -> None:
    text = (FOLDER / "nn.md").read_text("utf-8")
    (row,) = re.findall(rf"(?m)^\| \[`{name}`\].*\| (.*) \|$", text)
    layer = ROWS[name](getattr(sd.nn, name))
    declared = {str(p.name).split(".")[1] for p in sd.params(layer)}
    told = row.partition("; states")[0].partition(", each")[0]
    assert set(re.findall(r"`(\w+)`", told)) == declared
    lengths = {"units": 5, "I": 8, "C": layer.shape[1], "filters": 4, "length": 9}
    for entry, shape in re.findall(r"`(\w+)` \(([^)]*)\)", told):
        if name in ("conv1d", "conv2d"):
            lengths |= {"C": 3, "k": 3}
        (p,) = [p for p in sd.params(layer) if p.name == f"a.{entry}"]
        written = [eval(d.replace("·", "*"), lengths) for d in shape.split(",") if d]
        assert tuple(written) == p.shape, (name, entry)
