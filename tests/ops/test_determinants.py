"""Determinants of singular matrices: their derivative is the cofactors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import symdiff as sd
from symdiff.ops.core.helpers import HELPERS

SINGULAR = {
    "nothing": np.zeros((0, 0)),
    "one zero": np.zeros((1, 1)),
    "two zeros": np.zeros((2, 2)),
    "zeros": np.zeros((3, 3)),
    "rank one": np.outer([1.0, -2.0, 3.0], [0.5, 4.0, 1.0]),
    "rank two": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]),
    "a zero row": np.array([[1.0, 2.0, -1.0], [0.0, 0.0, 0.0], [3.0, 1.0, 2.0]]),
    "one of a batch": np.stack([np.eye(3), np.ones((3, 3)), np.diag([0.0, 2.0, 5.0])]),
}


def by_permutations(a: np.ndarray) -> np.ndarray:
    """Return d det / d a from Leibniz's sum over permutations."""
    found = np.zeros_like(a)
    n = a.shape[-1]
    for order in itertools.permutations(range(n)):
        sign = np.linalg.det(np.eye(n)[list(order)])
        for i in range(n):
            rest = [a[..., k, order[k]] for k in range(n) if k != i]
            found[..., i, order[i]] += sign * np.prod(rest, axis=0)
    return found


@pytest.mark.parametrize("name", SINGULAR)
def test_the_gradient_of_a_determinant(name: str) -> None:
    value = SINGULAR[name]
    a = sd.input("a", value.shape)
    total = sd.sum(sd.linalg.det(a))
    compiled = sd.compile(sd.Function("f", [a], total)).load().backward
    wanted = by_permutations(value)
    for width, tolerance in ((np.float64, 1e-14), (np.float32, 1e-5)):
        _, residuals = compiled.forward_with_residuals(value.astype(width))
        (got,) = compiled.backward(residuals)
        assert got.dtype == width
        np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * 50)
    direction = np.random.default_rng(0).normal(size=value.shape)
    t = sd.constant(direction)
    slope = sd.interpret(sd.jvp(total, a, t), {a: value})
    np.testing.assert_allclose(slope, np.sum(wanted * direction), atol=1e-12)


def test_cofactors_of_badly_scaled_matrices() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        scales = 10.0 ** rng.uniform(-6, 6, 4)
        a = rng.normal(size=(4, 4)) * scales
        wanted = by_permutations(a)
        got = HELPERS["cofactors"](a)
        assert np.max(np.abs(got - wanted)) <= 1e-13 * np.max(np.abs(wanted))
