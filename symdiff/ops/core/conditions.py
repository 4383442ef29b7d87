"""Intervals of integers, narrowed by a condition.

In: a condition's node and a node that it compares with numbers. Out: the comparisons
that hold, by Python's operators, and the interval narrowed by them. Invariant: a value
that is cut off does not occur where the condition holds (or, if asked so, where it does
not hold).
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.types import Dim
from symdiff.ops.core.interval import Interval, closer, end_of, greatest, least_of
from symdiff.ops.core.operands import CONSTANT, LITERAL

# The same comparison with its sides exchanged, and the negated comparison.
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}


def number(node: Node) -> Dim | None:
    """Return the integer, or length, that a node is in every element, or None."""
    while node.op.facts.repeats:
        (node,) = node.inputs
    if node.op is LITERAL and node.dtype.is_integer:
        value = node.attrs["value"]
        return value if isinstance(value, sp.Expr) else int(value)
    if node.op is CONSTANT and node.dtype.is_integer and node.attrs["value"].ndim == 0:
        return int(node.attrs["value"])
    return None


def known_of(node: Node, condition: Node, holds: bool) -> list[tuple[str, Dim]]:
    """Return the comparisons with numbers that a condition implies for a node."""
    sign = condition.op.infix
    if sign == "~":
        return known_of(node, condition.inputs[0], not holds)
    if sign == ("&" if holds else "|"):
        a, b = condition.inputs
        return known_of(node, a, holds) + known_of(node, b, holds)
    if sign not in _FLIPPED:
        return []
    a, b = condition.inputs
    if b is node:
        a, b, sign = b, a, _FLIPPED[sign]
    value = number(b)
    if a is not node or value is None:
        return []
    return [(sign if holds else _OPPOSITE[sign], value)]


def _narrowed(interval: Interval, sign: str, value: Dim) -> Interval:
    """Return the part of an interval for which ``x sign value`` can hold."""
    low, high, besides = interval.low, interval.high, interval.besides
    if sign == "==":
        return Interval(value, value)
    if sign == "!=":
        low = end_of(value + 1) if low == value else low
        high = end_of(value - 1) if high == value else high
        return Interval(low, high, besides - {value})
    whole = interval.hull()
    if sign in (">", ">="):
        least = end_of(value + int(sign == ">"))
        return Interval(closer(greatest, whole.low, least), whole.high)
    most = end_of(value - int(sign == "<"))
    return Interval(whole.low, closer(least_of, whole.high, most))


def narrowed(interval: Interval, node: Node, condition: Node, holds: bool) -> Interval:
    """Return the interval of a node where a condition holds, or where it does not."""
    for sign, value in known_of(node, condition, holds):
        interval = _narrowed(interval, sign, value)
    return interval


def chosen(node: Node, operands: Sequence[Interval]) -> Interval:
    """The interval of ``where(c, a, b)``: of a where c holds, of b elsewhere."""
    condition, a, b = node.inputs
    taken = narrowed(operands[1], a, condition, True)
    return taken.joined(narrowed(operands[2], b, condition, False))
