"""Samples of symdiff/ops/linalg/products.py."""

from __future__ import annotations

import numpy as np

from samples.table import Sample
from symdiff.ops.core.operands import API

SAMPLES = [
    Sample("inner", [(3, 4), (2, 4)]),
    Sample("inner", [(4,), (4,)]),
    Sample("inner", [(), (3, 4)]),
    Sample("vdot", [(3, 4), (3, 4)], complex_ok=False),
    Sample("vdot", [(3, 4), (12,)], symbolic=False, complex_ok=False),
    Sample("vecdot", [(3, 4), (4,)], complex_ok=False),
    Sample("vecdot", [(3, 4), (3, 1)], {"axis": 0}, complex_ok=False),
    Sample("kron", [(3, 4), (2, 5)]),
    Sample("kron", [(3,), (2,)]),
    Sample("kron", [(3, 2), (4,)]),
    Sample("kron", [(2,), (4, 3, 2)], symbolic=False),
    Sample("cross", [(4, 3), (4, 3)]),
    Sample("cross", [(3,), (4, 3)], symbolic=False),
    Sample("cross", [(3, 4), (3, 1)], {"axis": 0}, symbolic=False),
    *(
        Sample(name, [(n,), (m,)], {"mode": mode}, symbolic=False, complex_ok=False)
        for name in ("convolve", "correlate")
        for mode in ("full", "same", "valid")
        for n, m in ((5, 2), (5, 3), (2, 5), (3, 4), (4, 4), (3, 1))
    ),
    Sample(
        lambda *xs: API["linalg.multi_dot"](xs),
        [(3, 4), (4, 2), (2, 5)],
        reference=lambda *xs: np.linalg.multi_dot(xs),
        label="multi_dot",
    ),
    Sample(
        lambda *xs: API["linalg.multi_dot"](xs),
        [(4,), (4, 2), (2,)],
        reference=lambda *xs: np.linalg.multi_dot(xs),
        label="multi_dot[vectors]",
    ),
    Sample(
        "matvec",
        [(2, 3, 4), (2, 4)],
        reference=lambda a, v: np.einsum("bij,bj->bi", a, v),
        complex_ok=False,
    ),
    Sample(
        "vecmat",
        [(3,), (2, 3, 4)],
        reference=lambda v, a: np.einsum("i,bij->bj", v, a),
        symbolic=False,
        complex_ok=False,
    ),
    Sample("linalg.outer", [(3,), (4,)]),
]
