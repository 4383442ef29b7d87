"""The exact rewrites of views, and of elementwise ops on broadcast operands.

In: a tensor with simplified operands. Out: an equal tensor, or None where the rule does
not fit. Invariant: every element of the result is computed by the same operations.
"""

from __future__ import annotations

from symdiff.derive.patterns import Rules, needing
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import broadcast_shapes
from symdiff.ops.core.operands import call_elementwise, is_literal
from symdiff.ops.elementwise.arithmetic import NEG
from symdiff.ops.elementwise.casts import CAST, STOP_GRADIENT
from symdiff.ops.indexing.slices import SLICE, UNSLICE, lone_slice, place_slices
from symdiff.ops.reduce.sums import REDUCE_SUM, reduce_sum
from symdiff.ops.selecting.placing import without_axes
from symdiff.ops.shape.broadcasting import BROADCAST_TO, broadcast_to
from symdiff.ops.shape.views import (
    EXPAND_DIMS,
    RESHAPE,
    SQUEEZE,
    TRANSPOSE,
    reshape,
    transpose,
)
from symdiff.rewrite.driver import is_read_once
from symdiff.rewrite.patterns import is_op

RULES = Rules()


@RULES.of(BROADCAST_TO)
def broadcast_twice(t: Tensor) -> Tensor | None:
    """broadcast(broadcast(x)) = broadcast(x); a broadcast to the same shape is x."""
    (a,) = t.parents
    if a.shape == t.shape:
        return a
    return broadcast_to(a.parents[0], t.shape) if is_op(a, BROADCAST_TO) else None


@RULES.of(BROADCAST_TO)
def broadcast_of_leading_axes(t: Tensor) -> Tensor | None:
    """broadcast(x[None, ...]) = broadcast(x): NumPy adds leading axes itself."""
    (a,) = t.parents
    if not is_op(a, EXPAND_DIMS):
        return None
    axes = a.node.attrs["axes"]
    return (
        broadcast_to(a.parents[0], t.shape) if axes == tuple(range(len(axes))) else None
    )


@RULES.of(RESHAPE)
def reshape_twice(t: Tensor) -> Tensor | None:
    """reshape(reshape(x)) = reshape(x); a reshape to the same shape is x.

    The inner one stays if others read it and it copies, which NumPy then does once.
    """
    (a,) = t.parents
    if a.shape == t.shape:
        return a
    if not is_op(a, RESHAPE):
        return None
    (x,) = a.parents
    shared = is_op(x, TRANSPOSE) and not is_read_once(a)
    return None if shared else reshape(x, t.shape)


@RULES.of(TRANSPOSE)
def transpose_twice(t: Tensor) -> Tensor | None:
    """transpose(transpose(x)) = transpose(x), with the permutations composed.

    But where the inner one has a name of its own that is x in other words, its name is
    read, unless the outer one undoes it.
    """
    (a,) = t.parents
    if not is_op(a, TRANSPOSE):
        return None
    inner, outer = a.node.attrs["axes"], t.node.attrs["axes"]
    made = transpose(a.parents[0], tuple(inner[i] for i in outer))
    named = bool(a.label or a.hint) and made.node is not a.parents[0].node
    return None if named else made


@RULES.of(SQUEEZE, EXPAND_DIMS)
def squeeze_of_expanded(t: Tensor) -> Tensor | None:
    """squeeze(expand_dims(x)) = x = expand_dims(squeeze(x)), for the same axes."""
    (a,) = t.parents
    if {t.node.op, a.node.op} == {SQUEEZE, EXPAND_DIMS} and a.node.attrs[
        "axes"
    ] == t.node.attrs["axes"]:
        return a.parents[0]
    return None


@RULES.of(SQUEEZE)
def squeeze_of_negative(t: Tensor) -> Tensor | None:
    """squeeze(-x) = -squeeze(x), where nothing else reads -x."""
    (a,) = t.parents
    if not (is_op(a, NEG) and is_read_once(a)):
        return None
    return call_elementwise(NEG, apply(SQUEEZE, *a.parents, **t.node.attrs))


