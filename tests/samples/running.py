"""Samples of symdiff/ops/reduce/running.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import Given, Sample

HOLES = Given(np.array([[1.0, np.nan, -0.5, 2.0], [np.nan, 0.5, 1.5, -2.0]]))
RUNS = {"cumulative_sum": np.cumsum, "cumulative_prod": np.cumprod}


def _with_initial(run: Any, first: float) -> Any:
    def reference(x: Any, *, axis: int, include_initial: bool) -> Any:
        found = run(x, axis)
        shape = list(found.shape)
        shape[axis] = 1
        return np.concatenate([np.full(shape, first, found.dtype), found], axis)

    return reference


SAMPLES = [
    *(
        Sample(name, [(3, 4)], {"axis": axis}, lambda x, axis, run=run: run(x, axis))
        for name, run in (
            ("cumulative_sum", np.cumsum),
            ("cumulative_prod", np.cumprod),
        )
        for axis in (0, -1)
    ),
    *(
        Sample(
            name,
            [(3, 4)],
            {"axis": 1, "include_initial": True},
            _with_initial(run, first),
        )
        for (name, run), first in zip(RUNS.items(), (0, 1), strict=True)
    ),
    *(
        Sample(name, [HOLES], attrs, complex_ok=False)
        for name in ("nancumsum", "nancumprod")
        for attrs in ({}, {"axis": 1})
    ),
]
