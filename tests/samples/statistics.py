"""Samples of symdiff/ops/reduce/statistics.py."""

from __future__ import annotations

import numpy as np

from samples.table import A, Given, Sample, sd

CUBE = [(3, 4, 2)]
NAN = float("nan")
HOLES = Given(np.array([[1.0, NAN, 2.5, -1.0], [NAN, 0.5, 4.0, 3.0]]))
OVER: list[dict[str, object]] = [
    {},
    {"axis": 0},
    {"axis": (0, -1)},
    {"axis": 1, "keepdims": True},
]

SAMPLES = [
    *(
        Sample(name, CUBE, attrs, complex_ok=False)
        for name in ("var", "std")
        for attrs in (*OVER, {"axis": 1, "ddof": 1}, {"axis": (1, 2), "ddof": 1.5})
    ),
    *(
        Sample(
            lambda x, m, name=name: sd.__getattr__(name)(x, axis=0, where=m),
            [
                (4, 3),
                Given(np.array([[True], [True], [False], [True]]) & np.ones(3, bool)),
            ],
            reference=lambda x, m, name=name: getattr(np, name)(x, axis=0, where=m),
            label=f"{name} where",
            complex_ok=False,
            symbolic=False,
        )
        for name in ("var", "std", "mean")
    ),
    Sample("average", CUBE, {"axis": 0}),
    Sample("ptp", [(3, 4)], domain="distinct"),
    Sample("ptp", [(3, 4)], {"axis": 1, "keepdims": True}, domain="distinct"),
    *(
        Sample(name, [HOLES], attrs, complex_ok=False)
        for name in (
            "nansum",
            "nanprod",
            "nanmean",
            "nanvar",
            "nanstd",
            "nanmax",
            "nanmin",
        )
        for attrs in ({}, {"axis": 1})
    ),
    Sample("nanmax", [(3, 4)], {"axis": 0, "keepdims": True}, domain="distinct"),
    Sample(
        lambda x, w: sd.average(x, axis=1, weights=w),
        [(3, 4, 2), A((4,), "positive")],
        reference=lambda x, w: np.average(x, axis=1, weights=w),
        label="average by one axis",
    ),
    Sample(
        lambda x, w: sd.average(x, axis=(0, 1), weights=w, returned=True),
        [(3, 4, 2), A((3, 4), "positive")],
        reference=lambda x, w: (
            (x * w[..., None]).sum((0, 1)) / w.sum(),
            w.sum() * np.ones(2),
        ),
        label="average by two axes",
    ),
    Sample(
        lambda x, w: sd.average(x, weights=w, keepdims=True),
        [(3, 4), A((3, 4), "positive")],
        reference=lambda x, w: np.average(x, weights=w, keepdims=True),
        label="average by all",
        symbolic=False,  # NumPy raises where the weights add up to 0
    ),
]
