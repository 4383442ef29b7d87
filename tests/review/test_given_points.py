"""What is wrong at a point of the user's alone is found there, whatever it is.

The class: each file and value that verify compares, made wrong where the mean of x is
above 50, which no random point is. The oracle is that the same edit is not seen without
the point.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.review.verify import verify

N = sd.dim("N")


@pytest.fixture(scope="module")
def compiled() -> Compilation:
    x, y = sd.input("x", (N, 3)), sd.input("y", N)
    p = x @ sd.param("w", 3, init=1.0)
    far = sd.mean(x) > 50.0
    q = sd.where(far, p * 3.0, p)
    model = sd.Model(
        "k", inputs=[x], targets=[y], outputs=q, optimizer=sd.optim.SGD(0.1),
        loss=sd.mean((q - y) ** 2) / 1e6,
        metrics={"big": sd.where(far, 7.0 * sd.mean(p), sd.mean(p))},
    )  # fmt: skip
    return sd.compile(model)


EDITS = {
    "forward.py": ("p * 3, ", "p * 5, ", "forward.py DISAGREES"),
    "train.py": (", 7 * ", ", 6 * ", "DISAGREES"),
    "_planned.py": (", 7 * ", ", 6 * ", "DIFFERS"),
}


@pytest.mark.parametrize("file", EDITS)
def test_what_is_wrong_at_a_given_point_is_found(
    compiled: Compilation, tmp_path: Path, file: str
) -> None:
    old, new, said = EDITS[file]
    folder = compiled.write(tmp_path)
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), "utf-8")
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "far.npz", x=100 + rng.normal(size=(4, 3)), y=rng.normal(size=4)
    )
    np.savez(tmp_path / "near.npz", x=rng.normal(size=(4, 3)), y=rng.normal(size=4))
    np.savez(tmp_path / "w.npz", w=np.ones(3))
    far, near, weights = (tmp_path / f"{n}.npz" for n in ("far", "near", "w"))
    assert verify(folder).code == 0
    assert verify(folder, [near], weights, 0).code == 0
    found = verify(folder, [near, far], weights, 0)
    assert found.code == 1
    assert any(said in n and n.endswith(f"at {far}") for n in found.notes), found.notes
