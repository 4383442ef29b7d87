"""`symdiff new` and `symdiff schema`."""

import json
from pathlib import Path

import pytest
from cli_runs import printed as run

from symdiff.cli.scaffold import TEMPLATES


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("template", TEMPLATES)
def test_new_specs_compile_train_and_verify(template):
    told = []
    for name, *options in (("first", "--toml"), ("second",)):
        said = run("new", name, "--template", template, *options)
        spec = said.splitlines()[0].removeprefix("wrote ")
        assert spec == f"{name}{'.toml' if options else '.py'}"
        trained = run("train", spec, "--epochs", 1)
        told.append([s for s in trained.splitlines() if s.startswith("held out")])
        assert "gradients agree" in run("verify", f"build/{name}")
        assert "are what" in run("check", f"build/{name}")
    assert told[0] == told[1] != []


def test_nothing_is_overwritten():
    run("new", "mine", "--toml")
    Path("mine.toml").write_text("precious")
    assert "mine.toml exists; it is left as it is" in run(
        "new", "mine", "--toml", code=1
    )
    assert Path("mine.toml").read_text() == "precious"
    run("new", "mine")
    assert "exists" in run("new", "mine", code=1)
    Path("other_test.csv").touch()
    assert "other_test.csv exists" in run("new", "other", "--toml", code=1)
    assert not Path("other.toml").exists()


@pytest.mark.parametrize(
    "name", ["../x", "a b", "class", "numpy", "", "1x", "é", "a.b"]
)
def test_names_that_cannot_be(name):
    said = run("new", "--", name, code=1)
    assert said.startswith("error: name ")
    assert not list(Path().iterdir())


def test_a_folder_that_cannot_be():
    Path("taken").touch()
    assert "cannot write" in run("new", "mine", "-o", "taken", code=1)
    run("new", "mine", "-o", "new/folder")
    assert Path("new/folder/mine.py").is_file()


def test_schema_is_printed_and_written():
    printed = run("schema")
    assert json.loads(printed)["title"] == "symdiff spec"
    run("schema", "-o", "spec.schema.json")
    assert Path("spec.schema.json").read_text("utf-8") == printed


@pytest.mark.parametrize(
    "name", ["con", "AUX", "nul", "con.py", "class", "numpy", "x y"]
)
@pytest.mark.parametrize("toml", [False, True])
def test_names_that_no_file_can_have_are_refused(name, toml):
    said = run("new", name, *(["--toml"] if toml else []), code=1)
    assert f"name {name!r}" in said
    assert not list(Path().iterdir())
