"""Samples of symdiff/ops/elementwise/trigonometry.py."""

from __future__ import annotations

import numpy as np

from samples.table import A, Given, Sample, raw
from symdiff.ops.core.helpers import HELPERS

PAIR = [(3, 4), (3, 4)]

SAMPLES = [
    Sample("tan", [(3, 4)], domain="unit"),
    Sample("arcsin", [(3, 4)], domain="unit"),
    Sample("arccos", [(3, 4)], domain="unit"),
    Sample("arctan", [(3, 4)]),
    Sample("sinh", [(3, 4)]),
    Sample("cosh", [(3, 4)]),
    Sample("arcsinh", [(3, 4)]),
    Sample("arccosh", [(3, 4)], domain="above_one"),
    Sample("arctanh", [(3, 4)], domain="unit"),
    *(
        Sample(name, args, domain="nonzero", complex_ok=False)
        for name in ("hypot", "arctan2")
        for args in (PAIR, [(3, 1, 4), A((2, 1), "normal")], [(3, 4), 1], [2, (3,)])
    ),
    *(
        Sample(name, [(3, 4)], complex_ok=False)
        for name in ("deg2rad", "radians", "rad2deg", "degrees")
    ),
    Sample("sinc", [(3, 4)], specials=False),  # np.sinc is nan at infinity, after 1e-20
    Sample(
        "sinc", [Given(np.array([0.0, 1e-8, 1e-3, 0.2, 1.0, -2.5]))], complex_ok=False
    ),
    *(
        Sample(
            raw("sinc_derivative"),
            [(3, 4)],
            {"order": order},
            reference=HELPERS["sinc_derivative"],
        )
        for order in (1, 2)
    ),
]
