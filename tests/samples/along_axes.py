"""Samples of symdiff/ops/control/along_axes.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import Sample, sd


def _product(v: Any) -> Any:
    return v[:2] * v[1]


SAMPLES = [
    *(
        Sample(
            lambda x, a=axis: sd.apply_along_axis(lambda v: v[:2] * v[1], a, x),
            [(3, 4)],
            reference=lambda x, a=axis: np.apply_along_axis(
                lambda v: v[:2] * v[1], a, x
            ),
            label=f"apply_along_axis[{axis}]",
            symbolic=False,
        )
        for axis in (0, 1)
    ),
    Sample(
        lambda x, y: sd.vectorize(lambda a, b: a * sd.sin(b))(x, y),
        [(3, 2), (2,)],
        reference=lambda x, y: x * np.sin(y),
        label="vectorize",
        symbolic=False,
    ),
    Sample(
        lambda x: sd.apply_over_axes(sd.sum, x, (0, 2)),
        [(2, 3, 4)],
        reference=lambda x: np.apply_over_axes(np.sum, x, (0, 2)),
        label="apply_over_axes",
    ),
]
