"""Evenly spaced numbers: arange, linspace, logspace, geomspace."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import DeclarationError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, TensorType, as_dim
from symdiff.ops.core.operands import api, as_tensor, cast_dtype, literal_value
from symdiff.ops.core.record import primitive
from symdiff.ops.core.text import dim_text
from symdiff.ops.elementwise.arithmetic import power
from symdiff.ops.elementwise.casts import cast, dtype_text
from symdiff.ops.elementwise.comparisons import where
from symdiff.ops.elementwise.exponential import log10
from symdiff.ops.elementwise.rounding import floor
from symdiff.ops.indexing import counting as index
from symdiff.ops.reduce.sums import number_text
from symdiff.ops.shape.views import expand_dims, moveaxis


@api("arange")
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Tensor:
    """Numbers from ``start`` (0 if one bound is given) up to, not including, ``stop``.

    Int64 where all three are ints or dims, float otherwise.
    """
    first, last = (0, start) if stop is None else (start, stop)
    if any(isinstance(b, Tensor) for b in (first, last, step)):
        raise DeclarationError("arange needs numbers or dims, not tensors.")
    if step == 0:
        raise DeclarationError("arange needs a step other than 0.")
    whole = all(isinstance(b, (int, np.integer, sp.Expr)) for b in (first, last, step))
    count = last - first if step == 1 else sp.ceiling(sp.sympify(last - first) / step)
    if not whole:
        count = math.ceil((last - first) / step)
    if isinstance(count, (int, float, sp.Integer)):
        count = max(int(count), 0)
    numbers: Any = index.arange(as_dim(count))
    if not whole:
        numbers = cast(numbers, FLOAT)
    numbers = numbers if step == 1 else numbers * step
    numbers = (
        numbers if isinstance(first, (int, float)) and first == 0 else numbers + first
    )
    return numbers if dtype is None else cast(numbers, dtype)


def _linspace_text(node: Any) -> str:
    a = node.attrs
    end = "" if a["endpoint"] else ", endpoint=False"
    bounds = (
        f"{number_text(a['start'])}, {number_text(a['stop'])}, {dim_text(a['num'])}"
    )
    return f"np.linspace({bounds}{end}, dtype={dtype_text(node.dtype)})"


LINSPACE = primitive(
    "linspace",
    lambda *, start, stop, num, endpoint, dtype: TensorType((num,), dtype),
    lambda *, start, stop, num, endpoint, dtype: np.linspace(
        start, stop, num, endpoint, dtype=dtype.name
    ),
    vjp=None,
    jvp=None,
    text=_linspace_text,
)


@api("linspace")
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = FLOAT,
    axis: int = 0,
) -> Any:
    """``num`` evenly spaced numbers from ``start`` to ``stop``, differentiable in both.

    With tensors as bounds the numbers lie along a new axis; with ``retstep`` the pair
    of the numbers and their distance comes back. Integers, where ``dtype`` asks for
    them, are the numbers rounded down, as in NumPy.
    """
    first, last = as_tensor(start), as_tensor(stop)
    count = as_dim(num)
    kind = cast_dtype(dtype)
    bounds = literal_value(first), literal_value(last)
    if any(b is None or isinstance(b, sp.Expr) for b in bounds):
        found = moveaxis(_between(first, last, count, bool(endpoint), kind), 0, axis)
    else:
        found = apply(
            LINSPACE,
            start=bounds[0],
            stop=bounds[1],
            num=count,
            endpoint=bool(endpoint),
            dtype=kind,
        )
    if not retstep:
        return found
    return found, (last - first) / as_dim(count - bool(endpoint))


def _between(first: Any, last: Any, count: Any, endpoint: bool, kind: Any) -> Tensor:
    """Return evenly spaced numbers between tensors, along a new first axis."""
    real = kind if kind.is_float else FLOAT
    if not kind.is_float:
        first, last = cast(first, FLOAT), cast(last, FLOAT)
    span = last - first

    def along(stop: Any) -> Tensor:
        part = apply(
            LINSPACE, start=0, stop=stop, num=count, endpoint=endpoint, dtype=real
        )
        return expand_dims(part, tuple(range(1, span.ndim + 1))) if span.ndim else part

    if kind.is_float:
        return span * along(1) + first
    steps = count - endpoint
    if not isinstance(steps, int) or steps < 1:
        found = span * along(1) + first
    else:  # in NumPy's order of operations: rounding decides what is cut off
        numbers: Any = along(steps)
        found = numbers * (span / steps) + first
        found = where(numbers == steps, last, found)
    return cast(floor(found) if kind.is_integer else found, kind)


@api("logspace")
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0
) -> Tensor:
    """``base`` to the power of evenly spaced exponents."""
    return power(base, linspace(start, stop, num, endpoint))


@api("geomspace")
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True) -> Tensor:
    """``num`` positive numbers in geometric progression from ``start`` to ``stop``."""
    return logspace(log10(start), log10(stop), num, endpoint)
