"""The patterns that rules match.

In: a tensor. Out: the parts of it that a rule needs, or None. Invariant: nothing is
built here.
"""

from __future__ import annotations

import math

from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import CONSTANT, LITERAL, is_literal
from symdiff.ops.core.record import Op
from symdiff.ops.shape.broadcasting import BROADCAST_TO


def is_op(t: Tensor, op: Op) -> bool:
    """Whether a tensor is the result of an op."""
    return t.node.op is op


def number(t: Tensor) -> float | int | None:
    """Return the value of a literal number, or None."""
    if t.node.op is not LITERAL:
        return None
    value = t.node.attrs["value"]
    return value if isinstance(value, (int, float)) else None


def is_power_of_two(c: float) -> bool:
    """Whether multiplying by ``c`` only moves the exponent."""
    return c != 0 and math.isfinite(c) and abs(math.frexp(c)[0]) == 0.5


def scalar_constant(t: Tensor) -> float | int | None:
    """Return the value of a 0-d float or integer constant, broadcast or not."""
    while is_op(t, BROADCAST_TO):
        (t,) = t.parents
    if t.node.op is not CONSTANT or t.ndim or t.dtype.is_bool:
        return None
    return t.node.attrs["value"].item()


def literal_last(t: Tensor) -> tuple[Tensor, float | int | None]:
    """Return a product as (other operand, number)."""
    a, b = t.parents
    return (b, number(a)) if is_literal(a) else (a, number(b))
