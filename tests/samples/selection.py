"""Samples of symdiff/ops/elementwise/selection.py."""

from __future__ import annotations

import numpy as np

from samples.table import A, B, I, Sample, sd

X = (3, 4)


def _np_piecewise(x):  # type: ignore[no-untyped-def]
    return np.where(x > 0.4, np.sin(x), np.where(x < -0.4, -x, x**2))


SAMPLES = [
    Sample("clip", [X, -0.45, 0.45], domain="distinct"),
    Sample("clip", [X, A((4,), "normal"), A((3, 1), "positive")], domain="distinct"),
    Sample("clip", [X, A(X, "normal"), A(X, "normal")], domain="distinct"),
    Sample("clip", [X], {"a_min": None, "a_max": 0.45}, domain="distinct"),
    Sample("clip", [X], {"a_min": -0.45, "a_max": None}, domain="distinct"),
    Sample(
        lambda x, low: sd.clip(x, low),
        [X, A((4,), "normal")],
        reference=lambda x, low: np.clip(x, low, None),
        domain="distinct",
        label="clip low",
    ),
    Sample(
        lambda x, high: sd.clip(x, None, high),
        [X, A((4,), "normal")],
        reference=lambda x, high: np.clip(x, None, high),
        domain="distinct",
        label="clip high",
    ),
    Sample("clip", [I(X, 9, -9), -2, 3], differentiable=False),
    Sample(
        lambda a, b, x, y, z: sd.select([a, b], [x, y], z),
        [B(X), B((4,)), X, (3, 1), X],
        reference=lambda a, b, x, y, z: np.where(a, x, np.where(b, y, z)),
        label="select",
    ),
    Sample(
        lambda x: sd.piecewise(
            x, [x < -0.4, x > 0.4], [lambda v: -v, sd.sin, sd.square]
        ),
        [X],
        reference=_np_piecewise,
        domain="distinct",
        complex_ok=False,
        label="piecewise",
    ),
    Sample(
        lambda x: sd.piecewise(x, [x > 0.4], [2.5]),
        [X],
        reference=lambda x: np.piecewise(x, [x > 0.4], [2.5]),
        domain="distinct",
        differentiable=False,
        label="piecewise constant",
    ),
    Sample("heaviside", [X, (4,)], domain="nonzero"),
    Sample("heaviside", [X, 0.5], domain="nonzero", differentiable=False),
    Sample(
        lambda h: sd.heaviside(np.array([0.0, 1.0, -2.0]), h),
        [(3,)],
        reference=lambda h: np.heaviside(np.array([0.0, 1.0, -2.0]), h),
        complex_ok=False,
        symbolic=False,
        label="heaviside at 0",
    ),
]
