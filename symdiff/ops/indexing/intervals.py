"""Between which bounds integers lie, whatever the arguments are.

In: a node of integers and the intervals of its operands. Out: an `Interval`, whose ends
are numbers, lengths, or not known. Invariant: every value that generated code computes
lies in it, what wraps around in its dtype included; an end that cannot be told is left
open. Of lengths it is assumed that an array has them: what is computed from a few of
them fits into 64 bits, and what is added up of them into 32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.types import Dim, DType, TensorType
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.symbols import OPERANDS
from symdiff.ops.indexing.interval import (
    BOOLEANS,
    OPEN,
    Interval,
    at_most,
    closer,
    end_of,
    folded,
    greatest,
    larger,
    least_of,
    magnitude,
    products,
    smaller,
    square,
    sums,
)

Rule = Callable[[Node, Sequence[Interval]], Interval]


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
        low = end_of(value + 1) if low == value else low
        high = end_of(value - 1) if high == value else high
        return Interval(low, high, besides - {value})
    whole = interval.hull()
    if name in ("greater", "greater_equal"):
        least = end_of(value + int(name == "greater"))
        return Interval(closer(greatest, whole.low, least), whole.high)
    most = end_of(value - int(name == "less"))
    return Interval(whole.low, closer(least_of, whole.high, most))


def narrowed(interval: Interval, node: Node, condition: Node, holds: bool) -> Interval:
    """Return the interval of a node where a condition holds, or where it does not."""
    for name, value in known_of(node, condition, holds):
        interval = _narrowed(interval, name, value)
    return interval


# --- one node -------------------------------------------------------------------------


def of_dtype(dtype: DType) -> Interval:
    """Return what a dtype can hold."""
    if dtype.weak or not dtype.is_integer:
        return OPEN
    bounds = np.iinfo(dtype.name)
    return Interval(int(bounds.min), int(bounds.max))


def interval_of(node: Node, operands: Sequence[Interval]) -> Interval:
    """Return the interval of a node that is no leaf, given those of its operands."""
    if not isinstance(node.type, TensorType):
        return OPEN
    if node.dtype.is_bool:
        return BOOLEANS
    if not node.dtype.is_integer:
        return OPEN
    pairs = zip(operands, node.inputs, strict=True)
    found = _found(node, [o.filled(_room(i)) for o, i in pairs])
    room = of_dtype(node.dtype)
    fits = _is_moved(node) or _fits(found.hull(), node.dtype)
    return found.filled(room) if fits else room  # beyond it values wrap around


def _room(node: Node) -> Interval:
    if not isinstance(node.type, TensorType):
        return OPEN
    return BOOLEANS if node.dtype.is_bool else of_dtype(node.dtype)


def _fits(interval: Interval, dtype: DType) -> bool:
    """Whether a dtype holds both ends, of which an open one is no more than it can."""
    room = of_dtype(dtype)
    if room == OPEN:
        return True
    bits = np.iinfo(dtype.name).bits
    low, high = interval.low, interval.high
    above = low is None or at_most(room.low, low)
    if not above and dtype.kind == "i":
        above = _is_length(low, -1, bits)
    below = high is None or at_most(high, room.high) or _is_length(high, 1, bits)
    return above and below


def _is_length(end: Dim, sign: int, bits: int) -> bool:
    """Whether what is computed from lengths is in this direction no more than so many
    bits hold, if memory holds the arrays that have them.
    """
    if isinstance(end, int) or bits < 32:
        return False
    size = 0
    for term in sp.Add.make_args(sp.expand(end)):
        factor, lengths = term.as_coeff_Mul()
        if bits == 32 and not (lengths == 1 or lengths.is_Symbol):
            return False
        size += max(sign * factor, 0) * (1 if lengths == 1 else 2 ** (bits - 6))
    return bool(size < 2 ** (bits - 1))


def _is_moved(node: Node) -> bool:
    return node.op.facts.zeros in ("moved", "rearranged") or node.op.view


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
    if node.op.facts.zeros == "joined":
        return _all(operands[:2] if node.op.facts.indices else operands)
    if node.op.facts.zeros in ("in place", "placed apart"):
        return operands[0].joined(Interval(0, 0))
    if node.op.is_elementwise and isinstance(node.op.expression, sp.Expr):
        values = dict(zip(OPERANDS, (o.hull() for o in operands), strict=False))
        return _by_formula(node.op.expression, values, node.dtype)
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
        return Interval(0, greatest(divisor - 1, 0) if at_most(1, divisor) else None)
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
    return Interval(0, end_of(node.inputs[0].shape[node.attrs["axis"]] - 1))


_RULES: dict[str, Rule] = {
    "arange": lambda node, _: Interval(0, end_of(node.attrs["length"] - 1)),
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
    "in_range": lambda node, _: Interval(0, end_of(node.attrs["length"] - 1)),
}


# --- formulas -------------------------------------------------------------------------


def _by_formula(
    e: sp.Expr, values: dict[sp.Symbol, Interval], dtype: DType
) -> Interval:
    """Return the interval of a formula from those of its parts.

    Sums and products may go beyond the dtype and back; what is compared must be in it.
    """
    if e in values:
        return values[e]
    if e.is_Integer:
        return Interval(int(e), int(e))
    parts = [_by_formula(a, values, dtype) for a in e.args]
    if isinstance(e, sp.Add):
        return folded(sums, parts)
    if isinstance(e, sp.Mul):
        return folded(products, parts)
    if isinstance(e, sp.Pow) and e.exp == 2:
        return square(parts[0])
    parts = [p if _fits(p, dtype) else of_dtype(dtype) for p in parts]
    if isinstance(e, sp.Max):
        return folded(larger, parts)
    if isinstance(e, sp.Min):
        return folded(smaller, parts)
    if isinstance(e, sp.Abs):
        return magnitude(parts[0])
    if isinstance(e, sp.floor):
        return _quotient(e.args[0], values)
    return OPEN


def _quotient(e: sp.Expr, values: dict[sp.Symbol, Interval]) -> Interval:
    """Return the interval of floor(u / v)."""
    dividend, divisor = e.as_numer_denom()
    if dividend not in values or divisor not in values:
        return OPEN
    a, b = values[dividend], values[divisor]
    whole = at_most(0, a.low)
    by = b.low if b.low == b.high else None
    if not isinstance(by, int) or by < 1:  # by 0 NumPy gives 0
        return Interval(0, a.high) if whole and at_most(0, b.low) else OPEN
    low = a.low // by if isinstance(a.low, int) else 0 if whole else None
    high = a.high // by if isinstance(a.high, int) else a.high if whole else None
    return Interval(low, high)
