"""Samples of symdiff/ops/indexing/membership.py."""

from __future__ import annotations

import numpy as np

from samples.table import Given, I, Sample

EDGES = np.array([-1.0, 0.0, 0.5])

SAMPLES = [
    Sample("isin", [I((3, 4), 6)], {"test_elements": [1, 4]}, differentiable=False),
    Sample(
        "isin",
        [Given(np.array([0.5, 1.0, 2.0]))],
        {"test_elements": np.array([1.0, 2.5]), "invert": True},
        differentiable=False,
    ),
    Sample(
        "bincount",
        [Given(np.array([0, 2, 1, 2])), (4,)],
        {"minlength": 5},
        symbolic=False,
        complex_ok=False,
    ),
    Sample(
        "bincount",
        [I((5,), 4)],
        {"minlength": 4},
        differentiable=False,
        symbolic=False,
    ),
    *(
        Sample(
            "digitize", [(3, 4)], {"bins": bins, "right": right}, differentiable=False
        )
        for bins in (EDGES, EDGES[::-1])
        for right in (False, True)
    ),
]
