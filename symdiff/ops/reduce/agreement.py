"""Whether two arrays agree: `array_equal`, `array_equiv` and `allclose`."""

from __future__ import annotations

from typing import Any

from symdiff.graph.errors import ShapeError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import broadcast_shapes, dims_equal
from symdiff.ops.core.operands import api, as_tensor, constant, float_operand
from symdiff.ops.elementwise.comparisons import equal, logical_and, logical_or
from symdiff.ops.elementwise.nonfinite import isclose, isnan
from symdiff.ops.reduce.sums import all_


@api("array_equal")
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Tensor:
    """Whether two tensors have one shape and equal elements.

    With ``equal_nan``, NaN equals NaN.
    """
    x, y = float_operand(a1), float_operand(a2)
    if x.ndim != y.ndim or any(
        dims_equal(d, e) is False for d, e in zip(x.shape, y.shape, strict=True)
    ):
        return constant(False)
    same = equal(x, y)
    if equal_nan and x.dtype.is_float and y.dtype.is_float:
        same = logical_or(same, logical_and(isnan(x), isnan(y)))
    return all_(same)


@api("array_equiv")
def array_equiv(a1: Any, a2: Any) -> Tensor:
    """Whether two tensors are equal once they are broadcast to one shape."""
    x, y = float_operand(a1), float_operand(a2)
    try:
        broadcast_shapes(x.shape, y.shape)
    except ShapeError:
        return constant(False)
    return all_(equal(x, y))


@api("allclose")
def allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether all elements of two tensors are close, as `isclose` has it."""
    return all_(isclose(as_tensor(a), as_tensor(b), rtol, atol, equal_nan))
