"""Between which bounds integers lie, whatever the arguments are.

In: a node of integers and the intervals of its operands. Out: an `Interval`, whose ends
are numbers, lengths, or not known. Invariant: every value that generated code computes
lies in it, what wraps around in a narrow dtype included; an end that cannot be told is
left open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.types import Dim, DType, TensorType
from symdiff.ops.define import OPERANDS
from symdiff.ops.operands import CONSTANT, LITERAL

End = Dim | None


@dataclass(frozen=True, slots=True)
class Interval:
    """low <= value <= high, or one of the numbers ``besides``; None is an open end."""

    low: End = None
    high: End = None
    besides: frozenset[int] = frozenset()

    def hull(self) -> Interval:
        """Return the interval that holds the numbers beside it too."""
        low, high = self.low, self.high
        for n in self.besides:
            low, high = lesser(low, n), greater(high, n)
        return Interval(low, high)

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
Rule = Callable[[Node, Sequence[Interval]], Interval]


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


def _end(value: Any) -> Dim:
    """Return a number, which may be negative, or lengths computed with."""
    found = value if isinstance(value, int) else sp.expand(value)
    return int(found) if isinstance(found, (int, sp.Integer)) else found


def _mapped(f: Callable[..., Any], *ends: End) -> End:
    return None if any(e is None for e in ends) else _end(f(*ends))


# --- conditions -----------------------------------------------------------------------

_FLIPPED = {
    "less": "greater", "greater": "less", "less_equal": "greater_equal",
    "greater_equal": "less_equal", "equal": "equal", "not_equal": "not_equal",
}  # fmt: skip
_OPPOSITE = {
    "less": "greater_equal", "greater_equal": "less", "greater": "less_equal",
    "less_equal": "greater", "equal": "not_equal", "not_equal": "equal",
}  # fmt: skip


def number(node: Node) -> Dim | None:
    """Return the integer, or length, that a node is everywhere; None otherwise."""
    while node.op.name == "broadcast_to":
        (node,) = node.inputs
    if node.op is LITERAL and node.dtype.is_integer:
        value = node.attrs["value"]
        return value if isinstance(value, sp.Expr) else int(value)
    if node.op is CONSTANT and node.dtype.is_integer and node.attrs["value"].ndim == 0:
        return int(node.attrs["value"])
    return None


def known_of(node: Node, condition: Node, holds: bool) -> list[tuple[str, Dim]]:
    """Return what a condition says of a node's values, as comparisons with numbers."""
    name = condition.op.name
    if name == "logical_not":
        return known_of(node, condition.inputs[0], not holds)
    if name == ("logical_and" if holds else "logical_or"):
        a, b = condition.inputs
        return known_of(node, a, holds) + known_of(node, b, holds)
    if name not in _FLIPPED:
        return []
    a, b = condition.inputs
    if b is node:
        a, b, name = b, a, _FLIPPED[name]
    value = number(b)
    if a is not node or value is None:
        return []
    return [(name if holds else _OPPOSITE[name], value)]


def _narrowed(interval: Interval, name: str, value: Dim) -> Interval:
    """Return an interval of which only what compares with a number so is left."""
    low, high, besides = interval.low, interval.high, interval.besides
    if name == "equal":
        return Interval(value, value)
    if name == "not_equal":
        low = _end(value + 1) if low == value else low
        high = _end(value - 1) if high == value else high
        return Interval(low, high, besides - {value})
    whole = interval.hull()
    if name in ("greater", "greater_equal"):
        least = _end(value + (name == "greater"))
        return Interval(_closer(_max, whole.low, least), whole.high)
    most = _end(value - (name == "less"))
    return Interval(whole.low, _closer(_min, whole.high, most))


def _closer(choose: Callable[[Dim, Dim], Dim], a: End, b: End) -> End:
    """Return the closer of two ends that both hold; an open one tells nothing."""
    return b if a is None else a if b is None else choose(a, b)


