"""Elementwise arithmetic, powers, exponentials, roots, trigonometric functions.

Each op is one record made from its SymPy expression, its name in NumPy and, where the
plain derivative would be inaccurate or ambiguous, its partials. `CONVENTIONS` lists the
derivatives of all elementwise ops at kinks.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import FLOAT
from symdiff.ops.core import rows, signs, tex
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.leaf import by_data_alone
from symdiff.ops.core.operands import (
    LITERAL,
    api,
    as_tensor,
    call_elementwise,
    function,
    is_literal,
    literal_value,
)
from symdiff.ops.core.record import result_dtype
from symdiff.ops.core.rows import (
    WHOLE,
    Batch,
    Mixed,
    Part,
    Sums,
    Whole,
    same_rows,
)
from symdiff.ops.core.symbols import u, v, y
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.comparisons import (
    WHERE,
    equal,
    logical_and,
    logical_or,
    where,
)
from symdiff.ops.elementwise.in_place import power_out
from symdiff.ops.elementwise.kinks import absolute
from symdiff.ops.elementwise.notation import power_tex, product_tex

CONVENTIONS = {
    "relu": "relu'(0) = 0",
    "abs, copysign": "derivative 0 at 0",
    "maximum, minimum, fmax, fmin": "a tie gives half of the cotangent to each operand",
    "fmax, fmin": "beside a NaN the number gets the whole cotangent",
    "max, min": "a tie shares the cotangent equally among the extreme elements",
    "clip": "x keeps its whole cotangent on a bound; bounds get what lies beyond them",
    "sign, floor, ceil, round, trunc, floor_divide, comparisons": "derivative 0",
    "mod, fmod": "at a jump, the slopes of the piece the value lies on",
    "heaviside": "derivative 0 in x; where x = 0 the second operand gets all",
    "nan_to_num": "nothing flows where an element was replaced",
    "power": "d(0**b)/db = 0; the partial in the base is b * a**(b - 1)",
    "hypot, arctan2, norm": "derivative 0 at the origin, in every order",
    "logaddexp": "two equal infinities share the cotangent in halves",
    "sqrt, cbrt, log": "infinite at 0, as the limit is",
    "std": "derivative 0 where the variance is 0",
    "median, quantile": "of equal elements, those get it that a stable sort picks",
}

# --- arithmetic -----------------------------------------------------------------------


def _added_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    a, b = parts
    if isinstance(a, Sums) and isinstance(b, Sums):
        if not a.weighs_as(b):
            return Mixed(node, "it adds means over rows that divide by different sums")
        return replace(a, more=a.more or b.more)
    if {type(a), type(b)} == {Sums, Whole}:
        return replace(a if isinstance(a, Sums) else b, more=True)
    return same_rows(parts)


def _multiplied_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    if {type(p) for p in parts} == {Sums, Whole}:
        found: Sums = next(p for p in parts if isinstance(p, Sums))
        return found
    return same_rows(parts)


def _divided_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    a, b = parts
    if isinstance(a, Sums) and b == WHOLE:
        return a
    mean = Sums(s.count)
    if a != b or a not in (Sums(), mean):
        return same_rows(parts)
    by = node.inputs[1]
    if s.is_count(by):
        return mean
    by = by.inputs[2] if by.op is WHERE else by  # without a guard against 0
    alone = not by.shape and by_data_alone(by)
    return Sums(by, counted=a == mean) if alone else None


# On two booleans NumPy's `+` is a logical or, `*` is a logical and, and `-` is refused.
def _sum_sign(node: Node, found: Sequence[int]) -> int:
    return max(found) if min(found) else signs.ANY


def _product_sign(node: Node, found: Sequence[int]) -> int:
    a, b = node.inputs
    return signs.NONNEGATIVE if a is b else min(found)


def _power_sign(node: Node, found: Sequence[int]) -> int:
    exponent = node.inputs[1]
    if found[0] < signs.POSITIVE and exponent.op is LITERAL:
        even = exponent.attrs["value"] in (2, 4)
        return signs.NONNEGATIVE if even else min(found[0], signs.NONNEGATIVE)
    return found[0]


ADD = elementwise(
    "add",
    u + v,
    ufunc="add",
    infix="+",
    dtype="number",
    booleans=lambda a, b: logical_or(a, b),
    facts=Facts(
        python=operator.add,
        rows=_added_rows,
        word="total",
        called="{0}_plus_{1}",
        sign=_sum_sign,
    ),
    latex=tex.infix("+", tex.SUM, tex.SUM),
)
SUB = elementwise(
    "subtract",
    u - v,
    ufunc="subtract",
    infix="-",
    dtype="number",
    facts=Facts(
        python=operator.sub, rows=_added_rows, word="difference", called="{0}_minus_{1}"
    ),
    latex=tex.infix("-", tex.SUM, tex.BIG),
)


MUL = elementwise(
    "multiply",
    u * v,
    ufunc="multiply",
    infix="*",
    dtype="promote",
    booleans=lambda a, b: logical_and(a, b),
    facts=Facts(
        python=operator.mul,
        units=(1, 0),
        rows=_multiplied_rows,
        word="product",
        called="{0}_{1}",
        sign=_product_sign,
        scales=(0, 1),
    ),
    latex=product_tex,
)
DIV = elementwise(
    "divide",
    u / v,
    partials=(1 / v, -y / v),
    ufunc="divide",
    infix="/",
    facts=Facts(
        python=operator.truediv,
        units=(1,),
        rows=_divided_rows,
        word="ratio",
        called="{0}_over_{1}",
        sign=signs.least,
        scales=(0,),
    ),
    latex=tex.form(r"\frac{{{0}}}{{{1}}}", tex.PRODUCT),
)
NEG = elementwise(
    "negative",
    -u,
    ufunc="negative",
    infix="-",
    dtype="number",
    facts=Facts(python=operator.neg, rows=rows.unchanged, word="minus", scales=(0,)),
    latex=tex.form("-{0}", tex.SUM, tex.BIG),
)

add = function(ADD, "add", arity=2, doc="Sum of two tensors.")
subtract = function(SUB, "subtract", arity=2, doc="Difference of two tensors.")
multiply = function(
    MUL, "multiply", arity=2, doc="Product of two tensors, element by element."
)
divide = function(
    DIV, "divide", "true_divide", arity=2, doc="Quotient of two float tensors."
)
negative = function(NEG, "negative", doc="Minus the tensor.")


@api("positive")
def positive(x: Any) -> Tensor:
    """The tensor itself, as NumPy's unary plus."""
    tensor = as_tensor(x)
    result_dtype("number", [tensor.dtype])
    return tensor


