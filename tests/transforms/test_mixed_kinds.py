"""Plain NumPy code that mixes floats, integers, booleans and scalars.

Random programs against NumPy: the value, the gradients by differences, forward mode by
reverse mode, and the second derivative along a direction by differences of gradients.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from mixed_programs import Mixed, mixed_program

from symdiff import transforms

STEPS = (1e-5, 1e-6)


def _moved(program: Mixed, tangents: list[np.ndarray], by: float) -> list[np.ndarray]:
    pairs = zip(program.operands, tangents, strict=True)
    return [x + by * t for x, t in pairs]


def _slope(f: object, program: Mixed, tangents: list[np.ndarray]) -> float | None:
    """Return the slope along tangents; None where two step sizes disagree: a kink."""
    found = [
        (f(*_moved(program, tangents, h)) - f(*_moved(program, tangents, -h))) / (2 * h)  # type: ignore[operator]
        for h in STEPS
    ]
    scale = 1 + abs(found[0])
    return float(found[0]) if abs(found[0] - found[1]) < 1e-5 * scale else None


def check(seed: int) -> int:
    """Hold a program to NumPy; return how many slopes were compared."""
    program = mixed_program(seed)
    operands, argnum = program.operands, (0, 1, 2)
    value, gradients = transforms.value_and_grad(program, argnum)(*operands)
    np.testing.assert_allclose(
        value, program(*operands), rtol=1e-12, err_msg=str(program)
    )
    rng = np.random.default_rng(seed)
    tangents = [rng.standard_normal(x.shape) for x in operands]
    told = sum(float(np.sum(g * t)) for g, t in zip(gradients, tangents, strict=True))
    for g, x in zip(gradients, operands, strict=True):
        assert np.shape(g) == x.shape, program
    along = transforms.jvp(program, argnum)(*operands, tuple(tangents))
    np.testing.assert_allclose(along, told, rtol=1e-9, atol=1e-12, err_msg=str(program))
    compared = 0
    slope = _slope(program, program, tangents)
    if slope is not None:
        assert abs(slope - told) < 1e-4 * (1 + abs(told)), (program, slope, told)
        compared += 1

    def directional(*xs: np.ndarray) -> float:
        grads = transforms.grad(program, argnum)(*xs)
        return sum(float(np.sum(g * t)) for g, t in zip(grads, tangents, strict=True))

    second = transforms.hvp(program, argnum)(*operands, tuple(tangents))
    told = sum(float(np.sum(s * t)) for s, t in zip(second, tangents, strict=True))
    curvature = _slope(directional, program, tangents)
    if curvature is not None:
        assert abs(curvature - told) < 1e-4 * (1 + abs(told)), (
            program,
            curvature,
            told,
        )
        compared += 1
    return compared


def test_programs_of_mixed_kinds() -> None:
    compared = [check(seed) for seed in range(25)]
    assert sum(compared) > 38, "too few slopes are smooth to say anything"


@pytest.mark.slow
def test_many_programs_of_mixed_kinds() -> None:
    """A larger sweep; SYMDIFF_SWEEP says of how many."""
    count = int(os.environ.get("SYMDIFF_SWEEP", "200"))
    compared = [check(seed) for seed in range(1000, 1000 + count)]
    assert sum(compared) > 1.5 * count
