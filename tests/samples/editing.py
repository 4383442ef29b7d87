"""Samples of symdiff/ops/indexing/editing.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import Sample, sd


def _inserted(obj: Any, axis: Any, *shapes: Any) -> Sample:
    return Sample(
        lambda x, v: sd.insert(x, obj, v, axis=axis),
        list(shapes),
        reference=lambda x, v: np.insert(x, obj, v, axis=axis),
        label=f"insert[{obj},{axis}]",
        symbolic=False,
    )


SAMPLES = [
    *(
        Sample("delete", [(5, 4)], {"obj": obj, "axis": axis}, symbolic=False)
        for obj in (0, -1, [0, 2, 3], slice(1, 3))
        for axis in (0, 1, None)
    ),
    Sample("delete", [(3, 4)], {"obj": 1, "axis": 1}),
    _inserted(1, 0, (3, 4), (4,)),
    _inserted(-1, 1, (3, 4), (3,)),
    _inserted([0, 2], 1, (3, 4), (2,)),
    _inserted([1], None, (5,), (2,)),
]
