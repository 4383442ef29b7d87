"""The values that integer arguments may have, and the intervals that follow from them.

In: the nodes of a program. Out: for each integer input the values that its uses as
labels or indices allow, which generated functions check at entry; and the intervals of
integers computed from it, inside loops too. Invariant: an interval holds for all
arguments that pass the checks at entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.body import Body, bodies_of
from symdiff.graph.indexing import index_operands
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node, topological
from symdiff.graph.types import TupleType
from symdiff.ops.control.branches import COND
from symdiff.ops.core.conditions import known_of, narrowed, number
from symdiff.ops.core.interval import OPEN, Interval, at_most
from symdiff.ops.core.leaf import INPUT
from symdiff.ops.core.tuples import ITEM
from symdiff.ops.elementwise.arithmetic import ADD, SUB
from symdiff.ops.elementwise.casts import CAST
from symdiff.ops.elementwise.comparisons import WHERE
from symdiff.ops.elementwise.rounding import FLOOR_DIVIDE
from symdiff.ops.indexing.intervals import interval_of, of_dtype

ATTEMPTS = 3  # at finding an interval that every step of a loop preserves
STEP, FAR = 2**20, 2**62  # a loop's counter: its largest step; a bound out of reach
Known = dict[Node, Interval]


@dataclass(frozen=True, slots=True)
class Allowed:
    """low <= value < high (None: NumPy checks it), or one of those ``besides``."""

    low: int
    high: int | None
    besides: frozenset[int] = frozenset()

    def holds(self, n: int) -> bool:
        inside = self.low <= n and (self.high is None or n < self.high)
        return inside or n in self.besides

    def meet(self, other: Allowed) -> Allowed:
        ends = [a.high for a in (self, other) if a.high is not None]
        both = self.besides | other.besides
        return Allowed(
            max(self.low, other.low),
            min(ends, default=None),
            frozenset(n for n in both if self.holds(n) and other.holds(n)),
        )

    def scaled(self, factor: int, shift: int) -> Allowed:
        """Return the values factor * n + shift, for n of the values allowed here."""
        high = None if self.high is None else self.high * factor + shift
        besides = frozenset(n * factor + shift for n in self.besides)
        return Allowed(self.low * factor + shift, high, besides)


# --- what uses allow ------------------------------------------------------------------


def allowed(nodes: Iterable[Node]) -> dict[Node, Allowed]:
    """Return the values that integer inputs among nodes may have, by how they index.

    An index may be an input itself, or be made of one by ops that only rearrange
    elements, by a loop that takes its rows, or as ``y - 1``, ``y // 2`` or
    ``where(y != n, y, 0)``, which leaves out the label n.
    """
    found: dict[Node, Allowed] = {}
    outer: dict[Node, Node] = {}  # a loop's variable -> the sequence that it runs over
    waiting = [list(nodes)]
    while waiting:
        for node in waiting.pop():
            waiting += [body.nodes for body in bodies_of(node.attrs)]
            outer |= _rows(node)
            for place, length in index_operands(node).items():
                use = Allowed(0, length if isinstance(length, int) else None)
                leaf, use = _source(node.inputs[place], use, outer)
                if leaf.op is INPUT and leaf.dtype.is_integer:
                    found[leaf] = found[leaf].meet(use) if leaf in found else use
    return found


def _rows(node: Node) -> dict[Node, Node]:
    """Return the sequence of each bound variable that is a row of one."""
    if "sequences" not in node.attrs:
        return {}
    params = node.attrs["body"].params
    return {params[i].node: node.inputs[i] for i in LoopSpec.of(node.attrs).rows}


def _source(
    node: Node, use: Allowed, outer: Mapping[Node, Node]
) -> tuple[Node, Allowed]:
    """Return the node from which an index is made, and the values allowed for it."""
    while True:
        found = _within(node, use, outer)
        if found is None:
            return node, use
        node, use = found


def _within(
    node: Node, use: Allowed, outer: Mapping[Node, Node]
) -> tuple[Node, Allowed] | None:
    """Return the operand from which an index is made, and the values allowed for it."""
    if node in outer:
        return outer[node], use
    if node.op.shows_all:
        return node.inputs[0], use
    if node.op is CAST and node.inputs[0].dtype.is_integer:
        source = node.inputs[0]
        fits = np.can_cast(source.dtype.name, node.dtype.name)
        return (source, use) if fits else None
    n = _left_out(node)
    if n is not None:
        return node.inputs[1], replace(use, besides=use.besides | {n})
    if node.op not in (ADD, SUB, FLOOR_DIVIDE):
        return None
    by = number(node.inputs[1])
    if not isinstance(by, int):
        return None
    if node.op is FLOOR_DIVIDE:
        whole = by > 0 and not use.besides
        return (node.inputs[0], use.scaled(by, 0)) if whole else None
    return node.inputs[0], use.scaled(1, by if node.op is SUB else -by)


def _left_out(node: Node) -> int | None:
    """Return n if the node is where(y != n, y, 0), else None."""
    if node.op is not WHERE:
        return None
    known = known_of(node.inputs[1], node.inputs[0], True)
    (sign, n), *others = known or [("", None)]
    return n if sign == "!=" and isinstance(n, int) and not others else None


def entry_range(leaf: Node, use: Allowed | None) -> tuple[Any, Any, tuple[int, ...]]:
    """Return the check of an argument at entry: low, high and further numbers.

    A value must be ``low <= value < high`` or one of the further numbers. Both the
    declared bounds and those from uses are included; a bound declared as a length is
    kept as it is.
    """
    low, high = leaf.attrs.get("low"), leaf.attrs.get("high")
    if use is None:
        return low, high, ()
    least, most, rest = use.low, use.high, set(use.besides)
    while least - 1 in rest:
        least -= 1
    while most is not None and most in rest:
        most += 1
    if low is None or (isinstance(low, int) and low < least):
        low = least
    if high is None or (isinstance(high, int) and most is not None and most < high):
        high = most
    declared = (leaf.attrs.get("low"), leaf.attrs.get("high"))
    beside = sorted(
        n for n in rest if _declared(n, *declared) and not _declared(n, low, high)
    )
    return low, high, tuple(beside)


def _declared(n: int, low: Any, high: Any) -> bool:
    """Whether a number lies within bounds; a negative one lies below any length."""
    above = low is None or (isinstance(low, int) and low <= n)
    return above and (high is None or isinstance(high, sp.Expr) or n < high)


# --- intervals ------------------------------------------------------------------------


def at_entry(leaf: Node, use: Allowed | None) -> Interval:
    """Return the interval of an argument that has passed the checks at entry."""
    if not leaf.dtype.is_integer:
        return OPEN
    low, high, besides = entry_range(leaf, use)
    room = of_dtype(leaf.dtype)
    return Interval(
        room.low if low is None else low,
        room.high if high is None else high - 1,
        frozenset(besides),
    )


def fill(nodes: Iterable[Node], known: Known) -> None:
    """Add to ``known`` the intervals of nodes and of all that they need."""
    several: dict[Node, list[Interval]] = {}
    for node in topological(nodes):
        if node in known:
            continue
        if node.op.leaf:
            known[node] = of_dtype(node.dtype)
        elif node.op is ITEM:
            source = node.inputs[0]
            if source not in several:
                several[source] = _results(source, known)
            known[node] = several[source][node.attrs["index"]]
        else:
            known[node] = interval_of(node, [known[i] for i in node.inputs])


def _results(node: Node, known: Known) -> list[Interval]:
    """Return the intervals of the results of a node that has several."""
    assert isinstance(node.type, TupleType)
    count = len(node.type.items)
    if not any(t.dtype.is_integer for t in node.type.items) or not bodies_of(
        node.attrs
    ):
        return [OPEN] * count
    inside = entering(node, known)
    if node.op is COND:
        sides = [_ends(node.attrs[k], inside) for k in ("then", "otherwise")]
        return [a.joined(b) for a, b in zip(*sides, strict=True)]
    carries, body = node.attrs["carries"], node.attrs["body"]
    kept = [inside[p.node] for p in body.params[:carries]]
    if "sequences" in node.attrs:
        return [*kept, *_ends(body, inside)[carries:]]
    return (kept * 2)[:count]  # the carries, and the stacks of them


def _ends(body: Body, bound: Known) -> list[Interval]:
    inside = dict(bound)
    fill([t.node for t in body.outputs], inside)
    return [inside[t.node] for t in body.outputs]


def entering(node: Node, known: Known) -> Known:
    """Return the intervals of the bound variables of a loop or branch."""
    operands = [known[i] for i in node.inputs]
    if node.op is COND:
        sides = [node.attrs[k].params for k in ("then", "otherwise")]
        return {
            p.node: interval
            for params in sides
            for p, interval in zip(params, operands[1:], strict=True)
        }
    carries = node.attrs["carries"]
    counters = _counters(node, operands[:carries])
    held = [counters.get(k, o) for k, o in enumerate(operands[:carries])]
    for _ in range(ATTEMPTS):
        bound = _bound(node, [*held, *operands[carries:]])
        ends = _ends(node.attrs["body"], _tested(node, bound))[:carries]
        steps = [
            h if k in counters else _widened(h, e)
            for k, (h, e) in enumerate(zip(held, ends, strict=True))
        ]
        if steps == held:
            return bound
        held = steps
    held = [counters.get(k, OPEN) for k in range(carries)]
    return _bound(node, [*held, *operands[carries:]])


def _counters(node: Node, starts: Sequence[Interval]) -> dict[int, Interval]:
    """Return the intervals of the carries to which each step adds a small number.

    No loop runs long enough for a 64-bit counter to wrap around.
    """
    body = node.attrs["body"]
    found: dict[int, Interval] = {}
    for k, start in enumerate(starts):
        param, end = body.params[k].node, body.outputs[k].node
        if end.op is not ADD or param.dtype.name not in ("int64", "uint64"):
            continue
        by = number(end.inputs[1]) if end.inputs[0] is param else None
        if isinstance(by, int) and 0 < by <= STEP and at_most(start.high, FAR):
            found[k] = Interval(start.low, FAR)
    return found


def _bound(node: Node, intervals: Sequence[Interval]) -> Known:
    return {
        p.node: interval
        for body in bodies_of(node.attrs)
        for p, interval in zip(body.params, intervals, strict=True)
    }


def _tested(node: Node, bound: Known) -> Known:
    """Return the intervals inside a body, narrowed by the loop's test."""
    test, body = node.attrs.get("test"), node.attrs["body"]
    if test is None:
        return bound
    condition = test.outputs[0].node
    pairs = zip(test.params, body.params, strict=True)
    return bound | {
        p.node: narrowed(bound[p.node], t.node, condition, True) for t, p in pairs
    }


def _widened(held: Interval, end: Interval) -> Interval:
    """Return an interval for both; an end that the step has changed is left open."""
    if end.within(held):
        return held
    whole = held.joined(end)
    before = held.hull()
    return Interval(
        whole.low if whole.low == before.low else None,
        whole.high if whole.high == before.high else None,
    )
