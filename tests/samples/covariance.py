"""Samples of symdiff/ops/linalg/covariance.py."""

from __future__ import annotations

import numpy as np

from samples.table import Sample

OFTEN, MUCH = np.array([1, 2, 0, 3]), np.array([0.5, 1.0, 2.0, 0.25])

SAMPLES = [
    # A matrix of one variable has no axes, so how many there are is written out.
    Sample("cov", [(3, 4)], complex_ok=False, symbolic=False),
    Sample("cov", [(3, 4)], {"rowvar": False, "ddof": 0}, complex_ok=False),
    Sample("cov", [(5,)], {"bias": True}, complex_ok=False, symbolic=False),
    Sample("cov", [(5,), (5,)], complex_ok=False, symbolic=False),
    Sample(
        "cov",
        [(3, 4)],
        {"fweights": OFTEN, "aweights": MUCH},
        complex_ok=False,
        symbolic=False,
    ),
    Sample("corrcoef", [(3, 4)], complex_ok=False, symbolic=False),
    Sample("corrcoef", [(5,), (5,)], complex_ok=False, symbolic=False),
]
