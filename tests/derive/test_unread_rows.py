"""Rows that a selection does not read, through ops that treat rows independently.

The oracle never sees them: it takes differences of NumPy's function of the rows that
are read, and zeros elsewhere, whatever the other rows hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

INF, NAN = np.inf, np.nan
rng = np.random.default_rng(5)
AT = np.array([[1.0, 0.4, -0.7], [0.6, 2.0, 1.1], [-1.2, 0.5, 0.9], [0.8, 1.5, -0.4]])
B = rng.normal(size=(3, 2))
LABELS = np.array([0, 2, 1, 0])


def _np_softmax(r: Any) -> Any:
    e = np.exp(r)
    return e / e.sum()


# Each function of x[4, 3], and NumPy's of one of its rows.
ROWWISE: dict[str, tuple[Callable[[Any], Any], Callable[[Any, int], Any]]] = {
    "matmul": (lambda x: x @ B, lambda r, i: r @ B),
    "matrix by vector": (lambda x: x @ B[:, 0], lambda r, i: r @ B[:, 0]),
    "columns": (lambda x: (B.T @ x.T).T, lambda r, i: B.T @ r),
    "einsum": (lambda x: sd.einsum("ni,ni->n", x, x), lambda r, i: r @ r),
    "einsum of three": (
        lambda x: sd.einsum("ni,ij,nk->njk", x, B, x), lambda r, i: np.outer(B.T @ r, r)
    ),
    "tensordot": (lambda x: sd.tensordot(x, B, 1), lambda r, i: r @ B),
    "batched": (
        lambda x: x[:, :, None] @ x[:, None, :], lambda r, i: np.outer(r, r)
    ),
    "square of a product": (lambda x: (x @ B) ** 2, lambda r, i: (r @ B) ** 2),
    "softmax": (lambda x: sd.softmax(x) ** 2, lambda r, i: _np_softmax(r) ** 2),
    "log_softmax": (sd.log_softmax, lambda r, i: np.log(_np_softmax(r))),
    "logsumexp": (
        lambda x: sd.logsumexp(x, 1), lambda r, i: np.log(np.exp(r).sum())
    ),
    "norm": (lambda x: sd.linalg.norm(x, axis=1), lambda r, i: np.linalg.norm(r)),
    "norm of order 3": (
        lambda x: sd.linalg.norm(x, 3, axis=1), lambda r, i: np.linalg.norm(r, 3)
    ),
    "of length 1": (
        lambda x: x / sd.linalg.norm(x, axis=1, keepdims=True),
        lambda r, i: r / np.linalg.norm(r),
    ),
    "prod": (lambda x: sd.prod(x, 1), lambda r, i: np.prod(r)),
    "cumprod": (lambda x: sd.cumprod(x, 1), lambda r, i: np.cumprod(r)),
    "cumsum": (lambda x: sd.cumsum(x, 1) ** 2, lambda r, i: np.cumsum(r) ** 2),
    "cumsum of a function": (
        lambda x: sd.cumsum(sd.exp(x), 1), lambda r, i: np.cumsum(np.exp(r))
    ),
    "cross": (
        lambda x: sd.cross(sd.exp(x), B[:, 0]),
        lambda r, i: np.cross(np.exp(r), B[:, 0]),
    ),
    "var": (lambda x: sd.var(x, 1), lambda r, i: np.var(r)),
    "std": (lambda x: sd.std(x, 1, keepdims=True), lambda r, i: np.std(r)[None]),
    "max": (lambda x: sd.max(x, 1) ** 2, lambda r, i: np.max(r) ** 2),
    "mean": (lambda x: sd.mean(x, 1) ** 2, lambda r, i: np.mean(r) ** 2),
    "cross entropy": (
        lambda x: sd.softmax_cross_entropy(x, LABELS, reduction="none"),
        lambda r, i: -np.log(_np_softmax(r)[LABELS[i]]),
    ),
    "layers": (
        lambda x: sd.softmax(sd.tanh(x @ B) @ B.T) ** 2,
        lambda r, i: _np_softmax(np.tanh(r @ B) @ B.T) ** 2,
    ),
}  # fmt: skip


def _by_rows(mask: Any, y: Any) -> Any:
    return sd.where(np.reshape(mask, (4, *(1,) * (y.ndim - 1))), y, 0.0)


# Selections of rows, and how often each counts.
SELECT: dict[str, tuple[Callable[[Any], Any], list[int]]] = {
    "row": (lambda y: y[1], [0, 1, 0, 0]),
    "slice": (lambda y: y[1:3], [0, 1, 1, 0]),
    "step": (lambda y: y[::2], [1, 0, 1, 0]),
    "backwards": (lambda y: y[::-1][:2], [0, 0, 1, 1]),
    "two reads": (lambda y: y[0] + 2.0 * y[2], [1, 0, 2, 0]),
    "overlapping": (
        lambda y: sd.sum(y[:2]) + sd.sum(y[1:2]) + sd.sum(y[1:3]), [1, 3, 1, 0]
    ),
    "split": (lambda y: sd.split(y, 2)[1], [0, 0, 1, 1]),
    "mask": (lambda y: _by_rows([False, True, False, True], y), [0, 1, 0, 1]),
}  # fmt: skip
EDGES = {
    "zero": [0.0, 0.0, 0.0],
    "infinite": [INF, -INF, 1.0],
    "nan": [NAN, 1.0, INF],
}
# In second order a mask is not seen through the running products of these rules.
UNFINISHED = {("prod", "mask"), ("cumprod", "mask")}


def _differences(f: Callable[[Any], float], at: Any, step: float) -> Any:
    found = np.zeros(at.shape)
    for i in np.ndindex(at.shape):
        there = np.zeros(at.shape)
        there[i] = step
        high, low = (f(at + k * there) - f(at - k * there) for k in (1, 2))
        found[i] = (8 * high - low) / (12 * step)
    return found


def _slopes(of_row: Callable[[Any, int], Any], i: int, move: Any) -> tuple[Any, Any]:
    """Return the gradient of the sum of a row's function, and the Hessian by a move."""

    def slope(row: Any) -> Any:
        return _differences(lambda r: float(np.sum(of_row(r, i))), row, 1e-3)

    return slope(AT[i]), _differences(lambda row: slope(row) @ move, AT[i], 1e-3)


