"""Singular value decompositions: `svd` and `svdvals`.

The singular values have a derivative where they are distinct and not zero. So have the
vectors, but their signs are LAPACK's choice, on which a result should not depend.
Elsewhere the formulas divide by zero; the inf or nan shows that there is no derivative.

Formulas: J. Townsend, "Differentiating the singular value decomposition" (2016); M.
Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), section 3.2.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, TupleType, dims_equal
from symdiff.ops.core import rows
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import api
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.core.rules import add_all
from symdiff.ops.core.tuples import items
from symdiff.ops.core.work import cubic
from symdiff.ops.elementwise.arithmetic import reciprocal
from symdiff.ops.elementwise.comparisons import equal, where
from symdiff.ops.linalg.matmul import matmul
from symdiff.ops.linalg.matrices import (
    adjoint,
    diagonal_times,
    differences,
    gap_inverses,
    matrix,
    matrix_diagonal,
    on_diagonal,
    rows_and_columns,
    shorter,
    times_diagonal,
)
from symdiff.ops.linalg.solvers import inv
from symdiff.ops.reduce.norms import matrix_norm
from symdiff.ops.shape.views import expand_dims


class SVDResult(NamedTuple):
    """Left vectors in columns, descending singular values, right vectors in rows."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _infer_svd(t: TensorType) -> TupleType:
    batch, m, n = rows_and_columns(t, "svd")
    k = shorter(m, n)
    return TupleType(
        (
            TensorType((*batch, m, k), t.dtype),
            TensorType((*batch, k), t.dtype),
            TensorType((*batch, k, n), t.dtype),
        )
    )


def _square_gaps(s: Tensor) -> Tensor:
    """Return s_j**2 - s_i**2, factored for accuracy, at row i, column j."""
    sums = expand_dims(s, s.ndim - 1) + expand_dims(s, s.ndim)
    return differences(s) * sums


def _outside(u: Tensor, x: Tensor) -> Tensor:
    """Return the part of x outside the span of u's orthonormal columns."""
    return x - matmul(u, matmul(adjoint(u), x))


def _fills(u: Tensor) -> bool:
    """Whether the columns of u span the space: nothing lies outside."""
    return dims_equal(u.shape[-2], u.shape[-1]) is True


def _svd_vjp(cts: Any, out: Tensor, inputs: Any, attrs: Any, needs: Any) -> Cotangents:
    """Townsend, section 3: reverse mode, with F_ij = 1 / (s_j**2 - s_i**2)."""
    u, s, vh = items(out)
    v = adjoint(vh)
    d_u, d_s, d_vh = cts
    f = gap_inverses(_square_gaps(s))
    parts: list[Any] = [None if d_s is None else on_diagonal(d_s, u)]
    rest: list[Any] = []
    if d_u is not None:
        p = matmul(adjoint(u), d_u)
        parts.append(times_diagonal(f * (p - adjoint(p)), s))
        if not _fills(u):
            rest.append(matmul(times_diagonal(_outside(u, d_u), reciprocal(s)), vh))
    if d_vh is not None:
        d_v = adjoint(d_vh)
        p = matmul(vh, d_v)
        parts.append(diagonal_times(s, f * (p - adjoint(p))))
        if not _fills(v):
            rest.append(
                matmul(times_diagonal(u, reciprocal(s)), adjoint(_outside(v, d_v)))
            )
    inner = add_all(parts)
    if inner is None:
        return [None]
    return [add_all([matmul(matmul(u, inner), vh), *rest])]


def _svd_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> list[Tensor]:
    """With P = U^T t V: t_s = diag(P), and Townsend, eqs. 19 and 20, for U and V."""
    u, s, vh = items(out)
    (t,) = tangents
    v = adjoint(vh)
    p = matmul(matmul(adjoint(u), t), v)
    f = gap_inverses(_square_gaps(s))
    ps, sp_ = times_diagonal(p, s), diagonal_times(s, p)
    t_u: Any = matmul(u, f * (ps + adjoint(ps)))
    t_v: Any = matmul(v, f * (sp_ + adjoint(sp_)))
    if not _fills(u):
        t_u = t_u + _outside(u, times_diagonal(matmul(t, v), reciprocal(s)))
    if not _fills(v):
        t_v = t_v + _outside(v, times_diagonal(matmul(adjoint(t), u), reciprocal(s)))
    return [t_u, matrix_diagonal(p), adjoint(t_v)]


SVD = primitive(
    "svd",
    _infer_svd,
    lambda a: tuple(np.linalg.svd(a, full_matrices=False)),
    vjp=_svd_vjp,
    jvp=_svd_jvp,
    text="np.linalg.svd(_0, full_matrices=False)",
    rule="singular value decomposition, Townsend 2016",
    facts=Facts(work=cubic(20), rows=rows.matrices, singular=True),
)


def _svdvals_vjp(
    ct: Tensor, out: Tensor, inputs: Any, attrs: Any, needs: Any
) -> Cotangents:
    """d_A = U diag(d_s) V^T (Giles 3.2)."""
    u, _, vh = items(apply(SVD, inputs[0]))
    return [matmul(times_diagonal(u, ct), vh)]


def _svdvals_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> Tensor:
    u, _, vh = items(apply(SVD, inputs[0]))
    return matrix_diagonal(matmul(matmul(adjoint(u), tangents[0]), adjoint(vh)))


SVDVALS = primitive(
    "svdvals",
    lambda t: _infer_svd(t).items[1],
    lambda a: np.linalg.svd(a, compute_uv=False),
    vjp=_svdvals_vjp,
    jvp=_svdvals_jvp,
    text="np.linalg.svd(_0, compute_uv=False)",
    rule="U diag(d_s) V.T",
    facts=Facts(work=cubic(Fraction(8, 3)), rows=rows.matrices),
)


@api("linalg.svdvals")
def svdvals(a: Any) -> Tensor:
    """Descending singular values; the derivative needs distinct nonzero ones."""
    return apply(SVDVALS, matrix(a, "svdvals"))


@api("linalg.cond")
def cond(x: Any, p: Any = None) -> Tensor:
    """Condition number of each matrix in the norm of order ``p``, by default 2.

    The orders are those of `symdiff.linalg.norm`; all but 2 and -2 take regular square
    matrices, and the generated code raises for others.
    """
    a = matrix(x, "cond")
    if 0 in a.shape[-2:]:
        raise ShapeError(f"cond is not defined on empty matrices, got {a.shape}.")
    if p not in (None, 2, -2):
        return matrix_norm(a, ord=p) * matrix_norm(inv(a), ord=p)
    s: Any = svdvals(a)
    largest, smallest = s[..., 0], s[..., -1]
    ratio = smallest / largest if p == -2 else largest / smallest
    return where(equal(largest, 0), math.inf, ratio)


@api("linalg.svd")
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """SVDResult(U, S, Vh) with ``U @ diag(S) @ Vh == a``, or S if not ``compute_uv``.

    The vectors' derivative needs distinct nonzero singular values. For matrices that
    are not square pass ``full_matrices=False``: the columns that complete a basis are
    no function of the matrix.
    """
    x = matrix(a, "svd")
    if not compute_uv:
        return svdvals(x)
    m, n = x.shape[-2:]
    if full_matrices and dims_equal(m, n) is not True:
        raise ShapeError(
            f"svd of {x.shape}: the full matrices are not functions of the matrix; "
            "pass full_matrices=False."
        )
    return SVDResult(*items(apply(SVD, x)))
