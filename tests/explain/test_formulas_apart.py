"""Formulas of different meaning look different, in text, in LaTeX and in MathML.

What an expression means is told by its values on random arrays: two that differ there
must not be written alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.explain.equations import equation
from symdiff.explain.mathml import mathml

A, B = sd.input("A", (3, 3)), sd.input("B", (3, 3))
v, w, s = sd.input("v", 3), sd.input("w", 3), sd.input("s", ())
T = sd.input("T", (3, 3, 3))
k = sd.input("k", 3, dtype="int64")
m = sd.input("m", 6)
x = sd.input("x", (2, 3))
p, q = sd.input("p", 3, dtype="bool"), sd.input("q", 3, dtype="bool")
RNG = np.random.default_rng(0)
FEEDS = [
    {
        **{t: RNG.uniform(0.2, 1.8, t.shape) for t in (A, B, v, w, s, T, m, x)},
        k: order,
        p: np.array([True, False, not i]),
        q: np.array([bool(i), False, True]),
    }
    for i, order in enumerate((np.array([2, 0, 0]), np.array([1, 1, 2])))
]

TABLE: list[Callable[[], Any]] = [
    lambda: (A * B) @ A,
    lambda: A * (B @ A),
    lambda: (A @ B) * A,
    lambda: A @ (B * A),
    lambda: s * A @ B,
    lambda: (A + B) @ A,
    lambda: A + B @ A,
    lambda: A @ B @ A,
    lambda: sd.linalg.inv(A),
    lambda: A**-1,
    lambda: 1 / A,
    lambda: A**-1.0 @ B,
    lambda: sd.linalg.solve(A, B),
    lambda: sd.linalg.solve(A, B) * A,
    lambda: sd.linalg.solve(A, B * A),
    lambda: sd.linalg.pinv(A[:2]),
    lambda: A**2,
    lambda: sd.linalg.matrix_power(A, 2),
    lambda: A @ A,
    lambda: A * A,
    lambda: A**s,
    lambda: s**A,
    lambda: A ** (s + 1),
    lambda: A**s + 1,
    lambda: (A**2) ** s,
    lambda: A ** (2**s),
    lambda: -(A**2),
    lambda: (-A) ** 3,
    *(
        lambda f=f, axis=axis, keepdims=keepdims: f(A, axis=axis, keepdims=keepdims)
        for f in (
            sd.sum,
            sd.max,
            sd.min,
            sd.prod,
            sd.mean,
            sd.std,
            sd.var,
            sd.logsumexp,
            sd.linalg.norm,
            sd.argmax,
            sd.any,
            sd.median,
        )
        for axis in (0, 1, None)
        for keepdims in (False, True)
    ),
    *(
        lambda f=f, axis=axis: f(A, axis=axis)
        for f in (
            sd.softmax,
            sd.cumsum,
            sd.cumprod,
            sd.sort,
            sd.argsort,
            sd.flip,
            sd.log_softmax,
        )
        for axis in (0, 1)
    ),
    *(
        lambda axes=axes: sd.sum(T, axis=axes)
        for axes in (0, 1, 2, (0, 1), (0, 2), (1, 2), None)
    ),
    lambda: sd.sum(A) * B,
    lambda: sd.sum(A * B),
    lambda: sd.sum(A) + s,
    lambda: sd.sum(A + s),
    lambda: sd.sum(A) ** 2,
    lambda: sd.sum(A**2),
    lambda: sd.sum(A) / s,
    lambda: sd.sum(A / s),
    lambda: -sd.sum(A),
    lambda: sd.sum(-A),
    lambda: s - sd.sum(A),
    lambda: sd.sum(A) - s,
    lambda: sd.sum(A - s),
    lambda: sd.sum(A, axis=0) @ B,
    lambda: sd.sum(A @ B, axis=0),
    lambda: sd.sum(sd.sin(A)),
    lambda: sd.sin(sd.sum(A)),
    lambda: sd.sum(A, axis=0) * v,
    lambda: sd.sum(A * v, axis=0),
    lambda: sd.sum(sd.sum(A, axis=0) * v),
    lambda: sd.sum(A, axis=1, keepdims=True) * B,
    lambda: sd.sum(A, axis=1) * B,
    lambda: sd.sum(A * B, axis=1, keepdims=True),
    lambda: sd.sum(A, axis=1)[:, None] * B,
    lambda: sd.prod(v) * s,
    lambda: sd.prod(v * s),
    lambda: sd.max(v) * s,
    lambda: sd.max(v * s),
    lambda: sd.max(-v),
    lambda: -sd.max(v),
    lambda: sd.max(sd.sum(A, axis=0)),
    lambda: sd.sum(sd.max(A, axis=0)),
    lambda: sd.mean(A, axis=0) * B,
    lambda: sd.mean(A * B, axis=0),
    lambda: sd.max(v, initial=1.0),
    lambda: sd.max(v, initial=2.0),
    lambda: sd.max(v),
    lambda: v + A,
    lambda: v[:, None] + A,
    lambda: v * A,
    lambda: v[:, None] * A,
    lambda: v @ A,
    lambda: A @ v,
    lambda: sd.outer(v, w),
    lambda: v * w,
    lambda: v @ w,
    lambda: (v @ w) * A,
    lambda: v @ (w * v),
    lambda: v * (w @ v),
    lambda: (v * w) @ A,
    lambda: T @ v,
    lambda: (T @ v) @ A,
    lambda: T @ (A @ v),
    lambda: T @ A @ v,
    lambda: T @ (T @ v),
    lambda: (T @ T) @ v,
    lambda: v @ (T @ T),
    lambda: (v @ T) @ T,
    lambda: sd.reshape(m, (2, 3)) * x,
    lambda: sd.reshape(m, (3, 2)).T * x,
    lambda: sd.reshape(m, (2, 3)),
    lambda: sd.reshape(m, (3, 2)),
    lambda: m,
    lambda: sd.concatenate([v[None], w[None]]),
    lambda: sd.concatenate([v, w]),
    lambda: sd.stack([v, w]),
    lambda: sd.stack([v, w], axis=1),
    lambda: sd.concatenate([A, B]),
    lambda: sd.concatenate([A, B], axis=1),
    lambda: sd.einsum("ij,ij->i", A, B),
    lambda: sd.einsum("ij,ji->i", A, B),
    lambda: sd.einsum("ij,kj->i", A, B),
    lambda: sd.tensordot(A, B, 2),
    lambda: sd.tensordot(T, A, ((0, 1), (0, 1))),
    lambda: sd.tensordot(T, A, ((0, 1), (1, 0))),
    lambda: sd.triu(A),
    lambda: sd.triu(A, 1),
    lambda: sd.tril(A),
    lambda: sd.tril(A, -1),
    lambda: sd.diagonal(A),
    lambda: sd.diagonal(A, 1),
    lambda: sd.diagonal(A, -1),
    lambda: sd.roll(A, 1, axis=0),
    lambda: sd.roll(A, 2, axis=0),
    lambda: sd.roll(A, 1, axis=1),
    lambda: A.T,
    lambda: sd.transpose(T, (1, 0, 2)),
    lambda: sd.transpose(T, (0, 2, 1)),
    lambda: T.T,
    lambda: A[0],
    lambda: A[:1],
    lambda: A[:, 0],
    lambda: A[1],
    lambda: A[k],
    lambda: A[:, k],
    lambda: A[k, k],
    lambda: sd.take_along_axis(A, k[None], 0),
    lambda: sd.take_along_axis(A, k[:, None], 1),
    lambda: sd.quantile(v, 0.3),
    lambda: sd.quantile(v, 0.6),
    lambda: sd.quantile(v, 0.3, method="lower"),
    lambda: sd.std(v),
    lambda: sd.std(v, ddof=1),
    lambda: sd.polygamma(1, v),
    lambda: sd.polygamma(2, v),
    lambda: sd.pad(x, 1),
    lambda: sd.pad(x, 2),
    lambda: sd.pad(x, ((0, 1), (1, 0))),
    lambda: sd.max_pool1d(x[None], 2),
    lambda: sd.max_pool1d(x[None], 3),
    lambda: sd.avg_pool1d(x[None], 2),
    lambda: sd.avg_pool1d(x[None], 2, stride=1),
    lambda: sd.conv1d(x[None], sd.reshape(m, (1, 2, 3)), padding=1),
    lambda: sd.conv1d(x[None], sd.reshape(m, (1, 2, 3)), padding=2),
    lambda: sd.conv1d(x[None], sd.reshape(m, (1, 2, 3)), padding=2, dilation=2),
    lambda: sd.clip(v, 0, 1),
    lambda: sd.clip(v, 0, 2),
    lambda: sd.diff(v),
    lambda: sd.one_hot(k, 3),
    lambda: sd.one_hot(k, 4),
    lambda: sd.cast(k, "float"),
    lambda: sd.cast(sd.cast(v, "int64"), "float"),
    lambda: v,
    lambda: sd.floor(v),
    lambda: sd.searchsorted(sd.sort(v), w),
    lambda: sd.searchsorted(sd.sort(v), w, side="right"),
    lambda: sd.linalg.norm(A, 1),
    lambda: sd.linalg.norm(v, 1),
    lambda: sd.linalg.norm(v),
    lambda: sd.linalg.norm(v, 3),
    lambda: sd.linalg.norm(v * s),
    lambda: sd.linalg.norm(v) * s,
    lambda: sd.convolve(v, w),
    lambda: sd.convolve(v, w, mode="same"),
    lambda: sd.convolve(v, w, mode="valid"),
    lambda: p & q,
    lambda: p | q,
    lambda: p ^ q,
    lambda: ~p & q,
    lambda: ~(p & q),
    lambda: (v > w) * s,
    lambda: v > w * s,
    lambda: sd.where(v > w, v, w),
    lambda: sd.where(v > w, w, v),
    lambda: v * sd.constant([1.0, 2.0, 3.0]),
    lambda: v * sd.constant([3.0, 2.0, 1.0]),
    lambda: v + 1.0,
    lambda: v + 1e-3,
    lambda: v * 2 + 1,
    lambda: v * (2 + 1 * s),
    lambda: sd.copysign(v, w) ** 2,
    lambda: sd.copysign(v, w**2),
    lambda: sd.gammaln(v) ** 2,
    lambda: sd.cross(v, w),
    lambda: sd.cross(v * s, w) * v,
    lambda: sd.cross(v, w * v),
    lambda: sd.exp(v) ** 2,
    lambda: sd.exp(v**2),
    lambda: sd.log(v) * w,
    lambda: sd.log(v * w),
    lambda: v - (w - s),
    lambda: v - w - s,
    lambda: v - (w + s),
    lambda: v / (w * s),
    lambda: v / w * s,
    lambda: v / w / s,
    lambda: v / (w / s),
    lambda: sd.linalg.det(A) * s,
    lambda: sd.linalg.det(A * s),
    lambda: sd.mod(v, w),
    lambda: sd.mod(w, v),
    lambda: sd.kron(v, w),
    lambda: sd.trace(A),
    lambda: sd.trace(A @ B),
    lambda: sd.nn.softmax_cross_entropy(A, k),
    lambda: sd.cumsum(v)[::-1],
    lambda: sd.nn.softmax_cross_entropy(A, k, reduction="sum"),
    lambda: sd.broadcast_to(v, (2, 3)),
    lambda: sd.broadcast_to(v, (4, 3)),
]


def written(t: Any) -> tuple[str, str, str]:
    """Return a value's formula as LaTeX, MathML and text."""
    made = equation(t, name="out").formula
    if made is None:
        return (t.node.attrs["name"],) * 3
    return made.tex, mathml(made.tex), made.text


