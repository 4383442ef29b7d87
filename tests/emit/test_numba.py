"""The Numba target: loops become kernels, and agree with the NumPy text.

A core of programs runs here; `test_numba_programs.py` runs all of them.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from generated import module
from numba_runs import compared, kernels_of, needs_numba

import symdiff as sd

needs_numba()


def logistic(steps: int = 20) -> sd.Function:
    """The logistic equation by the classical Runge-Kutta method."""
    a, y = sd.input("a", ()), sd.input("y", ())

    def slope(y: Any) -> Any:
        return a * y * (1 - y)

    def step(y: Any, _: Any) -> Any:
        k1 = slope(y)
        k2 = slope(y + 0.05 * k1)
        k3 = slope(y + 0.05 * k2)
        k4 = slope(y + 0.1 * k3)
        y = y + 0.1 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y, y

    end, path = sd.scan(step, y, None, length=steps)
    return sd.Function("logistic", [a, y], {"end": end, "path": path})


def rows(steps: Any) -> list[sd.Tensor]:
    return [sd.input("x", (steps,)), sd.input("c", ())]


def test_a_loop_is_a_kernel_and_its_call() -> None:
    text = sd.compile(logistic(), target="numba")["forward"]
    assert "import numba\n" in text
    assert "# needs: numpy, numba\n" in text
    assert ", target=numba; graph" in text
    assert "end, path = _forward_end(a.dtype, y[()], a[()])" in text
    assert "\n@_compiled\ndef _forward_end(dtype, y, a):" in text
    assert compared(logistic(), [np.array(1.3), np.array(0.2)]) == 3


def test_integers_and_booleans_are_carried() -> None:
    x, c = rows(sd.dim("N"))

    def step(state: Any, r: Any) -> Any:
        total, count, any_ = state
        big = (r > 0.5) | (total > 1)
        count = sd.where(big, count + 1, count % 3)
        total = sd.where(big, total - r, total * c) + sd.cast(count, "float")
        return (total, count, any_ | big), (total, big)

    ends, ys = sd.scan(step, (c, sd.constant(0), sd.constant(False)), x)
    f = sd.Function("f", [x, c], dict(zip("abcde", (*ends, *ys), strict=True)))
    values = np.random.default_rng(0).normal(size=9)
    assert compared(f, [values, np.array(0.7)]) == 3


def test_a_while_loop_counts_its_turns() -> None:
    x, c = rows(5)

    def body(s: Any) -> Any:
        return s * c + sd.sin(s)

    y = sd.while_loop(lambda s: s < x[1] + 30, body, x[0] * x[0] + 1)
    values = np.array([0.4, 2.0, 0.1, 0.0, 0.0])
    assert compared(sd.Function("f", [x, c], y * x[2]), [values, np.array(1.4)]) == 3


def test_no_steps_and_one() -> None:
    x, c = rows(sd.dim("N"))
    end, ys = sd.scan(lambda s, r: (s * sd.exp(-r) + c, s - r), c, x)
    f = sd.Function("f", [x, c], {"end": end, "ys": ys})
    for n in (0, 1, 3):
        compared(f, [np.linspace(0.1, 1, n), np.array(0.3)])


def test_a_body_with_more_than_numba_has_stays_numpys() -> None:
    x, c = rows(4)
    cube = sd.input("m", (3, 3))

    def step(s: Any, r: Any) -> Any:
        solved = sd.linalg.solve(cube + r * sd.eye(3), sd.ones(3))
        inner, _ = sd.scan(lambda t, q: (t * q + c, None), s, x)
        return inner + sd.sum(solved), None

    f = sd.Function("f", [x, c, cube], sd.scan(step, c, x)[0])
    text = sd.compile(f, target="numba")["forward"]
    assert "    for t in range(4):\n" in text
    assert "np.linalg.solve" in text.partition("def forward")[2]
    values = [np.array([0.1, 0.3, 0.2, 0.5]), np.array(0.2), 5 * np.eye(3)]
    assert compared(f, values) == 4


def test_strided_and_read_only_arguments() -> None:
    x, c = rows(sd.dim("N"))
    f = sd.Function("f", [x, c], sd.scan(lambda s, r: (s * c + r, s), c, x)[1])
    made = module(sd.compile(f, target="numba"), "forward")
    values = np.linspace(-1, 1, 12)
    plain = made.forward(values[::3].copy(), 0.5)
    np.testing.assert_array_equal(made.forward(values[::3], 0.5), plain)
    kept = values[::3].copy()
    kept.flags.writeable = False
    np.testing.assert_array_equal(made.forward(kept, 0.5), plain)


def test_numbers_that_are_not_finite_go_through() -> None:
    x, c = rows(sd.dim("N"))

    def step(s: Any, r: Any) -> Any:
        parts = r / (s - s), sd.maximum(r, c), sd.sqrt(r), r**c, sd.sign(r)
        return s + 0 * c, parts

    _, ys = sd.scan(step, c, x)
    f = sd.Function("f", [x, c], dict(zip("abcde", ys, strict=True)))
    values = np.array([0.0, -0.0, 1.0, -2.0, np.inf, -np.inf, np.nan, 1e-320])
    compared(f, [values, np.array(0.0)])
    compared(f, [values, np.array(np.nan)])


def test_two_threads_share_a_kernel() -> None:
    made = module(sd.compile(logistic(), target="numba"), "forward")
    found: list[Any] = [None, None]

    def run(i: int) -> None:
        found[i] = [made.forward(1.3 + k / 9, 0.2).path for k in range(9)]

    threads = [threading.Thread(target=run, args=(i,)) for i in (0, 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    np.testing.assert_array_equal(found[0], found[1])


def test_a_model_trains_and_checks_itself() -> None:
    x, y = sd.input("x", (sd.dim("N"),)), sd.input("y", (sd.dim("N"),))
    w = sd.param("w", ())

    def step(h: Any, r: Any) -> Any:
        h = sd.tanh(w * h + r)
        return h, h

    _, hs = sd.scan(step, sd.constant(0.5), x)
    loss = sd.mean((hs - y) ** 2)
    model = sd.Model("tiny", [x], [y], {"h": hs}, loss, optimizer=sd.optim.SGD(0.1))
    compiled = sd.compile(model, target="numba", check=True)
    assert "central differences to 1e-6" in compiled["backward"]
    assert "@_compiled\ndef _step_" in compiled["_planned"]
    assert "import numba" not in compiled["_outputs"]
    states = []
    for target in ("numpy", "numba"):
        made = sd.compile(model, target=target).load()
        state = made.init_state({"w": np.array(0.3)})
        data = np.linspace(-1, 1, 7), np.linspace(0, 1, 7)
        for _ in range(3):
            made.train_step(state, *data)
        states.append(float(state.params["w"]))
    np.testing.assert_allclose(states[0], states[1], rtol=1e-13)


def test_one_file_has_every_kernel() -> None:
    compiled = sd.compile(logistic(), target="numba", single_file=True)
    made = compiled.load()
    names = {"_forward_end", "_primal_end", "_backward_d_y"}
    assert {*kernels_of(made)} == names
    end, path = made.forward(1.3, 0.2)
    assert end == path[-1]


def test_another_target_is_an_error() -> None:
    with pytest.raises(sd.DeclarationError, match="use 'numpy', 'numba'"):
        sd.compile(logistic(), target="fortran")
