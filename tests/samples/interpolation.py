"""Samples of symdiff/ops/indexing/interpolation.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import Given, Sample, sd

KNOTS = Given(np.array([-1.0, -0.3, 0.4, 1.5]))
POINTS = Given(np.array([[-2.0, -0.9, 0.0], [0.3, 1.2, 1.9]]))


def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    rule = getattr(np, "trapezoid", None) or np.trapz
    return rule(y, x, dx, axis)


SAMPLES = [
    Sample("interp", [POINTS, KNOTS, (4,)], complex_ok=False),
    Sample("interp", [Given(0.7), KNOTS, (4,)], complex_ok=False),
    Sample(
        "interp", [POINTS, KNOTS, (4,)], {"left": -1.0, "right": 2.0}, complex_ok=False
    ),
    Sample("interp", [POINTS, KNOTS, (4,)], {"period": 1.9}, complex_ok=False),
    Sample("trapezoid", [(3, 4)], {}, _trapezoid),
    Sample("trapezoid", [(5, 4)], {"dx": 0.5, "axis": 0}, _trapezoid, symbolic=False),
    Sample("trapezoid", [(3, 4), (4,)], {}, _trapezoid),
    Sample("trapezoid", [(2, 3, 4), (3,)], {"axis": 1}, _trapezoid),
    Sample("trapezoid", [(3, 4), (3, 4)], {"axis": 1}, _trapezoid),
    Sample("polyval", [(3,), (5,)], symbolic=False),
    Sample("polyval", [(1,), (5, 2)], symbolic=False),
    Sample(
        lambda x: sd.polyval([2.0, -1.0, 0.5], x),
        [(3, 4)],
        reference=lambda x: np.polyval([2.0, -1.0, 0.5], x),
        label="polyval[numbers]",
    ),
]
