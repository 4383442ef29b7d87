"""Convolutions of symbolic lengths: NumPy's values, or an error that says why not.

NumPy turns operands round where the second is longer; the length of the result is
another one then, so a graph that was made for the first must not go on.
"""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd

KERNELS = {m: np.linspace(-1.0, 2.0, m) for m in (1, 2, 3, 4)}


@pytest.mark.parametrize("name", ["convolve", "correlate"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("m", KERNELS)
def test_lengths_are_numpys_or_refused(name: str, mode: str, m: int) -> None:
    kernel = KERNELS[m]

    def f(x: object) -> object:
        return getattr(np, name)(x, kernel, mode=mode)

    traced = sd.trace(f, ("N",))
    forward = sd.compile(traced).load().forward.forward
    leaf = traced.inputs[0]
    for n in range(1, 7):
        x = np.sin(np.arange(1.0, n + 1))
        if mode == "full" or n >= m:
            np.testing.assert_allclose(forward(x), f(x), rtol=1e-12)
            continue
        with pytest.raises(ValueError, match=f"needs (N >= {m}|at least one)"):
            forward(x)
        with pytest.raises(sd.ShapeError):
            sd.interpret(list(traced.outputs), {leaf: x})
