"""Elementwise ops with a kink: signs, absolute values, the larger and smaller of two.

Their derivatives at the kink are those of the table `CONVENTIONS` in arithmetic.py.
"""

from __future__ import annotations

import sympy as sp

from symdiff.graph.tensor import Tensor
from symdiff.ops.core import signs, tex
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import (
    function,
)
from symdiff.ops.core.symbols import u, v
from symdiff.ops.elementwise.comparisons import (
    equal,
    greater,
    less,
    logical_and,
    logical_or,
    where,
)

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
    facts=Facts(
        word="magnitude", called="abs_{0}", scalar="abs(_0)", sign=signs.never_negative
    ),
    latex=tex.form(r"\left|{0}\right|"),
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
    facts=Facts(selects=True, sign=signs.largest),
    latex=tex.form(r"\max\left({0}, {1}\right)"),
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
    facts=Facts(selects=True, sign=signs.least),
    latex=tex.form(r"\min\left({0}, {1}\right)"),
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
