"""Factorisations of matrices: `qr`, `eigh`, and eigenvalues alone (`eigvalsh`).

`svd` is in `symdiff.ops.linalg.singular`. Derivatives exist where the factors are
functions of the matrix: columns of full rank for `qr`, distinct eigenvalues for `eigh`.
Elsewhere the formulas divide by zero; the inf or nan shows that there is no derivative.

Formulas: M. Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), section 3.1; S. Walter and L. Lehmann, "Algorithmic
differentiation of linear algebra functions" (2010), section 3, for `qr`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, TupleType, as_dim, require_nonempty
from symdiff.ops.core import rows
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import of_batch
from symdiff.ops.core.operands import api
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.core.rules import add_all
from symdiff.ops.core.tuples import item, items
from symdiff.ops.core.work import cubic
from symdiff.ops.linalg.matmul import matmul
from symdiff.ops.linalg.matrices import (
    adjoint,
    differences,
    from_lower,
    gap_inverses,
    lower,
    matrix,
    matrix_diagonal,
    on_diagonal,
    rows_and_columns,
    square,
    times_diagonal,
    to_lower,
    upper,
)
from symdiff.ops.linalg.solvers import solve
from symdiff.ops.shape.joining import concatenate

# --- qr -------------------------------------------------------------------------------


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangle."""

    Q: Tensor
    R: Tensor


def _infer_qr(t: TensorType) -> TupleType:
    batch, m, n = rows_and_columns(t, "qr")
    if isinstance(m, int) and isinstance(n, int) and m < n:
        raise ShapeError("this op takes matrices with at least as many rows as columns")
    require_nonempty(as_dim(m - n + 1), "the number of rows beyond that of columns")
    return TupleType(
        (TensorType((*batch, m, n), t.dtype), TensorType((*batch, n, n), t.dtype))
    )


def _right_solve(x: Tensor, r: Tensor) -> Tensor:
    """Return ``x @ inv(r)``."""
    return adjoint(solve(adjoint(r), adjoint(x)))


def _qr_vjp(cts: Any, out: Tensor, inputs: Any, attrs: Any, needs: Any) -> Cotangents:
    """d_A = (d_Q + Q S) R^-T, S symmetric with the lower part of R d_R^T - d_Q^T Q."""
    q, r = items(out)
    d_q, d_r = cts
    m = add_all(
        [
            None if d_r is None else matmul(r, adjoint(d_r)),
            None if d_q is None else -matmul(adjoint(d_q), q),
        ]
    )
    if m is None:
        return [None]
    total = add_all([d_q, matmul(q, from_lower(m))])
    assert total is not None
    return [_right_solve(total, adjoint(r))]


def _qr_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> list[Tensor]:
    """t_Q = Q (W - Q^T M) + M and t_R = (Q^T M - W) R, with M = t R^-1.

    W is the antisymmetric matrix that has the strict lower part of Q^T M.
    """
    q, r = items(out)
    m = _right_solve(tangents[0], r)
    inner = matmul(adjoint(q), m)
    strict = lower(inner, -1)
    turn: Any = strict - adjoint(strict)
    t_q = matmul(q, turn - inner) + m
    return [t_q, matmul(upper(inner - turn), r)]


QR = primitive(
    "qr",
    _infer_qr,
    lambda a: tuple(np.linalg.qr(a)),
    vjp=_qr_vjp,
    jvp=_qr_jvp,
    text="np.linalg.qr(_0)",
    rule="(d_Q + Q sym(R d_R.T - d_Q.T Q)) R^-T",
    facts=Facts(work=cubic(2), rows=rows.matrices, results=("Q", "R")),
)


@api("linalg.qr")
def qr(a: Any, mode: str = "reduced") -> Any:
    """QRResult(Q, R) with ``Q @ R == a``, or R alone for ``mode='r'``.

    The first min(M, N) columns must be independent. Modes 'complete' and 'raw' are not
    differentiable functions of the matrix and are refused.
    """
    x = matrix(a, "qr")
    if mode not in ("reduced", "r"):
        raise DeclarationError(f"qr mode {mode!r}: use 'reduced' or 'r'.")
    m, n = x.shape[-2:]
    if isinstance(m, int) and isinstance(n, int) and m < n:
        # The first m columns determine Q; the others are multiplied by Q^T.
        q, left = items(apply(QR, x[..., :m]))
        right = matmul(adjoint(q), x[..., m:])
        r = concatenate([left, right], axis=-1)
    else:
        q, r = items(apply(QR, x))
    return r if mode == "r" else QRResult(q, r)


# --- eigh -----------------------------------------------------------------------------


