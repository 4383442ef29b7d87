"""Students' files, graded against the specs of `students`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
from students.specs import SPECS

from symdiff.compiler.compile import compile_
from symdiff.declare.spec import load_spec
from symdiff.grading.exercise import exercise_files
from symdiff.grading.grade import Grader
from symdiff.grading.sandbox import Limits
from symdiff.grading.verdict import Grade

Grade = Callable[[str, str], Grade]


@pytest.fixture(scope="session")
def grade(tmp_path_factory: pytest.TempPathFactory) -> Grade:
    """A function that grades a backward for a model, put into the exercise's file."""
    folder = tmp_path_factory.mktemp("students")

    @lru_cache
    def made(model: str) -> tuple[Grader, str]:
        path = folder / f"{model}.py"
        path.write_text(SPECS[model], "utf-8")
        spec = load_spec(path)
        compiled = compile_(spec.model, optimize=1)
        plain = compile_(spec.model, optimize=0, only=("backward",))
        files = exercise_files(compiled)
        text = files[f"{model}/backward.py"]
        assert isinstance(text, str)
        limits = Limits(30.0, 512)
        return Grader(spec.model, compiled, plain, path.name, limits), text

    def graded(model: str, body: str) -> Grade:
        grader, text = made(model)
        return grader.grade(_handed_in(folder / "student.py", text, body))

    return graded


def _handed_in(path: Path, text: str, body: str) -> Path:
    """Write a student's file: the exercise with its backward, or one of their own."""
    if "def loss_and_residuals" in body or "def backward" not in body:
        path.write_text(f"import numpy as np\n\n\n{body}", "utf-8")
        return path
    start = text.index("def backward(")
    ends = (text.find(f"\ndef {n}(") for n in ("value_and_grad", "_check"))
    end = next(e for e in ends if e > 0)
    path.write_text(f"{text[:start]}{body}\n\n{text[end:]}", "utf-8")
    return path
