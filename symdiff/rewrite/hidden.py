"""Masks of what softmax has hidden already.

In: a selection that a rule of differentiation made. Out: what it selects from, or None.
Invariant: a finite value changes by the sign of a 0 alone. A row that has NaN among
what it shows may have NaN in what it hides too, where the mask put 0; so a row has to
show something: one that hides all is NaN by itself.
"""

from __future__ import annotations

import math

from symdiff.derive.patterns import Rules
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import dims_equal
from symdiff.ops.elementwise.arithmetic import DIV, MUL
from symdiff.ops.elementwise.comparisons import WHERE
from symdiff.ops.reduce.normalize import SOFTMAX
from symdiff.ops.shape.broadcasting import BROADCAST_TO
from symdiff.ops.shape.diagonals import TRI
from symdiff.rewrite.patterns import is_op, number, scalar_constant

RULES = Rules()


@RULES.of(WHERE, beside=(MUL, DIV))
def hidden_by_softmax(t: Tensor) -> Tensor | None:
    """where(c, p d, 0) = p d for p = softmax(where(c, z, -inf)), c lower triangular.

    p is 0 where c hides. A number may scale it. In each row c shows the first element.
    """
    condition, shown, zero = t.parents
    if t.site.primal is None or _value(zero) != 0 or shown.type != t.type:
        return None
    factors = _unscaled(shown)
    if not is_op(factors, MUL):
        return None
    for shares in factors.parents:
        if is_op(shares, SOFTMAX) and shares.type == t.type:
            hides = _is_masked(shares.parents[0], condition)
            axes = shares.node.attrs["axes"]
            if hides and axes == (t.ndim - 1,) and _shows_first(condition):
                return shown
    return None


def _unscaled(t: Tensor) -> Tensor:
    """Return what numbers other than 0 scale."""
    while t.node.op in (MUL, DIV):
        a, b = t.parents
        if _is_scale(number(b)):
            t = a
        elif is_op(t, MUL) and _is_scale(number(a)):
            t = b
        else:
            break
    return t


def _is_scale(value: float | None) -> bool:
    return value is not None and value != 0 and math.isfinite(value)


def _is_masked(scores: Tensor, condition: Tensor) -> bool:
    """Whether scores are -inf wherever a condition does not hold."""
    if not is_op(scores, WHERE):
        return False
    own, _, other = scores.parents
    return own.node is condition.node and _value(other) == -math.inf


def _value(t: Tensor) -> float | None:
    value = number(t)
    return scalar_constant(t) if value is None else value


def _shows_first(condition: Tensor) -> bool:
    """Whether a condition holds for the first element of each row."""
    inner = condition
    while is_op(inner, BROADCAST_TO):
        (inner,) = inner.parents
    if not is_op(inner, TRI) or inner.node.attrs["k"] < 0:
        return False
    pairs = zip(inner.shape, condition.shape[-2:], strict=True)
    return all(dims_equal(a, b) is True for a, b in pairs)