class EighResult(NamedTuple):
    """Ascending eigenvalues, and eigenvectors in columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def _infer_eigh(t: TensorType, *, uplo: str) -> TupleType:
    square(t, "eigh")
    return TupleType((TensorType(t.shape[:-1], t.dtype), t))


def _symmetric(t: Tensor, uplo: str) -> Tensor:
    """Return the symmetric matrix that is read from one triangle."""
    return from_lower(t if uplo == "L" else adjoint(t))


def _to_triangle(ct: Tensor, uplo: str) -> Tensor:
    """Return the transpose of `_symmetric`."""
    found = to_lower(ct)
    return found if uplo == "L" else adjoint(found)


def _eigh_vjp(cts: Any, out: Tensor, inputs: Any, attrs: Any, needs: Any) -> Cotangents:
    """d_A = V (diag(d_w) + F * V^T d_V) V^T, F_ij = 1 / (w_j - w_i) (Giles 3.1)."""
    w, v = items(out)
    d_w, d_v = cts
    inner = add_all(
        [
            None if d_w is None else on_diagonal(d_w, v),
            None
            if d_v is None
            else gap_inverses(differences(w)) * matmul(adjoint(v), d_v),
        ]
    )
    if inner is None:
        return [None]
    return [_to_triangle(matmul(matmul(v, inner), adjoint(v)), attrs["uplo"])]


def _eigh_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> list[Tensor]:
    """With P = V^T t V: t_w = diag(P), t_V = V (F * P)."""
    w, v = items(out)
    p = matmul(matmul(adjoint(v), _symmetric(tangents[0], attrs["uplo"])), v)
    turn = gap_inverses(differences(w)) * p
    return [matrix_diagonal(p), matmul(v, turn)]


def _uplo_text(name: str) -> Any:
    def text(node: Any) -> str:
        upper_ = node.attrs["uplo"] == "U"
        return f"np.linalg.{name}(_0{', UPLO=' + repr('U') if upper_ else ''})"

    return text


EIGH = primitive(
    "eigh",
    _infer_eigh,
    lambda a, *, uplo: tuple(np.linalg.eigh(a, UPLO=uplo)),
    vjp=_eigh_vjp,
    jvp=_eigh_jvp,
    text=_uplo_text("eigh"),
    rule="V (diag(d_w) + F * (V.T d_V)) V.T",
    facts=Facts(
        work=cubic(9),
        rows=rows.matrices,
        singular=True,
        results=("values", "vectors"),
    ),
)


def _eigvalsh_vjp(
    ct: Tensor, out: Tensor, inputs: Any, attrs: Any, needs: Any
) -> Cotangents:
    """d_A = V diag(d_w) V^T (Giles 3.1)."""
    v = item(apply(EIGH, inputs[0], **attrs), 1)
    return [_to_triangle(matmul(times_diagonal(v, ct), adjoint(v)), attrs["uplo"])]


def _eigvalsh_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> Tensor:
    v = item(apply(EIGH, inputs[0], **attrs), 1)
    t = _symmetric(tangents[0], attrs["uplo"])
    return matrix_diagonal(matmul(matmul(adjoint(v), t), v))


EIGVALSH = primitive(
    "eigvalsh",
    lambda t, *, uplo: TensorType(square(t, "eigvalsh").shape[:-1], t.dtype),
    lambda a, *, uplo: np.linalg.eigvalsh(a, UPLO=uplo),
    vjp=_eigvalsh_vjp,
    jvp=_eigvalsh_jvp,
    text=_uplo_text("eigvalsh"),
    rule="V diag(d_w) V.T",
    facts=Facts(independent=of_batch, work=cubic(Fraction(4, 3)), rows=rows.matrices),
)


def _checked_uplo(uplo: str) -> str:
    if uplo not in ("L", "U"):
        raise DeclarationError(f"UPLO must be 'L' or 'U', got {uplo!r}.")
    return uplo


@api("linalg.eigh")
def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """EighResult(eigenvalues, eigenvectors) of symmetric matrices.

    Only the triangle named by UPLO is read, and only it gets a gradient, as for
    `cholesky`. The eigenvectors' derivative needs distinct eigenvalues, and depends on
    the signs that LAPACK chose unless the result does not.
    """
    return EighResult(*items(apply(EIGH, matrix(a, "eigh"), uplo=_checked_uplo(UPLO))))


@api("linalg.eigvalsh")
def eigvalsh(a: Any, UPLO: str = "L") -> Tensor:
    """Ascending eigenvalues of symmetric matrices; only one triangle is read.

    The derivative needs distinct eigenvalues.
    """
    return apply(EIGVALSH, matrix(a, "eigvalsh"), uplo=_checked_uplo(UPLO))
