"""Samples of symdiff/ops/linalg/solvers.py and matrices.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from samples.table import A, Sample
from symdiff.ops.core.operands import API


def linalg(name: str, args: Any, attrs: Any = None, **more: Any) -> Sample:
    """A sample of ``sd.linalg.name`` against ``np.linalg.name``."""
    more.setdefault("reference", f"linalg.{name}")
    return Sample(f"linalg.{name}", args, attrs or {}, **more)


def cofactors(a: np.ndarray) -> np.ndarray:
    """Return the cofactors one by one, as signed determinants of what is left."""
    found = np.empty_like(a)
    for *batch, i, j in np.ndindex(a.shape):
        at = tuple(batch)
        left = np.delete(np.delete(a[at], i, 0), j, 1)
        found[(*at, i, j)] = (-1) ** (i + j) * np.linalg.det(left)
    return found


INVERTIBLE = A((3, 3), "invertible")
BATCH = A((2, 3, 3), "invertible")

SAMPLES = [
    linalg("solve", [INVERTIBLE, (3,)]),
    linalg("solve", [INVERTIBLE, (3, 4)]),
    linalg("solve", [BATCH, (2, 3, 4)]),
    linalg("solve", [BATCH, (3, 4)]),
    linalg("solve", [INVERTIBLE, (2, 3, 4)]),
    linalg("solve", [BATCH, (3,)]),
    linalg("inv", [INVERTIBLE]),
    linalg("inv", [BATCH]),
    linalg("det", [INVERTIBLE]),
    linalg("det", [BATCH]),
    linalg("cofactors", [INVERTIBLE], reference=cofactors, complex_ok=False),
    linalg("cofactors", [BATCH], reference=cofactors, complex_ok=False),
    linalg("slogdet", [INVERTIBLE], complex_ok=False),
    linalg("slogdet", [BATCH], complex_ok=False),
    *(linalg("matrix_power", [INVERTIBLE], {"n": n}) for n in (-2, 0, 1, 2, 5)),
    linalg("matrix_power", [BATCH], {"n": 3}),
    linalg("cholesky", [A((3, 3), "spd")]),
    linalg("cholesky", [A((2, 3, 3), "spd")]),
    *(
        linalg(
            "solve_triangular",
            [INVERTIBLE, shape],
            attrs,
            reference=solve_triangular,
            complex_ok=False,
        )
        for shape, attrs in (
            ((3,), {}),
            ((3, 2), {"lower": True}),
            ((3, 2), {"lower": True, "trans": 1}),
            ((3,), {"unit_diagonal": True}),
            ((3,), {"unit_diagonal": True, "lower": True, "trans": 1}),
        )
    ),
    Sample(
        lambda x: API["linalg.cholesky"]((x + x.swapaxes(-1, -2)) / 2),
        [A((3, 3), "spd")],
        reference=lambda x: np.linalg.cholesky((x + np.swapaxes(x, -1, -2)) / 2),
        label="cholesky[symmetrised]",
    ),
]
