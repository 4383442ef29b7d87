"""Samples of symdiff/ops/reduce/running_extremes.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import I, Sample


def _of_numpy(ufunc: np.ufunc) -> Any:
    def reference(x: Any, axis: int | None = None) -> Any:
        return ufunc.accumulate(np.ravel(x) if axis is None else x, axis or 0)

    return reference


SAMPLES = [
    *(
        Sample(
            name, [(3, 4)], attrs, _of_numpy(ufunc), domain="distinct", complex_ok=False
        )
        for name, ufunc in (("cummax", np.maximum), ("cummin", np.minimum))
        for attrs in ({}, {"axis": 0}, {"axis": -1})
    ),
    Sample("cummax", [(5,)], {"axis": 0}, _of_numpy(np.maximum), domain="distinct"),
    Sample(
        "cummax",
        [I((3, 4), 5)],
        {"axis": 1},
        _of_numpy(np.maximum),
        differentiable=False,
    ),
]
