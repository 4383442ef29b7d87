"""Samples of symdiff/ops/elementwise/nonfinite.py."""

from __future__ import annotations

import numpy as np

from samples.table import A, Given, I, Sample, sd

INF, NAN = float("inf"), float("nan")
ODD = Given(np.array([1.0, -0.0, INF, -INF, NAN]))

SAMPLES = [
    *(
        Sample(name, [arg], differentiable=False)
        for name in ("isnan", "isinf", "isfinite", "signbit", "isposinf", "isneginf")
        for arg in ((3, 4), ODD)
    ),
    Sample("isnan", [I((3,), 5)], differentiable=False),
    Sample(
        "isclose",
        [Given([np.nan, 1.0]), Given([np.nan, np.nan])],
        {"equal_nan": True},
        differentiable=False,
    ),
    Sample("isclose", [(3, 4), (4,)], {"atol": 0.5}, differentiable=False),
    Sample(
        "isclose",
        [ODD, Given(np.array([1.0, 0.0, INF, INF, NAN]))],
        differentiable=False,
        specials=False,
    ),
    Sample("copysign", [(3, 4), (3, 4)], domain="nonzero", complex_ok=False),
    Sample("copysign", [(3, 4), A((4,), "nonzero")], domain="nonzero"),
    Sample("copysign", [2, (3,)], domain="nonzero", complex_ok=False),
    *(
        Sample(name, args, domain="distinct")
        for name in ("fmax", "fmin")
        for args in ([(3, 4), A((3, 4), "normal")], [(3, 1), (4,)], [(3, 4), 0.05])
    ),
    Sample(
        lambda x: sd.fmax(x, Given(np.array([NAN, 0.5, NAN])).array),
        [(3,)],
        reference=lambda x: np.fmax(x, np.array([NAN, 0.5, NAN])),
        domain="distinct",
        complex_ok=False,
        symbolic=False,
        label="fmax beside nan",
    ),
    Sample("nan_to_num", [(3, 4)]),
    Sample("nan_to_num", [(3, 4)], {"nan": 2.0, "posinf": 5.0, "neginf": -INF}),
    Sample("nan_to_num", [I((3,), 5)], differentiable=False),
]
