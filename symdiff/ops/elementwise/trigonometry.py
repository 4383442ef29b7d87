"""Trigonometric and hyperbolic functions, their inverses, angles and `sinc`.

Partials are chosen so that they do not overflow where the function is finite, and do
not cancel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType
from symdiff.ops.core import rows, tex
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.helpers import HELPERS
from symdiff.ops.core.operands import api, function
from symdiff.ops.core.record import primitive, require_float
from symdiff.ops.core.symbols import u, v, y
from symdiff.ops.elementwise.arithmetic import multiply
from symdiff.ops.elementwise.comparisons import equal, where

TAN = elementwise(
    "tan",
    sp.tan(u),
    partials=(1 + y**2,),
    ufunc="tan",
    latex=tex.word(r"\tan"),
    facts=Facts(scalar="_math.tan(_0)"),
)
ARCSIN = elementwise(
    "arcsin",
    sp.asin(u),
    partials=(1 / sp.sqrt((1 - u) * (1 + u)),),
    ufunc="arcsin",
    latex=tex.word(r"\arcsin"),
)
ARCCOS = elementwise(
    "arccos",
    sp.acos(u),
    partials=(-1 / sp.sqrt((1 - u) * (1 + u)),),
    ufunc="arccos",
    latex=tex.word(r"\arccos"),
)
ARCTAN = elementwise(
    "arctan",
    sp.atan(u),
    ufunc="arctan",
    latex=tex.word(r"\arctan"),
)
SINH = elementwise(
    "sinh",
    sp.sinh(u),
    ufunc="sinh",
    latex=tex.word(r"\sinh"),
    facts=Facts(scalar="_math.sinh(_0)"),
)
COSH = elementwise(
    "cosh",
    sp.cosh(u),
    ufunc="cosh",
    latex=tex.word(r"\cosh"),
    facts=Facts(scalar="_math.cosh(_0)"),
)


def _arcsinh_partial(t: Any, out: Tensor, x: Tensor) -> Tensor:
    return t / hypot(x, 1)  # x**2 would overflow


ARCSINH = elementwise(
    "arcsinh",
    sp.asinh(u),
    partials=(_arcsinh_partial,),
    ufunc="arcsinh",
)
ARCCOSH = elementwise(
    "arccosh",
    sp.acosh(u),
    partials=(1 / (sp.sqrt(u - 1) * sp.sqrt(u + 1)),),
    ufunc="arccosh",
)
ARCTANH = elementwise(
    "arctanh", sp.atanh(u), partials=(1 / ((1 - u) * (1 + u)),), ufunc="arctanh"
)

tan = function(TAN, "tan", doc="Tangent.")
arcsin = function(ARCSIN, "arcsin", "asin", doc="Inverse sine, in -pi/2..pi/2.")
arccos = function(ARCCOS, "arccos", "acos", doc="Inverse cosine, in 0..pi.")
arctan = function(ARCTAN, "arctan", "atan", doc="Inverse tangent, in -pi/2..pi/2.")
sinh = function(SINH, "sinh", doc="Hyperbolic sine.")
cosh = function(COSH, "cosh", doc="Hyperbolic cosine.")
arcsinh = function(ARCSINH, "arcsinh", "asinh", doc="Inverse hyperbolic sine.")
arccosh = function(ARCCOSH, "arccosh", "acosh", doc="Inverse hyperbolic cosine.")
arctanh = function(ARCTANH, "arctanh", "atanh", doc="Inverse hyperbolic tangent.")

# --- two legs of a triangle -----------------------------------------------------------


def off_origin(length: Tensor) -> Tensor:
    """Return a length to divide by: infinite at the origin, where quotients are then 0.

    Division by infinity has zero derivatives too, hence every order is 0 at the origin.
    """
    return hinted(where(equal(length, 0), math.inf, length), "length")


# The root of a sum of squares. Its derivative at 0 is 0, where sqrt's is infinite.
ROOT = elementwise(
    "root_of_squares",
    sp.sqrt(u),
    partials=(lambda t, out, q: t / (2 * off_origin(out)),),
    ufunc="sqrt",
    latex=r"\sqrt{{{0}}}",
    rule="0 at the origin",
    facts=Facts(word="root", scalar="_math.sqrt(_0)"),
)


HYPOT = elementwise(
    "hypot",
    sp.sqrt(u**2 + v**2),
    partials=(
        lambda t, out, a, b: t * (a / off_origin(out)),
        lambda t, out, a, b: t * (b / off_origin(out)),
    ),
    ufunc="hypot",
    analytic=False,
    facts=Facts(scalar="_math.hypot(_0, _1)"),  # NumPy's takes no complex numbers
)


def _turn(t: Tensor, other_leg: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """t * leg / (a**2 + b**2), without squares that overflow or vanish."""
    h = off_origin(hypot(a, b))
    return t * (other_leg / h / h)


ARCTAN2 = elementwise(
    "arctan2",
    sp.atan2(u, v),
    partials=(
        lambda t, out, a, b: _turn(t, b, a, b),
        lambda t, out, a, b: -_turn(t, a, a, b),
    ),
    ufunc="arctan2",
    analytic=False,  # NumPy's takes no complex numbers
)

hypot = function(
    HYPOT, "hypot", arity=2, doc="sqrt(x**2 + y**2); derivative 0 at the origin."
)
arctan2 = function(
    ARCTAN2,
    "arctan2",
    "atan2",
    arity=2,
    doc="Angle of the point (second, first operand); derivative 0 at the origin.",
)


@api("deg2rad", "radians")
def deg2rad(x: Any) -> Tensor:
    """Degrees as radians."""
    return multiply(x, math.pi / 180)


@api("rad2deg", "degrees")
def rad2deg(x: Any) -> Tensor:
    """Radians as degrees."""
    return multiply(x, 180 / math.pi)


# --- sinc -----------------------------------------------------------------------------


def _infer_order(t: TensorType, *, order: int) -> TensorType:
    return require_float(t, "sinc")


def _next_order(t: Any, inputs: Any, attrs: Any) -> Tensor:
    return t * apply(SINC_DERIVATIVE, inputs[0], order=attrs["order"] + 1)


# A helper function, because (cos(pi x) - sinc(x)) / x loses all digits near 0 and is
# 0 / 0 there.
SINC_DERIVATIVE = primitive(
    "sinc_derivative",
    _infer_order,
    lambda x, *, order: HELPERS["sinc_derivative"](x, order),
    vjp=lambda ct, out, inputs, attrs, needs: [_next_order(ct, inputs, attrs)],
    jvp=lambda tangents, out, inputs, attrs: _next_order(tangents[0], inputs, attrs),
    text=lambda node: f"_help_sinc_derivative(_0, {node.attrs['order']})",
    latex=r"\operatorname{{sinc}}'({0})",
    facts=Facts(rows=rows.each),
)
SINC = elementwise(
    "sinc",
    sp.sinc(sp.pi * u),
    partials=(lambda t, out, x: t * apply(SINC_DERIVATIVE, x, order=1),),
    text="np.sinc(_0)",
    evaluate=np.sinc,
)
sinc = function(SINC, "sinc", doc="sin(pi x) / (pi x), 1 at 0.")
