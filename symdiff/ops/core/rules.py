"""The rules that follow from one fact: of elementwise ops, and of linear ones.

In: the partials of an elementwise op, or the transposes of a linear map. Out: its
reverse and forward rule, as an op's record holds them. Invariant: both modes come from
the same fact. A rule only multiplies and adds; keeping the zeros that come from
selection is left to the sweeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sympy as sp

from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.calculus import scale_by
from symdiff.ops.core.record import Cotangents, Jvp, Op, Vjp
from symdiff.ops.core.symbols import OPERANDS, y


@cache
def default_partials(expression: sp.Expr, arity: int) -> tuple[sp.Expr, ...]:
    """Return SymPy's partial derivatives of ``expression`` in u, v, w."""
    return tuple(sp.diff(expression, s) for s in OPERANDS[:arity])


def elementwise_vjp(
    op: Op,
    ct: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
) -> Cotangents:
    """Cotangent times partial, for each operand that needs one."""
    return [
        apply_partial(op, i, ct, output, inputs) if needed else None
        for i, needed in enumerate(needs)
    ]


def elementwise_jvp(
    op: Op,
    tangents: Cotangents,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
) -> Tensor | None:
    """Sum of tangent times partial over the operands that have a tangent."""
    return add_all(
        apply_partial(op, i, t, output, inputs)
        for i, t in enumerate(tangents)
        if t is not None
    )


def apply_partial(
    op: Op, i: int, t: Tensor, output: Tensor, inputs: Sequence[Tensor]
) -> Tensor | None:
    """Return ``t`` times an op's partial in operand ``i``; None is zero.

    ``output`` need not be the op's node: for a part of a value it is that part.
    """
    partial = op.partials[i]
    if partial is None:
        return None
    if callable(partial) and not isinstance(partial, sp.Basic):
        found: Tensor | None = partial(t, output, *inputs)
        return found
    env = dict(zip(OPERANDS, inputs, strict=False))
    return scale_by(t, sp.sympify(partial), env | {y: output})


def add_all(terms: Iterable[Tensor | None]) -> Tensor | None:
    """Return the sum of tensors, or None when there are none."""
    total: Tensor | None = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


def transposed_vjp(transposes: Mapping[int, Callable[..., Tensor]]) -> Vjp:
    """Return the reverse rule of an op that is linear in each listed operand."""

    def vjp(
        ct: Tensor,
        output: Tensor,
        inputs: Sequence[Tensor],
        attrs: Mapping[str, Any],
        needs: Sequence[bool],
    ) -> Cotangents:
        return [
            transposes[i](ct, inputs, attrs) if needed and i in transposes else None
            for i, needed in enumerate(needs)
        ]

    return vjp


def linear_jvp(operands: tuple[int, ...]) -> Jvp:
    """Return the forward rule of a (multi)linear op: itself, one tangent at a time."""

    def jvp(
        tangents: Cotangents,
        output: Tensor,
        inputs: Sequence[Tensor],
        attrs: Mapping[str, Any],
    ) -> Tensor | None:
        op = output.node.op
        return add_all(
            apply(op, *inputs[:i], t, *inputs[i + 1 :], **attrs)
            for i, t in enumerate(tangents)
            if t is not None and i in operands
        )

    return jvp
