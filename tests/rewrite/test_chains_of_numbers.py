"""Constants, signs and means of random chains: all of them count, at every level.

The class: what rules fold, move or join in a derivative. Each chain is one statement,
of products and quotients with numbers of all sizes, differences from means, and rows
that are broadcast. The oracle is a complex step through NumPy alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

N = sd.dim("N")
NUMBERS = (2.0, 0.5, 3.0, 1.01, 0.1, 7.0, 0.25, -1.0, -2.0, 12.0, 64.0, 30.0)
Chain = Callable[[Any, Any, Any], Any]

STEPS = (
    "xp.sin(h)",
    "xp.tanh(h) * {c}",
    "h * {c}",
    "h / {c}",
    "-h",
    "h * r * {c}",
    "h / (2.0 + xp.sin(r)) / {c}",
    "h - {c} * xp.mean(h, axis={axis}, keepdims=True)",
    "xp.sin(h) * xp.sum(xp.cos(h) * {c}, axis={axis}, keepdims=True)",
    "{c} * h / (1.0 + h * h)",
    "{c} * xp.sin(h) / xp.sqrt(1.0 + xp.sum(h * h, axis={axis}, keepdims=True))",
)


def chain(seed: int) -> Chain:
    """Return a function whose steps are written on one line: constants meet there."""
    rng = np.random.default_rng(seed)
    few = rng.permutation(len(STEPS))[: rng.integers(2, len(STEPS) + 1)]
    steps = [
        STEPS[rng.choice(few)].format(c=rng.choice(NUMBERS), axis=rng.integers(2))
        for _ in range(rng.integers(2, 26))
    ]
    line = "; ".join(["h = x", *(f"h = {s}" for s in steps)])
    code = compile(line, "chain", "exec")

    def made(x: Any, r: Any, xp: Any) -> Any:
        values = {"x": x, "r": r, "xp": xp}
        exec(code, values)
        return xp.sum(xp.sin(values["h"])) * 0.5

    return made


def slopes(made: Chain, *point: np.ndarray) -> list[np.ndarray]:
    found = []
    for which, array in enumerate(point):
        slope = np.zeros_like(array)
        for at in np.ndindex(array.shape):
            moved = [a.astype(complex) for a in point]
            moved[which][at] += 1e-30j
            slope[at] = np.imag(made(*moved, np)) / 1e-30
        found.append(slope)
    return found


@pytest.mark.parametrize(
    "first", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(25, 300, 25))]
)
def test_random_chains(first: int) -> None:
    checked = 0
    for seed in range(first, first + 25):
        made, rng = chain(seed), np.random.default_rng([seed, 1])
        point = 0.7 * rng.normal(size=(4, 3)), 0.7 * rng.normal(size=3)
        x = sd.input("x", (N if seed % 2 else 4, 3))
        r = sd.input("r", 3)
        function = sd.Function("chain", [x, r], made(x, r, sd))
        wanted = slopes(made, *point)
        plain, simplified = (
            gradients(sd.compile(function, optimize=level).load(), *point)
            for level in (0, 1)
        )
        for a, b, c in zip(wanted, plain, simplified, strict=True):
            size = np.max(np.abs(a)) + 1e-300
            if np.max(np.abs(a - b)) > 1e-10 * size:
                continue  # so much is lost to rounding that nothing can be told
            checked += 1
            np.testing.assert_allclose(c, a, 0, 1e-8 * size, err_msg=f"chain {seed}")
    assert checked > 30


def gradients(module: Any, *point: np.ndarray) -> Any:
    _, residuals = module.backward.forward_with_residuals(*point)
    return module.backward.backward(residuals)