def _max(a: Dim, b: Dim) -> Dim:
    return b if at_most(a, b) else a


def _min(a: Dim, b: Dim) -> Dim:
    return a if at_most(a, b) else b


def narrowed(interval: Interval, node: Node, condition: Node, holds: bool) -> Interval:
    """Return the interval of a node where a condition holds, or where it does not."""
    for name, value in known_of(node, condition, holds):
        interval = _narrowed(interval, name, value)
    return interval


# --- one node -------------------------------------------------------------------------


def of_dtype(dtype: DType) -> Interval:
    """Return what a dtype can hold; of the wide ones, what is below 0 at most."""
    if dtype.weak or not dtype.is_integer:
        return OPEN
    bounds = np.iinfo(dtype.name)
    if bounds.bits > 16:
        return Interval(0 if dtype.kind == "u" else None, None)
    return Interval(int(bounds.min), int(bounds.max))


def interval_of(node: Node, operands: Sequence[Interval]) -> Interval:
    """Return the interval of a node that is no leaf, given those of its operands."""
    if not isinstance(node.type, TensorType):
        return OPEN
    if node.dtype.is_bool:
        return BOOLEANS
    if not node.dtype.is_integer:
        return OPEN
    found, room = _found(node, operands), of_dtype(node.dtype)
    fits = _is_moved(node) or found.within(room)
    return found if fits else room  # beyond it values wrap around


def _is_moved(node: Node) -> bool:
    return node.op.extra.get("zeros") in ("moved", "rearranged") or node.op.view


def _found(node: Node, operands: Sequence[Interval]) -> Interval:
    number_ = number(node) if not node.inputs else None
    if number_ is not None:
        return Interval(number_, number_)
    if node.op is CONSTANT:
        value = node.attrs["value"]
        return (
            Interval(int(value.min()), int(value.max()))
            if value.size
            else Interval(0, 0)
        )
    rule = _RULES.get(node.op.name)
    if rule is not None:
        return rule(node, operands)
    if _is_moved(node):
        return operands[0]
    if node.op.extra.get("zeros") == "joined":
        return _all(operands[:2] if node.op.extra.get("indexed_axes") else operands)
    if node.op.extra.get("zeros") in ("in place", "placed apart"):
        return operands[0].joined(Interval(0, 0))
    if node.op.is_elementwise and isinstance(node.op.expression, sp.Expr):
        values = dict(zip(OPERANDS, (o.hull() for o in operands), strict=False))
        return _by_formula(node.op.expression, values)
    return OPEN


def _all(operands: Sequence[Interval]) -> Interval:
    found = operands[0]
    for other in operands[1:]:
        found = found.joined(other)
    return found


def _of_where(node: Node, operands: Sequence[Interval]) -> Interval:
    condition, a, b = node.inputs
    taken = narrowed(operands[1], a, condition, True)
    return taken.joined(narrowed(operands[2], b, condition, False))


def _of_mod(node: Node, operands: Sequence[Interval]) -> Interval:
    divisor = number(node.inputs[1])
    if isinstance(divisor, int) and divisor > 0:
        return Interval(0, divisor - 1)
    if divisor is not None and at_most(0, divisor):  # by 0 NumPy gives 0
        return Interval(0, _max(divisor - 1, 0) if at_most(1, divisor) else None)
    return OPEN


def _of_cast(node: Node, operands: Sequence[Interval]) -> Interval:
    source, found = node.inputs[0].dtype, operands[0].hull()
    if source.is_float:
        return OPEN
    if source.weak or np.can_cast(source.name, node.dtype.name):
        return operands[0]
    room = np.iinfo(node.dtype.name)
    return found if found.within(Interval(int(room.min), int(room.max))) else OPEN


def _of_extreme(node: Node, operands: Sequence[Interval]) -> Interval:
    return OPEN if node.attrs.get("initial") is not None else operands[0]


