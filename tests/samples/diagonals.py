"""Samples of symdiff/ops/shape/diagonals.py."""

from __future__ import annotations

import numpy as np

from samples.table import I, Sample, raw, sd

SAMPLES = [
    *(
        Sample(name, [shape], attrs)
        for name in ("tril", "triu")
        for shape, attrs in (
            ((3, 4), {}),
            ((4, 3), {"k": 1}),
            ((3, 4), {"k": -1}),
            ((2, 3, 3), {}),
        )
    ),
    Sample(
        lambda x: x * sd.tri(3, 4, 1),
        [(3, 4)],
        label="tri",
        symbolic=False,
        reference=lambda x: x * np.tri(3, 4, 1),
    ),
    *(
        Sample("diagonal", [shape], attrs)
        for shape, attrs in (
            ((3, 4), {}),
            ((4, 4), {}),
            ((4, 3), {"offset": 2}),
            ((3, 4), {"offset": -1}),
            ((3, 4, 2), {"axis1": 2, "axis2": 0}),
            ((2, 3, 4), {"offset": 1, "axis1": -2, "axis2": -1}),
        )
    ),
    Sample("diagonal", [(5, 5)], {"offset": 1}, symbolic=False),
    *(Sample("diag", [(3,)], {"k": k}) for k in (0, 2, -1)),
    Sample("diag", [(3, 4)], {"k": 1}),
    Sample("diagflat", [(2, 3)], {"k": 1}),
    Sample(
        raw("from_diagonal"),
        [(2, 3)],
        {"shape": (3, 5), "offset": 1},
        reference=lambda x, shape, offset: np.stack(
            [np.pad(np.diag(row, offset)[:3], ((0, 0), (0, 1))) for row in x]
        ),
        symbolic=False,
    ),
    Sample("trace", [(3, 4)]),
    Sample("trace", [(4, 4)], {"offset": 0}),
    Sample("trace", [(2, 3, 3)], {"offset": 1, "axis1": 1, "axis2": 2}),
    Sample("trace", [I((3, 3), 9)], differentiable=False, symbolic=False),
    *(
        Sample(
            f"linalg.{function.__name__}",
            [(3, 4, 4)],
            {"offset": offset},
            reference=lambda x, offset, function=function: function(x, offset, -2, -1),
        )
        for function in (np.diagonal, np.trace)
        for offset in (0, -1)
    ),
    *(
        Sample(
            lambda x, args=args: x @ sd.eye(*args),
            [(2, args[0])],
            reference=lambda x, args=args: x @ np.eye(*args),
            label=f"eye{args}",
            symbolic=False,
        )
        for args in ((3,), (3, 4), (3, 4, 1))
    ),
    Sample(
        lambda x: x @ sd.identity(x.shape[1]),
        [(2, 3)],
        reference=lambda x: x @ np.identity(x.shape[1]),
        label="identity",
    ),
]
