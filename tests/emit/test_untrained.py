"""Gradients by inputs leave no training step, and one header says why."""

from __future__ import annotations

from typing import Any

import pytest

import symdiff as sd

N = sd.dim("N")
WHY = "no train.py: wrt has x, an input, and a training step changes parameters alone"


def model(**options: Any) -> sd.Model:
    x, w = sd.input("x", (N, 2)), sd.param("w", (2,))
    options = {"optimizer": sd.optim.SGD(0.1), **options}
    return sd.Model("m", [x], outputs=x @ w, loss=sd.mean((x @ w) ** 2), **options)


def said(compiled: Any) -> list[str]:
    """Return the paths of the modules whose headers say why."""
    headers = {
        path: " ".join(
            line.lstrip("# ") for line in text.splitlines() if line.startswith("#")
        )
        for path, text in compiled.files.items()
    }
    return [path for path, header in headers.items() if "no train" in header]


@pytest.mark.parametrize("wrt", ["x", "inputs", ["x"], ["w", "x"], ["params", "x"]])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_it_is_said_once(wrt: Any, level: int) -> None:
    compiled = sd.compile(model(), wrt=wrt, optimize=level)
    assert "m/train.py" not in compiled.files
    assert said(compiled) == ["m/backward.py"]
    assert WHY in " ".join(compiled["backward"].replace("\n#  ", "").split())
    assert compiled.notes == (WHY,)
    single = sd.compile(model(), wrt=wrt, optimize=level, single_file=True)
    assert said(single) == ["m.py"]
    assert single.notes == (WHY,)


@pytest.mark.parametrize("single", [False, True])
def test_nothing_is_said_where_nothing_is_missing(single: bool) -> None:
    found = [
        sd.compile(model(), single_file=single),
        sd.compile(model(), wrt="w", single_file=single),
        sd.compile(model(optimizer=None), wrt="x", single_file=single),
        sd.compile(model(), wrt="x", only=["backward"], single_file=single),
        sd.compile(model(), only=["forward"], single_file=single),
    ]
    x = sd.input("x", (3,))
    found.append(sd.compile(sd.Function("m", [x], x * x), single_file=single))
    for compiled in found:
        assert not said(compiled)
        assert compiled.notes == ()
