"""The bounds of integers, whatever the arguments are.

In: a node of integers and the intervals of its operands. Out: an `Interval`, whose ends
are numbers, lengths, or not known. Invariant: every value that generated code computes
lies in it, also a value that wrapped around in its dtype; an unknown end is left open.
Lengths are assumed to be those of arrays in memory: formulas in a few of them fit into
64 bits, and sums of a few of them into 32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.types import Dim, DType, TensorType
from symdiff.ops.core.conditions import number
from symdiff.ops.core.interval import (
    BOOLEANS,
    OPEN,
    Interval,
    at_most,
    folded,
    larger,
    magnitude,
    products,
    smaller,
    square,
    sums,
)
from symdiff.ops.core.operands import CONSTANT
from symdiff.ops.core.symbols import OPERANDS

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
    fits = (node.op.moves or node.op.view) or _fits(found.hull(), node.dtype)
    return found.filled(room) if fits else room  # outside of it values wrap around


def _room(node: Node) -> Interval:
    if not isinstance(node.type, TensorType):
        return OPEN
    return BOOLEANS if node.dtype.is_bool else of_dtype(node.dtype)


def _fits(interval: Interval, dtype: DType) -> bool:
    """Whether a dtype holds both ends; an open end counts as the dtype's own limit."""
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
    """Whether an expression in lengths of arrays in memory fits into ``bits`` bits.

    ``sign`` is 1 for its largest and -1 for its smallest value.
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
    if node.op.facts.interval is not None:
        return node.op.facts.interval(node, operands)
    if node.op.moves or node.op.view:
        return operands[0]
    if node.op.facts.zeros == "joined":
        return _all(operands)
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


# --- formulas -------------------------------------------------------------------------


def _by_formula(
    e: sp.Expr, values: dict[sp.Symbol, Interval], dtype: DType
) -> Interval:
    """Return the interval of a formula from those of its parts.

    Sums and products may leave the dtype and come back by wrapping around; the operands
    of a maximum, a minimum, an absolute value or a quotient must lie in it.
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
