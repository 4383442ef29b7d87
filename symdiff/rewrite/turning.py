"""Transposes moved towards results, so that values lie in memory as they are computed.

In: a tensor computed from transposed ones. Out: the transpose of an equal computation
on what lies in memory, or None. Invariant: every element is computed from the same
elements, in an order of axes that puts a long one last; sums add in that order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from symdiff.derive.patterns import Rules
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import call_elementwise, is_literal
from symdiff.ops.reduce.extremes import MAX, MIN
from symdiff.ops.reduce.sums import MEAN, REDUCE_SUM
from symdiff.ops.shape.broadcasting import BROADCAST_TO, broadcast_to
from symdiff.ops.shape.packing import packed
from symdiff.ops.shape.views import EXPAND_DIMS, TRANSPOSE, expand_dims, transpose
from symdiff.rewrite.factors import size
from symdiff.rewrite.patterns import is_op

RULES = Rules()
SHORT, LONGER = 32, 8  # an axis as inner loop, and how much longer another one must be
OFTEN = 4  # readings of an element that are worth a copy in order


def elementwise_of_turned(t: Tensor) -> Tensor | None:
    """op(x.T, y.T) = op(x, y).T for elementwise op; a row becomes a column."""
    if t.ndim < 2 or not t.node.op.is_elementwise or isinstance(t.node.type, TupleType):
        return None
    whole = [p for p in t.parents if not is_literal(p) and not is_op(p, BROADCAST_TO)]
    orders = {p.node.attrs["axes"] for p in whole if is_op(p, TRANSPOSE)}
    if len(orders) != 1 or not all(is_op(p, TRANSPOSE) for p in whole):
        return None
    return _computed_in(t, *orders)


def elementwise_of_spread(t: Tensor) -> Tensor | None:
    """op(x[:, None], y) = op(x.T, y.T).T, with a long axis last, for elementwise op."""
    if t.ndim < 2 or not t.node.op.is_elementwise or isinstance(t.node.type, TupleType):
        return None
    if not all(is_literal(p) or is_op(p, BROADCAST_TO) for p in t.parents):
        return None
    lengths = [size((d,)) for d in t.shape]
    longest = max(range(t.ndim), key=lambda i: lengths[i])
    if lengths[-1] > SHORT or lengths[longest] < LONGER * lengths[-1]:
        return None
    axes = [*(i for i in range(t.ndim) if i != longest), longest]
    return _computed_in(t, [axes.index(i) for i in range(t.ndim)], OFTEN)


def _computed_in(t: Tensor, order: Sequence[int], often: float = math.inf) -> Tensor:
    """Return ``t`` as a transpose by ``order`` of the same operation.

    What lies in another order, and is read as ``often`` as that, is copied.
    """
    back = [order.index(i) for i in range(t.ndim)]
    operands = [p if is_literal(p) else _turned(p, back) for p in t.parents]
    for i, p in enumerate(operands):
        if is_op(p, BROADCAST_TO) and size(p.shape) >= often * size(p.parents[0].shape):
            operands[i] = broadcast_to(_in_order(p.parents[0]), p.shape)
    return transpose(call_elementwise(t.node.op, *operands), tuple(order))


def _in_order(t: Tensor) -> Tensor:
    """Return a transpose as a copy in the order of its axes; others as they are."""
    if is_op(t, EXPAND_DIMS):
        return apply(EXPAND_DIMS, _in_order(t.parents[0]), **t.node.attrs)
    return packed(t) if is_op(t, TRANSPOSE) else t


def _turned(t: Tensor, axes: Sequence[int]) -> Tensor:
    """Return a transpose; what is repeated is transposed before it is repeated."""
    if is_op(t, TRANSPOSE):
        inner = t.node.attrs["axes"]
        return transpose(t.parents[0], tuple(inner[i] for i in axes))
    if not is_op(t, BROADCAST_TO):
        return transpose(t, tuple(axes))
    (source,) = t.parents
    if source.ndim:
        lead = t.ndim - source.ndim
        padded = expand_dims(source, tuple(range(lead))) if lead else source
        source = transpose(padded, tuple(axes))
        inner = turned_expanded(source)
        source = source if inner is None else inner
    return broadcast_to(source, tuple(t.shape[i] for i in axes))


@RULES.of(REDUCE_SUM, MEAN, MAX, MIN)
def reduction_of_turned(t: Tensor) -> Tensor | None:
    """sum(x.T, axis=0) = sum(x, axis=1), and so for means and extremes."""
    (turned,) = t.parents
    if not is_op(turned, TRANSPOSE):
        return None
    order, attrs = turned.node.attrs["axes"], dict(t.node.attrs)
    attrs["axes"] = tuple(sorted(order[i] for i in t.node.attrs["axes"]))
    made = apply(t.node.op, *turned.parents, **attrs)
    if attrs["keepdims"]:
        return transpose(made, order)
    left = [order[i] for i in range(len(order)) if i not in t.node.attrs["axes"]]
    kept = sorted(left)
    return transpose(made, tuple(kept.index(i) for i in left)) if left else made


@RULES.of(MAX, MIN)
def extreme_of_short_rows(t: Tensor) -> Tensor | None:
    """max(x, axis=1) = max(copy(x.T), axis=0), where rows are shorter than columns."""
    (x,) = t.parents
    if x.ndim != 2 or t.node.attrs["axes"] != (1,) or is_op(x, TRANSPOSE):
        return None
    rows, columns = (size((d,)) for d in x.shape)
    if columns > SHORT or rows < 2 * columns:
        return None
    upright = packed(transpose(x))
    made = apply(t.node.op, upright, **{**t.node.attrs, "axes": (0,)})
    return transpose(made) if t.node.attrs["keepdims"] else made


@RULES.of(TRANSPOSE)
def turned_expanded(t: Tensor) -> Tensor | None:
    """x[None].T = x.T[:, None]: the view with an axis more comes last."""
    if not is_op(t, TRANSPOSE) or not is_op(t.parents[0], EXPAND_DIMS):
        return None
    (expanded,) = t.parents
    new, order = expanded.node.attrs["axes"], t.node.attrs["axes"]
    old = [i for i in range(len(order)) if i not in new]
    inner = tuple(old.index(i) for i in order if i not in new)
    places = tuple(at for at, i in enumerate(order) if i in new)
    return expand_dims(transpose(expanded.parents[0], inner), places)
