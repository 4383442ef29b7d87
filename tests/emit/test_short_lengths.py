"""Lengths of 0 and 1 in what is divided by lengths: NumPy's answers, not Python's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import symdiff as sd

N = sd.dim("N")
RESULTS: dict[str, Callable[[sd.Tensor], sd.Tensor]] = {
    "sum over N": lambda x: sd.sum(x**2) / N,
    "sum over N - 1": lambda x: sd.sum(x**2) / (N - 1),
    "variance": lambda x: sd.var(x, ddof=1),
    "deviation": lambda x: sd.std(x, ddof=1),
    "mean": lambda x: sd.mean(x**2),
    "mean of rows": lambda x: sd.mean(x[:, None] * x[None, :]),
    "share of a share": lambda x: sd.sum(x / N) / (N + 1),
}


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("width", ["float64", "float32"])
@pytest.mark.parametrize("length", [0, 1, 2, 5])
@pytest.mark.parametrize("name", RESULTS)
def test_gradients_of_few_elements(
    name: str, length: int, width: str, level: int
) -> None:
    x = sd.input("x", N)
    y = RESULTS[name](x)
    slope = sd.grad(y, x)
    value = np.linspace(1, 2, length).astype(width)
    with np.errstate(all="ignore"):
        wanted = sd.interpret(slope, {x: value})
        only = sd.compile(sd.Function("f", [x], slope), optimize=level).load()
        both = sd.compile(sd.Function("f", [x], y), optimize=level).load().backward
        if length or "sum" in name or "share" in name:
            _, residuals = both.forward_with_residuals(value)
            (got,) = both.backward(residuals)
            assert got.dtype == width
            np.testing.assert_allclose(got, wanted, rtol=1e-5)
        else:  # where the value is refused, so is what leads to the gradient
            with pytest.raises(ValueError, match="at least one element"):
                both.forward_with_residuals(value)
            if "mean" not in name:
                return
        got = only.forward.forward(value)
    assert got.dtype == width
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    if length > 1:
        h = 1e-30
        for i in range(length):
            moved = value.astype(complex)
            moved[i] += 1j * h
            oracle = np.imag(_value(name, moved)) / h
            np.testing.assert_allclose(got[i], oracle, rtol=1e-5, atol=1e-6)


def _value(name: str, x: np.ndarray) -> np.ndarray:
    n = len(x)
    centred = np.sum((x - np.mean(x)) ** 2) / (n - 1)
    values = {
        "sum over N": np.sum(x**2) / n,
        "sum over N - 1": np.sum(x**2) / (n - 1),
        "variance": centred,
        "deviation": np.sqrt(centred),
        "mean": np.mean(x**2),
        "mean of rows": np.mean(x[:, None] * x[None, :]),
        "share of a share": np.sum(x / n) / (n + 1),
    }
    return np.asarray(values[name])
