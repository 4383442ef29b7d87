"""Activations whose plain formula overflows, or has no derivative at a kink.

Each is one record, made of an expression for its derivative and a stable form for its
value. Activations that are compositions of other functions are in `sd.nn`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor
from symdiff.ops.core import signs
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.helpers import helper
from symdiff.ops.core.operands import function
from symdiff.ops.core.outforms import Aside, OutForm
from symdiff.ops.core.symbols import sigmoid, u, y
from symdiff.ops.elementwise.arithmetic import exp, log1p, tanh
from symdiff.ops.elementwise.comparisons import greater, greater_equal, where
from symdiff.ops.elementwise.kinks import absolute, maximum, minimum

RELU = elementwise(
    "relu",
    sp.Max(u, 0),
    partials=(lambda t, out, x: where(greater(out, 0), t, 0),),
    text="np.maximum(_0, 0)",
    evaluate=lambda x: np.maximum(x, 0),
    analytic=False,
    latex=r"\max(0, {0})",
    facts=Facts(selects=True, sign=signs.never_negative, rectifies=True),
)


def _stable_sigmoid(x: Any) -> Any:
    x = np.asarray(x)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(x >= 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x)))[()]


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z)), computed so that exp cannot overflow."""
    e = np.exp(-np.abs(z))  # at most 1
    return np.maximum(z >= 0, e) / (1 + e)  # 1 / (1 + e) where z >= 0, else e / (1 + e)


helper(_sigmoid)


def _expand_sigmoid(x: Tensor) -> Tensor:
    """With e = exp(-|x|), at most 1: 1 / (1 + e) for x >= 0, e / (1 + e) below."""
    e = hinted(exp(-absolute(x)), "e")
    return where(greater_equal(x, 0), 1, e) / (1 + e)


def _sigmoid_out(node: Node) -> OutForm:
    """What `_sigmoid` computes, 1 or e as exp(min(x, 0)): no mask becomes a float."""
    lines = (
        "np.abs(_0, out=_aside_0)",
        "np.negative(_aside_0, out=_aside_0)",
        "np.exp(_aside_0, out=_aside_0)",
        "np.minimum(_0, 0, out=_out)",
        "np.exp(_out, out=_out)",
        "np.add(1, _aside_0, out=_aside_0)",
        "np.divide(_out, _aside_0, out=_out)",
    )
    return OutForm("\n".join(lines), asides=(Aside(node.dtype),))


SIGMOID = elementwise(
    "sigmoid",
    1 / (1 + sp.exp(-u)),
    partials=(y * (1 - y),),
    text="_help_sigmoid(_0)",  # where it is not expanded
    evaluate=_stable_sigmoid,
    expand=_expand_sigmoid,
    analytic=False,
    latex=r"\sigma({0})",
    facts=Facts(
        sign=signs.never_negative,
        bounded=True,
        formula="sigmoid(_0)",
        called_from=3,
        out_form=_sigmoid_out,
    ),
)
SOFTPLUS = elementwise(
    "softplus",
    sp.log(1 + sp.exp(u)),
    partials=(sigmoid(u),),
    evaluate=lambda x: np.logaddexp(x, np.zeros_like(x)),
    expand=lambda x: maximum(x, 0) + log1p(exp(-absolute(x))),
    analytic=False,
    facts=Facts(sign=signs.never_negative),
)
LOG_SIGMOID = elementwise(
    "log_sigmoid",
    -sp.log(1 + sp.exp(-u)),
    partials=(sigmoid(-u),),
    evaluate=lambda x: -np.logaddexp(-x, np.zeros_like(x)),
    expand=lambda x: minimum(x, 0) - log1p(exp(-absolute(x))),
    analytic=False,
    facts=Facts(bounded=True),
)

# --- x times a soft step --------------------------------------------------------------

SCALE, CUBIC = math.sqrt(2 / math.pi), 0.044715  # Hendrycks & Gimpel, 2016


def _gelu_step(x: Any) -> Any:
    """Return 1/2·(1 + tanh(s·x·(1 + c·x²))): of a cube, NumPy takes a power."""
    inner = hinted(x * (1 + CUBIC * x**2), "inner")
    return hinted(0.5 * (1 + tanh(SCALE * inner)), "step")


def _gelu_slope(t: Any, out: Tensor, x: Any) -> Any:
    """With the step σ, whose slope is σ·(1 - σ)·2s·(1 + 3c·x²), that of y = x·σ."""
    step = _gelu_step(x)
    rise = hinted(out * (2 * SCALE + 6 * SCALE * CUBIC * x**2), "rise")
    return t * hinted(step + rise * (1 - step), "slope")


GELU = elementwise(
    "gelu",
    u / 2 * (1 + sp.tanh(SCALE * (u + CUBIC * u**3))),
    partials=(_gelu_slope,),
    evaluate=lambda x: x * (0.5 * (1 + np.tanh(SCALE * x * (1 + CUBIC * x**2)))),
    expand=lambda x: x * _gelu_step(x),
)
SILU = elementwise(
    "silu",
    u / (1 + sp.exp(-u)),
    partials=(sigmoid(u) + y * (1 - sigmoid(u)),),
    evaluate=lambda x: x * _stable_sigmoid(x),
    expand=lambda x: x * sigmoid_(x),
    analytic=False,
)

relu = function(RELU, "relu", doc="max(x, 0), with derivative 0 at 0.")
sigmoid_ = function(SIGMOID, "sigmoid", doc="1 / (1 + exp(-x)), without overflow.")
softplus = function(SOFTPLUS, "softplus", doc="log(1 + exp(x)), without overflow.")
log_sigmoid = function(
    LOG_SIGMOID, "log_sigmoid", doc="log(sigmoid(x)), without overflow."
)