def meaning(t: Any) -> list[np.ndarray]:
    return [np.asarray(sd.interpret(t, feed)) for feed in FEEDS]


def equal(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    """Whether two expressions have the same values; that of a dtype is not compared."""
    pairs = list(zip(a, b, strict=True))
    return all(
        c.shape == d.shape and np.allclose(c, d, equal_nan=True) for c, d in pairs
    )


def alike(tensors: list[Any]) -> Iterator[str]:
    """Yield what is written alike though it is not the same."""
    seen = [(written(t), meaning(t)) for t in tensors]
    for form in range(3):
        groups: dict[str, list[list[np.ndarray]]] = {}
        for forms, values in seen:
            groups.setdefault(forms[form], []).append(values)
        for text, found in groups.items():
            if not all(equal(a, b) for a, b in combinations(found, 2)):
                yield text


def test_a_table_of_expressions() -> None:
    found = list(alike([build() for build in TABLE]))
    assert not found, "\n".join(found)


def nest(rng: np.random.Generator, depth: int, ndim: int) -> Any:
    """Return a random expression of axes of length 3."""
    if not depth:
        return [s, (v, w)[rng.integers(2)], (A, B)[rng.integers(2)], T][ndim]
    if ndim == 0 and rng.random() < 0.5:
        return nest(rng, depth - 1, 1) @ nest(rng, depth - 1, 1)
    match int(rng.integers(9)):
        case 0 if ndim < 3:
            reduce = [sd.sum, sd.max, sd.mean, sd.prod][rng.integers(4)]
            return reduce(
                nest(rng, depth - 1, ndim + 1), axis=int(rng.integers(ndim + 1))
            )
        case 1 | 2:
            one = nest(rng, depth - 1, int(rng.integers(ndim + 1)))
            pair = [nest(rng, depth - 1, ndim), one]
            a, b = pair if rng.random() < 0.5 else pair[::-1]
            return [a + b, a - b, a * b, a * b, a / b][rng.integers(5)]
        case 3 | 4 if ndim:
            a, b = nest(rng, depth - 1, ndim), nest(rng, depth - 1, 2)
            return a @ b if ndim == 1 or rng.random() < 0.7 else b @ a
        case 5 if ndim == 2:
            return nest(rng, depth - 1, 2) @ nest(rng, depth - 1, 2)
        case 6:
            return -nest(rng, depth - 1, ndim)
        case 7:
            return nest(rng, depth - 1, ndim) ** [2, -1, 3][rng.integers(3)]
        case 8 if ndim == 2:
            return nest(rng, depth - 1, 1)[:, None] * nest(rng, depth - 1, 2)
    f = [sd.sin, sd.exp, sd.sqrt, sd.tanh, sd.log][rng.integers(5)]
    return f(nest(rng, depth - 1, ndim))


@pytest.mark.parametrize("seed", range(6))
def test_random_nests(seed: int) -> None:
    """Small ones, so that many are nearly the same."""
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        made = [nest(rng, 2 + seed % 2, seed % 3) for _ in range(400)]
        found = list(alike(made))
    assert not found, "\n".join(found)
