"""An empty folder for every test of reviewing, and one with what a spec compiles to."""

import shutil
from pathlib import Path

import pytest
from cli_runs import printed as run
from review_commands import SPEC


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with a spec and the package that it compiles to."""
    folder = tmp_path_factory.mktemp("built")
    path = folder / "model.py"
    path.write_text(SPEC, "utf-8")
    run("compile", path, "-o", folder / "build")
    return folder


@pytest.fixture
def package(built, tmp_path):
    """A copy of the built folder's files, here."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return Path("build/small")
