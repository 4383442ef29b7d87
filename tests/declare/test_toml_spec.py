"""Specs in TOML compile to what the same specs in Python compile to."""

import re
from pathlib import Path

import numpy as np
import pytest
from cli_runs import printed as run
from toml_specs import PYTHON, SPECS

import symdiff as sd
from symdiff.declare.nn import functional
from symdiff.declare.spec import load_spec
from symdiff.declare.toml.functions import ABSENT, LAYERS, OPS, functions
from symdiff.ops.core.operands import API

HEADING = re.compile(r"^ *# .*\[\w+\.(?:py|toml):\d+\]$")
HASH = re.compile(r"sha256|from \w+\.(?:py|toml)\.?$")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def load(text, name="spec.toml"):
    Path(name).write_text(text, "utf-8")
    return load_spec(Path(name))


def lines(compiled):
    """The text without headings and hashes: they name the file and its lines."""

    def kept(line):
        return line and not HEADING.match(line) and not HASH.search(line)

    return {n: list(filter(kept, t.splitlines())) for n, t in compiled.files.items()}


@pytest.mark.parametrize("name", PYTHON)
def test_same_text_as_the_spec_in_python(name):
    folder = str(Path.cwd())
    toml = sd.compile(load(SPECS[name]).model, base=folder)
    python = sd.compile(load(PYTHON[name], "spec.py").model, base=folder)
    assert lines(toml) == lines(python)


@pytest.mark.parametrize("name", SPECS)
def test_specs_compile_and_run(name):
    spec = load(SPECS[name])
    package = sd.compile(spec.model).load()
    assert package


def test_the_example_is_the_example_in_python():
    folder = Path(__file__).parents[2] / "examples"
    text = (folder / "digits_mlp.toml").read_text("utf-8").replace("x / 16", "x")
    toml = load(text.partition("[data]")[0], "digits_mlp.toml").model
    python = load_spec(folder / "digits_mlp.py").model
    ours = sd.compile(toml, base=str(Path.cwd()))
    theirs = sd.compile(python, base=str(folder))
    assert lines(ours) == lines(theirs)


def test_headings_quote_the_equation_and_its_line():
    spec = load(SPECS["cnn"])
    text = sd.compile(spec.model, base=str(Path.cwd()))["backward"]
    line = SPECS["cnn"].splitlines().index('c = "max_pool2d(b, 2)"') + 1
    assert f"# c = max_pool2d(b, 2)     [spec.toml:{line}]" in text
    first = SPECS["cnn"].splitlines().index('loss = """') + 1
    assert "# loss = softmax_cross_entropy(z, label) + 1e-4 *" in text
    assert f" ...     [spec.toml:{first}]" in text


def test_a_comment_changes_headings_alone():
    folder = str(Path.cwd())
    before = sd.compile(load(SPECS["mlp"]).model, base=folder)
    after = sd.compile(load(f"# a remark\n{SPECS['mlp']}").model, base=folder)
    assert lines(before) == lines(after)


def test_training_and_data_are_read():
    spec = load(SPECS["cnn"] + '[data]\ntrain = ["image=a.npy", "label=b.npy"]\n')
    assert spec.training.epochs == 2
    assert spec.training.plateau == {"factor": 0.5, "patience": 2}
    assert spec.files == {"train": ("image=a.npy", "label=b.npy")}
    assert spec.model.optimizer.hyper["clip_norm"] == 1


def test_windows_line_ends_and_a_byte_order_mark_change_nothing():
    plain = lines(sd.compile(load(SPECS["cnn"]).model))
    Path("spec.toml").write_bytes(
        b"\xef\xbb\xbf" + SPECS["cnn"].replace("\n", "\r\n").encode()
    )
    assert lines(sd.compile(load_spec(Path("spec.toml")).model)) == plain


def test_parameters_of_layers_have_names():
    text = SPECS["mlp"].replace("l2(weights())", "l2(hidden.W) + l1(out.W)")
    assert load(text).model.loss is not None


def test_every_function_is_allowed_or_told_why_not():
    _ = sd.tanh
    allowed, absent = {*OPS, *LAYERS}, set(ABSENT)
    known = {*API, *functional.__all__}
    assert known == allowed | absent
    assert not allowed & absent
    assert set(functions()) >= allowed


# --- commands ------------------------------------------------------------------------


def test_every_command_takes_a_spec_in_toml():
    Path("spec.toml").write_text(SPECS["mlp"] + '[data]\ntrain = "data/rows.npz"\n')
    Path("data").mkdir()
    rng = np.random.default_rng(0)
    parts = {"train/x": rng.random((20, 6)), "train/y": rng.integers(0, 3, 20)}
    parts |= {"test/x": rng.random((5, 6)), "test/y": rng.integers(0, 3, 5)}
    np.savez("data/rows.npz", **parts)
    run("compile", "spec.toml")
    assert "train 20, test 5" in run("train", "spec.toml")
    assert "are what spec.toml compiles to" in run("check", "build")
    assert "gradients agree" in run("verify", "build/mlp")
    assert "spec.toml:11" in run("explain", "spec.toml")
    assert "flowchart" in run("graph", "spec.toml")
    Path("other.toml").write_text(SPECS["mlp"].replace("8, act", "9, act"))
    assert "hidden.W: float[6, 8] → float[6, 9]" in run(
        "diff", "spec.toml", "other.toml", code=1
    )
    Path("spec.toml").write_text(SPECS["mlp"].replace("1e-4", "1e-3"))
    assert "stale" in run("check", "build", code=1)


def test_a_function_says_what_it_is_differentiated_by():
    Path("spec.toml").write_text(SPECS["function"])
    run("compile", "spec.toml")
    text = Path("build/logistic/backward.py").read_text()
    assert "d_w" in text
    assert "d_X" not in text
    run("check", "build")


def test_data_without_a_section_is_told():
    Path("spec.toml").write_text(SPECS["mlp"])
    said = run("train", "spec.toml", code=1)
    assert 'train = "data.npz"' in said
    assert "Traceback" not in said


def test_what_cannot_be_trained_is_told_in_words_of_toml():
    Path("spec.toml").write_text(SPECS["mlp"].partition("[optimizer]")[0])
    assert "a section [optimizer]" in run("train", "spec.toml", code=1)
    Path("spec.toml").write_text(SPECS["function"])
    assert "a [function] has no loss" in run("train", "spec.toml", code=1)


def test_unused_parameters_are_told_at_their_lines():
    text = SPECS["mlp"].replace("[equations]", "[params]\nQ = [3]\n\n[equations]")
    Path("spec.toml").write_text(text)
    said = run("compile", "spec.toml")
    assert "warning: spec.toml:11: 'Q' is not used by the model." in said


def test_validation_comes_from_a_file_of_its_own():
    part = '[data]\ntrain = "a.csv"\nvalidation = "b.csv"\n'
    Path("spec.toml").write_text(SPECS["svm"] + part)
    rows = "x0,x1,y\n" + "".join(f"{i / 9},{i % 3},{i % 3}\n" for i in range(9))
    Path("a.csv").write_text(rows)
    Path("b.csv").write_text(rows)
    assert "train 9, validation 9" in run("train", "spec.toml", "--epochs", 1)


def test_nothing_of_the_spec_stays_behind():
    before = Path.cwd()
    load(SPECS["mlp"])
    assert Path.cwd() == before
