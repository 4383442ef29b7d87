"""Signs, infinities and NaN: tests for them, copysign, fmax and fmin, nan_to_num."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType
from symdiff.ops.core import rows, tex
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import api, as_tensor, function
from symdiff.ops.core.record import Op, primitive, require_float
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.comparisons import (
    equal,
    greater,
    less,
    less_equal,
    logical_and,
    logical_or,
    where,
)
from symdiff.ops.elementwise.kinks import absolute, sign
from symdiff.ops.reduce.sums import number_text


def _question(name: str, doc: str) -> tuple[Op, Any]:
    op = elementwise(
        name, None, arity=1, ufunc=name, dtype="bool", differentiable=False
    )
    return op, function(op, name, doc=doc)


ISNAN, isnan = _question("isnan", "Whether each element is NaN.")
ISINF, isinf = _question("isinf", "Whether each element is plus or minus infinity.")
ISFINITE, isfinite = _question(
    "isfinite", "Whether each element is neither infinite nor NaN."
)
SIGNBIT, signbit = _question(
    "signbit", "Whether the sign bit is set (also that of -0.0)."
)


@api("isposinf")
def isposinf(x: Any) -> Tensor:
    """Whether each element is plus infinity."""
    tensor = as_tensor(x)
    return equal(x, np.inf) if tensor.dtype.is_float else isinf(tensor)


@api("isneginf")
def isneginf(x: Any) -> Tensor:
    """Whether each element is minus infinity."""
    tensor = as_tensor(x)
    return equal(x, -np.inf) if tensor.dtype.is_float else isinf(tensor)


@api("isclose")
def isclose(
    x: Any,
    other: Any,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Tensor:
    """Whether |x - y| <= atol + rtol |y|; equal infinities are close.

    With ``equal_nan``, so is NaN to NaN.
    """
    a, b = as_tensor(x), as_tensor(other)
    near = less_equal(absolute(a - b), atol + rtol * absolute(b))
    found = logical_or(logical_and(near, isfinite(b)), equal(a, b))
    if equal_nan and a.dtype.is_float and b.dtype.is_float:
        found = logical_or(found, logical_and(isnan(a), isnan(b)))
    return found


def _copy_to_size(t: Any, out: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return t * sign(a) * copysign(1, cast(b, out.dtype) if b.dtype.is_bool else b)


COPYSIGN = elementwise(
    "copysign",
    None,
    arity=2,
    partials=(_copy_to_size, None),
    ufunc="copysign",
    analytic=False,
    latex=tex.form(r"|{0}|\operatorname{{sgn}}({1})", tex.PRODUCT),
)
copysign = function(
    COPYSIGN,
    "copysign",
    arity=2,
    doc="Size of the first operand with the sign of the second; derivative 0 at 0.",
)


def _ignoring_nan(name: str, wins: Any, loses: Any, booleans: Any, word: str) -> Any:
    """Define fmax or fmin: where one operand is NaN, the other one wins."""
    op = elementwise(
        name,
        None,
        arity=2,
        partials=(
            lambda t, out, a, b: _share(logical_or(wins(a, b), isnan(b)), a, b, t),
            lambda t, out, a, b: _share(logical_or(loses(a, b), isnan(a)), a, b, t),
        ),
        ufunc=name,
        dtype="number",
        booleans=booleans,
        analytic=False,
        rule="ties share the cotangent equally",
        facts=Facts(selects=True),
    )
    doc = f"{word} of two, ignoring a NaN beside a number; a tie shares the gradient."
    return op, function(op, name, arity=2, doc=doc)


def _share(wins: Tensor, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    return where(wins, t, where(equal(a, b), t / 2, 0))


FMAX, fmax = _ignoring_nan("fmax", greater, less, logical_or, "Larger")
FMIN, fmin = _ignoring_nan("fmin", less, greater, logical_and, "Smaller")


def _infer_nan_to_num(t: TensorType, **replacements: float | None) -> TensorType:
    return require_float(t, "nan_to_num")


def _nan_to_num_text(node: Any) -> str:
    given = {"nan": 0.0, "posinf": None, "neginf": None} | dict(node.attrs)
    parts = [
        f"{name}={number_text(given[name])}"
        for name, default in (("nan", 0.0), ("posinf", None), ("neginf", None))
        if repr(given[name]) != repr(default)
    ]
    return f"np.nan_to_num({', '.join(['_0', *parts])})"


NAN_TO_NUM = primitive(
    "nan_to_num",
    _infer_nan_to_num,
    lambda x, **replacements: np.nan_to_num(x, **replacements),
    vjp=lambda ct, out, inputs, attrs, needs: [where(isfinite(inputs[0]), ct, 0)],
    jvp=lambda tangents, out, inputs, attrs: where(isfinite(inputs[0]), tangents[0], 0),
    text=_nan_to_num_text,
    analytic=True,
    rule="nothing flows where an element was replaced",
    facts=Facts(rows=rows.each),
)


@api("nan_to_num")
def nan_to_num(
    x: Any,
    *,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:
    """NaN and infinities replaced by numbers (infinities by the largest of the dtype).

    Integers and booleans, which have neither, come back as they are.
    """
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return tensor
    chosen = {"nan": nan, "posinf": posinf, "neginf": neginf}
    floats = {k: v if v is None else float(v) for k, v in chosen.items()}
    return apply(NAN_TO_NUM, tensor, **floats)
