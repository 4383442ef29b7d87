"""More calls of NumPy's functions: those that move elements, multiply, look up, ask."""

from __future__ import annotations

import numpy as np
from function_cases import I5, I34, NONE, ONE, ROW, A, B, M, S, V, W, case, nan

# --- moving ---------------------------------------------------------------------------

PLACES = {
    "first": 0,
    "last": -1,
    "one": [1],
    "some": [2, 0],
    "again": [0, 0, 1],
    "none": [],
    "slice": slice(0, 2),
    "back": slice(None, None, -2),
    "mask": np.array([True, False, True]),
}
for word, at in PLACES.items():
    for axis in (0, None, -2):
        case(f"insert {word} {axis}", lambda a, o=at, x=axis: np.insert(a, o, 2, x), A)
        if not isinstance(at, np.ndarray) or axis is not None:
            case(f"delete {word} {axis}", lambda a, o=at, x=axis: np.delete(a, o, x), A)
case("insert a row", lambda a, v: np.insert(a, 1, v, axis=0), A, V[:4])
case("insert a column", lambda a, v: np.insert(a, -1, v, axis=1), A, V[:3])
case("insert columns", lambda a, b: np.insert(a, 2, b, axis=1), A, B[:2])
case("insert at each", lambda a, v: np.insert(a, [0, 3], v, axis=1), A, V[:2])
case("insert several at one", lambda a, v: np.insert(a, [2], v), V, W)
case("insert into integers", lambda a: np.insert(a, [1, 3], 2.7), I5)
case("insert at the end", lambda v: np.insert(v, 5, 1.0), V)
case("delete all", lambda v: np.delete(v, np.arange(5)), V)
case("delete integers", lambda a: np.delete(a, [1, -1]), I5)
for source, start in ((0, 3), (2, 0), (1, 2), (-1, -2), (1, 0), (0, 0)):
    case(
        f"rollaxis {source} {start}",
        lambda s, i=source, j=start: np.rollaxis(s, i, j),
        S,
    )
for shift in ("fftshift", "ifftshift"):
    roll = getattr(np.fft, shift)
    for axes in (None, 0, -1, (0, 2), [1]):
        case(f"{shift} {axes}", lambda s, f=roll, x=axes: f(s, x), S)
    case(f"{shift} one", roll, ONE)
    case(f"{shift} none", roll, NONE)
    case(f"{shift} integers", roll, I5)
for order in ("C", "F"):
    case(f"reshape {order}", lambda a, o=order: np.reshape(a, (2, 6), order=o), A)
    case(f"reshape method {order}", lambda a, o=order: a.reshape(6, -1, order=o), A)
    case(f"ravel {order}", lambda s, o=order: np.ravel(s, order=o), S)
    case(f"ravel method {order}", lambda s, o=order: s.ravel(o), S)
    case(f"flatten {order}", lambda s, o=order: s.flatten(o), S)
    case(f"copy {order}", lambda s, o=order: np.copy(s, order=o), S)
    case(f"copy method {order}", lambda s, o=order: s.copy(o), S)
for order in ("A", "K"):
    case(f"ravel vector {order}", lambda v, o=order: np.ravel(v, order=o), V)
    case(f"flatten vector {order}", lambda v, o=order: v.flatten(order=o), V)
case("reshape vector A", lambda v: np.reshape(v[:4], (2, 2), order="A"), V)
case("fromfunction", lambda a: np.fromfunction(lambda i, j: a[0, 1] * i + j, (2, 3)), A)

# --- products and norms ---------------------------------------------------------------

if hasattr(np, "matvec"):
    case("matvec", np.matvec, A, V[:4])
    case("matvec stacks", np.matvec, S, A[:2])
    case("vecmat", np.vecmat, V[:3], A)
    case("vecmat stacks", np.vecmat, B[:2], S)
