"""Polynomials by their coefficients, highest power first, and tables of powers.

In: vectors of coefficients. Out: those of the sum, product, derivative or integral.
Invariant: lengths depend on lengths alone, so leading coefficients that turn out to be
0 stay; NumPy's `polymul` leaves them out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import INT64, as_dim, promote
from symdiff.ops.core.operands import (
    CONSTANT,
    api,
    as_tensor,
    constant,
    float_operand,
    joint_operands,
)
from symdiff.ops.elementwise.arithmetic import as_float
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.linalg.products import convolve
from symdiff.ops.reduce.cumulative import cumprod, flip_axis
from symdiff.ops.shape.broadcasting import broadcast_to, full
from symdiff.ops.shape.joining import concatenate
from symdiff.ops.shape.rearrange import atleast_1d
from symdiff.ops.shape.views import expand_dims, ravel


@api("vander")
def vander(x: Any, N: Any = None, increasing: bool = False) -> Tensor:
    """The powers of each element of a vector in a row, ``N`` of them.

    The highest comes first, or last if they are ``increasing``; N is the vector's
    length if it is None.
    """
    tensor = float_operand(x)
    if tensor.ndim != 1:
        raise ShapeError(f"vander needs a vector, got shape {tensor.shape}.")
    if not tensor.dtype.is_float:
        tensor = cast(
            tensor, promote(tensor.dtype, INT64) if not tensor.dtype.is_bool else INT64
        )
    (length,) = tensor.shape
    count = as_dim(length if N is None else N)
    if isinstance(count, int) and count < 1:
        if count < 0:
            raise DeclarationError(f"vander needs N to be 0 or more, got {N}.")
        return full((length, 0), 0, tensor.dtype)
    factors = broadcast_to(expand_dims(tensor, 1), (length, as_dim(count - 1)))
    powers = cumprod(concatenate([full((length, 1), 1, tensor.dtype), factors], 1), 1)
    return powers if increasing else flip_axis(powers, 1)


@api("polyadd")
def polyadd(a1: Any, a2: Any) -> Tensor:
    """Coefficients of the sum of two polynomials."""
    x, y = _of_one_length("polyadd", a1, a2)
    return x + y


@api("polysub")
def polysub(a1: Any, a2: Any) -> Tensor:
    """Coefficients of the difference of two polynomials."""
    x, y = _of_one_length("polysub", a1, a2)
    return x - y


def _of_one_length(name: str, a1: Any, a2: Any) -> list[Any]:
    """Return two vectors of coefficients, zeros in front of the shorter one."""
    both = [_coefficients(name, t) for t in joint_operands([a1, a2])]
    lengths = [_length(name, t) for t in both]
    return [
        concatenate([full((max(lengths) - n,), 0, t.dtype), t])
        if n < max(lengths)
        else t
        for t, n in zip(both, lengths, strict=True)
    ]


@api("polymul")
def polymul(a1: Any, a2: Any) -> Tensor:
    """Coefficients of the product of two polynomials.

    Leading zeros of constants are left out, as in NumPy; leading coefficients that are
    computed stay, also where they are 0.
    """
    x, y = (_trimmed(t) for t in joint_operands([a1, a2]))
    return convolve(_coefficients("polymul", x), _coefficients("polymul", y))


def _trimmed(x: Tensor) -> Tensor:
    if x.node.op is not CONSTANT or x.ndim != 1:
        return x
    value = x.node.attrs["value"]
    left = np.trim_zeros(value, "f")
    return constant(left if left.size else np.zeros(1, value.dtype), x.dtype)


@api("polyder")
def polyder(p: Any, m: int = 1) -> Tensor:
    """Coefficients of the ``m``-th derivative of a polynomial."""
    times = _times("polyder", m)
    tensor = _coefficients("polyder", float_operand(p))
    for _ in range(times):
        degree = max(_length("polyder", tensor) - 1, 0)
        powers = np.arange(degree, 0, -1, dtype=float if tensor.dtype.is_float else int)
        tensor = tensor[:-1] * constant(powers)
    return tensor


@api("polyint")
def polyint(p: Any, m: int = 1, k: Any = None) -> Tensor:
    """Coefficients of the ``m``-th integral of a polynomial.

    ``k`` are the constants of integration, in order; one number is the constant of
    every step, and None is 0.
    """
    times = _times("polyint", m)
    tensor = _coefficients("polyint", float_operand(p))
    if not times:
        return tensor
    given = ravel(as_float(float_operand(0 if k is None else k)))
    count = _length("polyint", given)
    if count < times and count != 1:
        raise DeclarationError(
            f"polyint needs k to be a number or {times} numbers, got {count}."
        )
    tensor = as_float(tensor)
    for step in range(times):
        powers = constant(np.arange(_length("polyint", tensor), 0, -1, dtype=float))
        at = step if count > 1 else 0
        tensor = concatenate([tensor / powers, given[at : at + 1]])
    return tensor


def _times(name: str, m: Any) -> int:
    if not isinstance(m, (int, np.integer)) or m < 0:
        raise DeclarationError(
            f"{name} needs m to be an integer of 0 or more, got {m!r}."
        )
    return int(m)


def _coefficients(name: str, p: Any) -> Tensor:
    tensor: Tensor = atleast_1d(as_tensor(p))
    if tensor.ndim != 1:
        raise ShapeError(
            f"{name} needs vectors of coefficients, got shape {tensor.shape}."
        )
    return tensor


def _length(name: str, p: Tensor) -> int:
    (length,) = p.shape
    if not isinstance(length, int):
        raise ShapeError(f"{name} needs a vector of written length, not {length}.")
    return length
