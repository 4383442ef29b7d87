"""Samples of symdiff/ops/linalg/decompose.py, singular.py,
pseudoinverse.py and tuples.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import A, Given, Sample
from symdiff.ops.core.operands import API


def linalg(name: str, shape: Any, attrs: Any = None, **more: Any) -> Sample:
    """A sample of ``sd.linalg.name`` of one matrix against ``np.linalg.name``."""
    more.setdefault("reference", f"linalg.{name}")
    more.setdefault("complex_ok", False)
    return Sample(f"linalg.{name}", [shape], attrs or {}, **more)


def _matrix(*shape: int, seed: int = 0) -> Given:
    """A matrix with well separated singular values."""
    rng = np.random.default_rng(seed)
    k = min(shape[-2:])
    u = np.linalg.qr(rng.normal(size=(*shape[:-2], shape[-2], k)))[0]
    v = np.linalg.qr(rng.normal(size=(*shape[:-2], shape[-1], k)))[0]
    return Given((u * np.arange(k, 0, -1)) @ np.swapaxes(v, -1, -2))


def _spectral(x: Any, f: Any) -> Any:
    w, v = API["linalg.eigh"](x)
    return (v * API["expand_dims"](f(w), -2)) @ v.swapaxes(-1, -2)


def _upper(a: Any, upper: bool) -> Any:
    return np.linalg.cholesky(a.T).T  # NumPy 1 has no upper=


SIZES = [(3, 3), (4, 2), (2, 4), (2, 4, 3)]
REDUCED = {"full_matrices": False}

# Not symmetric: functions of one triangle ignore the other, in value and gradient.
A_TRIANGLE = np.array([[4.0, 0.7, -0.3], [1.0, 5.0, 0.9], [-0.5, 0.8, 7.0]])

SAMPLES = [
    *(linalg("qr", _matrix(*s), symbolic=False) for s in SIZES),
    linalg("qr", _matrix(4, 2), {"mode": "r"}),
    linalg("eigh", A((3, 3), "symmetric")),
    linalg("eigh", A((2, 3, 3), "symmetric")),
    linalg("eigh", A((3, 3), "symmetric"), {"UPLO": "U"}),
    linalg("eigvalsh", A((3, 3), "symmetric")),
    linalg("eigvalsh", A((2, 3, 3), "symmetric"), {"UPLO": "U"}),
    linalg("svd", _matrix(3, 3)),
    *(linalg("svd", _matrix(*s), REDUCED) for s in SIZES),
    linalg("svd", _matrix(4, 2), {"compute_uv": False}),
    *(
        Sample(
            "linalg.cond",
            [A((2, 3, 3), "invertible")],
            {"p": p},
            complex_ok=False,
            symbolic=False,
        )
        for p in (None, -2, "fro", 1, -np.inf)
    ),
    Sample("linalg.cond", [(3, 4)], complex_ok=False, symbolic=False),
    *(
        linalg(
            "svdvals",
            _matrix(*s),
            reference=lambda x: np.linalg.svd(x, compute_uv=False),
        )
        for s in SIZES
    ),
    Sample(
        lambda x: _spectral(x, API["exp"]),
        [A((3, 3), "symmetric")],
        reference=lambda x: (
            (np.linalg.eigh(x)[1] * np.exp(np.linalg.eigh(x)[0]))
            @ np.linalg.eigh(x)[1].T
        ),
        label="expm[eigh]",
        complex_ok=False,
    ),
    *(
        Sample(
            f"linalg.{name}",
            [Given(A_TRIANGLE)],
            attrs,
            f"linalg.{name}",
            complex_ok=False,
            label=f"linalg.{name}[one triangle]",
        )
        for name in ("cholesky", "eigh", "eigvalsh")
        for attrs in (({},) if name == "cholesky" else ({}, {"UPLO": "U"}))
    ),
    linalg("cholesky", Given(A_TRIANGLE), {"upper": True}, reference=_upper),
    *(linalg("pinv", _matrix(*s)) for s in SIZES),
    *(
        Sample(
            lambda a, b: tuple(API["linalg.lstsq"](a, b)[i] for i in (0, 1, 3)),
            [_matrix(*shape), right],
            reference=lambda a, b: tuple(
                np.linalg.lstsq(a, b, rcond=None)[i] for i in (0, 1, 3)
            ),
            label=f"linalg.lstsq[{shape}]",
            complex_ok=False,
            tolerance=1e-11,
        )
        for shape, right in (((4, 2), (4, 3)), ((4, 2), (4,)), ((2, 4), (2, 3)))
    ),
    Sample(
        lambda a, b: API["linalg.lstsq"](a, b).x,
        [_matrix(3, 3), (3,)],
        reference=lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0],
        label="linalg.lstsq[square]",
        complex_ok=False,
    ),
]
