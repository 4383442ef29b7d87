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