def as_int8(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a function of booleans that computes in int8, as NumPy does."""
    return lambda *operands: function(*(cast(x, "int8") for x in operands))


def _power_base(
    t: Tensor, out: Tensor, base: Tensor, exponent: Tensor
) -> Tensor | None:
    """t b a**(b-1), which is 0 for b = 0 even where a**(-1) is infinite.

    For other bases than 0 the factor a**(b-1) is kept where b = 0 as well: the value
    does not need it, but the derivative in b does.
    """
    if is_literal(exponent):
        c = literal_value(exponent)
        if c == 0:
            return None
        return t * c if c == 1 else t * (c * base ** (c - 1))
    exponent = _in_dtype_of(out, exponent)
    pole = logical_and(equal(exponent, 0), equal(base, 0))
    lowered = where(pole, 1, exponent - 1)
    return t * (exponent * power(base, lowered))


def _power_exponent(t: Tensor, out: Tensor, base: Tensor, exponent: Tensor) -> Tensor:
    """t y log(a), which is 0 where a = 0."""
    if is_literal(base):
        c = literal_value(base)
        return t * (out * float(np.log(c)) if c != 0 else 0 * out)
    safe = where(equal(base, 0), 1, _in_dtype_of(out, base))
    return t * (out * log(safe))


def _in_dtype_of(out: Tensor, x: Tensor) -> Tensor:
    """Return an operand, in the result's dtype if it is boolean, as NumPy does it."""
    return cast(x, out.dtype) if x.dtype.is_bool else x


POWER = elementwise(
    "power",
    u**v,
    partials=(_power_base, _power_exponent),
    text="_0 ** _1",
    ufunc="power",
    dtype="number",
    booleans=as_int8(lambda a, b: power(a, b)),
    facts=Facts(
        out_form=power_out,
        sign=_power_sign,
        with_numbers=((2, "{0}_squared"), (3, "{0}_cubed"), (0.5, "root_{0}")),
    ),
    latex=power_tex,
)


@api("power")
def power(x: Any, other: Any, /) -> Tensor:
    """First operand to the power of the second."""
    if type(other) is int and as_tensor(x).dtype.is_bool:
        x = cast(as_tensor(x), "int64")  # NumPy's ** has another dtype for a square
    return call_elementwise(POWER, x, other)


@api("float_power")
def float_power(x: Any, exponent: Any) -> Tensor:
    """`power` in floats: of integers and booleans too, which are converted first."""
    base, by = as_tensor(x), as_tensor(exponent)
    if base.dtype.is_float or by.dtype.is_float:
        return power(base, by)
    return power(as_float(base), as_float(by))


def as_float(x: Any) -> Tensor:
    """Return a tensor of integers or booleans as floats; others as they are."""
    tensor = as_tensor(x)
    if tensor.dtype.is_float:
        return tensor
    number = literal_value(tensor)
    if number is not None:
        return as_tensor(float(number)) if isinstance(number, int) else tensor
    return cast(tensor, FLOAT)


SQUARE = elementwise(
    "square",
    u**2,
    ufunc="square",
    text="_0 ** 2",
    dtype="number",
    booleans=as_int8(lambda x: square(x)),
    latex=tex.form("{0}^{{2}}", tex.POWER, tex.ATOM),
    facts=Facts(sign=signs.never_negative, called="{0}_squared"),
)
square = function(SQUARE, "square", doc="The tensor times itself.")


@api("reciprocal")
def reciprocal(x: Any) -> Tensor:
    """One over the tensor; of integers its integer part, as in NumPy."""
    tensor = as_tensor(x)
    if tensor.dtype.is_float or is_literal(tensor):
        return divide(1, tensor)
    whole = cast(tensor, "int8") if tensor.dtype.is_bool else tensor
    return where(equal(absolute(whole), 1), whole, 0)


# --- exponentials and roots -----------------------------------------------------------

EXP = elementwise(
    "exp",
    sp.exp(u),
    partials=(y,),
    ufunc="exp",
    latex=tex.form("e^{{{0}}}", tex.POWER),
    facts=Facts(scalar="_math.exp(_0)", sign=signs.never_negative),
)
EXPM1 = elementwise(
    "expm1",
    sp.exp(u) - 1,
    partials=(y + 1,),
    ufunc="expm1",
    facts=Facts(scalar="_math.expm1(_0)"),
)
LOG = elementwise(
    "log",
    sp.log(u),
    ufunc="log",
    latex=tex.word(r"\log"),
    facts=Facts(scalar="_math.log(_0)"),
)
LOG1P = elementwise(
    "log1p", sp.log(1 + u), ufunc="log1p", facts=Facts(scalar="_math.log1p(_0)")
)
SQRT = elementwise(
    "sqrt",
    sp.sqrt(u),
    partials=(1 / (2 * y),),
    ufunc="sqrt",
    facts=Facts(word="root", scalar="_math.sqrt(_0)", sign=signs.of_operand),
    latex=tex.form(r"\sqrt{{{0}}}"),
)

exp = function(EXP, "exp", doc="e to the power of each element.")
expm1 = function(EXPM1, "expm1", doc="exp(x) - 1, accurate near 0.")
log = function(LOG, "log", doc="Natural logarithm.")
log1p = function(LOG1P, "log1p", doc="log(1 + x), accurate near 0.")
sqrt = function(SQRT, "sqrt", doc="Square root.")

# --- trigonometric and hyperbolic -----------------------------------------------------

SIN = elementwise(
    "sin",
    sp.sin(u),
    ufunc="sin",
    latex=tex.word(r"\sin"),
    facts=Facts(scalar="_math.sin(_0)"),
)
COS = elementwise(
    "cos",
    sp.cos(u),
    ufunc="cos",
    latex=tex.word(r"\cos"),
    facts=Facts(scalar="_math.cos(_0)"),
)
TANH = elementwise(
    "tanh",
    sp.tanh(u),
    # (1 - y) (1 + y) is accurate for the y that is given, but y is rounded itself: from
    # the derivative at u the two differ alike, measured in tests/ops/test_special.py.
    partials=(1 - y**2,),
    ufunc="tanh",
    latex=tex.word(r"\tanh"),
    facts=Facts(scalar="_math.tanh(_0)", bounded=True),
)

sin = function(SIN, "sin", doc="Sine.")
cos = function(COS, "cos", doc="Cosine.")
tanh = function(TANH, "tanh", doc="Hyperbolic tangent.")
