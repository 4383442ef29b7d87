"""A gradient through dropout is that of the mode: in prediction nothing is drawn."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import symdiff as sd


def compiled(level, metric):
    x = sd.input("x", (sd.dim("N"), 3))
    w = sd.param("w", (3,), init="ones")
    h = sd.nn.dropout(x * w, 0.5)
    g = sd.grad(sd.sum(h**2), w)
    loss = sd.mean(h**2) if metric else sd.sum(g**2) + sd.sum(h)
    model = sd.Model(
        "m",
        [x],
        outputs={"slope": g, "h": h},
        loss=loss,
        metrics={"size": sd.sum(g**2)} if metric else {},
        optimizer=sd.optim.SGD(0.01),
    )
    return sd.compile(model, optimize=level).load()


@pytest.mark.parametrize("metric", [False, True])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_prediction_and_evaluation_ask_for_no_key(level, metric):
    module = compiled(level, metric)
    x, w = np.linspace(-1, 1, 12).reshape(4, 3), np.array([1.0, 2.0, 3.0])
    assert "key" not in inspect.signature(module.predict).parameters
    assert "key" not in inspect.signature(module.evaluate).parameters
    slope, h = module.predict({"w": w}, x)
    wanted = (2 * x * x * w).sum(axis=0)
    assert np.allclose(slope, wanted)
    assert np.allclose(h, x * w)
    found = module.evaluate({"w": w}, x)
    size = (wanted**2).sum()
    assert np.isclose(found["size"] if metric else found["loss"] - h.sum(), size)
    keyed = inspect.signature(module.loss_and_residuals).parameters
    assert "key" in keyed


@pytest.mark.parametrize("mode", ["train", "infer"])
def test_a_choice_of_the_user_s_own_stays(mode):
    x = sd.input("x", (3,))
    y = sd.where(sd.constant(np.array(True)), x, 0.0) * sd.by_mode(x, 2 * x)
    found = sd.interpret(sd.resolve_mode(y, mode), {x: np.ones(3)})
    assert np.allclose(found, 1.0 if mode == "train" else 2.0)
