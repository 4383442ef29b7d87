"""Quotients by one divisor: what a layer was divided by in forward is divided by once.

In: a product or sum that a rule of differentiation made. Out: an equal tensor with
fewer divisions, or None. Invariant: as in `symdiff.rewrite.sums`, the value changes by
rounding alone; the divisor is positive, so infinities and NaN stay where they were,
but for one rule, which only takes NaN away.
"""

from __future__ import annotations

from symdiff.derive.patterns import Rules, is_plain_sum
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.operands import call_elementwise
from symdiff.ops.core.signs import NONNEGATIVE, POSITIVE
from symdiff.ops.elementwise.arithmetic import ADD, DIV, MUL, NEG, SUB
from symdiff.ops.reduce.sums import REDUCE_SUM
from symdiff.ops.selecting.finiteness import sign_of
from symdiff.ops.shape.broadcasting import BROADCAST_TO, broadcast_to
from symdiff.rewrite.driver import is_read_once
from symdiff.rewrite.patterns import is_op

RULES = Rules()
DEPTH = 8  # of factors in which a quotient is looked for


@RULES.of(MUL, beside=(REDUCE_SUM, BROADCAST_TO, NEG, DIV, MUL))
def quotient_at_hand(t: Tensor) -> Tensor | None:
    """(sum(d y) / r) x = sum(d y) y, where y = x / r."""
    if t.site.primal is None or not t.dtype.is_float:
        return None
    for coefficient, x in (t.parents, t.parents[::-1]):
        y = _quotient_in(coefficient, x)
        if y is None or not _is_part(coefficient, t):
            continue
        made = _undivided(coefficient, _unspread(y.parents[1]), DEPTH)
        if made is not None and made.shape == coefficient.shape:
            return call_elementwise(MUL, made, y)
    return None


@RULES.of(MUL, beside=(REDUCE_SUM, NEG))
def multiplied_divisor(t: Tensor) -> Tensor | None:
    """sum(x / r) r = sum(x), for an r >= 0 that is the same for all summands.

    It is rounded twice less. Where r is 0 or infinite, as exp(c) for a large c, the
    quotient times r is NaN; the sum has the value that all smaller r give.
    """
    if t.site.primal is None or not t.dtype.is_float:
        return None
    for total, r in (t.parents, t.parents[::-1]):
        inner = total.parents[0] if is_op(total, NEG) else total
        parts = (total, inner) if inner is not total else (total,)
        if not (is_plain_sum(inner) and all(_is_part(p, t) for p in parts)):
            continue
        (ratio,) = inner.parents
        if not (is_op(ratio, DIV) and _is_part(ratio, t)):
            continue
        x, divisor = ratio.parents
        same = _unspread(divisor).node is r.node and r.shape == t.shape
        if not same or sign_of(r.node) < NONNEGATIVE or x.type != ratio.type:
            continue
        made = apply(REDUCE_SUM, x, **inner.node.attrs)
        return call_elementwise(NEG, made) if inner is not total else made
    return None


@RULES.of(ADD, SUB, beside=(DIV,))
def sum_of_quotients(t: Tensor) -> Tensor | None:
    """a / r + b / r = (a + b) / r; one of them may be a product with such a factor."""
    a, b = t.parents
    if t.site.primal is None or not t.dtype.is_float or a.type != b.type:
        return None
    if not (_is_part(a, t) and _is_part(b, t)):
        return None
    for quotient in (b, a):
        if not is_op(quotient, DIV):
            continue
        x, divisor = quotient.parents
        r = _unspread(divisor)
        if r is divisor or sign_of(r.node) < POSITIVE:
            continue
        made = _undivided(a if quotient is b else b, r, DEPTH)
        if made is None or made.type != t.type or x.type != t.type:
            continue
        first, second = (made, x) if quotient is b else (x, made)
        return call_elementwise(t.node.op, first, second) / divisor
    return None


def _unspread(t: Tensor) -> Tensor:
    while is_op(t, BROADCAST_TO):
        t = t.parents[0]
    return t


def _is_part(factor: Tensor, t: Tensor) -> bool:
    """Whether a factor or summand of ``t`` is in no line of its own."""
    named = any(primal.label for _, primal in factor.cotangent_of)
    alike = factor.site.location == t.site.location
    return alike and not named and is_read_once(factor)


def _quotient_in(coefficient: Tensor, x: Tensor) -> Tensor | None:
    """Return y = x / r, r > 0, if the coefficient is made from a sum of products by y.

    What y has that is not finite, the sum has as well.
    """
    at = coefficient
    for _ in range(DEPTH):
        if is_plain_sum(at):
            break
        if at.node.op not in (BROADCAST_TO, NEG, DIV, MUL):
            return None
        several = [p for p in at.parents if p.ndim or p.node.op.facts.repeats]
        at = several[0] if is_op(at, MUL) and several else at.parents[0]
    if not (is_plain_sum(at) and is_op(at.parents[0], MUL)):
        return None
    for y in at.parents[0].parents:
        if is_op(y, DIV) and y.parents[0].node is x.node and y.type == x.type:
            r = _unspread(y.parents[1])
            return y if sign_of(r.node) >= POSITIVE else None
    return None


def _undivided(t: Tensor, r: Tensor, depth: int) -> Tensor | None:
    """Return t r, where t is a product with a factor 1 / r that nothing else reads."""
    op, parents = t.node.op, t.parents
    if op is DIV and _unspread(parents[1]).node is r.node:
        return parents[0] if parents[0].type == t.type else None
    if op not in (BROADCAST_TO, NEG, DIV, MUL):
        return None
    for at, factor in enumerate(parents[:1] if op is DIV else parents):
        if not depth or not _is_part(factor, t):
            continue
        found = _undivided(factor, r, depth - 1)
        if found is None:
            continue
        if op is BROADCAST_TO:
            return broadcast_to(found, t.shape)
        return call_elementwise(op, *parents[:at], found, *parents[at + 1 :])
    return None
