"""The generated training step of a small model, and an empty folder to train in."""

import pytest
from training_runs import MODEL

import symdiff as sd


@pytest.fixture
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def module():
    names = {}
    exec(MODEL, names)
    return sd.compile(names["model"]).load().train
