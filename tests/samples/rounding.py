"""Samples of symdiff/ops/elementwise/rounding.py."""

from __future__ import annotations

from samples.table import A, I, Sample

SAMPLES = [
    *(
        Sample(name, [(3, 4)], differentiable=False)
        for name in ("floor", "ceil", "rint", "trunc", "fix", "round")
    ),
    Sample("round", [(3, 4)], {"decimals": 2}, differentiable=False),
    Sample("round", [(3, 4)], {"decimals": -1}, differentiable=False),
    Sample("round", [I((5,), 9, -9)], differentiable=False),
    Sample("floor", [I((5,), 9, -9)], reference="positive", differentiable=False),
    *(
        Sample(name, args, differentiable=differentiable, domain="nonzero")
        for name, differentiable in (
            ("floor_divide", False),
            ("mod", True),
            ("fmod", True),
        )
        for args in ([(3, 4), (3, 4)], [(3, 4), A((4,), "positive")], [(3, 4), 0.7])
    ),
    Sample("remainder", [I((3, 4), 9, -9), 4], differentiable=False),
    Sample("floor_divide", [I((5, 4), 9, -9), I((4,), 5, 1)], differentiable=False),
    Sample("divmod", [(3, 4), (4,)], domain="nonzero"),
    Sample("modf", [(3, 4)], domain="nonzero"),
]
