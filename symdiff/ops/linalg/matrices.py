"""Matrices in the last two axes: triangles, diagonals, and the checks of their shapes.

The rules of linear algebra are written with these; batches lie in the leading axes.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdiff.graph.errors import ShapeError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim, TensorType, as_dim, dims_equal, unify
from symdiff.ops.core.operands import API, float_operand
from symdiff.ops.core.record import require_float
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.comparisons import equal, greater_equal, where
from symdiff.ops.indexing.counting import arange
from symdiff.ops.linalg.contraction import einsum
from symdiff.ops.shape.views import expand_dims, swapaxes


def adjoint(x: Tensor) -> Tensor:
    """Return each matrix transposed."""
    return swapaxes(x, -1, -2)


def square(t: TensorType, what: str) -> TensorType:
    """Return ``t`` if it holds square float matrices; raise `ShapeError` otherwise."""
    require_float(t, what)
    return even_sided(t, what)


def even_sided(t: TensorType, what: str) -> TensorType:
    """Return ``t`` if it holds square matrices; raise `ShapeError` otherwise."""
    if t.ndim < 2 or unify(t.shape[-1], t.shape[-2]) is None:
        raise ShapeError(
            f"{what} needs square matrices in the last two axes, got {t.shape}"
        )
    return t


def matrix(value: Any, what: str) -> Tensor:
    """Return a tensor of at least two axes."""
    x = float_operand(value)
    if x.ndim < 2:
        raise ShapeError(f"{what} needs matrices in the last two axes, got {x.shape}.")
    return x


def lower(x: Tensor, k: int = 0) -> Tensor:
    """Return the lower triangle, zero above diagonal ``k``."""
    if "tril" in API:
        return API["tril"](x, k)
    rows: Any = expand_dims(arange(x.shape[-2]), 1)
    columns = arange(x.shape[-1])
    return where(greater_equal(rows + k if k else rows, columns), x, 0)


def upper(x: Tensor, k: int = 0) -> Tensor:
    """Return the upper triangle, zero below diagonal ``k``."""
    return adjoint(lower(adjoint(x), -k))


def identity(length: Dim, like: Tensor) -> Tensor:
    """Return the identity matrix, in the dtype of ``like``."""
    if "eye" in API:
        return API["eye"](length, dtype=like.dtype)
    index = arange(length)
    return cast(equal(expand_dims(index, 1), index), like.dtype)


def half_lower(x: Tensor) -> Tensor:
    """Return the lower triangle with its diagonal halved (Giles' and Murray's Phi)."""
    return lower(x) - x * (identity(x.shape[-1], x) / 2)


def from_lower(x: Tensor) -> Tensor:
    """Return the symmetric matrix whose lower triangle is that of ``x``."""
    return lower(x) + adjoint(lower(x, -1))


def to_lower(x: Tensor) -> Tensor:
    """Return the transpose of `from_lower`: the cotangent of each lower element."""
    return lower(x) + lower(adjoint(x), -1)


def diagonal_times(v: Tensor, x: Tensor) -> Tensor:
    """Return ``diag(v) @ x``."""
    return expand_dims(v, v.ndim) * x


def times_diagonal(x: Tensor, v: Tensor) -> Tensor:
    """Return ``x @ diag(v)``."""
    return x * expand_dims(v, v.ndim - 1)


def matrix_diagonal(x: Tensor) -> Tensor:
    """Return the diagonal of each square matrix."""
    return einsum("...ii->...i", x)


def rows_and_columns(t: TensorType, what: str) -> tuple[tuple[Dim, ...], Dim, Dim]:
    """Return batch axes, rows and columns of a float tensor."""
    require_float(t, what)
    if t.ndim < 2:
        raise ShapeError(f"{what} needs matrices in the last two axes, got {t.shape}")
    return t.shape[:-2], t.shape[-2], t.shape[-1]


def shorter(m: Dim, n: Dim) -> Dim:
    """Return the smaller of two lengths."""
    if isinstance(m, int) and isinstance(n, int):
        return min(m, n)
    return m if dims_equal(m, n) else as_dim(sp.Min(m, n))


def gap_inverses(gaps: Tensor) -> Tensor:
    """Return 1 / gaps off the diagonal, and 0 on it, where the gaps are 0."""
    eye = identity(gaps.shape[-1], gaps)
    return 1 / (gaps + eye) - eye


def differences(v: Tensor) -> Tensor:
    """Return v_j - v_i at row i, column j."""
    return expand_dims(v, v.ndim - 1) - expand_dims(v, v.ndim)


def on_diagonal(v: Tensor, like: Tensor) -> Tensor:
    """Return diagonal matrices."""
    return diagonal_times(v, identity(v.shape[-1], like))