if hasattr(np, "matrix_transpose"):
    case("matrix_transpose", np.matrix_transpose, S)
    case("linalg.matrix_transpose", np.linalg.matrix_transpose, A)
    case("linalg.outer", np.linalg.outer, V, W)
    case("linalg.matmul", np.linalg.matmul, A, B)
    for p in (2, 1, 3, 0.5, np.inf, -np.inf):
        for axis in (None, 0, (0, 2), (2, 1), -1):
            given = {"axis": axis, "ord": p, "keepdims": axis != -1}
            case(
                f"vector_norm {given}",
                lambda s, k=given: np.linalg.vector_norm(s, **k),
                S,
            )
    case("vector_norm 0", lambda s: np.linalg.vector_norm(s, axis=(0, 1), ord=0), S)
    case("vector_norm integers", np.linalg.vector_norm, I34)
    for p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        case(
            f"matrix_norm {p}",
            lambda s, p=p: np.linalg.matrix_norm(s, ord=p, keepdims=True),
            S,
        )
    case("matrix_norm", np.linalg.matrix_norm, A)
for p in (None, 2, -2, "fro", "nuc", 1, -1, np.inf, -np.inf):
    case(f"cond {p}", lambda m, p=p: np.linalg.cond(m, p), M)
case("cond of no square", np.linalg.cond, A)
TALL = np.linalg.qr(np.random.default_rng(3).normal(size=(6, 6)))[0]
case("tensorsolve", np.linalg.tensorsolve, TALL.reshape(2, 3, 6), A[:2, :3])
case(
    "tensorsolve a matrix", np.linalg.tensorsolve, TALL.reshape(6, 2, 3), A.ravel()[:6]
)
case(
    "tensorsolve axes",
    lambda a, b: np.linalg.tensorsolve(a, b, axes=(0,)),
    TALL.reshape(6, 2, 3),
    A[:2, :3],
)
case("tensorinv", np.linalg.tensorinv, TALL.reshape(2, 3, 6))
case("tensorinv ind", lambda a: np.linalg.tensorinv(a, ind=1), TALL.reshape(6, 3, 2))

# --- polynomials ----------------------------------------------------------------------

for f in (np.polyadd, np.polysub, np.polymul):
    case(f"{f.__name__}", f, V, W)
    case(f"{f.__name__} shorter", f, V[:2], W)
    case(f"{f.__name__} longer", f, V, ONE)
    case(f"{f.__name__} constant", lambda v, f=f: f(v, [0.0, 2.0, 1.0]), V)
    case(f"{f.__name__} number", lambda v, f=f: f(v, 2.0), V)
    case(f"{f.__name__} integers", f, I5, I5[:2])
for m in (0, 1, 2, 6):
    case(f"polyder {m}", lambda v, m=m: np.polyder(v, m), V)
    case(f"polyint {m}", lambda v, m=m: np.polyint(v, m), V)
case("polyder integers", np.polyder, I5)
case("polyint integers", np.polyint, I5)
case("polyint k", lambda v: np.polyint(v, 2, k=[3.0, 1.0]), V)
case("polyint one k", lambda v: np.polyint(v, 2, k=3), V)
case("polyint traced k", lambda v, k: np.polyint(v, 2, k=k), V, W[:2])

# --- looking up and asking ------------------------------------------------------------

CLASSES = np.array([0, 2, 1, 2, 4])
case("bincount", lambda n: np.bincount(n, minlength=6), CLASSES)
case("bincount weights", lambda n, w: np.bincount(n, w, minlength=6), CLASSES, V)
case("bincount constant", lambda w: np.bincount(CLASSES, weights=w), V)
case("bincount constant longer", lambda w: np.bincount(CLASSES, w, 9), V)
case("bincount integer weights", lambda n, w: np.bincount(n, w, 6), CLASSES, I5)
EDGES = np.array([-1.0, -0.25, 0.0, 0.5, 1.5])
DOWN = EDGES[::-1]
for right in (False, True):
    case(f"digitize {right}", lambda a, r=right: np.digitize(a, EDGES, right=r), A)
    case(f"digitize down {right}", lambda a, r=right: np.digitize(a, DOWN, r), A)
    case(
        f"digitize on edges {right}",
        lambda a, r=right: np.digitize(a, [-2, 3, 9], r),
        I5,
    )
    case(
        f"digitize down on edges {right}",
        lambda a, r=right: np.digitize(a, [9, 3, -2], r),
        I5,
    )
