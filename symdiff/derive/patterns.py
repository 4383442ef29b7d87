"""Matching the formulas that rules of stability replace.

In: tensors. Out: the operands of the formula, or None if a tensor does not match.
Invariant: nothing is built here except ``-x`` in `negated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import literal_value
from symdiff.ops.core.record import Op
from symdiff.ops.elementwise.arithmetic import (
    ADD,
    EXP,
    NEG,
    SUB,
)
from symdiff.ops.elementwise.casts import STOP_GRADIENT
from symdiff.ops.indexing.slices import SLICE
from symdiff.ops.reduce.extremes import MAX
from symdiff.ops.reduce.sums import REDUCE_SUM
from symdiff.ops.selecting.masks import axes_of

Rule = Callable[..., Tensor | None]


class Rules(dict[str, list[Rule]]):
    """The rules of a file by name of op, in the order in which they are tried."""

    def of(self, *ops: Op, beside: Iterable[Op] = ()) -> Callable[[Rule], Rule]:
        """Enter a rule for nodes of the given ops.

        With ``beside`` it fits only where an operand is of one of these.
        """

        def entered(rule: Rule) -> Rule:
            for op in ops:
                self.setdefault(op.name, []).append(rule)
            return needing(*beside)(rule) if beside else rule

        return entered


_TOLD: set[Rule] = set()  # rules that take the attributes of their node


def told(rule: Rule) -> Rule:
    """Note that a rule takes the attributes of the node that it is for, by name."""
    _TOLD.add(rule)
    return rule


def applied(rule: Rule, node: Node, operands: Iterable[Tensor]) -> Tensor | None:
    """Return what a rule makes of the operands of a node, or None."""
    return rule(*operands, **node.attrs) if rule in _TOLD else rule(*operands)


_BESIDE: dict[Rule, frozenset[Op]] = {}  # of which a rule needs an operand


def needing(*ops: Op) -> Callable[[Rule], Rule]:
    """Note that a rule fits only where an operand is of one of these ops."""

    def noted(rule: Rule) -> Rule:
        _BESIDE[rule] = frozenset(ops)
        return rule

    return noted


def may_fit(rule: Rule, operands: Iterable[Op]) -> bool:
    """Whether a rule may fit where the operands are of these ops."""
    needed = _BESIDE.get(rule)
    return needed is None or not needed.isdisjoint(operands)


def joined(*tables: Rules) -> Rules:
    """Return one table of several; rules of earlier tables are tried first."""
    found = Rules()
    for table in tables:
        for name, rules in table.items():
            found.setdefault(name, []).extend(rules)
    return found


def is_op(t: Tensor, *ops: Op) -> bool:
    """Whether a tensor is the result of one of some ops."""
    return t.node.op in ops


def is_number(t: Tensor, number: float) -> bool:
    """Whether a tensor is a literal of this value."""
    value = literal_value(t)
    return isinstance(value, (int, float)) and value == number


def beside_one(t: Tensor) -> Tensor | None:
    """Return x where ``t`` is 1 + x or x + 1."""
    if not is_op(t, ADD):
        return None
    a, b = t.parents
    if is_number(a, 1):
        return b
    return a if is_number(b, 1) else None


def exponent(t: Tensor) -> Tensor | None:
    """Return x where ``t`` is exp(x)."""
    return t.parents[0] if is_op(t, EXP) else None


def negated(x: Tensor) -> Tensor:
    """Return -x, and a where x is -a."""
    return x.parents[0] if is_op(x, NEG) else -x


def source(
    t: Tensor, *, past_stops: bool = False
) -> tuple[Tensor, tuple[int | None, ...]]:
    """Return the tensor below views, and for each axis the axis of it that it is.

    With ``past_stops`` it is looked for below `stop_gradient` as well. That is right
    only for a value on which the whole formula does not depend.
    """
    axes: list[int | None] = list(range(t.ndim))
    while (
        t.node.op.shows_all
        or is_whole_slice(t)
        or (past_stops and is_op(t, STOP_GRADIENT))
    ):
        (inner,) = t.parents
        if not is_op(t, STOP_GRADIENT, SLICE):
            step = axes_of(t.node, inner.shape)
            if step is None:
                break
            axes = [None if a is None else step[a] for a in axes]
        t = inner
    return t, tuple(axes)


def is_whole_slice(t: Tensor) -> bool:
    """Whether ``t`` is x[0:n] for an axis of n elements, as m[:, 0] has for n = 1."""
    if not is_op(t, SLICE) or t.shape != t.parents[0].shape:
        return False
    return all(entry.step in (None, 1) for entry in t.node.attrs["index"])


def is_spread(
    t: Tensor,
    of: Callable[[Tensor], bool],
    axes: Any = None,
    *,
    past_stops: bool = False,
) -> Any:
    """Return the reduction that ``t`` repeats along the axes it was taken over.

    None where ``t`` is no such reduction, or its axes are not aligned with those of the
    reduction's operand.
    """
    reduction, places = source(t, past_stops=past_stops)
    attrs = reduction.node.attrs
    if "axes" not in attrs or not reduction.parents or not of(reduction):
        return None
    over, keep = attrs["axes"], attrs.get("keepdims", False)
    if axes is not None and tuple(over) != tuple(axes):
        return None
    if t.ndim != reduction.parents[0].ndim:
        return None
    for i, place in enumerate(places):
        gone = sum(a < i for a in over)
        if i in over:
            if place is not None and t.shape[i] != 1:
                return None
        elif place != (i if keep else i - gone) and t.shape[i] != 1:
            return None
    return reduction


def unshifted(x: Tensor, axes: Any) -> Tensor:
    """Return y where x is y - max(y), the maximum taken over ``axes``; else x.

    It is for formulas in which what is subtracted cancels, so it may be stopped.
    """
    if not is_op(x, SUB):
        return x
    y, m = x.parents

    def is_maximum(r: Tensor) -> bool:
        return is_op(r, MAX) and r.parents[0].node is y.node

    found = is_spread(m, is_maximum, axes, past_stops=True)
    return x if found is None else y


def is_plain_sum(t: Tensor) -> bool:
    """Whether a tensor is a sum over axes, in its operand's own dtype."""
    return is_op(t, REDUCE_SUM) and t.node.attrs.get("dtype") is None
