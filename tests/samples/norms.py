"""Samples of symdiff/ops/reduce/norms.py."""

from __future__ import annotations

import numpy as np

from samples.table import Given, Sample

INF = float("inf")

SAMPLES = [
    Sample("linalg.norm", [(3, 4, 2)], complex_ok=False),
    *(
        Sample("linalg.norm", [(3, 4)], attrs, complex_ok=False, domain="distinct")
        for attrs in (
            {},
            {"axis": 0},
            {"axis": -1, "keepdims": True},
            {"axis": (0, 1), "keepdims": True},
            *({"ord": p, "axis": 1} for p in (1, 2, 3, 0.5, 1.5, -1, INF, -INF)),
            *({"ord": p} for p in ("fro", 1, -1, INF, -INF)),
        )
    ),
    Sample("linalg.norm", [(3, 4)], {"ord": 0, "axis": 1}, differentiable=False),
    *(
        Sample("linalg.norm", [(3, 4)], {"ord": p}, complex_ok=False, symbolic=False)
        for p in ("nuc", 2, -2)
    ),
    Sample(
        "linalg.norm",
        [(3, 2, 4)],
        {"ord": "nuc", "axis": (2, 0), "keepdims": True},
        complex_ok=False,
        symbolic=False,
    ),
    Sample("linalg.norm", [(4,)], {"ord": 3}, domain="nonzero", complex_ok=False),
    Sample(
        "linalg.norm",
        [(3, 4, 2)],
        {"ord": 1, "axis": (2, 0)},
        domain="distinct",
        complex_ok=False,
    ),
    Sample(
        "linalg.norm",
        [(3, 4, 2)],
        {"ord": INF, "axis": (2, 0), "keepdims": True},
        domain="distinct",
        complex_ok=False,
    ),
    Sample(
        "linalg.norm",
        [Given(np.array([[3.0, 0.0, -1.0], [0.0, 2.0, 0.5]]))],
        {"ord": 3, "axis": 1},
        complex_ok=False,
        second=False,  # |x|**3 has a kink in its second derivative at 0
    ),
    *(
        Sample(
            "linalg.vector_norm", [(3, 4, 2)], attrs, domain="nonzero", complex_ok=False
        )
        for attrs in (
            {},
            {"axis": 1, "ord": 3},
            {"axis": (0, 2), "ord": 1, "keepdims": True},
        )
    ),
    Sample("linalg.matrix_norm", [(2, 3, 4)], complex_ok=False),
    Sample(
        "linalg.matrix_norm",
        [(2, 3, 4)],
        {"ord": "nuc", "keepdims": True},
        complex_ok=False,
        symbolic=False,
    ),
]
