"""Samples of symdiff/ops/shape/ranges.py."""

from __future__ import annotations

import numpy as np

from samples.table import A, Sample, sd


def _plus(name, *args, **attrs):  # type: ignore[no-untyped-def]
    """Numbers without operands, added to one."""
    return Sample(
        lambda x: x + sd.cast(getattr(sd, name)(*args, **attrs), float),
        [()],
        reference=lambda x: x + getattr(np, name)(*args, **attrs),
        label=f"{name}{args}{attrs or ''}",
    )


SAMPLES = [
    _plus("arange", 5),
    _plus("arange", 2, 7),
    _plus("arange", 7, 1, -2),
    _plus("arange", 3, 1),
    _plus("arange", 0.5, 2.0, 0.25),
    _plus("arange", 3.0),
    _plus("linspace", 0, 1, 5),
    _plus("linspace", -1.5, 2.0, 7, endpoint=False),
    _plus("linspace", 2.0, 2.0, 1),
    _plus("logspace", 0, 2, 5),
    _plus("geomspace", 1, 64, 4),
    Sample("linspace", [(), ()], {"num": 5}),
    Sample("linspace", [(3,), (3,)], {"num": 4, "endpoint": False, "axis": -1}),
    Sample("linspace", [0.0, ()], {"num": 5, "retstep": True}),
    Sample("logspace", [(2,), (2,)], {"num": 3}),
    *(
        Sample(
            "geomspace",
            [A(shape, "positive"), A(shape, "positive")],
            attrs,
            specials=False,  # NumPy refuses a bound of 0
        )
        for shape, attrs in (((), {"num": 4}), ((3,), {"num": 3, "endpoint": False}))
    ),
    Sample(
        lambda x: (
            x * sd.arange(x.shape[0], dtype=float) + sd.linspace(0, 2, x.shape[0])
        ),
        [(3,)],
        reference=lambda x: x * np.arange(len(x)) + np.linspace(0, 2, len(x)),
        label="ranges of a length",
    ),
]
