"""A step of the differences that crosses a slight kink accuses no right gradient."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.review.verify import verify


def _kinked() -> sd.Function:
    """Return a smooth function with a kink of given place and size."""
    x, at, size = sd.input("x", ()), sd.input("at", ()), sd.input("size", ())
    y = sd.exp(sd.sin(x)) + size * sd.maximum(x - at, 0.0)
    return sd.Function("kinked", [x, at, size], y)


def _rounded() -> sd.Function:
    """Return a smooth function that loses digits to an addend of given size."""
    x, large = sd.input("x", ()), sd.input("large", ())
    return sd.Function("rounded", [x, large], (sd.exp(sd.sin(x)) + large) - large)


def _written(function: sd.Function, folder: Path, scale: float) -> Path:
    """Return the package of a function; its gradient by x is off by a factor."""
    compiled = sd.compile(function, optimize=1)
    text = compiled["backward"]
    if scale == 1:
        return compiled.write(folder)
    body = text.partition("def backward")[2].splitlines()
    (line,) = [s for s in body if s.strip().startswith("d_x =")]
    code, _, comment = line.partition("  # ")
    code = code.replace("d_x = ", "d_x = scale * (").replace("scale", repr(scale)) + ")"
    path = compiled.write(folder)
    (path / "backward.py").write_text(text.replace(line, f"{code}  # {comment}"))
    return path


def _points(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for i in range(150):
        x = rng.uniform(-1.2, 1.2)
        near = rng.choice((-1, 1)) * 10 ** rng.uniform(-8, -2.5)
        path = folder / f"{i}.npz"
        np.savez(path, x=x, at=x + near, size=10 ** rng.uniform(-7, -4))
        paths.append(path)
    return paths


@pytest.mark.parametrize("scale", [1, 1 + 1e-5], ids=["right", "wrong"])
def test_slight_kinks(tmp_path: Path, scale: float) -> None:
    path = _written(_kinked(), tmp_path, scale)
    found = verify(path, _points(tmp_path), count=0, method="differences")
    of_x = next(w for w in found.worst if w.name == "x")
    assert of_x.compared > 50
    assert of_x.wrong == (scale != 1)


def _own_check(path: Path) -> Any:
    """Return the check that a written package brings with it."""
    sys.path.insert(0, str(path.parent))
    try:
        return importlib.import_module(f"{path.name}.__main__")
    finally:
        sys.path.remove(str(path.parent))
        for name in [n for n in sys.modules if n.partition(".")[0] == path.name]:
            del sys.modules[name]


@pytest.mark.parametrize("scale", [1, 1 + 1e-5], ids=["right", "wrong"])
def test_slight_kinks_by_the_package_itself(tmp_path: Path, scale: float) -> None:
    check = _own_check(_written(_kinked(), tmp_path, scale))
    found = []
    for path in _points(tmp_path):
        point = {k: np.asarray(a) for k, a in np.load(path).items()}
        check._draw = lambda rng, turn=0, point=point: point
        found.append(check._compare("x", np.random.default_rng(0), 0))
    errors = [e for e in found if e is not None]
    assert len(errors) > 50
    wrong = [e > 1e-6 for e in errors]
    assert all(wrong) if scale != 1 else not any(wrong)


@pytest.mark.parametrize("digits", range(6))
def test_what_rounds_is_wrong_by_the_package_itself(
    tmp_path: Path, digits: int
) -> None:
    """A gradient that is wrong is noticed; after five digits it is not checkable."""
    check = _own_check(_written(_rounded(), tmp_path, 1 + 1e-5))
    for x in np.linspace(-1.2, 1.2, 8):
        point = {"x": np.asarray(x), "large": np.asarray(10.0**digits)}
        check._draw = lambda rng, turn=0, point=point: point
        error = check._compare("x", np.random.default_rng(0), 0)
        assert error > 1e-6 if digits < 5 else error is None or error > 1e-6


@pytest.mark.parametrize("digits", range(6))
def test_what_rounds_is_not_taken_for_a_kink(tmp_path: Path, digits: int) -> None:
    """A gradient that is wrong is noticed, however the value loses digits."""
    path = _written(_rounded(), tmp_path, 1 + 1e-5)
    for i, x in enumerate(np.linspace(-1.2, 1.2, 8)):
        point = tmp_path / f"{i}.npz"
        np.savez(point, x=x, large=10.0**digits)
        found = verify(path, [point], count=0, method="differences")
        assert next(w for w in found.worst if w.name == "x").wrong
