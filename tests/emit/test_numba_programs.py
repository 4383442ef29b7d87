"""The Numba target over every program with loops, held to the NumPy text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from loop_checks import built
from loop_programs import BY_ID
from numba_runs import compared, needs_numba
from samples import SAMPLES, draw
from text_cases import case

import symdiff as sd
from symdiff.graph.tensor import Tensor

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


LIBRARIES = re.compile(r"NumPy alone|NumPy and Numba")


def _body(text: str) -> str:
    """Return a module without its header, or what it says it needs."""
    return LIBRARIES.sub("", text.partition("BUILD = ")[2].partition("\n")[2])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_a_sample_has_numpys_text_or_agrees(part: int) -> None:
    """Where nothing is compiled, the text is that of NumPy's target."""
    for sample in SAMPLES[part::8]:
        c = case(sample.id, 1, False)
        inputs = [x for x in c.leaves if isinstance(x, Tensor)]
        function = sd.Function("f", inputs, c.outputs)
        targets = ("numpy", "numba")
        plain, compiled = (sd.compile(function, t, 1) for t in targets)
        if any("@_compiled" in str(t) for t in compiled.files.values()):
            pairs = zip(c.leaves, draw(sample), strict=True)
            compared(function, [v for x, v in pairs if isinstance(x, Tensor)])
            continue
        for module in ("forward", "backward"):
            if f"f/{module}.py" in plain.files:
                assert _body(compiled[module]) == _body(plain[module]), sample.id
