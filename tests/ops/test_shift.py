"""Losses of logits do not see what is added to all of them, however large it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import symdiff as sd

N = sd.dim("N")
LOGITS = np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 4.0], [7.0, 7.0, -1.0]])
LABELS = np.array([0, 1, 2])
WEIGHTS = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
ROWS = -np.take_along_axis(special.log_softmax(LOGITS, 1), LABELS[:, None], 1)[:, 0]
MIXED = -(WEIGHTS * special.log_softmax(LOGITS, 1)).sum(1)

LOSSES = {
    "none": (lambda z, y: sd.softmax_cross_entropy(z, y, "none"), ROWS),
    "mean": (sd.softmax_cross_entropy, ROWS.mean()),
    "sum": (lambda z, y: sd.softmax_cross_entropy(z, y, "sum"), ROWS.sum()),
    "nn": (sd.nn.softmax_cross_entropy, ROWS.mean()),
    "weights": (lambda z, y: sd.softmax_cross_entropy(z, WEIGHTS), MIXED.mean()),
    "nll": (lambda z, y: sd.nn.nll(sd.log_softmax(z, -1), y), ROWS.mean()),
    "ignored": (
        lambda z, y: sd.nn.softmax_cross_entropy(z, y, ignore_index=1),
        ROWS[[0, 2]].mean(),
    ),
    "by class": (
        lambda z, y: sd.nn.softmax_cross_entropy(
            z, y, class_weights=np.ones(3), reduction="sum"
        ),
        ROWS.sum(),
    ),
}


@pytest.mark.parametrize("width", ["float32", "float64"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_common_shift_changes_no_digit(name, width):
    loss, want = LOSSES[name]
    z, y = sd.input("z", (3, 3)), sd.input("y", (3,), dtype="int64")
    # Shifts that the width adds to these logits without rounding.
    shifts = [0.0, 2.0**20, -(2.0**20)] + ([2.0**49] if width == "float64" else [])
    for level in (0, 1):
        function = sd.Function("f", [z, y], [loss(z, y)])
        module = sd.compile(function, optimize=level, single_file=True).load()
        plain = module.forward(LOGITS.astype(width), LABELS)
        np.testing.assert_allclose(plain, want, rtol=1e-6)
        slopes = []
        for shift in shifts:
            value, kept = module.forward_with_residuals(
                (LOGITS + shift).astype(width), LABELS
            )
            np.testing.assert_array_equal(value, plain)
            slopes.append(module.backward(kept, np.ones_like(value))[0])
        for slope in slopes:
            np.testing.assert_array_equal(slope, slopes[0])


def test_three_equal_logits_of_any_size():
    z, y = sd.input("z", (N, 3)), sd.input("y", (N,), dtype="int64")
    w = sd.param("w", (3,), init=1.0)
    loss = sd.softmax_cross_entropy(z * w, y)
    optimizer = sd.optim.SGD()
    model = sd.Model("equal", [z], [y], z * w, loss=loss, optimizer=optimizer)
    package = sd.compile(model).load()
    for width, tolerance in ((np.float32, 1e-6), (np.float64, 1e-15)):
        params = {"w": np.ones(3, width)}
        for size in (1e8, -1e8, 1e30):
            rows = np.full((2, 3), size, width)
            state = package.init_state(params)
            value, _ = package.value_and_grad(params, rows, np.array([0, 2]))
            assert value == pytest.approx(np.log(3), rel=tolerance)
            step = package.train_step(state, rows, np.array([0, 2]))  # planned
            assert step["loss"] == pytest.approx(np.log(3), rel=tolerance)
            assert np.isfinite(state.grads["w"]).all()
