"""Questions of complex numbers, whose answers are known of real ones."""

from __future__ import annotations

from typing import Any

from symdiff.graph.tensor import Tensor
from symdiff.graph.types import BOOL
from symdiff.ops.core.operands import api, as_tensor
from symdiff.ops.shape.broadcasting import full


@api("isreal")
def isreal(x: Any) -> Tensor:
    """True for each element."""
    return full(as_tensor(x).shape, True, BOOL)


@api("iscomplex")
def iscomplex(x: Any) -> Tensor:
    """False for each element."""
    return full(as_tensor(x).shape, False, BOOL)


@api("real_if_close")
def real_if_close(x: Any, tol: float = 100) -> Tensor:
    """The tensor, which has no imaginary parts to leave out."""
    return as_tensor(x)
