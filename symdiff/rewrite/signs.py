"""The rewrites of signs: they meet in sums and differences, or vanish.

In: a tensor with simplified operands. Out: an equal tensor, or None where the rule does
not fit. Invariant: as in `symdiff.rewrite.arithmetic`, the value is equal to the last
bit, NaN and signed zeros included.
"""

from __future__ import annotations

from symdiff.derive.patterns import Rules
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.operands import (
    CONSTANT,
    LITERAL,
    as_tensor,
    call_elementwise,
    constant,
    is_literal,
)
from symdiff.ops.elementwise.arithmetic import ADD, DIV, MUL, NEG, SUB
from symdiff.ops.reduce.sums import REDUCE_SUM
from symdiff.ops.shape.broadcasting import BROADCAST_TO, broadcast_to
from symdiff.ops.shape.views import EXPAND_DIMS
from symdiff.rewrite.driver import is_read_once
from symdiff.rewrite.patterns import is_op, number, scalar_constant

RULES = Rules()
DEPTH = 8  # of factors in which a sign is looked for


@RULES.of(NEG, beside=(CONSTANT, BROADCAST_TO))
def negative_constant(t: Tensor) -> Tensor | None:
    """-c is a constant, where c is a scalar constant."""
    (a,) = t.parents
    c = scalar_constant(a)
    if c is None or a.ndim or not a.dtype.is_float:
        return None
    opposite = constant(-float(c))
    return opposite if opposite.dtype == t.dtype else None


@RULES.of(NEG)
def double_negative(t: Tensor) -> Tensor | None:
    """-(-x) = x; -(a - b) stays, because its zero has the other sign."""
    (a,) = t.parents
    return a.parents[0] if is_op(a, NEG) else unsigned(a)


@RULES.of(NEG, beside=(MUL, DIV))
def negative_of_first_factor(t: Tensor) -> Tensor | None:
    """-(a b) = (-a) b and -(a / b) = (-a) / b, which needs no parentheses."""
    (a,) = t.parents
    derived = t.site.primal is not None and t.dtype.is_float
    if not (derived and a.node.op in (MUL, DIV) and is_read_once(a)):
        return None
    first, second = a.parents
    if scalar_constant(first) is not None or is_literal(first):
        return None
    if not first.dtype.is_float:  # a mask has no negative, and integers wrap around
        return None
    return call_elementwise(a.node.op, call_elementwise(NEG, first), second)


@RULES.of(ADD, beside=(NEG, MUL, DIV, BROADCAST_TO, EXPAND_DIMS))
def add_negative(t: Tensor) -> Tensor | None:
    """a + (-b) = a - b; (-a) + b = b - a; a product or quotient may have the sign."""
    a, b = t.parents
    for x, y in ((a, b), (b, a)):
        opposite = unsigned(y) if _wraps_as(y, t) else None
        if opposite is not None:
            return x - opposite
    return None


@RULES.of(ADD, beside=(LITERAL, CONSTANT, BROADCAST_TO))
def add_negative_number(t: Tensor) -> Tensor | None:
    """x + (-c) = x - c, for a number c."""
    a, b = t.parents
    c = number(b) if is_literal(b) else None if b.ndim else scalar_constant(b)
    if c is None or not c < 0 or a.dtype != t.dtype or not t.dtype.is_float:
        return None
    return a - (-c) if is_literal(b) else a - constant(-float(c))


@RULES.of(SUB, beside=(LITERAL, NEG, MUL, DIV, BROADCAST_TO, EXPAND_DIMS))
def subtract_negative(t: Tensor) -> Tensor | None:
    """a - (-b) = a + b; x - (-c) = x + c for a number c."""
    a, b = t.parents
    c = number(b)
    if c is not None:
        return a + (-c) if c < 0 and a.dtype == t.dtype else None
    opposite = unsigned(b) if _wraps_as(b, t) else None
    return None if opposite is None else a + opposite


def _wraps_as(operand: Tensor, t: Tensor) -> bool:
    """Whether a sign may be moved from an operand to the result ``t``.

    It may not if the operand is an integer that is converted: it wraps around in its
    own width before it becomes a wider integer, or a float.
    """
    if is_literal(operand) or operand.dtype.is_float:
        return True
    return operand.dtype == t.dtype


def unsigned(t: Tensor, depth: int = DEPTH, small: bool = False) -> Tensor | None:
    """Return -t, where t is a negative, or is read once and has a negative factor.

    The cotangent of what was broadcast, a sum, keeps its sign, which costs nothing
    there, and with it its name; ``small`` says that t is spread over more elements.
    """
    op = t.node.op
    if small and t.cotangent_of and _is_of_sum(t):
        return None
    if op is NEG:
        return t.parents[0]
    if op not in (MUL, DIV, BROADCAST_TO, EXPAND_DIMS) or not is_read_once(t):
        return None
    small = small or op is BROADCAST_TO
    for at, factor in enumerate(t.parents if depth else ()):
        found = _opposite(factor, depth - 1, small) if _wraps_as(factor, t) else None
        if found is not None:
            with at_site(t.site):  # it stays a part of its own rule
                return _with_operand(t, at, found)
    return None


def _with_operand(t: Tensor, at: int, operand: Tensor) -> Tensor:
    """Return the same operation of another operand."""
    op = t.node.op
    if op is BROADCAST_TO:
        return broadcast_to(operand, t.shape)
    if op is EXPAND_DIMS:
        return apply(EXPAND_DIMS, operand, **t.node.attrs)
    operands = [t.parents[0], t.parents[-1]]
    operands[at] = operand
    return call_elementwise(op, *operands)


def _is_of_sum(t: Tensor) -> bool:
    for _ in range(DEPTH):
        if t.node.op not in (NEG, MUL, DIV):
            break
        t = t.parents[0]
    return is_op(t, REDUCE_SUM)


def _opposite(factor: Tensor, depth: int, small: bool) -> Tensor | None:
    """Return -factor, where it is a negative number or `unsigned` finds its sign."""
    if not is_literal(factor):
        return unsigned(factor, depth, small)
    c = number(factor)
    return as_tensor(-c) if c is not None and c < 0 else None
