"""Error functions, log-gamma and its derivatives, which NumPy does not have.

Their text calls a function of `symdiff.ops.core.helpers`, whose source is copied into
generated modules. `logit` and `xlogy` are written in NumPy's functions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import DeclarationError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType
from symdiff.ops.core import rows, tex
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.helpers import HELPERS
from symdiff.ops.core.operands import api, float_operand, function
from symdiff.ops.core.record import Latex, primitive, require_float
from symdiff.ops.core.symbols import u
from symdiff.ops.core.tex import Tex
from symdiff.ops.elementwise.arithmetic import log
from symdiff.ops.elementwise.comparisons import (
    equal,
    less_equal,
    logical_and,
    logical_or,
    where,
)

_BELL = 2 / sp.sqrt(sp.pi) * sp.exp(-(u**2))


def _gammaln_partial(t: Any, out: Tensor, x: Tensor) -> Tensor:
    return t * digamma(x)


def _digamma_partial(t: Any, out: Tensor, x: Tensor) -> Tensor:
    return t * polygamma(1, x)


def _polygamma_push(t: Any, x: Tensor, attrs: Any) -> Tensor:
    return t * polygamma(attrs["order"] + 1, x)


def _helped(name: str, expression: sp.Expr, partial: Any, latex: Latex) -> Any:
    return elementwise(
        name,
        expression,
        partials=(partial,),
        evaluate=HELPERS[name],
        text=f"_help_{name}(_0)",
        analytic=False,  # the functions take real numbers only
        latex=latex,
    )


ERF = _helped("erf", sp.erf(u), _BELL, r"\operatorname{{erf}}({0})")
ERFC = _helped("erfc", sp.erfc(u), -_BELL, r"\operatorname{{erfc}}({0})")
GAMMALN = _helped(
    "gammaln",
    sp.re(sp.loggamma(u)),  # loggamma is complex below 0
    _gammaln_partial,
    tex.form(r"\ln|\Gamma({0})|", tex.PREFIX),
)
DIGAMMA = _helped("digamma", sp.digamma(u), _digamma_partial, r"\psi({0})")

erf = function(ERF, "erf", doc="Error function.")
erfc = function(ERFC, "erfc", doc="1 - erf(x), accurate for large x.")
gammaln = function(GAMMALN, "gammaln", doc="Logarithm of |gamma(x)|.")
digamma = function(DIGAMMA, "digamma", "psi", doc="Derivative of gammaln.")


def _infer_polygamma(t: TensorType, *, order: int) -> TensorType:
    return require_float(t, "polygamma")


POLYGAMMA = primitive(
    "polygamma",
    _infer_polygamma,
    lambda x, *, order: HELPERS["polygamma"](order, x),
    vjp=lambda ct, out, inputs, attrs, needs: [_polygamma_push(ct, inputs[0], attrs)],
    jvp=lambda tangents, out, inputs, attrs: _polygamma_push(
        tangents[0], inputs[0], attrs
    ),
    text=lambda node: f"_help_polygamma({node.attrs['order']}, _0)",
    latex=lambda node, operands, writer: Tex(
        rf"\psi^{{({node.attrs['order']})}}({operands[0].text})"
    ),
    facts=Facts(rows=rows.each),
)


@api("polygamma")
def polygamma(n: int, x: Any) -> Tensor:
    """Derivative number ``n`` of digamma, as in SciPy; n = 0 is digamma itself."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise DeclarationError(
            f"polygamma needs an order that is an int >= 0, got {n!r}."
        )
    return apply(POLYGAMMA, float_operand(x), order=n) if n else digamma(x)


LOGIT = elementwise(
    "logit",
    sp.log(u / (1 - u)),
    partials=(1 / (u * (1 - u)),),  # SymPy's own divides by (1 - u)**2
    evaluate=lambda p: np.log(p / (1 - p)),
    expand=lambda p: log(p / (1 - p)),
    latex=r"\operatorname{{logit}}({0})",
)
logit = function(LOGIT, "logit", doc="log(p / (1 - p)), the inverse of sigmoid.")


@api("xlogy")
def xlogy(x: Any, other: Any) -> Tensor:
    """x * log(y), and 0 where x = 0, as in SciPy.

    Where x = 0 the derivative in x is log(y), and 0 where that is not a number.
    """
    unfit = logical_or(less_equal(other, 0), equal(other, math.inf))
    zero = logical_and(equal(x, 0), unfit)
    return where(zero, 0, x * log(where(zero, 1, other)))
