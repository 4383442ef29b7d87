"""Elementwise ops: arithmetic, exponentials, comparisons, selection and casts.

Each op is one record made from its SymPy expression, its name in NumPy and, where the
plain derivative would be inaccurate or ambiguous, its partials. The conventions at
kinks are those of the table in the documentation of `CONVENTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import DTypeError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import BOOL, FLOAT, INT64, DType, TensorType, promote
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    call_elementwise,
    cast_dtype,
    float_operand,
    function,
    is_literal,
    literal_value,
)
from symdiff.ops.core.record import (
    elementwise,
    primitive,
    result_dtype,
    u,
    v,
    y,
)

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

# Of booleans alone NumPy's `+` is a logical or, its `*` a logical and; `-` it refuses.
ADD = elementwise(
    "add",
    u + v,
    ufunc="add",
    infix="+",
    dtype="number",
    booleans=lambda a, b: logical_or(a, b),
)
SUB = elementwise("subtract", u - v, ufunc="subtract", infix="-", dtype="number")
MUL = elementwise(
    "multiply",
    u * v,
    ufunc="multiply",
    infix="*",
    dtype="promote",
    booleans=lambda a, b: logical_and(a, b),
)
DIV = elementwise("divide", u / v, partials=(1 / v, -y / v), ufunc="divide", infix="/")
NEG = elementwise("negative", -u, ufunc="negative", infix="-", dtype="number")

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
    """Return a function of booleans as NumPy computes it, in its smallest integers."""
    return lambda *operands: function(*(cast(x, "int8") for x in operands))


def _power_base(
    t: Tensor, out: Tensor, base: Tensor, exponent: Tensor
) -> Tensor | None:
    """b a**(b-1); with b = 0 the factor is 0 even where a**(-1) is infinite.

    Elsewhere the exponent stays b-1 although b = 0 hides it: the derivative of b
    a**(b-1) in b sees it.
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
    """y log(a), and 0 where a = 0."""
    if is_literal(base):
        c = literal_value(base)
        return t * (out * float(np.log(c)) if c != 0 else 0 * out)
    safe = where(equal(base, 0), 1, _in_dtype_of(out, base))
    return t * (out * log(safe))


def _in_dtype_of(out: Tensor, x: Tensor) -> Tensor:
    """Return an operand that NumPy converts: a boolean beside a float."""
    return cast(x, out.dtype) if x.dtype.is_bool else x


