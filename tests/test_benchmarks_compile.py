"""`python -m benchmarks compile`: what compiling and first gradients take."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks import compile as compiling
from benchmarks.contenders import installed


def test_a_quick_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "times.json"
    asked = ["--programs", "scalars", "layers", "--contenders", "symdiff", "autograd"]
    rows = compiling.main(["--quick", *asked, "--json", str(kept)])
    sizes = [(r.program, r.nodes) for r in rows]
    assert sizes == [(p, n) for p in ("scalars", "layers") for n in compiling.QUICK]
    for row in rows:
        assert set(row.first) == {"symdiff"} | {"autograd"} & {*compiling.chosen()}
        assert row.compile > 0
        assert all(t > 0 for t in row.first.values())
    assert json.loads(kept.read_text()) == [r._asdict() for r in rows]
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:5] == ["program", "nodes", "declare", "compile", "us/node"]
    assert [s.split()[0] for s in lines] == ["scalars", "scalars", "layers", "layers"]


def test_who_takes_too_long_is_not_asked_again() -> None:
    first, second = compiling.rows(["scalars"], (20, 40), ["symdiff"], 0.0)
    assert set(first.first) == {"symdiff"}
    assert second.first == {}
    assert "-" in compiling.line(second, ["symdiff"])


def test_gradients_that_differ_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(function: compiling.Function) -> compiling.Function:
        return lambda x: np.ones_like(x)

    monkeypatch.setitem(compiling.CONTENDERS, "numpy", lambda: (np, wrong))
    with pytest.raises(AssertionError, match="numpy"):
        list(compiling.rows(["scalars"], (20,), ["symdiff", "numpy"], 1.0))


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "installed", lambda name: name != "jax")
    assert compiling.chosen() == ["symdiff", "autograd"]


@pytest.mark.slow
@pytest.mark.oracle
def test_all_contenders_have_the_same_gradients() -> None:
    if not installed("jax"):
        pytest.skip("extra [oracles]")
    rows = compiling.rows(compiling.PROGRAMS, (30,), compiling.chosen(), 60.0)
    assert [r.program for r in rows] == [*compiling.PROGRAMS]
