"""Loops and branches whose carries, rows and surroundings are of several widths.

Cotangents that meet a carry from wider or narrower values take its dtype, in first and
second derivatives.
"""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd

N = sd.dim("N")
WIDTHS = ("float", "float32", "float64")


def scans(x, w, kind):
    def body(carry, row):
        new = sd.cast(sd.tanh(carry * w + row), kind)
        return new, sd.sum(new**2)

    return sd.scan(body, sd.cast(sd.zeros(3), kind), x)[0]


def whiles(x, w, kind):
    def body(carry):
        return sd.cast(carry * 1.5 + 0.1 * x[0] * w, kind)

    start = sd.cast(w * w + 0.2, kind)
    return sd.while_loop(lambda carry: sd.sum(carry**2) < 10.0, body, start)


def conds(x, w, kind):
    return sd.cond(
        sd.sum(w) > 0,
        lambda: sd.cast(sd.sin(w), kind),
        lambda: sd.cast(x[0] * w * w, kind),
    )


@pytest.mark.parametrize("outside", WIDTHS)
@pytest.mark.parametrize("second", WIDTHS)
@pytest.mark.parametrize("first", WIDTHS)
@pytest.mark.parametrize("make", [scans, whiles, conds])
def test_derivatives_agree(make, first, second, outside):
    """By reverse mode, forward mode and forward over reverse, beside one width."""

    def found(*kinds):
        x, w = sd.input("x", (N, 3), dtype=kinds[0]), sd.input("w", 3, dtype=kinds[1])
        v = sd.input("v", 3, dtype=kinds[1])
        z = sd.input("z", 3, dtype=kinds[2])
        inner = (x[0] * w).dtype
        y = sd.sum(make(x, w, inner) * z)
        results = [sd.grad(y, w), sd.hvp(y, w, v), sd.jvp(y, w, v)]
        forward = sd.compile(sd.Function("inner", [x, w, v, z], results)).load().forward
        rng = np.random.default_rng(0)
        given = [rng.uniform(0.2, 0.6, s) for s in ((4, 3), 3, 3, 3)]
        kinds = [t.dtype.name for t in (x, w, v, z)]
        names = ["float64" if kind == "float" else kind for kind in kinds]
        arrays = [a.astype(n) for a, n in zip(given, names, strict=True)]
        return forward.forward(*arrays)

    wide = found("float", "float", "float")
    for one, other in zip(found(first, second, outside), wide, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-5)
