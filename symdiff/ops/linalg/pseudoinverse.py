"""Least squares: `pinv` and `lstsq`, for matrices of full rank.

Formulas: G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear
least squares problems whose variables separate" (1973), eq. 4.12, which holds while the
rank is constant.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, dims_equal, promote, unify
from symdiff.ops.core import rows
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import api, float_operand
from symdiff.ops.core.record import Cotangents, primitive, require_float
from symdiff.ops.core.rules import add_all
from symdiff.ops.core.work import cubic
from symdiff.ops.linalg.matmul import matmul
from symdiff.ops.linalg.matrices import adjoint, matrix, shorter
from symdiff.ops.linalg.singular import svdvals
from symdiff.ops.reduce.sums import sum_
from symdiff.ops.shape.broadcasting import zeros
from symdiff.ops.shape.views import expand_dims, squeeze


def _left_rest(a: Tensor, p: Tensor, x: Tensor) -> Tensor:
    """Return (I - A P) x, the part of x outside the range of A."""
    return x - matmul(a, matmul(p, x))


def _right_rest(a: Tensor, p: Tensor, x: Tensor) -> Tensor:
    """Return (I - P A) x, the part of x in the null space of A."""
    return x - matmul(p, matmul(a, x))


def _infer_pinv(t: TensorType) -> TensorType:
    require_float(t, "pinv")
    if t.ndim < 2:
        raise ShapeError(f"pinv needs matrices in the last two axes, got {t.shape}")
    return TensorType((*t.shape[:-2], t.shape[-1], t.shape[-2]), t.dtype)


def _pinv_vjp(ct: Tensor, p: Tensor, inputs: Any, attrs: Any, needs: Any) -> Cotangents:
    """-P^T d P^T + (I - A P) d^T P P^T + P^T P d^T (I - P A)."""
    (a,) = inputs
    p_t, ct_t = adjoint(p), adjoint(ct)
    parts = [
        -matmul(matmul(p_t, ct), p_t),
        matmul(_left_rest(a, p, matmul(ct_t, p)), p_t),
        matmul(p_t, adjoint(_right_rest(a, p, matmul(ct, p_t)))),
    ]
    return [add_all(parts)]


def _pinv_jvp(tangents: Any, p: Tensor, inputs: Any, attrs: Any) -> Tensor | None:
    """-P t P + P P^T t^T (I - A P) + (I - P A) t^T P^T P."""
    (a,), (t,) = inputs, tangents
    p_t, t_t = adjoint(p), adjoint(t)
    parts = [
        -matmul(matmul(p, t), p),
        matmul(p, adjoint(_left_rest(a, p, matmul(t, p)))),
        matmul(_right_rest(a, p, matmul(t_t, p_t)), p),
    ]
    return add_all(parts)


PINV = primitive(
    "pinv",
    _infer_pinv,
    np.linalg.pinv,
    vjp=_pinv_vjp,
    jvp=_pinv_jvp,
    text="np.linalg.pinv(_0)",
    latex="{0}^{{+}}",
    rule="-P.T d P.T + (I - A P) d.T P P.T + P.T P d.T (I - P A)",
    facts=Facts(work=cubic(22), rows=rows.matrices, singular=True),
)


@api("linalg.pinv")
def pinv(a: Any) -> Tensor:
    """Pseudo-inverse of each matrix; its derivative needs a constant rank."""
    return apply(PINV, matrix(a, "pinv"))


# --- least squares --------------------------------------------------------------------


def _infer_lstsq(a: TensorType, b: TensorType) -> TensorType:
    require_float(a, "lstsq")
    require_float(b, "lstsq")
    if a.ndim != 2 or b.ndim != 2:
        raise ShapeError(f"lstsq takes matrices, got {a.shape} and {b.shape}")
    if unify(a.shape[0], b.shape[0]) is None:
        raise ShapeError(f"{a.shape[0]} equations have {b.shape[0]} right-hand sides")
    return TensorType((a.shape[1], b.shape[1]), promote(a.dtype, b.dtype))


def _lstsq_vjp(
    ct: Tensor, x: Tensor, inputs: Any, attrs: Any, needs: Any
) -> Cotangents:
    """The rule of ``pinv(a) @ b``, with r = b - A x:

    d_b = P^T d, d_A = -d_b x^T + r (P d_b)^T + P^T x ((I - P A) d)^T.
    """
    a, b = inputs
    p = pinv(a)
    p_t = adjoint(p)
    d_b = matmul(p_t, ct)
    if not needs[0]:
        return [None, d_b]
    rest: Any = b - matmul(a, x)
    parts = [
        -matmul(d_b, adjoint(x)),
        matmul(rest, adjoint(matmul(p, d_b))),
    ]
    if _may_have_null_space(a):
        parts.append(matmul(matmul(p_t, x), adjoint(_right_rest(a, p, ct))))
    return [add_all(parts), d_b]


def _may_have_null_space(a: Tensor) -> bool:
    m, n = a.shape
    return not (isinstance(m, int) and isinstance(n, int) and m >= n)


def _lstsq_jvp(tangents: Any, x: Tensor, inputs: Any, attrs: Any) -> Tensor | None:
    """P (t_b - t_A x) + P P^T t_A^T r + (I - P A) t_A^T P^T x."""
    (a, b), (t_a, t_b) = inputs, tangents
    p = pinv(a)
    if t_a is None:
        return matmul(p, t_b)
    p_t, t_t = adjoint(p), adjoint(t_a)
    moved = add_all([t_b, -matmul(t_a, x)])
    assert moved is not None
    parts = [matmul(p, moved), matmul(p, matmul(p_t, matmul(t_t, b - matmul(a, x))))]
    if _may_have_null_space(a):
        parts.append(_right_rest(a, p, matmul(t_t, matmul(p_t, x))))
    return add_all(parts)


LSTSQ = primitive(
    "lstsq",
    _infer_lstsq,
    lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0],
    vjp=_lstsq_vjp,
    jvp=_lstsq_jvp,
    text="np.linalg.lstsq(_0, _1, rcond=None)[0]",
    rule="the rule of pinv(A) @ b",
    facts=Facts(work=cubic(2), singular=True),
)


class LstsqResult(NamedTuple):
    """What ``np.linalg.lstsq`` returns."""

    x: Tensor
    residuals: Tensor
    rank: int
    singular_values: Tensor


@api("linalg.lstsq")
def lstsq(a: Any, b: Any, rcond: Any = None) -> LstsqResult:
    """LstsqResult(x, residuals, rank, singular_values) of the closest ``a @ x`` to b.

    ``a`` is (M, N) of full rank, ``b`` is (M,) or (M, K). The rank returned is min(M,
    N): of a matrix of lower rank x is right, but not its derivative.
    """
    if rcond is not None:
        raise DeclarationError(
            "lstsq: rcond must be None; the rank is taken to be full."
        )
    x, y = matrix(a, "lstsq"), float_operand(b)
    m, n = x.shape[-2:]
    rank = shorter(m, n)
    columns = expand_dims(y, 1) if y.ndim == 1 else y
    found = apply(LSTSQ, x, columns)
    rest: Any = columns - matmul(x, found)
    if dims_equal(m, rank) is True:
        residuals = zeros((0,), x.dtype)  # NumPy gives none unless M > N
    else:
        residuals = sum_(rest * rest, axis=0)
    solution = squeeze(found, -1) if y.ndim == 1 else found
    return LstsqResult(solution, residuals, rank, svdvals(x))
