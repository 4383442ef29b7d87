"""Samples of symdiff/ops/elementwise/exponential.py."""

from __future__ import annotations

import numpy as np

from samples.table import Given, Sample

INF = float("inf")
PAIR = [(3, 4), (3, 4)]

SAMPLES = [
    Sample("exp2", [(3, 4)]),
    Sample("log2", [(3, 4)], domain="positive"),
    Sample("log10", [(3, 4)], domain="positive"),
    Sample("cbrt", [(3, 4)], domain="nonzero", complex_ok=False),
    *(
        Sample(name, args, complex_ok=False)
        for name in ("logaddexp", "logaddexp2")
        for args in (PAIR, [(3, 1, 4), (2, 1)], [(3, 4), 0.5], [2, (3,)])
    ),
    Sample(
        "logaddexp",
        [Given(np.array([2.0, 800.0])), Given(np.array([2.0, -800.0]))],
        complex_ok=False,
    ),
]
