"""Arrays in a file beside the modules are part of what was generated.

The class: each way in which such a file may differ (a number, a shape, an array less,
an array more, no file), for a package and a single module; `diff` and `verify` say so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import symdiff as sd
from symdiff.cli import main

Arrays = dict[str, np.ndarray]
EDITS: dict[str, Callable[[Arrays], Arrays | None]] = {
    "a number": lambda a: {k: v + (v == 3) for k, v in a.items()},
    "a sign of zero": lambda a: {k: np.where(v == 0, -v, v) for k, v in a.items()},
    "an array more": lambda a: {**a, "more": np.zeros(3)},
    "no file": lambda a: None,
}


def written(folder: Path, single: bool) -> Path:
    x = sd.input("x", (sd.dim("N"), 40))
    table = sd.constant(np.arange(40.0 * 30).reshape(40, 30))
    function = sd.Function("f", [x], sd.sum(sd.sin(x @ table)))
    return sd.compile(function, single_file=single).write(folder)


def said(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(w) for w in words])
    return done.exit_code, done.output


@pytest.mark.parametrize("single", [False, True], ids=["package", "single file"])
@pytest.mark.parametrize("edit", EDITS)
def test_edited_arrays_are_told(tmp_path: Path, edit: str, single: bool) -> None:
    before = written(tmp_path / "before", single)
    after = written(tmp_path / "after", single)
    assert "compute the same" in said("diff", before, after)[1]
    assert "npz" not in said("verify", after)[1]
    (stored,) = after.parent.rglob("*.npz")
    with np.load(stored) as file:
        made = EDITS[edit](dict(file))
    if made is None:
        stored.unlink()
    else:
        np.savez(stored, **made)
    what = "is missing" if made is None else "was edited after it was generated"
    assert f"{stored.name} {what}" in said("diff", before, after)[1]
    code, words = said("verify", after)
    assert f"{stored.name} {what}" in words or (made is None and code != 0)
