"""Samples of symdiff/ops/indexing/polynomials.py."""

from __future__ import annotations

from samples.table import Sample

SAMPLES = [
    Sample("vander", [(5,)], symbolic=False),
    Sample("vander", [(5,)], {"N": 3, "increasing": True}),
    *(
        Sample(name, [(n,), (m,)], symbolic=False, complex_ok=False)
        for name in ("polyadd", "polysub", "polymul")
        for n, m in ((3, 5), (4, 2), (3, 3))
    ),
    *(
        Sample(name, [(5,)], {"m": m}, symbolic=False)
        for name in ("polyder", "polyint")
        for m in (1, 2)
    ),
    Sample(
        "polyint", [(3,)], {"m": 2, "k": [1.0, 2.0]}, symbolic=False, complex_ok=False
    ),
]
