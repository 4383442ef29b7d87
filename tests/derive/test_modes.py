"""Derivatives taken before what a graph is for is settled."""

from __future__ import annotations

import numpy as np
import samples  # noqa: F401 - fills the table of ops
from sample_checks import leaf, run

import symdiff as sd
from symdiff.ops.core.operands import API


def test_by_mode_in_training() -> None:
    """The branch of training gets the cotangent once the mode is resolved to it."""
    x, y, g = leaf("x", (3,)), leaf("y", (3,)), leaf("g", (3,))
    output = API["by_mode"](x * y, x + y)
    gradients = API["vjp"](output, [x, y], g)
    values = {x.node: [1.0, 2, 3], y.node: [4.0, 5, 6], g.node: [1.0, -2, 3]}
    feed = {n: np.array(a) for n, a in values.items()}
    for mode, wanted in (
        ("train", ([4.0, -10, 18], [1.0, -4, 9])),
        ("infer", ([1.0, -2, 3], [1.0, -2, 3])),
    ):
        found = run([API["resolve_mode"](t, mode) for t in gradients], feed)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_variable_that_depends_on_another_counts_both_paths_in_both_modes():
    x = sd.input("x", (3,))
    h = sd.sin(x)
    y = h * h * x
    tangents = [sd.input("t_x", (3,)), sd.input("t_h", (3,))]
    ct = sd.input("ct", (3,))
    rng = np.random.default_rng(0)
    feed = {t: rng.normal(size=3) for t in (x, *tangents, ct)}
    moved = sd.interpret(sd.jvp(y, [x, h], tangents), feed)
    pulled = sd.interpret(sd.vjp(y, [x, h], ct), feed)
    both = sum((g * feed[t]).sum() for g, t in zip(pulled, tangents, strict=True))
    np.testing.assert_allclose((moved * feed[ct]).sum(), both, rtol=1e-12)
