"""Samples of symdiff/ops/reduce/quantiles.py."""

from __future__ import annotations

from samples.table import Sample
from symdiff.ops.reduce.quantiles import METHODS

CUBE = [(3, 4, 2)]

SAMPLES = [
    *(
        Sample("median", CUBE, attrs, domain="distinct", complex_ok=False)
        for attrs in (
            {},
            {"axis": 0},
            {"axis": 1},
            {"axis": (0, -1)},
            {"axis": 1, "keepdims": True},
        )
    ),
    *(
        Sample("quantile", [(5, 4)], {"q": q, "axis": 1}, domain="distinct")
        for q in (0, 0.3, 0.75, 1, (0.1, 0.5))
    ),
    *(
        Sample(
            "quantile",
            [(5, 7)],
            {"q": q, "axis": 1, "method": method},
            domain="distinct",
        )
        for method in METHODS
        for q in (0.2, 0.6)
    ),
    *(
        Sample("quantile", [(5,)], {"q": 0.3, "method": method}, domain="distinct")
        for method in ("linear", "lower", "higher", "midpoint")
    ),
    Sample("percentile", [(3, 4)], {"q": 30, "axis": (0, 1)}, domain="distinct"),
    Sample(
        "percentile",
        [(3, 4)],
        {"q": (10, 90), "axis": 0, "keepdims": True},
        domain="distinct",
    ),
]
