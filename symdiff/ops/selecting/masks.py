"""Cotangents that `where` has masked, and the mask kept through the rules that follow.

In: a cotangent such as ``where(c, t, 0)``. Out: its mask, and ``t``. Invariant: a rule
is linear in its cotangent, so element by element ``rule(where(c, t, 0))`` is
``where(c, rule(t), 0)``. Masking last instead of first turns the ``0 * inf`` of a
branch that was not taken into 0. This holds for derivatives of every order, because the
mask is itself a node.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Shape, TupleType
from symdiff.ops.core.operands import literal_value
from symdiff.ops.elementwise.comparisons import WHERE, where
from symdiff.ops.reduce.sums import REDUCE_SUM
from symdiff.ops.shape.broadcasting import broadcast_to
from symdiff.ops.shape.views import reshape


@dataclass(frozen=True, slots=True)
class Masked:
    """``inner`` where the condition holds (``taken``) or where it does not, else 0."""

    condition: Tensor
    inner: Tensor
    taken: bool

    def around(self, t: Tensor) -> Tensor:
        """Return another value under the same mask."""
        return where(self.condition, *((t, 0) if self.taken else (0, t)))


def masked(t: Tensor, rectified: bool = False) -> Masked | None:
    """Return the mask of a cotangent, seen through changes of shape, or None.

    The mask of a rectifier such as relu counts only if ``rectified`` is set.
    """
    views = []
    while t.node.op.shows_all or t.node.op is REDUCE_SUM:
        views.append(t.node)
        (t,) = t.parents
    if t.node.op is not WHERE:
        return None
    condition, a, b = t.parents
    taken = is_zero(b)
    if taken == is_zero(a) or (_is_rectifier(condition) and not rectified):
        return None
    inner = a if taken else b
    if inner.shape != condition.shape:  # a number, broadcast by NumPy
        return None
    for view in reversed(views):
        seen = after_view(view, condition)
        if seen is None:
            return None
        condition, inner = seen, apply(view.op, inner, **view.attrs)
    return Masked(condition, inner, taken)


def after_view(view: Node, condition: Tensor) -> Tensor | None:
    """Return a condition after a view, or after a sum along which it is constant."""
    if view.op is not REDUCE_SUM:
        return apply(view.op, condition, **view.attrs)
    axes = set(view.attrs["axes"])
    if not condition.node.op.facts.repeats:
        return None
    (source,) = condition.parents
    ahead = condition.ndim - source.ndim
    if any(i >= ahead and source.shape[i - ahead] != 1 for i in axes):
        return None
    kept = [i for i in range(condition.ndim) if i not in axes]
    shape = tuple(source.shape[i - ahead] for i in kept if i >= ahead)
    small = reshape(source, shape) if source.shape != shape else source
    if view.attrs["keepdims"]:
        full = range(condition.ndim)
        dims = [1 if i in axes else source.shape[i - ahead] for i in full if i >= ahead]
        small = reshape(small, tuple(dims))
    return broadcast_to(small, view.shape)


def condition_origin(condition: Tensor) -> tuple[Node, tuple[int | None, ...]]:
    """Return the node that a condition repeats, and the axis that each axis repeats."""
    axes: list[int | None] = list(range(condition.ndim))
    while condition.node.op.shows_all:
        (source,) = condition.parents
        step = axes_of(condition.node, source.shape)
        if step is None:
            break
        axes = [None if a is None else step[a] for a in axes]
        condition = source
    return condition.node, tuple(axes)


def axes_of(view: Node, source: Shape) -> list[int | None] | None:
    """Return the operand's axis that each axis of a view is; None for new ones."""
    if view.op.facts.axes is not None:
        return view.op.facts.axes(view, source)
    # Axes of length 1 come and go; the others keep their order.
    old = [i for i, d in enumerate(source) if d != 1]
    new = [i for i, d in enumerate(view.shape) if d != 1]
    if [source[i] for i in old] != [view.shape[i] for i in new]:
        return None
    found: list[int | None] = [None] * len(view.shape)
    for i, j in zip(old, new, strict=True):
        found[j] = i
    return found


def is_zero(t: Tensor) -> bool:
    value = literal_value(t)
    zero = isinstance(value, (int, float)) and value == 0
    return zero and math.copysign(1.0, value) > 0


def _is_rectifier(condition: Tensor) -> bool:
    return any(p.node.op.facts.rectifies for p in condition.parents)


def hides(node: Node) -> bool:
    """Whether a node's own rule could turn a masked cotangent into NaN.

    Elementwise rules keep the mask themselves, and `masked` sees through changes of
    shape, so these do not count.
    """
    if node.op.is_elementwise or node.op.view or isinstance(node.type, TupleType):
        return False
    return node.op is not REDUCE_SUM


def scalar_mask(t: Tensor) -> Masked | None:
    """Return the mask of a cotangent if one condition holds for all its elements."""
    mask = masked(t)
    if mask is None:
        return None
    condition = mask.condition
    while condition.ndim and condition.node.op.shows_all:
        (condition,) = condition.parents
    return None if condition.ndim else Masked(condition, mask.inner, mask.taken)
