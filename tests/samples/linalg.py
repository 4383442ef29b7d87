"""Samples of symdiff/ops/linalg/matmul.py."""

from __future__ import annotations

from samples.table import Sample

SAMPLES = [
    Sample("matmul", [(3, 4), (4, 2)]),
    Sample("matmul", [(3, 3), (3, 3)]),  # square: a swap of operands fits, and is wrong
    Sample("matmul", [(4,), (4,)]),
    Sample("matmul", [(3, 4), (4,)]),
    Sample("matmul", [(4,), (4, 2)]),
    Sample("matmul", [(3, 2, 4), (4, 5)]),
    Sample("matmul", [(3, 2, 4), (4,)]),
    Sample("matmul", [(4,), (3, 4, 2)]),
    Sample("matmul", [(3, 2, 4), (3, 4, 5)]),
    Sample("matmul", [(3, 1, 2, 4), (6, 4, 5)]),
    Sample("matmul", [(2, 4), (3, 4, 5)]),
    Sample("dot", [(3, 4), (4, 2)]),
    Sample("dot", [(), (3, 4)]),
    Sample("dot", [(3, 4), (2, 4, 5)]),
    Sample("outer", [(3,), (4,)]),
    Sample("outer", [(3, 2), (4,)]),
]
