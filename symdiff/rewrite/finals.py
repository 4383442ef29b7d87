"""The last row of a stack of a carry: the carry's value at the end of its loop.

In: tensors whose graph holds loops. Out: a map to tensors that read the end instead, so
that nothing is stacked for one row, whose cotangent does not go through zeros for all
others. Invariant: the result is equal to the bit, and needs one step at least.
"""

from __future__ import annotations

from symdiff.graph.body import rebuilding_within
from symdiff.graph.origin import mark
from symdiff.graph.provenance import at_site
from symdiff.graph.rebuild import Rebuilding
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim, dims_equal
from symdiff.ops.control.finals import after_steps
from symdiff.ops.control.scan import SCAN
from symdiff.ops.core.rows import FULL
from symdiff.ops.core.tuples import ITEM, item
from symdiff.ops.indexing.bounds import span_of
from symdiff.ops.indexing.slices import SLICE
from symdiff.ops.shape.views import (
    EXPAND_DIMS,
    SQUEEZE,
    TRANSPOSE,
    expand_dims,
    transpose,
)


def reading_ends() -> Rebuilding:
    """Return the `Rebuilding` that reads ends of loops, also inside bodies."""
    return rebuilding_within(_chosen)


def _chosen(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
    made = None
    if old.node.op is SLICE:
        with at_site(old.site):
            made = end_of_stack(parents[0], old.node.attrs["index"])
    elif old.node.op is SQUEEZE and parents[0] is not old.parents[0]:
        made = _squeezed(parents[0], old.node.attrs["axes"])
    if made is None or made.type != old.type:
        return None
    return mark(made, label=old.label, hint=old.hint, result=old.origin.result)


def _squeezed(x: Tensor, axes: tuple[int, ...]) -> Tensor | None:
    """hs[T - 1 : T][0] = h[None][0] = h."""
    same = x.node.op is EXPAND_DIMS and x.node.attrs["axes"] == axes
    return x.parents[0] if same else None


def end_of_stack(x: Tensor, index: tuple[slice, ...]) -> Tensor | None:
    """scan(…).hs[T - 1 : T] = scan(…).h[None], for the stack of a carry's new values.

    In a loop from the last row to the first it is the first row. The axes of the stack
    may have been permuted, and the other entries may take parts.
    """
    axes = tuple(range(x.ndim))
    stack = x
    if stack.node.op is TRANSPOSE:
        axes, (stack,) = stack.node.attrs["axes"], stack.parents
    if stack.node.op is not ITEM or stack.parents[0].node.op is not SCAN:
        return None
    loop = stack.parents[0]
    carry = _carry_of(loop, stack.node.attrs["index"])
    at = axes.index(0)
    length: Dim = loop.node.attrs["length"]
    last = (0, 1) if loop.node.attrs["reverse"] else (length - 1, length)
    span = span_of(index[at], length)
    if carry is None or span is None:
        return None
    if not all(dims_equal(a, b) for a, b in zip(span, last, strict=True)):
        return None
    end = after_steps(item(loop, carry), length)
    order = tuple(axis - 1 for axis in axes if axis)
    if order != tuple(sorted(order)):
        end = transpose(end, order)
    whole = expand_dims(end, at)
    rest = tuple(FULL if i == at else e for i, e in enumerate(index))
    return whole if all(e == FULL for e in rest) else apply(SLICE, whole, index=rest)


def _carry_of(loop: Tensor, place: int) -> int | None:
    """Return the carry whose new value a loop stacks as its result at a place."""
    outputs, carries = loop.node.attrs["body"].outputs, loop.node.attrs["carries"]
    if place < carries:
        return None
    ends = [t.node for t in outputs[:carries]]
    value = outputs[place].node
    return ends.index(value) if value in ends else None