def _along(node: Node, operands: Sequence[Interval]) -> Interval:
    """The place of an element along an axis."""
    return Interval(0, _end(node.inputs[0].shape[node.attrs["axis"]] - 1))


_RULES: dict[str, Rule] = {
    "arange": lambda node, _: Interval(0, _end(node.attrs["length"] - 1)),
    "argmax": _along,
    "argmin": _along,
    "argsort": _along,
    "searchsorted": lambda node, _: Interval(0, node.inputs[0].shape[0]),
    "one_hot": lambda node, _: BOOLEANS,
    "where": _of_where,
    "mod": _of_mod,
    "cast": _of_cast,
    "max": _of_extreme,
    "min": _of_extreme,
    "sort": lambda node, operands: operands[0],
    "in_range": lambda node, _: Interval(0, _end(node.attrs["length"] - 1)),
}


# --- formulas -------------------------------------------------------------------------


def _by_formula(e: sp.Expr, values: dict[sp.Symbol, Interval]) -> Interval:
    """Return the interval of a formula from those of its parts."""
    if e in values:
        return values[e]
    if e.is_Integer:
        return Interval(int(e), int(e))
    parts = [_by_formula(a, values) for a in e.args]
    if isinstance(e, sp.Add):
        return _folded(_sum, parts)
    if isinstance(e, sp.Mul):
        return _folded(_product, parts)
    if isinstance(e, sp.Max):
        return _folded(_larger, parts)
    if isinstance(e, sp.Min):
        return _folded(_smaller, parts)
    if isinstance(e, sp.Abs):
        (a,) = parts
        return a if at_most(0, a.low) else Interval(0, greater(_minus(a.low), a.high))
    if isinstance(e, sp.floor):
        return _quotient(e.args[0], values)
    if isinstance(e, sp.Pow) and e.exp == 2:
        (a, _) = parts
        size = greater(_minus(a.low), a.high)
        return Interval(0, _mapped(lambda n: n * n, size))
    return OPEN


def _folded(
    f: Callable[[Interval, Interval], Interval], parts: list[Interval]
) -> Interval:
    found = parts[0]
    for part in parts[1:]:
        found = f(found, part)
    return found


def _minus(a: End) -> End:
    return _mapped(lambda n: -n, a)


def _sum(a: Interval, b: Interval) -> Interval:
    def add(m: Any, n: Any) -> Any:
        return m + n

    return Interval(_mapped(add, a.low, b.low), _mapped(add, a.high, b.high))


def _product(a: Interval, b: Interval) -> Interval:
    if a.low == a.high and isinstance(a.low, int):
        a, b = b, a
    if b.low == b.high and isinstance(b.low, int):
        factor = b.low
        low, high = (_mapped(lambda n: n * factor, end) for end in (a.low, a.high))
        return Interval(low, high) if factor >= 0 else Interval(high, low)
    if at_most(0, a.low) and at_most(0, b.low):
        return Interval(0, _mapped(lambda m, n: m * n, a.high, b.high))
    return OPEN


def _larger(a: Interval, b: Interval) -> Interval:
    return Interval(_closer(_max, a.low, b.low), greater(a.high, b.high))


def _smaller(a: Interval, b: Interval) -> Interval:
    return Interval(lesser(a.low, b.low), _closer(_min, a.high, b.high))


def _quotient(e: sp.Expr, values: dict[sp.Symbol, Interval]) -> Interval:
    """Return the interval of floor(u / v)."""
    dividend, divisor = e.as_numer_denom()
    if dividend not in values or divisor not in values:
        return OPEN
    a, b = values[dividend], values[divisor]
    least = 0 if at_most(0, a.low) and at_most(0, b.low) else None
    by = b.low if b.low == b.high else None
    if not isinstance(by, int) or by < 1:
        return Interval(least, None)
    low = a.low // by if isinstance(a.low, int) else least
    return Interval(low, a.high // by if isinstance(a.high, int) else None)
