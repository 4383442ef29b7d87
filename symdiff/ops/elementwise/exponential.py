"""Exponentials, logarithms and roots to other bases, and their stable sums.

`exp`, `log` and others to base e are in `symdiff.ops.elementwise.arithmetic`. The
functions here differ from them by a constant factor, or add two numbers that are given
by their logarithms.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor
from symdiff.ops.core import tex
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import function, literal_value
from symdiff.ops.core.symbols import u, v, y
from symdiff.ops.elementwise.activations import sigmoid_
from symdiff.ops.elementwise.comparisons import equal, logical_and, where
from symdiff.ops.elementwise.nonfinite import isinf

LOG_2 = float(sp.log(2))

EXP2 = elementwise("exp2", 2**u, partials=(y * sp.log(2),), ufunc="exp2")
LOG2 = elementwise(
    "log2",
    sp.log(u, 2),
    ufunc="log2",
    latex=tex.word(r"\log_{2}"),
    facts=Facts(scalar="_math.log2(_0)"),
)
LOG10 = elementwise(
    "log10",
    sp.log(u, 10),
    ufunc="log10",
    latex=tex.word(r"\log_{10}"),
    facts=Facts(scalar="_math.log10(_0)"),
)
CBRT = elementwise(
    "cbrt",
    sp.real_root(u, 3),
    partials=(1 / (3 * y**2),),
    ufunc="cbrt",
    analytic=False,  # NumPy's is real, negative for negative arguments
    latex=r"\sqrt[3]{{{0}}}",
)

exp2 = function(EXP2, "exp2", doc="2 to the power of each element.")
log2 = function(LOG2, "log2", doc="Logarithm to base 2.")
log10 = function(LOG10, "log10", doc="Logarithm to base 10.")
cbrt = function(CBRT, "cbrt", doc="Real cube root, of negative elements too.")


def _share_of(a: Tensor, b: Tensor, unit: float, *, second: bool) -> Tensor:
    """An operand's part of the sum: sigmoid of the difference of logarithms.

    Two equal infinities differ by 0, so that they share the cotangent.
    """
    if unit == 1 and literal_value(a) == 0:  # log(1 + exp(b)): nothing to share
        return sigmoid_(b if second else -b)
    if unit == 1 and literal_value(b) == 0:
        return sigmoid_(-a if second else a)
    tie = hinted(logical_and(equal(a, b), isinf(a)), "tie")
    gap = hinted(where(tie, 0, a - b), "gap")
    gap = gap if unit == 1 else gap * unit
    return sigmoid_(-gap if second else gap)


def _log_sum(name: str, expression: sp.Expr, unit: float) -> Any:
    return elementwise(
        name,
        expression,
        partials=(
            lambda t, out, a, b: t * _share_of(a, b, unit, second=False),
            lambda t, out, a, b: t * _share_of(a, b, unit, second=True),
        ),
        ufunc=name,
        analytic=False,  # NumPy's takes no complex numbers
        rule="each operand gets its part of the sum",
    )


LOGADDEXP = _log_sum("logaddexp", sp.log(sp.exp(u) + sp.exp(v)), 1)
LOGADDEXP2 = _log_sum("logaddexp2", sp.log(2**u + 2**v, 2), LOG_2)

logaddexp = function(
    LOGADDEXP, "logaddexp", arity=2, doc="log(exp(x) + exp(y)), without overflow."
)
logaddexp2 = function(
    LOGADDEXP2, "logaddexp2", arity=2, doc="log2(2**x + 2**y), without overflow."
)
