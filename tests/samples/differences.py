"""Samples of symdiff/ops/indexing/differences.py."""

from __future__ import annotations

import numpy as np

from samples.table import Given, Sample, sd

PLACES = np.array([0.0, 1.0, 1.5, 3.0, 3.25])
ANGLES = Given(np.array([[0.1, 3.0, 7.1, 6.9], [2.0, -2.5, 1.0, 9.0]]))

SAMPLES = [
    *(
        Sample(
            "gradient", [(5, 4)], {"axis": axis, "edge_order": order}, symbolic=False
        )
        for axis in (0, -1)
        for order in (1, 2)
    ),
    Sample("gradient", [(2, 5)], {"axis": 1, "edge_order": 2}),
    Sample("gradient", [(5, 4)], symbolic=False),
    *(
        Sample(
            lambda x, h, k=order: sd.gradient(x, h, axis=1, edge_order=k),
            [(3, 5), Given(PLACES)],
            reference=lambda x, h, k=order: np.gradient(x, h, axis=1, edge_order=k),
            label=f"gradient[places,{order}]",
            complex_ok=False,
        )
        for order in (1, 2)
    ),
    Sample(
        lambda x, h: sd.gradient(x, h[0]),
        [(5,), Given(PLACES + 0.5)],
        reference=lambda x, h: np.gradient(x, h[0]),
        label="gradient[spacing]",
        symbolic=False,
    ),
    Sample("ediff1d", [(3, 4)]),
    Sample("ediff1d", [(5,)], {"to_end": [1.0], "to_begin": 2.0}, symbolic=False),
    Sample("unwrap", [ANGLES], complex_ok=False),
    Sample(
        "unwrap", [ANGLES], {"axis": 0, "period": 3.0}, complex_ok=False, symbolic=False
    ),
]
