"""The Numba target over every program with loops, held to the NumPy text."""

from __future__ import annotations

import numpy as np
import pytest
from loop_checks import built
from loop_programs import BY_ID
from numba_runs import compared, needs_numba

import symdiff as sd

needs_numba()

NARROW = {"converging"}  # whose tolerance is below a float32's


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_ID)
def test_a_program_with_loops(name: str) -> None:
    loop = BY_ID[name]
    b = built(loop, symbolic=loop.symbolic is not None)
    outputs = {f"y{i}": t for i, t in enumerate(b.outputs)}
    function = sd.Function("f", b.leaves, outputs | {"loss": b.loss})
    wide = loop.run.__name__ in NARROW
    compared(function, b.values, ("float64",) if wide else ("float64", "float32"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, p in BY_ID.items() if p.orders > 1])
def test_second_derivatives_of_a_program_with_loops(name: str) -> None:
    loop = BY_ID[name]
    b = built(loop)
    moves = [sd.input(f"t{i}", np.shape(v)) for i, v in enumerate(b.values)]
    products = sd.hvp(b.loss, b.leaves, moves)
    outputs = {f"h{i}": t for i, t in enumerate(products)}
    function = sd.Function("f", [*b.leaves, *moves], outputs)
    compared(function, [*b.values, *b.moves[0]], ("float64",))
