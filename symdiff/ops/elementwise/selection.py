"""Choices between values: clip, select, piecewise, heaviside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.arguments import refuse_unknown
from symdiff.graph.errors import DeclarationError
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import (
    api,
    as_bool,
    as_tensor,
    call_elementwise,
    function,
    is_literal,
)
from symdiff.ops.core.symbols import u, v, w
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.comparisons import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_or,
    where,
)

# --- clip -----------------------------------------------------------------------------
# Not composed of maximum and minimum, which share ties: an element at a bound keeps its
# whole cotangent, as users of projected and clipped objectives expect. A bound gets the
# cotangents of elements strictly beyond it.


def _inside(t: Tensor, out: Tensor, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return where(logical_and(greater_equal(x, low), less_equal(x, high)), t, 0)


def _at_low(t: Tensor, out: Tensor, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return where(logical_and(less(x, low), less_equal(low, high)), t, 0)


def _at_high(t: Tensor, out: Tensor, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return where(logical_or(greater(x, high), greater(low, high)), t, 0)


_RULE = "passes between the bounds, these included"
CLIP = elementwise(
    "clip",
    sp.Min(sp.Max(u, v), w),
    arity=3,
    partials=(_inside, _at_low, _at_high),
    evaluate=np.clip,
    text="np.clip(_0, _1, _2)",
    dtype="number",
    booleans=lambda x, low, high: logical_and(logical_or(x, low), high),
    analytic=False,
    latex=r"\operatorname{{clip}}({0}, {1}, {2})",
    rule=_RULE,
    facts=Facts(selects=True),
)
CLIP_LOW = elementwise(
    "clip_low",
    sp.Max(u, v),
    arity=2,
    partials=(
        lambda t, out, x, low: where(greater_equal(x, low), t, 0),
        lambda t, out, x, low: where(less(x, low), t, 0),
    ),
    evaluate=lambda x, low: np.clip(x, low, None),
    text="np.clip(_0, _1, None)",
    dtype="number",
    booleans=lambda x, low: logical_or(x, low),
    analytic=False,
    rule=_RULE,
    facts=Facts(selects=True),
)
CLIP_HIGH = elementwise(
    "clip_high",
    sp.Min(u, v),
    arity=2,
    partials=(
        lambda t, out, x, high: where(less_equal(x, high), t, 0),
        lambda t, out, x, high: where(greater(x, high), t, 0),
    ),
    evaluate=lambda x, high: np.clip(x, None, high),
    text="np.clip(_0, None, _1)",
    dtype="number",
    booleans=lambda x, high: logical_and(x, high),
    analytic=False,
    rule=_RULE,
    facts=Facts(selects=True),
)


@api("clip")
def clip(x: Any, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Tensor:
    """``x`` limited to a_min..a_max, either of which may be None (also min=, max=).

    The gradient passes where x lies between the bounds or on one, and goes to the bound
    where x lies beyond it. Where a_min > a_max the result is a_max.
    """
    refuse_unknown("clip()", bounds, ("x", "a_min", "a_max", "min", "max"))
    low, high = bounds.get("min", a_min), bounds.get("max", a_max)
    if low is None and high is None:
        return as_tensor(x)
    if high is None:
        return call_elementwise(CLIP_LOW, x, low)
    if low is None:
        return call_elementwise(CLIP_HIGH, x, high)
    return call_elementwise(CLIP, x, low, high)


# --- choices --------------------------------------------------------------------------


@api("select")
def select(
    condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0
) -> Tensor:
    """The choice of the first condition that holds, ``default`` where none does."""
    if len(condlist) != len(choicelist) or not condlist:
        raise DeclarationError(
            f"select needs as many choices as conditions (at least one), got "
            f"{len(choicelist)} for {len(condlist)}."
        )
    result = default
    pairs = list(zip(condlist, choicelist, strict=True))
    for condition, choice in reversed(pairs):
        result = where(as_bool(condition), choice, result)
    return as_tensor(result)


@api("piecewise")
def piecewise(
    x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any
) -> Tensor:
    """Functions (or constants) of ``x`` by condition; the last that holds wins.

    One more function than conditions is the default; without it the default is 0. The
    result has the dtype of ``x``, as NumPy's has. Unlike NumPy's, the functions see the
    whole of ``x``.
    """
    tensor = as_tensor(x)
    conditions = list(condlist) if isinstance(condlist, (list, tuple)) else [condlist]
    functions = list(funclist)
    if len(functions) not in (len(conditions), len(conditions) + 1):
        raise DeclarationError(
            f"piecewise needs as many functions as conditions, or one more, got "
            f"{len(functions)} for {len(conditions)}."
        )

    def value(f: Any) -> Any:
        found = f(tensor, *args, **kw) if callable(f) else f
        whole = not tensor.dtype.is_float and is_literal(as_tensor(found))
        return cast(found, tensor.dtype.name) if whole else found

    result: Any = value(functions.pop()) if len(functions) > len(conditions) else 0
    for condition, f in zip(conditions, functions, strict=True):
        result = where(as_bool(condition), value(f), result)
    found = as_tensor(result)
    same = tensor.dtype.weak or found.dtype == tensor.dtype
    return found if same else cast(found, tensor.dtype.name)


HEAVISIDE = elementwise(
    "heaviside",
    sp.Heaviside(u, v),
    arity=2,
    partials=(None, lambda t, out, x, at_zero: where(equal(x, 0), t, 0)),
    ufunc="heaviside",
    analytic=False,
    facts=Facts(selects=True),
)
heaviside = function(
    HEAVISIDE,
    "heaviside",
    arity=2,
    doc="0 below 0, 1 above, the second operand at 0; derivative 0 in the first.",
)
