"""Determinants: `det`, `slogdet`, and the cofactors that are the derivative of `det`.

All take batches of square matrices in the last two axes. Formulas: M. Giles, "Collected
matrix derivative results for forward and reverse mode algorithmic differentiation"
(2008), section 2.2; cofactors by singular values: G. W. Stewart, "On the adjugate
matrix" (1998). `slogdet` needs regular matrices; `det` takes any.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, TupleType
from symdiff.ops.core import rows, tex
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.helpers import HELPERS
from symdiff.ops.core.independent import of_batch
from symdiff.ops.core.operands import api, stretch
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.core.tuples import items
from symdiff.ops.core.work import cubic
from symdiff.ops.linalg.matrices import adjoint, matrix, square
from symdiff.ops.linalg.solvers import inv
from symdiff.ops.reduce.sums import sum_
from symdiff.ops.shape.views import expand_dims


def _per_matrix(ct: Tensor, x: Tensor) -> Tensor:
    """Return one number per matrix, broadcast over the matrix."""
    return stretch(expand_dims(ct, (ct.ndim, ct.ndim + 1)), x.shape)


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of products of each pair of matrices."""
    return sum_(a * b, axis=(-2, -1))


def _turn(t: Tensor, a: Tensor) -> Tensor:
    """Return det(A) (<B, t> B - B t^T B), B = A^-T: the derivative, its own transpose.

    From C = det(A) B with d det = det <B, t> and d B = -B t^T B.
    """
    b = adjoint(inv(a))
    turned = _per_matrix(_inner(b, t), a) * b - b @ adjoint(t) @ b
    return _per_matrix(det(a), a) * turned


def _cofactors_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> Tensor:
    return _turn(tangents[0], inputs[0])


COFACTORS = primitive(
    "cofactors",
    lambda t: square(t, "cofactors"),
    HELPERS["cofactors"],
    vjp=lambda ct, out, inputs, attrs, needs: [_turn(ct, inputs[0])],
    jvp=_cofactors_jvp,
    text="_help_cofactors(_0)",
    latex=tex.word(r"\operatorname{cof}"),
    rule="det(A) * (<B, d> * B - B @ d.T @ B), B = inv(A).T",
    facts=Facts(
        independent=of_batch, work=cubic(22), rows=rows.matrices, singular=True
    ),
)


@api("linalg.cofactors")
def cofactors(a: Any) -> Tensor:
    """Cofactors of each square matrix, which are the derivative of its determinant.

    ``det(a) * inv(a).T`` where ``a`` is regular, and defined for every ``a``. Their own
    derivative is taken at regular matrices.
    """
    return apply(COFACTORS, matrix(a, "cofactors"))


def _det_vjp(
    ct: Tensor, out: Tensor, inputs: Any, attrs: Any, needs: Any
) -> Cotangents:
    """d_A = d_C cof(A), which is d_C C A^-T where A is regular (Giles 2.2.4)."""
    (a,) = inputs
    return [_per_matrix(ct, a) * cofactors(a)]


def _det_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> Tensor:
    return _inner(cofactors(inputs[0]), tangents[0])


DET = primitive(
    "det",
    lambda t: TensorType(square(t, "det").shape[:-2], t.dtype),
    np.linalg.det,
    vjp=_det_vjp,
    jvp=_det_jvp,
    text="np.linalg.det(_0)",
    analytic=True,
    latex=tex.word(r"\det"),
    rule="d * cofactors(A)",
    facts=Facts(independent=of_batch, work=cubic(Fraction(2, 3)), rows=rows.matrices),
)


@api("linalg.det")
def det(a: Any) -> Tensor:
    """Determinant of each square matrix."""
    return apply(DET, matrix(a, "det"))


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of determinants."""

    sign: Tensor
    logabsdet: Tensor


def _infer_slogdet(t: TensorType) -> TupleType:
    found = TensorType(square(t, "slogdet").shape[:-2], t.dtype)
    return TupleType((found, found))


def _slogdet_vjp(
    cts: Any, out: Tensor, inputs: Any, attrs: Any, needs: Any
) -> Cotangents:
    """d_A = d_logdet A^-T; the sign is constant where it is not 0."""
    (a,) = inputs
    if cts[1] is None:
        return [None]
    return [_per_matrix(cts[1], a) * adjoint(inv(a))]


def _slogdet_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> list[Any]:
    return [None, _inner(adjoint(inv(inputs[0])), tangents[0])]


SLOGDET = primitive(
    "slogdet",
    _infer_slogdet,
    lambda a: tuple(np.linalg.slogdet(a)),
    vjp=_slogdet_vjp,
    jvp=_slogdet_jvp,
    text="np.linalg.slogdet(_0)",
    rule="d * inv(A).T",
    facts=Facts(
        work=cubic(Fraction(2, 3)),
        rows=rows.matrices,
        singular=True,
        results=("sign", "logdet"),
    ),
)


@api("linalg.slogdet")
def slogdet(a: Any) -> SlogdetResult:
    """Sign and log of the absolute determinant of each regular square matrix."""
    return SlogdetResult(*items(apply(SLOGDET, matrix(a, "slogdet"))))
