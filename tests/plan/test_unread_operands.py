"""Arguments that the backward pass alone reads: their values are handed over to it.

The class: every sample as the branch of a `where` that simplification takes away, so
that nothing of it is computed forward while its arguments, such as the integers of an
index, still tell where a zero gradient lies.
"""

from __future__ import annotations

import numpy as np
import pytest
from generated import module
from samples import SAMPLES, Sample, draw

import symdiff as sd

KINDS = {"f": "float", "i": "int64", "b": "bool"}
CASES = {s.id: s for s in SAMPLES if s.differentiable}


@pytest.mark.parametrize("name", CASES)
def test_a_branch_never_taken_hands_back_zeros(name: str) -> None:
    sample: Sample = CASES[name]
    arrays = [a for a in draw(sample) if isinstance(a, np.ndarray)]
    leaves = [
        sd.input(f"a{i}", a.shape, dtype=KINDS[a.dtype.kind])
        for i, a in enumerate(arrays)
    ]
    given = iter(leaves)
    operands = [next(given) if isinstance(a, np.ndarray) else a for a in draw(sample)]
    built = sample.build(operands)
    out = built[0] if isinstance(built, (list, tuple)) else built
    if not out.dtype.is_float:
        pytest.skip("the first result is no float")
    floats = [t for t in leaves if t.dtype.is_float]
    mask = sd.input("mask", out.shape, dtype="bool")
    other = sd.input("other", out.shape)
    value = sd.where(mask, sd.where(mask, other, out), other)
    function = sd.Function("f", [*leaves, mask, other], value)
    rng = np.random.default_rng(0)
    chosen, taken = rng.random(mask.shape) < 0.5, rng.normal(size=other.shape)
    # All levels where an argument is an index or a mask, which no gradient reaches.
    for level in (0, 1) if len(floats) < len(leaves) else (1,):
        made = module(sd.compile(function, optimize=level), "backward")
        result, residuals = made.forward_with_residuals(*arrays, chosen, taken)
        np.testing.assert_array_equal(result, taken)
        *zeros, slope = made.backward(residuals, np.ones(out.shape))
        np.testing.assert_array_equal(slope, np.ones(out.shape))
        for zero in zeros:
            np.testing.assert_array_equal(zero, np.zeros_like(zero))
