"""Arrays too large for a literal lie beside the modules, and every form loads them."""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd

LARGE = np.linspace(-1, 1, 100)


def _function() -> sd.Function:
    x = sd.input("x", (100,))
    y = sd.sum(sd.tanh(x * LARGE))
    return sd.Function("with_constants", [x], [y])


@pytest.mark.parametrize("single", [False, True], ids=["package", "single file"])
def test_every_form_of_a_function_loads_its_constants(single):
    module = sd.compile(_function(), single_file=single).load()
    x = np.linspace(0, 2, 100)
    forward = module.forward if single else module.forward.forward
    reverse = module if single else module.backward
    assert forward(x) == pytest.approx(np.sum(np.tanh(x * LARGE)), rel=1e-15)
    _, kept = reverse.forward_with_residuals(x)
    (found,) = reverse.backward(kept)
    np.testing.assert_allclose(found, LARGE * (1 - np.tanh(x * LARGE) ** 2), rtol=1e-14)


def test_a_module_that_reads_no_constant_loads_none():
    x = sd.input("x", (100,))
    function = sd.Function("linear", [x], [sd.sum(x * LARGE), x + 1])
    compiled = sd.compile(function)
    texts = {k: v for k, v in compiled.files.items() if isinstance(v, str)}
    for name, text in texts.items():
        assert ("np.load(" in text) == ("_CONSTANTS[" in text), name


@pytest.mark.parametrize("single", [False, True], ids=["package", "single file"])
def test_initial_values_may_be_large_arrays(single):
    x, y = sd.input("x", (sd.dim("N"), 3)), sd.input("y", (sd.dim("N"), 40))
    start, runs = np.arange(120.0).reshape(3, 40), np.repeat([0.0, 1.0], [15, 25])
    runs = np.concatenate([runs, runs])
    w, b = sd.param("w", (3, 40), init=start), sd.param("b", (80,), init=runs)
    mean = sd.state("mean", (40,), init=np.linspace(1, 2, 40))
    z = (x @ w + b[:40] * b[40:]) / mean
    model = sd.Model(
        "stored", [x], [y], z, loss=sd.nn.mse(z, y), optimizer=sd.optim.SGD()
    )
    compiled = sd.compile(model, single_file=single)
    made = compiled.load().init_params(0, np.float64)
    np.testing.assert_array_equal(made["w"], start)
    np.testing.assert_array_equal(made["b"], runs)
    made["w"] += 1  # what is stored stays as it is
    np.testing.assert_array_equal(compiled.load().init_params(0)["w"], start)
    text = "".join(t for t in compiled.files.values() if isinstance(t, str))
    assert "np.repeat([0.0, 1.0, 0.0, 1.0], [15, 25, 15, 25])" in text


@pytest.mark.parametrize("units", [4, 32])
def test_an_lstm_of_any_size_starts_with_its_forget_bias(units):
    x, y = sd.input("x", (sd.dim("N"), 5, 2)), sd.input("y", (sd.dim("N"), units))
    _, (h, _) = sd.nn.lstm(x, units, name="lstm")
    loss = sd.nn.mse(h, y)
    model = sd.Model("series", [x], [y], h, loss=loss, optimizer=sd.optim.SGD())
    bias = sd.compile(model).load().init_params(0)["lstm.b"]
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0], [units, units, 2 * units]))
