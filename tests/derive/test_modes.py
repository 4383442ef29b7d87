"""Derivatives taken before what a graph is for is settled."""

from __future__ import annotations

import numpy as np
import samples  # noqa: F401 - fills the table of ops
from sample_checks import leaf, run

from symdiff.ops.operands import API


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
