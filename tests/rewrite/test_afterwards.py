"""Totals of products are one product after the loop, where both factors are kept."""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd


def recurrent(length: int | None = None) -> sd.Model:
    """Return a model whose loop stacks a cotangent for another parameter anyway."""
    N, T = sd.dim("N"), sd.dim("T") if length is None else length
    x, y = sd.input("x", (N, T, 3)), sd.input("y", (N, 4))
    h, _ = sd.nn.lstm(x, 4, name="cell")
    return sd.Model("m", [x], [y], h[:, -1], sd.nn.mse(h[:, -1], y))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_one_product_after_the_loop(level: int) -> None:
    compiled = sd.compile(recurrent(), optimize=level)
    backward = compiled["backward"].split("def backward")[1].split("\ndef ")[0]
    assert ("d_cell_U = np.tensordot(" in backward) == (level > 0)
    rng = np.random.default_rng(0)
    module = compiled.load()
    x, y = rng.normal(size=(5, 6, 3)), rng.normal(size=(5, 4))
    sizes = {"cell.W": (3, 16), "cell.U": (4, 16), "cell.b": (16,)}
    params = {k: rng.normal(size=s) for k, s in sizes.items()}
    _, grads = module.backward.value_and_grad(params, x, y)
    along = rng.normal(size=(4, 16))
    ends = [
        module.backward.value_and_grad(
            {**params, "cell.U": params["cell.U"] + h * along}, x, y
        )[0]
        for h in (1e-5, -1e-5)
    ]
    slope = (ends[0] - ends[1]) / 2e-5
    assert np.sum(grads["cell.U"] * along) == pytest.approx(slope, rel=1e-6)


def test_what_is_not_kept_stays_in_the_loop() -> None:
    """A stack for one product alone would cost memory."""
    x = sd.input("x", (sd.dim("T"), 2, 3))
    U = sd.param("U", (3, 3))
    h, _ = sd.scan(lambda h, row: (sd.tanh(row + h @ U), None), sd.zeros((2, 3)), x)
    text = sd.compile(sd.Model("m", [x], outputs=h, loss=sd.sum(h)))["backward"]
    assert "tensordot" not in text
    assert "d_U += " in text
