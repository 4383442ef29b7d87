"""Linear systems between tensors: `tensorsolve` and `tensorinv`.

In: tensors whose leading and trailing axes make up the two sides of a square matrix.
Out: the system of that matrix, solved or inverted, in the tensors' shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Shape, dims_equal, normalize_axis, product
from symdiff.ops.core.operands import api, joint_operands
from symdiff.ops.linalg.solvers import inv, solve
from symdiff.ops.shape.views import ravel, reshape, transpose


@api("linalg.tensorsolve")
def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Tensor:
    """The x with ``tensordot(a, x, x.ndim) == b``.

    ``axes`` are moved to the end of ``a`` first.
    """
    left, right = joint_operands([a, b])
    if axes is not None:
        last = [normalize_axis(k, left.ndim) for k in axes]
        left = transpose(left, _moved_to_end(last, left.ndim))
    shape = left.shape[right.ndim :]
    rows = _square(left, right.ndim, "tensorsolve")
    return reshape(solve(rows, ravel(right)), shape)


def _moved_to_end(axes: Sequence[int], ndim: int) -> tuple[int, ...]:
    return (*(k for k in range(ndim) if k not in axes), *axes)


@api("linalg.tensorinv")
def tensorinv(a: Any, ind: int = 2) -> Tensor:
    """The inverse of ``x -> tensordot(a, x, a.ndim - ind)``.

    The first ``ind`` axes of ``a`` are those of the result of that product.
    """
    (tensor,) = joint_operands([a])
    if not isinstance(ind, (int, np.integer)) or ind < 1:
        raise DeclarationError(f"tensorinv needs ind to be 1 or more, got {ind!r}.")
    shape = tensor.shape[ind:] + tensor.shape[:ind]
    return reshape(inv(_square(tensor, int(ind), "tensorinv")), shape)


def _square(a: Tensor, rows: int, name: str) -> Tensor:
    """Return a tensor as a square matrix whose rows are its first axes."""
    sides: tuple[Shape, Shape] = a.shape[:rows], a.shape[rows:]
    height, width = (product(side) for side in sides)
    if dims_equal(height, width) is False:
        raise ShapeError(
            f"{name} needs as many elements in the first {rows} axes as in the others, "
            f"got shape {a.shape}."
        )
    return reshape(a, (height, width))
