"""Interval arithmetic on integers: ends are numbers, symbolic lengths, or unknown.

In: intervals. Out: the intervals of sums, products and extremes. Invariant: the result
holds every number that can be computed from numbers in the operands, without
wrap-around; a sum or product with an open end is open on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.types import Dim

End = Dim | None


@dataclass(frozen=True, slots=True)
class Interval:
    """low <= value <= high, or one of the numbers ``besides``; None is an open end."""

    low: End = None
    high: End = None
    besides: frozenset[int] = frozenset()

    def hull(self) -> Interval:
        """Return the smallest interval that holds ``besides`` as well."""
        low, high = self.low, self.high
        for n in self.besides:
            low, high = lesser(low, n), greater(high, n)
        return Interval(low, high)

    def filled(self, other: Interval) -> Interval:
        """Return this interval with another's ends where its own are open."""
        low = other.low if self.low is None else self.low
        high = other.high if self.high is None else self.high
        return Interval(low, high, self.besides)

    def within(self, other: Interval) -> bool:
        """Whether all of this provably lies in another interval."""
        own, outer = self.hull(), other
        below = outer.low is None or at_most(outer.low, own.low)
        return below and (outer.high is None or at_most(own.high, outer.high))

    def joined(self, other: Interval) -> Interval:
        """Return an interval that holds both."""
        a, b = self.hull(), other.hull()
        return Interval(lesser(a.low, b.low), greater(a.high, b.high))


OPEN = Interval()
BOOLEANS = Interval(0, 1)


# --- ends -----------------------------------------------------------------------------


def at_most(a: End, b: End) -> bool:
    """Whether a <= b, whatever the lengths are."""
    if a is None or b is None:
        return False
    if isinstance(a, int) and isinstance(b, int):
        return a <= b
    return bool(sp.expand(b - a).is_nonnegative)


def lesser(a: End, b: End) -> End:
    """Return the lesser of two ends, None where it cannot be told."""
    return a if at_most(a, b) else b if at_most(b, a) else None


def greater(a: End, b: End) -> End:
    return b if at_most(a, b) else a if at_most(b, a) else None


def end_of(value: Any) -> Dim:
    """Return an end as a Python int, or as an expanded expression in lengths."""
    found = value if isinstance(value, int) else sp.expand(value)
    return int(found) if isinstance(found, (int, sp.Integer)) else found


def mapped(f: Callable[..., Any], *ends: End) -> End:
    return None if any(e is None for e in ends) else end_of(f(*ends))


def closer(choose: Callable[[Dim, Dim], Dim], a: End, b: End) -> End:
    """Return the tighter of two bounds that both hold; an open one says nothing."""
    return b if a is None else a if b is None else choose(a, b)


def greatest(a: Dim, b: Dim) -> Dim:
    return b if at_most(a, b) else a


def least_of(a: Dim, b: Dim) -> Dim:
    return a if at_most(a, b) else b


# --- arithmetic ---------------------------------------------------------------------


def folded(
    f: Callable[[Interval, Interval], Interval], parts: list[Interval]
) -> Interval:
    found = parts[0]
    for part in parts[1:]:
        found = f(found, part)
    return found


def minus(a: End) -> End:
    return mapped(lambda n: -n, a)


def _known(*intervals: Interval) -> bool:
    """Whether all ends are known: arithmetic with an open end may wrap around."""
    return all(i.low is not None and i.high is not None for i in intervals)


def sums(a: Interval, b: Interval) -> Interval:
    def add(m: Any, n: Any) -> Any:
        return m + n

    if not _known(a, b):
        return OPEN
    return Interval(mapped(add, a.low, b.low), mapped(add, a.high, b.high))


def products(a: Interval, b: Interval) -> Interval:
    if not _known(a, b):
        return OPEN
    if a.low == a.high and isinstance(a.low, int):
        a, b = b, a
    if b.low == b.high and isinstance(b.low, int):
        factor = b.low
        low, high = (mapped(lambda n: n * factor, end) for end in (a.low, a.high))
        return Interval(low, high) if factor >= 0 else Interval(high, low)
    if at_most(0, a.low) and at_most(0, b.low):
        return Interval(0, mapped(lambda m, n: m * n, a.high, b.high))
    return OPEN


def square(a: Interval) -> Interval:
    size = magnitude(a)
    return Interval(0, mapped(lambda n: n * n, size.high)) if _known(size) else OPEN


def magnitude(a: Interval) -> Interval:
    if not _known(a):
        return OPEN
    if at_most(0, a.low):
        return a
    size = greater(minus(a.low), a.high)
    return OPEN if size is None else Interval(0, size)


def larger(a: Interval, b: Interval) -> Interval:
    return Interval(closer(greatest, a.low, b.low), greater(a.high, b.high))


def smaller(a: Interval, b: Interval) -> Interval:
    return Interval(lesser(a.low, b.low), closer(least_of, a.high, b.high))


# --- rules of many ops ----------------------------------------------------------------

IntervalRule = Callable[[Node, Sequence[Interval]], Interval]


def of_operand(node: Node, operands: Sequence[Interval]) -> Interval:
    """The operand's own interval."""
    return operands[0]


def booleans(node: Node, operands: Sequence[Interval]) -> Interval:
    """0 and 1."""
    return BOOLEANS


def below_length(node: Node, operands: Sequence[Interval]) -> Interval:
    """The numbers below the length that a node names."""
    return Interval(0, end_of(node.attrs["length"] - 1))


def along_axis(node: Node, operands: Sequence[Interval]) -> Interval:
    """The positions of elements along an axis."""
    return Interval(0, end_of(node.inputs[0].shape[node.attrs["axis"]] - 1))
