"""The tables of rewrites: exact rules, each a named function with its identity.

In: a tensor with simplified operands. Out: an equal tensor, or None where a rule does
not fit. Invariant: equality is as defined in arithmetic.py and views.py, which hold
most rules; here are those that name an op, and the tables that the passes take.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from symdiff.derive.patterns import Rules, joined
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim
from symdiff.ops.core.record import OPS
from symdiff.ops.core.rows import FULL
from symdiff.ops.elementwise.arithmetic import SUB
from symdiff.ops.indexing.bounds import FEW, span_of
from symdiff.ops.indexing.one_hot import ONE_HOT, SUBTRACT_ONE_HOT
from symdiff.ops.indexing.slices import UNSLICE
from symdiff.ops.shape.joining import STACK, TABLE, concatenate
from symdiff.ops.shape.views import expand_dims
from symdiff.rewrite import (
    arithmetic,
    constants,
    hidden,
    quotients,
    signs,
    sums,
    views,
)
from symdiff.rewrite.driver import Rule, count_inside
from symdiff.rewrite.hoist import (
    hoist_numbers,
    hoist_row_products,
    rows_of_one_value,
)
from symdiff.rewrite.patterns import is_op
from symdiff.rewrite.views import hoist_broadcast, spread_scalar

RULES = Rules()
MOST_JOINED = 8  # parts that are joined in one line; more are placed one by one

# --- naming what NumPy has a better statement for -------------------------------------


@RULES.of(SUB)
def subtract_one_hot(t: Tensor) -> Tensor | None:
    """x - one_hot(y) = x with 1 taken from element y of every row."""
    a, b = t.parents
    if b.node.op is not ONE_HOT or not b.dtype.is_float or a.shape != t.shape:
        return None
    return apply(SUBTRACT_ONE_HOT, a, b.parents[0])


@RULES.of(STACK)
def table_of_scalars(t: Tensor) -> Tensor | None:
    """stack(stack(a, b), stack(c, d)) = array(((a, b), (c, d))) for scalars."""
    rows = t.parents
    if t.node.attrs["axis"] or not all(is_op(r, rows[0].node.op) for r in rows):
        return None
    items = [item for r in rows for item in r.parents]
    if not (is_op(rows[0], TABLE) or is_op(rows[0], STACK)):
        return None
    return None if any(i.ndim for i in items) else apply(TABLE, *items, shape=t.shape)


@RULES.of(UNSLICE)
def stack_of_placed_scalars(t: Tensor) -> Tensor | None:
    """zeros with a few numbers at all of its few places = array((a, b, c + d)).

    Larger arrays are filled one number after another, where each is computed.
    """
    indices, shape = t.node.attrs["indices"], t.shape
    few = len(indices) <= FEW and all(isinstance(d, int) for d in shape)
    if not few or any(p.ndim or p.dtype != t.dtype for p in t.parents):
        return None
    totals: dict[tuple[int, ...], Tensor] = {}
    for place, part in zip(indices, t.parents, strict=True):
        totals[place] = totals[place] + part if place in totals else part
    if set(totals) != set(np.ndindex(shape)):
        return None
    items = [totals[place] for place in sorted(totals)]
    if t.ndim == 1:
        return apply(STACK, *items, axis=0)
    return apply(TABLE, *items, shape=shape)


@RULES.of(UNSLICE)
def join_of_placed_parts(t: Tensor) -> Tensor | None:
    """zeros with parts that fill it, one after another on an axis, = their join."""
    indices = t.node.attrs["indices"]
    axes = {axis for index in indices for axis, e in enumerate(index) if e != FULL}
    if len(axes) != 1 or not 1 < len(indices) <= MOST_JOINED:
        return None
    if any(p.dtype != t.dtype or p.node.op.facts.repeats for p in t.parents):
        return None  # NumPy repeats a part itself where it is placed
    (axis,) = axes
    waiting: dict[Dim, tuple[Dim, Tensor]] = {}
    for index, part in zip(indices, t.parents, strict=True):
        span = span_of(index[axis], t.shape[axis])
        if span is None or span[0] in waiting or not part.ndim:
            return None
        whole = part if part.ndim == t.ndim else expand_dims(part, axis)
        waiting[span[0]] = (span[1], whole)
    parts: list[Tensor] = []
    at: Dim = 0
    while at in waiting:
        at, part = waiting.pop(at)
        parts.append(part)
    return concatenate(parts, axis) if not waiting and at == t.shape[axis] else None


# --- composite ops --------------------------------------------------------------------


def expand(t: Tensor) -> Tensor | None:
    """A composite op equals the graph its record expands to.

    Where the body of a loop has several, a function of the generated file may do.
    """
    op, least = t.node.op, t.node.op.facts.called_from
    if op.expand is None or (least and t.ndim and count_inside(op) >= least):
        return None
    attrs = dict(t.node.attrs)
    result: Any = t.node.op.expand(*t.parents, **attrs)
    return result


def simplifications() -> dict[str, list[Rule]]:
    """Return the exact table, with the rules that hold for every elementwise op."""
    return _simplifications(tuple(OPS))


def expansions() -> dict[str, list[Rule]]:
    """Return the exact table together with the expansion of composite ops."""
    return _expansions(tuple(OPS))


@lru_cache(maxsize=4)
def _simplifications(known: tuple[str, ...]) -> dict[str, list[Rule]]:
    """Return the exact table of the ops that are known by now."""
    tables = (arithmetic, signs, constants, sums, quotients, hidden, views)
    found = joined(*(table.RULES for table in tables), RULES)
    found["scan"] = [hoist_row_products, rows_of_one_value, hoist_numbers]
    for name in known:
        if OPS[name].is_elementwise:
            found.setdefault(name, []).extend((spread_scalar, hoist_broadcast))
    return found


@lru_cache(maxsize=4)
def _expansions(known: tuple[str, ...]) -> dict[str, list[Rule]]:
    found = {name: [*rules] for name, rules in _simplifications(known).items()}
    for name in known:
        if OPS[name].expand is not None:
            found.setdefault(name, []).insert(0, expand)
    return found


def bare_expansions() -> dict[str, list[Rule]]:
    """Return the expansion of composite ops alone: level 0 simplifies nothing."""
    return {name: [expand] for name, op in OPS.items() if op.expand is not None}
