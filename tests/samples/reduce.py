"""Samples of symdiff/ops/reduce/sums.py."""

from __future__ import annotations

from scipy import special

from samples.table import B, Given, I, Sample

OVER: list[dict[str, object]] = [
    {},
    {"axis": 0},
    {"axis": (0, -1)},
    {"axis": 1, "keepdims": True},
]
CUBE = [(3, 4, 2)]

SAMPLES = [
    *(Sample("sum", CUBE, attrs) for attrs in OVER),
    Sample("sum", [B((3, 4))], {"axis": 0}, differentiable=False),
    Sample("sum", [I((3, 4), 5, dtype="int32")], differentiable=False),
    Sample("count_nonzero", [I((3, 4), 3)], {"axis": 0}, differentiable=False),
    Sample("count_nonzero", [B((3, 4))], differentiable=False),
    Sample("sum", [(3, 4)], {"dtype": "float64", "axis": 1}),
    *(Sample("mean", CUBE, attrs) for attrs in OVER),
    *(
        Sample(name, CUBE, attrs, domain="distinct")
        for name in ("max", "min")
        for attrs in OVER
    ),
    *(  # ties of two share equally, as central differences do
        Sample(name, [Given([[1.0, 3.0, 3.0], [0.5, 0.5, 4.0]])], attrs, second=False)
        for name in ("max", "min")
        for attrs in ({"axis": 1}, {"axis": (1,), "keepdims": True})
    ),
    *(
        Sample(name, [(3, 4)], attrs, domain="distinct", differentiable=False)
        for name in ("argmax", "argmin")
        for attrs in ({}, {"axis": 0}, {"axis": -1, "keepdims": True})
    ),
    *(
        Sample(name, [B((3, 4))], attrs, differentiable=False)
        for name in ("any", "all")
        for attrs in ({}, {"axis": 0}, {"axis": (0, 1), "keepdims": True})
    ),
    *(Sample("logsumexp", CUBE, attrs, reference=special.logsumexp) for attrs in OVER),
    *(
        Sample(name, CUBE, {"axis": axis}, reference=getattr(special, name))
        for name in ("softmax", "log_softmax")
        for axis in (-1, 0, (0, 2))
    ),
]
