"""Samples of symdiff/ops/reduce/agreement.py."""

from __future__ import annotations

from samples.table import Given, Sample

SAMPLES = [
    Sample(
        name,
        [Given([1.0, 2.0]), Given([1.0, last])],
        differentiable=False,
        label=f"{name}[{last}]",
    )
    for name in ("array_equal", "array_equiv", "allclose")
    for last in (2.0, 2.5)
]
