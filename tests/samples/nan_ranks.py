"""Samples of symdiff/ops/reduce/nan_ranks.py."""

from __future__ import annotations

import numpy as np

from samples.table import Given, Sample
from symdiff.ops.reduce.quantiles import METHODS

nan = np.nan
HOLES = Given(
    np.array(
        [[1.0, nan, -0.5, 2.0, 0.3], [nan, 0.5, 1.5, -2.0, nan], [0.1, 4, 2, 3, 1]]
    )
)

SAMPLES = [
    *(
        Sample("nanmedian", [HOLES], attrs, complex_ok=False, symbolic=False)
        for attrs in ({}, {"axis": 1}, {"axis": (0, 1), "keepdims": True})
    ),
    Sample("nanmedian", [(3, 4)], {"axis": 1}, domain="distinct", complex_ok=False),
    *(
        Sample(
            "nanquantile",
            [HOLES],
            {"q": 0.3, "axis": 1, "method": method},
            complex_ok=False,
            symbolic=False,
        )
        for method in METHODS
    ),
    Sample(
        "nanquantile",
        [(5, 4)],
        {"q": (0.1, 0.6), "axis": 1, "keepdims": True},
        domain="distinct",
        complex_ok=False,
        symbolic=False,  # of no rows, NumPy loses the axis of q
    ),
    Sample("nanpercentile", [HOLES], {"q": 35}, complex_ok=False, symbolic=False),
    *(
        Sample(name, [HOLES], attrs, differentiable=False, symbolic=False)
        for name in ("nanargmax", "nanargmin")
        for attrs in ({}, {"axis": 1}, {"axis": 1, "keepdims": True})
    ),
]
