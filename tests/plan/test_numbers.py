"""Which scalars are Python's numbers is decided before any text is made."""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd
from symdiff.plan.functions import Functions


def _functions(mean_of_rows: bool) -> Functions:
    N = sd.dim("N")
    x, w = sd.input("x", (N, 3)), sd.param("w", (3,))
    rows = (x * w) ** 2
    loss = sd.mean(rows) if mean_of_rows else sd.sum(rows) / N
    model = sd.Model("m", [x], outputs=x * w, loss=loss, optimizer=sd.optim.SGD(0.1))
    found = sd.compile(model).stages["schedule"]
    assert isinstance(found, Functions)
    return found


def test_what_is_made_of_the_seed_is_a_python_float() -> None:
    """d_loss is one, and so is d_loss / (3 * N), once N >= 1 has been checked."""
    backward = _functions(True)["backward"]
    (seed,) = backward.weak
    divided = [n for n in backward.order if n.op.name == "divide"]
    assert {seed, *divided} <= backward.forms.python
    assert not backward.forms.unsafe


def test_a_length_that_may_be_0_divides_as_numpys_numbers_do() -> None:
    """sum(...) / N is nan without rows; Python's division would raise."""
    functions = _functions(False)
    for name in ("primal", "backward"):
        found = functions[name]
        divided = [n for n in found.order if n.op.name == "divide"]
        assert divided
        assert set(divided) <= found.forms.unsafe
        assert not set(divided) & found.forms.python


@pytest.mark.parametrize("mean", [False, True])
def test_no_array_is_a_python_number(mean: bool) -> None:
    for routine in _functions(mean).routines.values():
        assert all(not n.shape for n in routine.forms.python)


def test_a_float_outside_a_loop_is_one_in_it() -> None:
    """The body of a loop reads d_loss as what it is outside; carries have a dtype."""
    x = sd.input("x", (4,))
    last, _ = sd.scan(lambda h, r: (sd.tanh(h * r), None), x[0], x)
    model = sd.Function("f", [x], [last])
    backward = sd.compile(model).stages["schedule"]["backward"]
    (loop,) = [n for n in backward.order if n.op.name == "scan"]
    carries = {p.node for p in loop.attrs["body"].params[: loop.attrs["carries"]]}
    assert not carries & backward.forms.python


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_share_of_rows_that_backward_reads_stays_a_python_number(level: int) -> None:
    """The step of a step: 1 / N is a residual where nothing is simplified."""
    n = sd.dim("N")
    x, t, w = sd.input("x", (n, 3)), sd.input("t", (n,)), sd.param("w", 3)

    def loss(v: sd.Tensor) -> sd.Tensor:
        return sd.mean((x @ v - t) ** 2)

    moved = w - 0.5 * sd.grad(loss(w), w)
    model = sd.Model("step", [x, t], outputs=x @ moved, loss=loss(moved))
    module = sd.compile(model, optimize=level).load()
    rng = np.random.default_rng(0)
    X, T, W = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3)
    for width in ("float64", "float32"):
        point = [a.astype(width) for a in (W, X, T)]
        found, gradients = module.backward.value_and_grad({"w": point[0]}, *point[1:])
        slope = np.eye(3) - X.T @ X / 5
        after = W - X.T @ (X @ W - T) / 5
        wanted = slope.T @ (2 / 5 * X.T @ (X @ after - T))
        close = 1e-12 if width == "float64" else 1e-4
        np.testing.assert_allclose(found, np.mean((X @ after - T) ** 2), rtol=close)
        np.testing.assert_allclose(gradients["w"], wanted, rtol=close)
        assert gradients["w"].dtype == width
