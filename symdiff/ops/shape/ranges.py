"""Evenly spaced numbers: arange, linspace, logspace, geomspace."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import DeclarationError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, Dim, DType, TensorType, as_dim, promote
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    broadcast_operands,
    cast_dtype,
    constant,
    is_literal,
    literal,
    literal_value,
)
from symdiff.ops.core.record import Cotangents, primitive, same_shape
from symdiff.ops.core.text import dim_text
from symdiff.ops.elementwise.arithmetic import as_float, power
from symdiff.ops.elementwise.casts import cast, dtype_text
from symdiff.ops.indexing import counting as index
from symdiff.ops.linalg.contraction import tensordot
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


# --- between tensors ------------------------------------------------------------------


def _infer_between(
    start: TensorType, stop: TensorType, *, num: Dim, endpoint: bool, dtype: DType
) -> TensorType:
    return TensorType((num, *same_shape([start, stop])), dtype)


def _arguments_text(node: Any) -> str:
    end = "" if node.attrs["endpoint"] else ", endpoint=False"
    length = dim_text(node.attrs["num"])
    return f"(_0, _1, {length}{end}, dtype={dtype_text(node.dtype)})"


def _evaluate_between(
    start: Any, stop: Any, *, num: int, endpoint: bool, dtype: DType
) -> Any:
    complex_step = np.iscomplexobj(start) or np.iscomplexobj(stop)
    kind = None if complex_step else dtype.name
    return np.linspace(start, stop, num, endpoint, dtype=kind)


def _weights(attrs: Any, bound: int) -> Any:
    """Return how much of a bound (0: start, 1: stop) is in each number."""
    return apply(LINSPACE, **{**attrs, "start": 1 - bound, "stop": bound})


def _between_vjp(
    ct: Tensor, out: Tensor, inputs: Any, attrs: Any, needs: Sequence[bool]
) -> Cotangents:
    return [
        tensordot(_weights(attrs, bound), ct, 1) if needs[bound] else None
        for bound in (0, 1)
    ]


def _between_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> Tensor | None:
    if all(t is None for t in tangents):
        return None
    start, stop = (literal(0) if t is None else t for t in tangents)
    return apply(BETWEEN, start, stop, **attrs)


BETWEEN = primitive(
    "linspace_between",
    _infer_between,
    _evaluate_between,
    vjp=_between_vjp,
    jvp=_between_jvp,
    text=lambda node: f"np.linspace{_arguments_text(node)}",
    analytic=True,
    rule="each bound by its weight in every number",
    latex=r"\operatorname{{linspace}}({0}, {1})",
    facts=Facts(word="linspace"),
)


def _progression_vjp(
    ct: Tensor, out: Tensor, inputs: Any, attrs: Any, needs: Sequence[bool]
) -> Cotangents:
    weighed: Any = ct * out
    return [
        tensordot(_weights(attrs, bound), weighed, 1) / inputs[bound]
        if needs[bound]
        else None
        for bound in (0, 1)
    ]


def _progression_jvp(
    tangents: Any, out: Tensor, inputs: Any, attrs: Any
) -> Tensor | None:
    shares = [
        None if t is None else t / bound
        for t, bound in zip(tangents, inputs, strict=True)
    ]
    moved: Any = _between_jvp(shares, out, inputs, attrs)
    return None if moved is None else out * moved


PROGRESSION = primitive(
    "geomspace",
    _infer_between,
    lambda start, stop, *, num, endpoint, dtype: np.geomspace(
        start, stop, num, endpoint, dtype=dtype.name
    ),
    vjp=_progression_vjp,
    jvp=_progression_jvp,
    text=lambda node: f"np.geomspace{_arguments_text(node)}",
    rule="each bound by its weight in the exponent of every number",
    latex=r"\operatorname{{geomspace}}({0}, {1})",
)


# --- public functions -----------------------------------------------------------------


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
    first, last = _bounds(start, stop)
    count, kind, ends = as_dim(num), cast_dtype(dtype), bool(endpoint)
    bounds = literal_value(first), literal_value(last)
    if any(b is None or isinstance(b, sp.Expr) for b in bounds):
        width = _width(first, last) if kind.is_float else kind
        asked = {"num": count, "endpoint": ends, "dtype": width}
        found = moveaxis(apply(BETWEEN, first, last, **asked), 0, axis)
        found = found if kind == FLOAT else cast(found, kind)
    else:
        found = apply(
            LINSPACE,
            start=bounds[0],
            stop=bounds[1],
            num=count,
            endpoint=ends,
            dtype=kind,
        )
    if not retstep:
        return found
    if isinstance(count, int) and count - ends < 1:
        return found, constant(np.array(math.nan))
    return found, (last - first) / as_dim(count - ends)


def _bounds(start: Any, stop: Any) -> list[Tensor]:
    """Return two bounds in one shape, arrays of integers as floats."""
    bounds = [as_tensor(bound) for bound in (start, stop)]
    return broadcast_operands(*(b if is_literal(b) else as_float(b) for b in bounds))


def _width(first: Tensor, last: Tensor) -> DType:
    """Return the dtype of the numbers between two bounds."""
    common = promote(first.dtype, last.dtype)
    return FLOAT if common.weak else common


@api("logspace")
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0
) -> Tensor:
    """``base`` to the power of evenly spaced exponents, along a new first axis.

    The axes of an array of bases are those of the bounds, as in NumPy.
    """
    exponents: Any = linspace(start, stop, num, endpoint)
    root = as_tensor(base)
    missing = max(root.ndim - (exponents.ndim - 1), 0)
    return power(root, expand_dims(exponents, tuple(range(1, 1 + missing))))


@api("geomspace")
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True) -> Tensor:
    """``num`` numbers in geometric progression from ``start`` to ``stop``.

    The bounds have the same sign, and are not 0.
    """
    first, last = _bounds(start, stop)
    if any(literal_value(bound) == 0 for bound in (first, last)):
        raise DeclarationError("geomspace needs bounds other than 0.")
    return apply(
        PROGRESSION,
        first,
        last,
        num=as_dim(num),
        endpoint=bool(endpoint),
        dtype=_width(first, last),
    )
