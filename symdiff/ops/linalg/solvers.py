"""Linear systems: `solve`, `inv`, `cholesky` and powers.

All take batches of square matrices in the last two axes. Formulas: M. Giles, "Collected
matrix derivative results for forward and reverse mode algorithmic differentiation"
(2008), sections 2.2 and 2.3; for `cholesky` I. Murray, "Differentiation of the Cholesky
decomposition" (2016). Matrices must be regular: NumPy raises `LinAlgError` for others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    TensorType,
    broadcast_shapes,
    promote,
    unify,
)
from symdiff.ops.core import rows
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import of_batch
from symdiff.ops.core.operands import api, as_tensor, float_operand, stretch
from symdiff.ops.core.record import Cotangents, primitive, require_float
from symdiff.ops.core.rules import add_all
from symdiff.ops.core.work import cubic
from symdiff.ops.linalg import matrices
from symdiff.ops.linalg.matmul import matmul
from symdiff.ops.linalg.matrices import (
    adjoint,
    even_sided,
    from_lower,
    half_lower,
    identity,
    matrix,
    square,
)
from symdiff.ops.shape.views import expand_dims, squeeze

# --- solve and inv --------------------------------------------------------------------


def _infer_solve(a: TensorType, b: TensorType) -> TensorType:
    square(a, "solve")
    require_float(b, "solve")
    row = -1 if b.ndim == 1 else -2
    if unify(a.shape[-1], b.shape[row]) is None:
        raise ShapeError(
            f"{a.shape[-1]} equations need as many rows on the right, got {b.shape}"
        )
    return TensorType(b.shape, promote(a.dtype, b.dtype))


def _outer(x: Tensor, y: Tensor) -> Tensor:
    """Return x y^T for matrices, and the outer product for vectors."""
    if x.ndim == 1:
        return expand_dims(x, 1) * y
    return matmul(x, adjoint(y))


def _solve_vjp(
    ct: Tensor,
    x: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
) -> Cotangents:
    """d_b = A^-T d_x and d_A = -d_b x^T (Giles 2.3.1)."""
    d_b = apply(SOLVE, adjoint(inputs[0]), ct)
    return [-_outer(d_b, x) if needs[0] else None, d_b]


def _solve_jvp(
    tangents: Cotangents, x: Tensor, inputs: Sequence[Tensor], attrs: Any
) -> Tensor:
    """t_x = A^-1 (t_b - t_A x)."""
    t_a, t_b = tangents
    moved = None if t_a is None else -matmul(t_a, x)
    total = add_all([t_b, moved])
    assert total is not None
    return apply(SOLVE, inputs[0], total)


# NumPy 1 and 2 read b differently when it has one axis less than a batched a; here it
# is a vector beside one matrix or has as many axes as a, which both read alike.
SOLVE = primitive(
    "solve",
    _infer_solve,
    np.linalg.solve,
    vjp=_solve_vjp,
    jvp=_solve_jvp,
    text="np.linalg.solve(_0, _1)",
    analytic=True,
    latex="{0}^{{-1}} {1}",
    rule="A.T is solved for the cotangent",
    facts=Facts(
        called="solve_{0}_{1}",
        independent=of_batch,
        work=cubic(Fraction(2, 3)),
        rows=rows.matrices,
        singular=True,
    ),
)


@api("linalg.solve")
def solve(a: Any, b: Any) -> Tensor:
    """The x with ``a @ x == b``, for regular square ``a``.

    ``b`` is a vector (M,) or a stack of matrices (..., M, K), as in NumPy 2; batches of
    ``a`` and ``b`` broadcast. NumPy raises `LinAlgError` for a singular matrix.
    """
    x, y = matrix(a, "solve"), float_operand(b)
    if not y.ndim:
        raise ShapeError("solve needs a vector or matrices on the right.")
    square(x.node.tensor_type, "solve")
    if x.ndim == 2 and y.ndim == 1:
        return apply(SOLVE, x, y)
    if y.ndim == 1:
        found = solve(x, expand_dims(y, 1))
        return squeeze(found, -1)
    try:
        batch = broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ShapeError as error:
        raise ShapeError(f"solve: batch axes differ: {error}") from None
    return apply(
        SOLVE, stretch(x, batch + x.shape[-2:]), stretch(y, batch + y.shape[-2:])
    )


@api("linalg.solve_triangular")
def solve_triangular(
    a: Any, b: Any, lower: bool = False, trans: int = 0, unit_diagonal: bool = False
) -> Tensor:
    """The x with ``t @ x == b``, where t is the upper (or lower) triangle of ``a``.

    The other triangle is not read and gets a zero gradient; ``trans=1`` solves with t
    transposed, ``unit_diagonal`` takes the diagonal for 1, as in SciPy. NumPy has no
    triangular solver, so the generated code calls ``np.linalg.solve`` on t.
    """
    x = matrix(a, "solve_triangular")
    square(x.node.tensor_type, "solve_triangular")
    if trans not in (0, 1):
        raise DeclarationError(f"trans must be 0 or 1, got {trans!r}.")
    triangle = matrices.lower if lower else matrices.upper
    if unit_diagonal:
        strict = triangle(x, -1 if lower else 1)
        x = strict + identity(x.shape[-1], x)
    else:
        x = triangle(x)
    return solve(adjoint(x) if trans else x, b)


def _inv_vjp(ct: Tensor, y: Tensor, inputs: Any, attrs: Any, needs: Any) -> Cotangents:
    """d_A = -Y^T d_Y Y^T (Giles 2.2.3)."""
    y_t = adjoint(y)
    return [-matmul(matmul(y_t, ct), y_t)]


def _inv_jvp(tangents: Any, y: Tensor, inputs: Any, attrs: Any) -> Tensor:
    """t_Y = -Y t_A Y."""
    return -matmul(matmul(y, tangents[0]), y)


INV = primitive(
    "inv",
    lambda t: square(t, "inv"),
    np.linalg.inv,
    vjp=_inv_vjp,
    jvp=_inv_jvp,
    text="np.linalg.inv(_0)",
    analytic=True,
    latex="{0}^{{-1}}",
    rule="-Y.T @ d_Y @ Y.T, Y = inv(A)",
    facts=Facts(independent=of_batch, work=cubic(2), rows=rows.matrices, singular=True),
)


@api("linalg.inv")
def inv(a: Any) -> Tensor:
    """Inverse of each regular square matrix."""
    return apply(INV, matrix(a, "inv"))


def _is_count(n: Any) -> bool:
    whole = isinstance(n, (int, np.integer)) and not isinstance(n, bool)
    return whole and bool(n >= 0)


@api("linalg.matrix_power")
def matrix_power(a: Any, n: int) -> Tensor:
    """Each square matrix to the integer power ``n``, by repeated squaring.

    Integers and booleans keep their dtype where ``n`` is 0 or more.
    """
    given = as_tensor(a)
    kept = given.ndim >= 2 and not given.dtype.is_float and _is_count(n)
    x = given if kept else matrix(a, "matrix_power")
    (even_sided if kept else square)(x.node.tensor_type, "matrix_power")
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise DeclarationError(f"matrix_power needs an integer exponent, got {n!r}.")
    if n < 0:
        x, n = inv(x), -n
    if n == 0:
        return stretch(identity(x.shape[-1], x), x.shape)
    result: Tensor | None = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        x = matmul(x, x) if n else x
    assert result is not None
    return result


# --- cholesky -------------------------------------------------------------------------


def _cholesky_vjp(
    ct: Tensor, out: Tensor, inputs: Any, attrs: Any, needs: Any
) -> Cotangents:
    """S = L^-T Phi(L^T d_L) L^-1 (Murray, eq. 9), on the triangle that is read."""
    l_t = adjoint(out)
    inner = solve(l_t, half_lower(matmul(l_t, ct)))
    full = solve(l_t, adjoint(inner))  # S^T, to which S is added
    return [half_lower(full + adjoint(full))]


def _cholesky_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> Tensor:
    """t_L = L Phi(L^-1 t_A L^-T) (Murray, eq. 8)."""
    inner = solve(out, from_lower(tangents[0]))
    # L^-1 t_A L^-T is symmetric, so it does not matter that its transpose is computed.
    return matmul(out, half_lower(solve(out, adjoint(inner))))


CHOLESKY = primitive(
    "cholesky",
    lambda t: square(t, "cholesky"),
    np.linalg.cholesky,
    vjp=_cholesky_vjp,
    jvp=_cholesky_jvp,
    text="np.linalg.cholesky(_0)",
    rule="L^-T Phi(L.T @ d_L) L^-1, Phi: lower triangle, half diagonal",
    facts=Facts(
        independent=of_batch,
        work=cubic(Fraction(1, 3)),
        rows=rows.matrices,
        singular=True,
    ),
)


@api("linalg.cholesky")
def cholesky(a: Any, upper: bool = False) -> Tensor:
    """Lower triangular L with ``L @ L.T == a``, for symmetric positive definite ``a``.

    As in NumPy only the lower triangle of ``a`` is read, so only it gets a gradient;
    write ``cholesky((a + a.T) / 2)`` for a symmetric one. With ``upper`` the result is
    L.T, and the upper triangle is read.
    """
    x = matrix(a, "cholesky")
    return adjoint(apply(CHOLESKY, adjoint(x))) if upper else apply(CHOLESKY, x)
