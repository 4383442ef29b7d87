"""Samples of symdiff/ops/shape/realness.py."""

from __future__ import annotations

from samples.table import Sample

SAMPLES = [
    Sample("isreal", [(3, 4)], differentiable=False),
    Sample("iscomplex", [(3, 4)], differentiable=False),
    Sample("real_if_close", [(3, 4)], complex_ok=False),
]
