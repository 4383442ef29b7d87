"""Which scalars are Python's numbers is decided before any text is made."""

from __future__ import annotations

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
