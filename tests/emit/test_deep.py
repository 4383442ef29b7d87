"""Deep graphs: no recursion on the way, text in proportion to the nodes."""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd
from symdiff.transforms import value_and_grad


def _recursion(steps):
    def f(x, a):
        for _ in range(steps):
            x = x + 0.01 * np.sin(a * x)
        return x

    return f


@pytest.mark.parametrize("spec", [(), (2,)], ids=["scalars", "arrays"])
def test_text_grows_with_the_nodes(spec):
    lengths = []
    for steps in (100, 200, 400):  # numbers in names have three digits
        compiled = sd.compile(sd.trace(_recursion(steps), spec, (), name="recursion"))
        lengths.append(sum(len(t) for t in compiled.files.values()))
    assert lengths[2] - lengths[1] < 2.2 * (lengths[1] - lengths[0])


def test_a_recursion_of_scalars_deeper_than_pythons():
    value, (d_x, d_a) = value_and_grad(_recursion(400), (0, 1))(0.5, 1.2)
    x, tangents = 0.5, np.array([1.0, 0.0])
    for _ in range(400):
        slope = 0.01 * np.cos(1.2 * x)
        tangents = tangents + slope * (1.2 * tangents + np.array([0.0, x]))
        x = x + 0.01 * np.sin(1.2 * x)
    assert value == pytest.approx(x, rel=1e-12)
    np.testing.assert_allclose([d_x, d_a], tangents, rtol=1e-10)
