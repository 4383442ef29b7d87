"""What is read of a loop's last step is read at its end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from generated import module

import symdiff as sd

N, T = sd.dim("N"), sd.dim("T")


def _model(read: Any, reverse: bool = False) -> sd.Model:
    """Return a model whose loss is of what ``read`` takes of a stacked carry."""
    x = sd.input("x", (T, N, 2))
    U = sd.param("U", (2, 2))

    def step(h: Any, row: Any) -> Any:
        h = row + sd.sin(h) @ U
        return h, h

    end, hs = sd.scan(step, sd.zeros((N, 2)), x, reverse=reverse)
    return sd.Model("m", [x], [], end, loss=sd.mean(read(end, hs) ** 2))


READ = {
    "hs[-1]": (lambda end, hs: hs[-1], False),
    "hs[0]": (lambda end, hs: hs[0], True),
    "hs[-1:]": (lambda end, hs: hs[-1:], False),
    "h[:, -1]": (lambda end, hs: sd.swapaxes(hs, 0, 1)[:, -1], False),
    "h[..., -1]": (lambda end, hs: sd.transpose(hs, (2, 1, 0))[..., -1], False),
}


@pytest.mark.parametrize("name", list(READ))
def test_the_last_row_is_the_end(name: str) -> None:
    read, reverse = READ[name]
    backward = sd.compile(_model(read, reverse))["backward"]
    text = backward[backward.index("def loss_and_residuals") :]
    assert " h_steps" not in text, "nothing is stacked for one row"
    assert "d_h_steps" not in text
    assert "np.zeros((T," not in text, "its cotangent does not go through zeros"
    ours = module(sd.compile(_model(read, reverse)), "backward")
    plain = module(sd.compile(_model(lambda end, hs: end, reverse)), "backward")
    rng = np.random.default_rng(1)
    x, params = rng.normal(size=(4, 3, 2)), {"U": rng.normal(size=(2, 2))}
    loss, found = ours.value_and_grad(params, x)
    wanted, gradients = plain.value_and_grad(params, x)
    assert loss == wanted
    np.testing.assert_array_equal(found["U"], gradients["U"])
    with pytest.raises(ValueError, match="last step of a loop needs at least one"):
        ours.value_and_grad(params, x[:0])


def test_other_rows_are_read_of_the_stack() -> None:
    text = sd.compile(_model(lambda end, hs: hs[0]))["backward"]
    assert "h_steps[t] = " in text
    text = sd.compile(_model(lambda end, hs: hs[-1], reverse=True))["backward"]
    assert "h_steps[t] = " in text


def test_the_end_of_a_loop_that_hands_on_its_start() -> None:
    x = sd.input("x", (T, 2))
    h = sd.input("h", (2,))
    _, hs = sd.scan(lambda c, row: (c, c), h, x)
    forward = module(sd.compile(sd.Function("f", [x, h], [hs[-1]])), "forward").forward
    start = np.ones(2)
    found = forward(np.zeros((3, 2)), start)
    np.testing.assert_array_equal(found, start)
    assert not np.may_share_memory(found, start)