@RULES.of(SQUEEZE)
def squeeze_of_kept_axes(t: Tensor) -> Tensor | None:
    """squeeze(sum(x, keepdims)) = sum(x), where nothing else reads the sum."""
    (a,) = t.parents
    if not (is_op(a, REDUCE_SUM) and a.node.attrs["keepdims"] and is_read_once(a)):
        return None
    x, axes = a.parents[0], t.node.attrs["axes"]
    if a.node.attrs["axes"] != axes or x.dtype != t.dtype:
        return None
    return reduce_sum(x, axes)


@RULES.of(SLICE, UNSLICE)
def whole_slice(t: Tensor) -> Tensor | None:
    """x[0:n] = x for an axis of n elements, also where a part is placed so."""
    index = t.node.attrs["index"] if is_op(t, SLICE) else lone_slice(t.node)
    if index is None:
        return None
    (a,) = t.parents
    for entry, length in zip(index, a.shape, strict=True):
        first, last = entry.start in (None, 0), entry.stop in (None, length)
        if not (first and last and entry.step in (None, 1)):
            return None
    return a if a.shape == t.shape else None


@RULES.of(UNSLICE)
def placed_without_axes(t: Tensor) -> Tensor | None:
    """zeros with x[None] at [i:i + 1] = zeros with x at [i]."""
    whole = lone_slice(t.node)
    if whole is None:
        return None
    (a,) = t.parents
    part, index = without_axes(a, whole)
    return None if part is a else place_slices([part], t.shape, [index])


@RULES.of(CAST)
def cast_to_itself(t: Tensor) -> Tensor | None:
    """cast(x) = x where x has the dtype already."""
    (a,) = t.parents
    return a if a.dtype == t.dtype else None


@RULES.of(STOP_GRADIENT)
def barrier_done(t: Tensor) -> Tensor | None:
    """stop_gradient(x) = x once every derivative has been taken."""
    return t.parents[0]


@RULES.of(EXPAND_DIMS, SQUEEZE, RESHAPE, TRANSPOSE)
def view_of_repeated_scalar(t: Tensor) -> Tensor | None:
    """view(broadcast(s)) = broadcast(s) for a scalar s and any change of shape."""
    (a,) = t.parents
    if is_op(a, BROADCAST_TO) and not a.parents[0].ndim:
        return broadcast_to(a.parents[0], t.shape)
    return None


# --- computing before broadcasting ----------------------------------------------------


@needing(BROADCAST_TO)
def hoist_broadcast(t: Tensor) -> Tensor | None:
    """op(broadcast(a), broadcast(b)) = broadcast(op(a, b)) for elementwise op."""
    arrays = [p for p in t.parents if not is_literal(p)]
    if not arrays or not all(is_op(p, BROADCAST_TO) for p in arrays):
        return None
    small = broadcast_shapes(*(p.parents[0].shape for p in arrays))
    if len(small) == t.ndim and small == t.shape:
        return None
    operands = [p if is_literal(p) else p.parents[0] for p in t.parents]
    return broadcast_to(call_elementwise(t.node.op, *operands), t.shape)


@needing(EXPAND_DIMS)
def spread_scalar(t: Tensor) -> Tensor | None:
    """op(s[None], x) = op(broadcast(s), x) for elementwise op: NumPy adds the axes."""
    scalars = [is_op(p, EXPAND_DIMS) and not p.parents[0].ndim for p in t.parents]
    if not any(scalars) or all(
        alone or is_literal(p) for alone, p in zip(scalars, t.parents, strict=True)
    ):
        return None
    operands = [
        broadcast_to(p.parents[0], p.shape) if alone else p
        for alone, p in zip(scalars, t.parents, strict=True)
    ]
    return call_elementwise(t.node.op, *operands)