for side in ("left", "right"):
    case(f"searchsorted {side}", lambda v, s=side: np.searchsorted(EDGES, v, s), V)
    case(
        f"searchsorted in traced {side}",
        lambda v, s=side: np.searchsorted(np.sort(v), EDGES, s),
        V,
    )
case(
    "searchsorted sorter",
    lambda v: np.searchsorted(EDGES[[2, 0, 1]], v, sorter=[1, 2, 0]),
    V,
)
case("isin", lambda a: np.isin(a, [1, 4, 5]), I34)
case("isin invert", lambda a: np.isin(a, np.array([[1, 4]]), invert=True), I34)
case("isin floats", lambda v: np.isin(v, [float(V[1]), 7.0]), V)
case("isin none", lambda a: np.isin(a, []), I34)
case("array_equal", lambda v: np.array_equal(v, V), V)
case("array_equal other shape", lambda v: np.array_equal(v, V[:2]), V)
case("array_equal other", lambda v: np.array_equal(v, V + 1), V)
case("array_equal nan", lambda v: np.array_equal(v * nan, V * nan, equal_nan=True), V)
case("array_equal no nan", lambda v: np.array_equal(v * nan, V * nan), V)
case("array_equiv", lambda v: np.array_equiv(v * 0 + 1, ONE * 0 + 1), V)
case("array_equiv other shape", lambda v: np.array_equiv(v, V[:2]), V)
case("allclose", lambda v: np.allclose(v, V + 1e-9), V)
case("allclose other", lambda v: np.allclose(v, V + 1e-3), V)
case("allclose nan", lambda v: np.allclose(v * nan, V * nan, equal_nan=True), V)
case("isclose nan", lambda v: np.isclose(v * nan, V * nan, equal_nan=True), V)
case("isreal", np.isreal, A)
case("iscomplex", np.iscomplex, A)
case("real_if_close", lambda a: np.real_if_close(a) * 1.0, A)
case("interp integers", lambda v: np.interp(v, [-2, 0, 1, 3], [1, 5, 2, 2]), V)
case("interp integer points", lambda n: np.interp(n, [-2, 0, 1, 3], [1, 5, 2, 2]), I5)
case(
    "interp integer tables",
    lambda v: np.interp(v, np.array([-2, 0, 3]), np.array([1, 5, 2])),
    V,
)

XP = np.array([3.5, 0.5, -1.25, 7.0])
for period in (4.0, -4, 2.5):
    case(
        f"interp period {period}",
        lambda x, f, p=period: np.interp(x, XP, f, period=p),
        V * 5,
        W[:4],
    )
case(
    "interp traced period",
    lambda x, k, f: np.interp(x, k, f, left=9.0, period=4.0),
    V * 5,
    XP,
    W[:4],
)
case(
    "interp integers in a period", lambda n: np.interp(n, [0, 3], [1, 2], period=5), I5
)

# --- functions of vectors -------------------------------------------------------------

for axis in (0, 1, -1, 2):
    case(
        f"apply_along_axis {axis}",
        lambda s, x=axis: np.apply_along_axis(lambda v: v.sum() * v[0], x, s),
        S,
    )
    case(
        f"apply_along_axis vectors {axis}",
        lambda s, x=axis: np.apply_along_axis(lambda v: v[:2] * v[1], x, s),
        S,
    )
case("apply_along_axis matrices", lambda a: np.apply_along_axis(np.diag, -1, a), A)
case(
    "apply_along_axis arguments",
    lambda a: np.apply_along_axis(lambda v, k, c=1: v * k + c, 0, a, 3.0, c=2.0),
    A,
)
case("apply_along_axis vector", lambda v: np.apply_along_axis(np.sort, 0, v), V)
case("apply_over_axes", lambda s: np.apply_over_axes(np.sum, s, (0, -1)), S)
case("apply_over_axes one", lambda s: np.apply_over_axes(np.cumsum, s, 1), S)
case("apply_over_axes row", lambda s: np.apply_over_axes(np.max, s, [1]), ROW)
