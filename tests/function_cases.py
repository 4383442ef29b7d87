"""Calls of NumPy's functions that are compositions here: what is called, and on what.

In: nothing. Out: `CASES`, a function of arrays and its arguments by name. Invariant:
every argument of floats is differentiated, so each case is smooth where it lies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RNG = np.random.default_rng(12)
nan = np.nan

V = RNG.normal(size=5)
W = RNG.normal(size=5)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(4, 3))
S = RNG.normal(size=(2, 3, 4))
M = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
ONE = RNG.normal(size=1)
ROW = RNG.normal(size=(1, 4))
NONE = np.zeros((0, 3))
GAPS = np.array([0.0, 1.0, 1.5, 3.0, 3.25])
I5 = np.array([3, 1, -2, 4, 9])
I34 = np.arange(12).reshape(3, 4) ** 2 % 7
HOLES = np.where(RNG.random((4, 5)) < 0.3, nan, RNG.normal(size=(4, 5)))
EMPTY = np.array(
    [[1.0, nan, 2.0], [nan, nan, -np.inf], [nan, nan, nan], [1.0, -np.inf, np.inf]]
)
KEPT = np.where(np.isnan(HOLES), 0.5, HOLES)
ANGLES = np.cumsum(RNG.uniform(-3, 3, size=(3, 6)) * 2, axis=1)

Case = tuple[Callable[..., Any], tuple[Any, ...]]
CASES: dict[str, Case] = {}


def case(name: str, function: Callable[..., Any], *args: Any) -> None:
    """Add a case to the table."""
    if name in CASES:
        raise ValueError(f"two cases are called {name!r}")
    CASES[name] = (function, args)


# --- slopes and running sums ----------------------------------------------------------

for order in (1, 2):
    for axis in (None, 0, -1, (0, 1), (1,), ()):
        case(
            f"gradient axis={axis} order={order}",
            lambda a, x=axis, e=order: np.gradient(a, axis=x, edge_order=e),
            A,
        )
    case(
        f"gradient apart order={order}",
        lambda v, e=order: np.gradient(v, 0.5, edge_order=e),
        V,
    )
    case(
        f"gradient at places order={order}",
        lambda v, e=order: np.gradient(v, GAPS, edge_order=e),
        V,
    )
    case(
        f"gradient at even places order={order}",
        lambda v, e=order: np.gradient(v, np.arange(5) * 2, edge_order=e),
        V,
    )
    case(
        f"gradient at traced places order={order}",
        lambda v, g, e=order: np.gradient(v, g, edge_order=e),
        V,
        GAPS,
    )
    case(
        f"gradient of integers order={order}",
        lambda v, e=order: np.gradient(v, edge_order=e),
        I5,
    )
case("gradient of two", np.gradient, V[:2])
case("gradient two spacings", lambda a: np.gradient(a, 2.0, GAPS[:4]), A)
case("gradient traced spacing", lambda a, h: np.gradient(a, h[0], h[1]), A, V[:2] + 3)
case("gradient of stacks", lambda s: np.gradient(s, GAPS[:3], axis=1), S)
case("ediff1d", np.ediff1d, A)
case("ediff1d ends", lambda v: np.ediff1d(v, to_end=[1.0, 2.0], to_begin=v[0] * 2), V)
case("ediff1d one", np.ediff1d, ONE)
case("ediff1d integers", lambda v: np.ediff1d(v, to_end=7, to_begin=[1]), I5)
for axis in (-1, 0, 1):
    case(f"unwrap {axis}", lambda a, x=axis: np.unwrap(a, axis=x), ANGLES)
case("unwrap discont", lambda a: np.unwrap(a, discont=5.0), ANGLES)
case("unwrap period", lambda a: np.unwrap(a, period=4.0), ANGLES)
case("unwrap integers", lambda a: np.unwrap(a, period=4), I5)
case("unwrap odd integers", lambda a: np.unwrap(a, period=5), I5)
case("unwrap integers in turns", np.unwrap, I5)
case("unwrap one", np.unwrap, ONE)
for sums in ("cumulative_sum", "cumulative_prod"):
    if hasattr(np, sums):
        run = getattr(np, sums)
        case(f"{sums} vector", run, V)
        case(f"{sums} integers", run, I5)
        for axis in (0, 1, -1):
            for initial in (False, True):
                case(
                    f"{sums} {axis} {initial}",
                    lambda a, f=run, x=axis, i=initial: f(a, axis=x, include_initial=i),
                    A,
                )
        case(f"{sums} dtype", lambda a, f=run: f(a, axis=0, dtype=float), I34)
        case(f"{sums} none", lambda a, f=run: f(a, axis=0, include_initial=True), NONE)
for sums in ("nancumsum", "nancumprod"):
    run = getattr(np, sums)
    for axis in (None, 0, -1):
        case(f"{sums} {axis}", lambda a, f=run, x=axis: f(a, x), KEPT)
        case(f"{sums} {axis} holes", lambda a, f=run, x=axis: f(a * HOLES, x), KEPT)
    case(f"{sums} integers", run, I34)
for increasing in (False, True):
    for n in (None, 0, 1, 2, 4):
        case(
            f"vander {n} {increasing}",
            lambda v, n=n, i=increasing: np.vander(v, n, i),
            V,
        )
case("vander integers", np.vander, I5)
case("vander at zero", lambda v: np.vander(v * np.array([0, 1, 1, 1, 1]), 4), V)

# --- ranks without NaN ----------------------------------------------------------------

METHODS = (
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation"),
    *("interpolated_inverted_cdf", "hazen", "weibull", "linear", "median_unbiased"),
    *("normal_unbiased", "lower", "higher", "midpoint", "nearest"),
)
for axis in (None, 0, 1, (0, 1), -1):
    for keepdims in (False, True):
        given = {"axis": axis, "keepdims": keepdims}
        case(
            f"nanmedian {given}", lambda a, k=given: np.nanmedian(a * HOLES, **k), KEPT
        )
        case(
            f"nanquantile {given}",
            lambda a, k=given: np.nanquantile(a * HOLES, [0.1, 0.6], **k),
            KEPT,
        )
        case(
            f"nanpercentile {given}",
            lambda a, k=given: np.nanpercentile(a * HOLES, 35, **k),
            KEPT,
        )
for method in METHODS:
    for q in (0.0, 0.25, 0.5, 0.6, 1.0):
        case(
            f"nanquantile {method} {q}",
            lambda a, m=method, q=q: np.nanquantile(a * HOLES, q, axis=1, method=m),
            KEPT,
        )
        case(
            f"nanquantile of all {method} {q}",
            lambda a, m=method, q=q: np.nanquantile(a, q, axis=1, method=m),
            A,
        )
for axis in (0, 1):
    case(f"nanmedian of none {axis}", lambda a, x=axis: np.nanmedian(a, x), EMPTY)
    case(
        f"nanquantile of none {axis}",
        lambda a, x=axis: np.nanquantile(a, [0, 0.3, 1], axis=x),
        EMPTY,
    )
case("nanmedian integers", lambda a: np.nanmedian(a, axis=0), I34)
case("nanquantile integers", lambda a: np.nanquantile(a, 0.3, axis=0), I34)
case("nanmedian scalar", lambda a: np.nanmedian(a[0]), V)
case("nanmedian none", lambda a: np.nanmedian(a, axis=0), NONE)
for extreme in ("nanargmax", "nanargmin"):
    find = getattr(np, extreme)
    case(f"{extreme} rows", lambda a, f=find: f(a * HOLES, axis=1), KEPT)
    case(f"{extreme} keepdims", lambda a, f=find: f(a * HOLES, 1, keepdims=True), KEPT)
    case(f"{extreme} all", lambda a, f=find: f(a * HOLES), KEPT)
    case(f"{extreme} integers", lambda a, f=find: f(a, axis=0), I34)

for extreme in (np.maximum, np.minimum):
    for axis in (0, 1, -1):
        case(
            f"{extreme.__name__}.accumulate {axis}",
            lambda a, f=extreme, x=axis: f.accumulate(a, axis=x),
            A,
        )
    case(f"{extreme.__name__}.accumulate vector", extreme.accumulate, V)
    case(f"{extreme.__name__}.accumulate integers", extreme.accumulate, I34)
    case(f"{extreme.__name__}.accumulate none", extreme.accumulate, NONE)
    case(f"{extreme.__name__}.accumulate holes", extreme.accumulate, EMPTY)

# --- covariance -----------------------------------------------------------------------

OFTEN, MUCH = np.array([1, 2, 0, 3]), np.array([0.5, 1.0, 2.0, 0.25])
for name, options in {
    "rows": {},
    "columns": {"rowvar": False},
    "bias": {"bias": True},
    "ddof 0": {"ddof": 0},
    "ddof 2": {"ddof": 2},
    "fweights": {"fweights": OFTEN},
    "aweights": {"aweights": MUCH},
    "both weights": {"fweights": OFTEN, "aweights": MUCH},
    "both weights, bias": {"fweights": OFTEN, "aweights": MUCH, "bias": True},
}.items():
    case(f"cov {name}", lambda a, k=options: np.cov(a, **k), A)
case("cov weighted columns", lambda a: np.cov(a, rowvar=False, aweights=MUCH), B)
case("cov vector", np.cov, V)
case("cov of two", np.cov, V, W)
case("cov columns of two", lambda a, b: np.cov(a, b, rowvar=False), B, B[:, :1] * 2)
case("cov of a matrix and a vector", np.cov, A, A[0] * 3)
case("cov integers", np.cov, I34)
case("corrcoef", np.corrcoef, A)
case("corrcoef columns", lambda a: np.corrcoef(a, rowvar=False), A)
case("corrcoef of two", np.corrcoef, V, W)
case("corrcoef vector", lambda v: np.corrcoef(v), V)
case("corrcoef integers", np.corrcoef, I34)
