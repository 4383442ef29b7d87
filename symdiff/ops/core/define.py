"""The two constructors whose rules follow from one fact.

In: a SymPy expression over u, v, w (`elementwise`), or the transposes of a map that is
linear in each of its operands (`multilinear`). Out: a registered `Op` with both rules,
and for `elementwise` text, ``out=`` text and value from NumPy's name. Invariant: no
derivative is written twice; where neither fact holds, `record.primitive` takes rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.tensor import Tensor
from symdiff.graph.types import DType, TensorType, Type
from symdiff.ops.core import rules
from symdiff.ops.core.facts import UNKNOWN, Facts
from symdiff.ops.core.record import (
    Cotangents,
    Latex,
    Op,
    Text,
    Words,
    register,
    result_dtype,
    same_shape,
)
from symdiff.ops.core.symbols import OPERANDS, y


def elementwise(
    name: str,
    expression: sp.Expr | None,
    *,
    arity: int | None = None,
    partials: Sequence[Any] | None = None,
    ufunc: str = "",
    infix: str = "",
    text: Text | None = None,
    evaluate: Callable[..., Any] | None = None,
    dtype: str | Callable[..., DType] = "float",
    booleans: Callable[..., Tensor] | None = None,
    differentiable: bool = True,
    expand: Callable[..., Tensor] | None = None,
    analytic: bool = True,
    latex: Latex | None = None,
    hint: str = "",
    rule: Words = "",
    facts: Facts = UNKNOWN,
) -> Op:
    """Define an elementwise op from a SymPy expression over u, v, w.

    Parameters
    ----------
    partials : one per operand, instead of SymPy's own derivative: a SymPy expression
        over the operands and the output ``y``, None (no derivative flows), or, where a
        kink needs selection, a function ``(t, y, *operands) -> Tensor`` linear in
        ``t``. A test proves that expressions equal SymPy's derivative.
    ufunc : NumPy's name for the function, from which text, ``out=`` text and value
        follow
    infix : Python's operator, printed instead of the ufunc's name
    dtype : rule of `result_dtype`
    booleans : what NumPy does instead where every operand is boolean: ``mask + mask``
        is a logical or, ``mask ** mask`` has int8
    """
    if arity is None:
        assert expression is not None
        arity = len([s for s in OPERANDS if s in expression.free_symbols]) or 1

    def infer(*types: TensorType) -> TensorType:
        shape, kind = same_shape(types), result_dtype(dtype, [t.dtype for t in types])
        for t in types:  # most results have the very type of an operand
            if t.shape is shape and t.dtype is kind:
                return t
        return TensorType(shape, kind)

    places = ", ".join(f"_{i}" for i in range(arity))
    if infix:
        text = f"_0 {infix} _1" if arity == 2 else f"{infix}_0"
    elif text is None and ufunc:
        text = f"np.{ufunc}({places})"
    if evaluate is None:
        evaluate = getattr(np, ufunc)
    if not differentiable:
        partials = (None,) * arity
    elif partials is None:
        partials = rules.default_partials(expression, arity)
    _check_symbols(name, arity, expression, partials)

    def vjp(*given: Any) -> Cotangents:
        return rules.elementwise_vjp(op, *given)

    def jvp(*given: Any) -> Tensor | None:
        return rules.elementwise_jvp(op, *given)

    op = register(
        Op(
            name,
            infer,
            evaluate,
            vjp=vjp if differentiable else None,
            jvp=jvp if differentiable else None,
            text=text,
            out=f"np.{ufunc}({places}, out=_out)" if ufunc else None,
            expand=expand,
            latex=latex,
            expression=expression,
            partials=tuple(partials),
            analytic=analytic,
            is_elementwise=True,
            hint=hint,
            rule=rule,
            ufunc=ufunc,
            infix=infix,
            booleans=booleans,
            facts=facts,
        )
    )
    return op


def _check_symbols(name: str, arity: int, value: Any, partials: Sequence[Any]) -> None:
    """Raise `ValueError` where a formula has symbols that stand for no operand."""
    operands = set(OPERANDS[:arity])
    for formula, known in ((value, operands), *((p, {*operands, y}) for p in partials)):
        if isinstance(formula, sp.Basic) and formula.free_symbols - known:
            raise ValueError(
                f"op {name!r}: {formula} is not in the real symbols of its operands, "
                f"{sorted(map(str, known))}."
            )


def multilinear(
    name: str,
    infer: Callable[..., Type],
    evaluate: Callable[..., Any],
    *,
    transposes: Mapping[int, Callable[..., Tensor]],
    text: Text | None = None,
    out: str | None = None,
    expand: Callable[..., Tensor] | None = None,
    latex: Latex | None = None,
    view: bool = False,
    hint: str = "",
    rule: Words = "",
    facts: Facts = UNKNOWN,
) -> Op:
    """Define an op that is linear in each operand listed in ``transposes``.

    ``transposes[i](ct, inputs, attrs)`` is the transpose of the map of operand i alone,
    the others held fixed. The jvp is the op itself, applied to one tangent at a time
    and summed.
    """
    return register(
        Op(
            name,
            infer,
            evaluate,
            vjp=rules.transposed_vjp(transposes),
            jvp=rules.linear_jvp(tuple(transposes)),
            text=text,
            out=out,
            expand=expand,
            latex=latex,
            analytic=True,
            linear_in=tuple(transposes),
            view=view,
            hint=hint,
            rule=rule,
            facts=facts,
        )
    )
