"""What is interpreted holds lengths to what is declared, as generated code does.

The class: two dims of which one is 1 at run time, in every op that stretches or lines
axes up; slices beyond an axis. `interpret` and the generated function refuse alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

N, D = sd.dim("N"), sd.dim("D")
V, U = sd.input("v", N), sd.input("u", D)
TWO: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda v, u: v + u,
    "multiply": lambda v, u: np.sum(v * u),
    "maximum": lambda v, u: np.maximum(v, u),
    "where": lambda v, u: np.where(v > 0, v, u),
    "dot": lambda v, u: v @ u,
    "stack": lambda v, u: np.stack([v, u]),
    "concatenated columns": lambda v, u: np.concatenate([v[:, None], u[:, None]], 1),
    "gradient": lambda v, u: sd.grad(np.sum((v + u) ** 2), u),
    "in a loop": lambda v, u: sd.scan(lambda c, r: (c + r * u, None), u, v)[0] + v,
}


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("lengths", [(2, 1), (1, 2), (3, 2)])
def test_lengths_that_differ_are_refused(name: str, lengths: tuple[int, int]) -> None:
    y = TWO[name](V, U)
    v, u = map(np.ones, lengths)
    compiled = sd.compile(sd.Function("f", [V, U], y)).load()
    with pytest.raises(ValueError):
        compiled.forward.forward(v, u)
    with pytest.raises(sd.ShapeError, match="agree"):
        sd.interpret(y, {V: v, U: u})
    even = np.ones(2)
    np.testing.assert_allclose(
        sd.interpret(y, {V: even, U: even}), compiled.forward.forward(even, even)
    )


@pytest.mark.parametrize("index", [slice(-2, None), slice(1, 3), slice(None, 2)])
def test_slices_beyond_an_axis_are_refused(index: slice) -> None:
    y = V[index] * 2.0
    compiled = sd.compile(sd.Function("f", [V], y)).load()
    with pytest.raises(ValueError):
        compiled.forward.forward(np.ones(1))
    with pytest.raises(sd.ShapeError):
        sd.interpret(y, {V: np.ones(1)})
