"""Rounding to integers and to decimals, and division with remainder.

Everything that rounds has derivative 0. Remainders are piecewise linear; at a jump the
derivative is that of the piece the value lies on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdiff.graph.errors import UndefinedError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.conditions import number
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.interval import OPEN, Interval, at_most, greatest
from symdiff.ops.core.operands import (
    API,
    api,
    as_tensor,
    call_elementwise,
    function,
    is_literal,
)
from symdiff.ops.core.record import Op
from symdiff.ops.core.symbols import u, v
from symdiff.ops.elementwise.arithmetic import as_float, as_int8
from symdiff.ops.elementwise.casts import cast


def _rounding(
    ufunc: str, names: tuple[str, ...], expression: Any, doc: str
) -> tuple[Op, Any]:
    op = elementwise(
        ufunc,
        expression,
        arity=1,
        ufunc=ufunc,
        differentiable=False,
        analytic=False,
        rule="constant between jumps",
    )

    def call(x: Any) -> Tensor:
        tensor = as_tensor(x)
        whole = not tensor.dtype.is_float and not is_literal(tensor)
        return tensor if whole else call_elementwise(op, tensor)

    call.__name__ = call.__qualname__ = names[0]
    call.__doc__ = f"{doc}; integers stay as they are, the derivative is 0."
    return op, api(*names)(call)


FLOOR, floor = _rounding("floor", ("floor",), sp.floor(u), "Largest integer below")
CEIL, ceil = _rounding("ceil", ("ceil",), sp.ceiling(u), "Smallest integer above")
RINT = elementwise(
    "rint",
    None,
    arity=1,
    ufunc="rint",
    differentiable=False,
    analytic=False,
    rule="constant between jumps",
)
TRUNC, trunc = _rounding("trunc", ("trunc", "fix"), None, "Integer part, towards zero")


@api("rint")
def rint(x: Any) -> Tensor:
    """Nearest integer as a float, halves to the even one; the derivative is 0."""
    return call_elementwise(RINT, as_float(x))


@api("round", "around")
def round_(x: Any, decimals: int = 0) -> Tensor:
    """Rounded to ``decimals`` places, halves to the even digit; derivative 0.

    Integers stay integers, also of tens (``decimals=-1``).
    """
    tensor = as_tensor(x)
    if tensor.dtype.is_bool:
        if decimals:
            raise UndefinedError(
                "is not defined on booleans, as in NumPy, but for decimals=0."
            )
        return as_float(tensor)
    if not tensor.dtype.is_float and not is_literal(tensor):
        return tensor if decimals >= 0 else _round_whole(tensor, decimals)
    if decimals == 0:
        return rint(tensor)
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return rint(tensor * scale) / scale
    return rint(tensor / scale) * scale


def _round_whole(x: Tensor, decimals: int) -> Tensor:
    """Round integers to tens and so on, computed in float64 as NumPy does."""
    scale = 10.0**-decimals
    return cast(rint(cast(x, "float64") / scale) * scale, x.dtype)


# --- division with remainder ----------------------------------------------------------

FLOOR_DIVIDE = elementwise(
    "floor_divide",
    sp.floor(u / v),
    ufunc="floor_divide",
    booleans=as_int8(lambda a, b: floor_divide(a, b)),
    infix="//",
    dtype="number",
    differentiable=False,
    analytic=False,
)


def _mod_divisor(t: Any, out: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return -t * floor_divide(a, b)


def _fmod_divisor(t: Any, out: Any, a: Any, b: Any) -> Tensor:
    """(a - out) / b is near a whole number; a / b may have rounded over the next."""
    return -t * rint((a - out) / b)


def _mod_interval(node: Node, operands: Sequence[Interval]) -> Interval:
    divisor = number(node.inputs[1])
    if isinstance(divisor, int) and divisor > 0:
        return Interval(0, divisor - 1)
    if divisor is not None and at_most(0, divisor):  # by 0 NumPy gives 0
        return Interval(0, greatest(divisor - 1, 0) if at_most(1, divisor) else None)
    return OPEN


MOD = elementwise(
    "mod",
    u - v * sp.floor(u / v),
    partials=(sp.Integer(1), _mod_divisor),
    ufunc="remainder",
    booleans=as_int8(lambda a, b: mod(a, b)),
    infix="%",
    dtype="number",
    analytic=False,
    facts=Facts(interval=_mod_interval),
)
FMOD = elementwise(
    "fmod",
    None,
    arity=2,
    partials=(sp.Integer(1), _fmod_divisor),
    ufunc="fmod",
    booleans=as_int8(lambda a, b: fmod(a, b)),
    dtype="number",
    analytic=False,
)

floor_divide = function(
    FLOOR_DIVIDE, "floor_divide", arity=2, doc="floor(x / y); derivative 0."
)
mod = function(
    MOD, "mod", "remainder", arity=2, doc="x - y * floor(x / y), with the sign of y."
)
fmod = function(
    FMOD, "fmod", arity=2, doc="x - y * trunc(x / y), with the sign of x, as in C."
)


@api("divmod")
def divmod_(x: Any, other: Any) -> tuple[Tensor, Tensor]:
    """The pair floor_divide(x, y), mod(x, y)."""
    return floor_divide(x, other), mod(x, other)


@api("modf")
def modf(x: Any) -> tuple[Tensor, Tensor]:
    """Fractional and integer part of float elements, both with their sign."""
    whole = trunc(x)
    remainder = fmod(x, 1.0)
    if is_literal(as_tensor(x)) or not as_tensor(x).dtype.is_float:
        return remainder, whole
    zero = API["copysign"](0.0, x)  # an infinity is whole; its remainder would be NaN
    return API["where"](API["isinf"](x), zero, remainder), whole
