"""Samples of symdiff/ops/reduce/cumulative.py."""

from __future__ import annotations

import numpy as np

from samples.table import B, Given, I, Sample, sd
from symdiff.ops.core.helpers import HELPERS

CUBE = [(3, 2, 2)]
ZEROS = Given(np.array([[2.0, 0.0, -1.5], [0.0, 3.0, 0.0], [1.0, 2.0, 0.5]]))
OVER: list[dict[str, object]] = [
    {},
    {"axis": 0},
    {"axis": (0, -1)},
    {"axis": 1, "keepdims": True},
]

SAMPLES = [
    *(Sample("prod", CUBE, attrs) for attrs in OVER),
    *(Sample("prod", [ZEROS], {"axis": axis}) for axis in (None, 0, 1)),
    Sample("prod", [()]),
    Sample("prod", [(1, 4)], {"axis": 0}, symbolic=False),
    Sample("prod", [(0, 4)], {"axis": 0}, symbolic=False),
    Sample("prod", [I((3, 4), 5, dtype="int32")], {"axis": 0}, differentiable=False),
    Sample("prod", [B((3, 4))], differentiable=False),
    Sample("prod", [(3, 4)], {"initial": 2.5, "axis": 1}),
    Sample(
        lambda x, m: sd.prod(x, axis=0, where=m),
        [(3, 4), B((3, 4))],
        reference=lambda x, m: np.prod(x, axis=0, where=m),
        label="prod where",
    ),
    *(
        Sample(name, CUBE, {"axis": axis})
        for name in ("cumsum", "cumprod")
        for axis in (None, 0, -1)
    ),
    *(Sample("cumprod", [ZEROS], {"axis": axis}) for axis in (None, 0, 1)),
    Sample("cumsum", [()]),
    Sample("cumprod", [()]),
    Sample("cumsum", [I((3, 4), 5, dtype="int32")], {"axis": 0}, differentiable=False),
    Sample("cumsum", [B((3,))], differentiable=False),
    Sample("cumprod", [I((3,), 5)], differentiable=False),
    *(
        Sample(
            "linear_recurrence",
            [(3, 4), (3, 4)],
            {"axis": axis},
            reference=HELPERS["linear_recurrence"],
        )
        for axis in (0, 1)
    ),
    Sample(
        "linear_recurrence",
        [(), (3, 4)],
        reference=lambda a, b: HELPERS["linear_recurrence"](a + 0 * b, b, 1),
    ),
    Sample("diff", [(5, 4)]),
    Sample("diff", [(5, 4)], {"axis": 1, "n": 2}),
    Sample("diff", [(5, 4)], {"axis": 0}, symbolic=False),
    Sample("diff", [(3, 4)], {"prepend": 0.5, "append": 2.0}),
    Sample("diff", [B((5, 4))], {"axis": 1}, differentiable=False),
]