POWER = elementwise(
    "power",
    u**v,
    partials=(_power_base, _power_exponent),
    text="_0 ** _1",
    ufunc="power",
    dtype="number",
    booleans=as_int8(lambda a, b: power(a, b)),
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

EXP = elementwise("exp", sp.exp(u), partials=(y,), ufunc="exp")
EXPM1 = elementwise("expm1", sp.exp(u) - 1, partials=(y + 1,), ufunc="expm1")
LOG = elementwise("log", sp.log(u), ufunc="log")
LOG1P = elementwise("log1p", sp.log(1 + u), ufunc="log1p")
SQRT = elementwise("sqrt", sp.sqrt(u), partials=(1 / (2 * y),), ufunc="sqrt")

exp = function(EXP, "exp", doc="e to the power of each element.")
expm1 = function(EXPM1, "expm1", doc="exp(x) - 1, accurate near 0.")
log = function(LOG, "log", doc="Natural logarithm.")
log1p = function(LOG1P, "log1p", doc="log(1 + x), accurate near 0.")
sqrt = function(SQRT, "sqrt", doc="Square root.")

# --- trigonometric and hyperbolic -----------------------------------------------------

SIN = elementwise("sin", sp.sin(u), ufunc="sin")
COS = elementwise("cos", sp.cos(u), ufunc="cos")
TANH = elementwise("tanh", sp.tanh(u), partials=((1 - y) * (1 + y),), ufunc="tanh")

sin = function(SIN, "sin", doc="Sine.")
cos = function(COS, "cos", doc="Cosine.")
tanh = function(TANH, "tanh", doc="Hyperbolic tangent.")

# --- comparisons and logic ------------------------------------------------------------


def _comparison(name: str, infix: str, relation: Any) -> Any:
    op = elementwise(
        name,
        relation(u, v),
        arity=2,
        ufunc=name,
        infix=infix,
        dtype="bool",
        differentiable=False,
    )
    return function(op, name, arity=2, doc=f"Whether x {infix} y, element by element.")


greater = _comparison("greater", ">", sp.Gt)
greater_equal = _comparison("greater_equal", ">=", sp.Ge)
less = _comparison("less", "<", sp.Lt)
less_equal = _comparison("less_equal", "<=", sp.Le)
equal = _comparison("equal", "==", sp.Eq)
not_equal = _comparison("not_equal", "!=", sp.Ne)


def _logical(name: str, infix: str, relation: Any, arity: int = 2) -> Any:
    symbols = sp.symbols("u v")[:arity]
    op = elementwise(
        name,
        relation(*symbols),
        arity=arity,
        ufunc=name,
        infix=infix,
        dtype="logical",
        differentiable=False,
    )
    return function(
        op, name, arity=arity, doc=f"Logical {name[8:]} of boolean tensors."
    )


logical_and = _logical("logical_and", "&", sp.And)
logical_or = _logical("logical_or", "|", sp.Or)
logical_xor = _logical("logical_xor", "^", sp.Xor)
logical_not = _logical("logical_not", "~", sp.Not, arity=1)


def _where_dtype(condition: DType, a: DType, b: DType) -> DType:
    if not condition.is_bool:
        raise DTypeError(
            f"the condition must be boolean, got {condition}; compare first."
        )
    found = promote(a, b)
    return INT64 if found.weak and found.is_integer else found  # an array of numbers


WHERE = elementwise(
    "where",
    None,
    arity=3,
    partials=(
        None,
        lambda t, out, condition, a, b: where(condition, t, 0),
        lambda t, out, condition, a, b: where(condition, 0, t),
    ),
    text="np.where(_0, _1, _2)",
    evaluate=np.where,
    dtype=_where_dtype,
    latex=r"\operatorname{{where}}({0}, {1}, {2})",
    facts=Facts(selects=True),
)


@api("where")
def where(condition: Any, x: Any, otherwise: Any) -> Tensor:
    """Elements of ``x`` where the condition holds, of ``otherwise`` elsewhere.

    A NaN or infinity in the branch not taken never reaches a gradient through `where`
    and elementwise functions before it. What mixes elements, as a running sum does,
    has mixed them before any is chosen.
    """
    taken, left = as_tensor(x), as_tensor(otherwise)
    numbers = (literal_value(taken), literal_value(left))
    if all(isinstance(n, (int, float)) for n in numbers) and float in map(
        type, numbers
    ):
        x = float_operand(taken)  # an array of two numbers has the run's width
    return call_elementwise(WHERE, condition, x, otherwise)


# --- kinks ----------------------------------------------------------------------------

SIGN = elementwise(
    "sign",
    sp.sign(u),
    ufunc="sign",
    dtype="number",
    differentiable=False,
    analytic=False,
)
ABS = elementwise(
    "abs",
    sp.Abs(u),
    partials=(sp.sign(u),),
    ufunc="abs",
    dtype="number",
    booleans=lambda x: x,
    analytic=False,
)
MAXIMUM = elementwise(
    "maximum",
    sp.Max(u, v),
    arity=2,
    partials=(
        lambda t, out, a, b: _share(greater(a, b), equal(a, b), t),
        lambda t, out, a, b: _share(less(a, b), equal(a, b), t),
    ),
    ufunc="maximum",
    dtype="number",
    booleans=lambda a, b: logical_or(a, b),
    analytic=False,
    facts=Facts(selects=True),
)
MINIMUM = elementwise(
    "minimum",
    sp.Min(u, v),
    arity=2,
    partials=(
        lambda t, out, a, b: _share(less(a, b), equal(a, b), t),
        lambda t, out, a, b: _share(greater(a, b), equal(a, b), t),
    ),
    ufunc="minimum",
    dtype="number",
    booleans=lambda a, b: logical_and(a, b),
    analytic=False,
    facts=Facts(selects=True),
)


def _share(wins: Tensor, ties: Tensor, t: Tensor) -> Tensor:
    """All of ``t`` where the operand wins, half where it ties, 0 where it loses."""
    return where(wins, t, where(ties, t / 2, 0))


sign = function(
    SIGN, "sign", doc="-1, 0 or 1 by the sign of each element; derivative 0."
)
absolute = function(ABS, "abs", "absolute", doc="Absolute value; derivative 0 at 0.")
maximum = function(
    MAXIMUM, "maximum", arity=2, doc="Larger of two; a tie shares the gradient."
)
minimum = function(
    MINIMUM, "minimum", arity=2, doc="Smaller of two; a tie shares the gradient."
)

# --- casts and barriers ---------------------------------------------------------------


def _infer_cast(t: TensorType, *, dtype: DType) -> TensorType:
    return TensorType(t.shape, dtype)


def _cast_back(t: Tensor, inputs: Any) -> Tensor | None:
    source = inputs[0].dtype
    return cast(t, source) if source.is_float else None


CAST = primitive(
    "cast",
    _infer_cast,
    lambda x, *, dtype: np.asarray(x).astype(dtype.name)[()],
    vjp=lambda ct, out, inputs, attrs, needs: [_cast_back(ct, inputs)],
    jvp=lambda tangents, out, inputs, attrs: (
        cast(tangents[0], attrs["dtype"]) if attrs["dtype"].is_float else None
    ),
    text=lambda node: f"_0.astype({dtype_text(node.attrs['dtype'])})",
    analytic=False,  # a real dtype drops the imaginary part of a complex step
)


def dtype_text(d: DType) -> str:
    """Return the text of a dtype: the shared float type, or NumPy's name."""
    return "_float" if d.name == "float" else f"np.{'bool_' if d == BOOL else d.name}"


@api("cast", "astype")
def cast(x: Any, dtype: Any) -> Tensor:
    """The tensor in another dtype; gradients flow between float types only."""
    tensor, target = as_tensor(x), cast_dtype(dtype)
    if is_literal(tensor):
        from symdiff.ops.core.operands import constant

        return constant(np.array(literal_value(tensor)), target)
    return tensor if tensor.dtype == target else apply(CAST, tensor, dtype=target)


STOP_GRADIENT = primitive(
    "stop_gradient",
    lambda t: t,
    lambda x: x,
    vjp=None,
    jvp=None,
    text="_0",
    view=True,
    facts=Facts(hides=True),
)


@api("stop_gradient")
def stop_gradient(x: Any) -> Tensor:
    """The tensor's value, treated as a constant by differentiation."""
    tensor = as_tensor(x)
    return tensor if is_literal(tensor) else apply(STOP_GRADIENT, tensor)