@pytest.mark.parametrize("select", list(SELECT))
@pytest.mark.parametrize("name", list(ROWWISE))
def test_rows_that_are_not_read(name: str, select: str) -> None:
    call, of_row = ROWWISE[name]
    pick, counts = SELECT[select]
    x, s = sd.input("x", (4, 3)), sd.input("s", (4, 3))
    y = sd.sum(pick(call(x)))
    g = sd.grad(y, x)
    derived = [g, sd.jvp(y, x, s), sd.grad(sd.sum(g * s), x), sd.jvp(g, x, s)]
    moves = rng.normal(size=(4, 3))
    first, second = np.zeros((4, 3)), np.zeros((4, 3))
    for i in np.flatnonzero(counts):
        slope, curve = _slopes(of_row, i, moves[i])
        first[i], second[i] = counts[i] * slope, counts[i] * curve
    at = AT.copy()
    unread = np.array(counts) == 0
    for edge in EDGES.values():
        at[unread] = edge
        with np.errstate(all="ignore"):
            got = sd.interpret(derived, {x: at, s: moves})
        np.testing.assert_allclose(got[0], first, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(got[1], np.sum(first * moves), rtol=1e-7)
        if (name, select) in UNFINISHED:
            continue
        for curved in got[2:]:
            np.testing.assert_allclose(curved, second, rtol=1e-5, atol=1e-6)


# Matrices x[4, 2, 2], by batch, as functions of them and NumPy's of each.
BATCHED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "product": (lambda x: x @ x, lambda m: m @ m),
    "product with another": (lambda x: x @ B[:2], lambda m: m @ B[:2]),
    "einsum": (lambda x: sd.einsum("nij,nik->njk", x, x), lambda m: m.T @ m),
    "det": (sd.linalg.det, np.linalg.det),
    "inv": (sd.linalg.inv, np.linalg.inv),
    "solve": (lambda x: sd.linalg.solve(x, x @ x @ x), lambda m: m @ m),
}


@pytest.mark.parametrize("name", list(BATCHED))
def test_matrices_that_are_not_read(name: str) -> None:
    call, of_matrix = BATCHED[name]
    x, s = sd.input("x", (4, 2, 2)), sd.input("s", (4, 2, 2))
    g = sd.grad(sd.sum(call(x)[2:3]), x)
    at, moves = rng.normal(size=(4, 2, 2)) + 2 * np.eye(2), rng.normal(size=(4, 2, 2))
    first, second = np.zeros((4, 2, 2)), np.zeros((4, 2, 2))

    def slope(m: Any) -> Any:
        return _differences(lambda q: float(np.sum(of_matrix(q))), m, 1e-3)

    first[2] = slope(at[2])
    second[2] = _differences(lambda m: float(np.sum(slope(m) * moves[2])), at[2], 1e-3)
    for edge in (1.0, NAN, INF):
        at[[0, 1, 3]] = edge * np.eye(2)
        with np.errstate(all="ignore"):
            got = sd.interpret([g, sd.grad(sd.sum(g * s), x)], {x: at, s: moves})
        np.testing.assert_allclose(got[0], first, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(got[1], second, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("edge", [INF, NAN])
def test_the_other_factor_of_a_product_gets_its_share_from_the_rows_read(
    edge: float,
) -> None:
    a, b = sd.input("a", (3, 2)), sd.input("b", (2, 2))
    at, weights = np.array([[edge, 1.0], [2.0, 3.0], [-1.0, edge]]), AT[:2, :2]
    for y in ((a @ b)[1], sd.einsum("ij,jk->ik", a, b)[1], (b.T @ a.T)[:, 1]):
        found = sd.grad(sd.sum(y**2), [a, b])
        with np.errstate(all="ignore"):
            d_a, d_b = sd.interpret(found, {a: at, b: weights})
        right = 2 * at[1] @ weights
        np.testing.assert_allclose(d_a, [[0, 0], weights @ right, [0, 0]], rtol=1e-12)
        np.testing.assert_allclose(d_b, np.outer(at[1], right), rtol=1e-12)


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_eigenvalues_of_matrices_that_are_not_read(mode: str) -> None:
    """Their entries are finite, as LAPACK wants them, and their slopes are not."""
    x = sd.input("x", (3, 2))
    entries = sd.sqrt(x)[:, :, None] * np.eye(2) + 1.0
    y = sd.sum(sd.linalg.eigvalsh(entries)[1] * np.array([1.0, 2.0]))
    at = np.array([[0.0, 0.0], [1.0, 4.0], [0.0, 1.0]])
    found = sd.interpret(sd.jacobian(y, x, mode=mode), {x: at})

    def alone(row: Any) -> Any:
        return np.linalg.eigvalsh(np.diag(np.sqrt(row)) + 1.0) @ [1.0, 2.0]

    steps = np.eye(2) * 1e-6
    slopes = [(alone(at[1] + s) - alone(at[1] - s)) / 2e-6 for s in steps]
    np.testing.assert_allclose(found[1], slopes, rtol=1e-7)
    if mode == "reverse":
        np.testing.assert_array_equal(found[[0, 2]], 0.0)
