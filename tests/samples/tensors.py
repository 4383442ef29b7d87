"""Samples of symdiff/ops/linalg/tensors.py."""

from __future__ import annotations

import numpy as np

from samples.table import Given, Sample

SQUARE = np.array(
    [
        [3.0, 0.5, -0.2, 0.1, 0.3, -0.4],
        [0.2, -2.5, 0.6, -0.3, 0.1, 0.5],
        [-0.1, 0.4, 2.0, 0.7, -0.6, 0.2],
        [0.5, -0.2, 0.3, -3.5, 0.4, 0.1],
        [0.3, 0.1, -0.5, 0.2, 2.8, -0.3],
        [-0.4, 0.6, 0.1, -0.1, 0.2, 4.0],
    ]
)

SAMPLES = [
    Sample(
        "linalg.tensorsolve", [Given(SQUARE.reshape(2, 3, 6)), (2, 3)], symbolic=False
    ),
    Sample(
        "linalg.tensorsolve",
        [Given(SQUARE.reshape(6, 2, 3)), (2, 3)],
        {"axes": (0,)},
        symbolic=False,
    ),
    Sample("linalg.tensorinv", [Given(SQUARE.reshape(2, 3, 6))], symbolic=False),
    Sample(
        "linalg.tensorinv", [Given(SQUARE.reshape(6, 3, 2))], {"ind": 1}, symbolic=False
    ),
]
