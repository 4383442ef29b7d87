"""Rules of ops that are not elementwise, applied only to the rows that were read.

In: a cotangent that is a part placed into zeros, along axes that the op treats
independently. Out: the rule applied to this part and to the same part of its operands,
and the result placed. Invariant: ``rule(place(t)) = place(rule(t))``; an operand
without such an axis, as ``b`` of ``a @ b`` for rows of ``a``, gets its whole share from
the part. Rows that were not read do not matter, even if they are infinite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symdiff.derive.sums import add_all
from symdiff.derive.zeros import FEW, sliced
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.operands import is_literal
from symdiff.ops.elementwise.arithmetic import ADD, NEG
from symdiff.ops.indexing.slices import UNSLICE, lone_slice, place_slice
from symdiff.ops.selecting.masks import Masked, masked
from symdiff.ops.selecting.placing import fills
from symdiff.ops.selecting.support import lifted
from symdiff.ops.shape.broadcasting import broadcast_to
from symdiff.ops.shape.views import expand_dims, reshape

Index = tuple[slice, ...]
Parts = list[tuple[Tensor, Index]]
Axes = Sequence["tuple[int | None, ...] | None"]
WHOLE = slice(None)
DEPTH = 4  # sums and views of placed parts that are looked through


def vjp_apart(
    ct: Any, output: Tensor, inputs: Sequence[Tensor], attrs: Any, needs: Sequence[bool]
) -> Sequence[Tensor | None] | None:
    """Return the shares of a node's operands; None where its record names no axes.

    If the cotangent is masked by rows, and every operand has these rows, the shares are
    masked too.
    """
    axes, rule = _axes(output), output.node.op.vjp
    if axes is None or rule is None:
        return None

    def applied(
        ct: Tensor, output: Tensor, inputs: Sequence[Tensor]
    ) -> Sequence[Tensor | None]:
        parts = _parts(ct, axes)
        if parts is not None:
            return _in_parts(applied, parts, axes, output, inputs)
        mask = masked(ct)
        if mask is not None:
            conditions = _conditions(mask, axes, inputs, needs)
            if conditions is not None:
                shares = applied(mask.inner, output, inputs)
                return _around(mask, conditions, shares)
        return rule(ct, output, inputs, attrs, needs)

    return applied(ct, output, inputs)


def _in_parts(
    rule: Callable[..., Sequence[Tensor | None]],
    parts: Parts,
    axes: Axes,
    output: Tensor,
    inputs: Sequence[Tensor],
) -> Sequence[Tensor | None]:
    found: list[list[Tensor]] = [[] for _ in inputs]
    for part, index in parts:
        own = [_index_of(x, k, index, axes) for k, x in enumerate(inputs)]
        read = [_cut(x, i) for x, i in zip(inputs, own, strict=True)]
        shares = rule(part, _cut(output, index), read)
        for k, (share, i) in enumerate(zip(shares, own, strict=True)):
            if share is not None:
                found[k].append(_placed(share, inputs[k].shape, i))
    return [add_all(shares) for shares in found]


def _axes(output: Tensor) -> Axes | None:
    independent: Callable[[Any], Axes] | None = output.node.op.facts.independent
    return None if independent is None else independent(output.node)


def _parts(ct: Tensor, axes: Axes) -> Parts | None:
    """Return the parts of a cotangent, if it was placed along independent axes only."""
    placings = _placings(ct, DEPTH)
    if placings is None:
        return None
    places: dict[str, list[Tensor]] = {}
    indices: dict[str, Index] = {}
    for part, index in placings:
        if any(e != WHOLE and axes[i] is None for i, e in enumerate(index)):
            return None
        places.setdefault(repr(index), []).append(part)
        indices[repr(index)] = index
    totals = [(add_all(parts), indices[key]) for key, parts in places.items()]
    return [(t, i) for t, i in totals if t is not None] if len(totals) <= FEW else None


def _placings(ct: Tensor, depth: int) -> Parts | None:
    """Return the parts that a cotangent is the sum of, each placed into zeros."""
    placed = lifted(ct)
    if placed is not None:
        (part,), place = placed.parents, lone_slice(placed.node)
        return None if place is None else [(part, place)]
    zeros = ct.node.op is UNSLICE and not fills(ct.node)
    if zeros or (ct.node.op is UNSLICE and any(map(masked, ct.parents))):
        pairs = zip(ct.parents, ct.node.attrs["indices"], strict=True)
        return [_with_axes(part, index) for part, index in pairs]
    op = ct.node.op
    if op.facts.index is not None and not op.facts.repeats and depth:
        inside = _placings(ct.parents[0], depth - 1)
        return None if inside is None else _after(ct, inside)
    if ct.node.op is NEG and depth:
        inside = _placings(ct.parents[0], depth - 1)
        return None if inside is None else [(_negated(p), i) for p, i in inside]
    if ct.node.op is ADD and depth:
        a, b = (_placings(p, depth - 1) for p in ct.parents)
        return None if a is None or b is None else a + b
    return None


def _negated(part: Tensor) -> Tensor:
    """Return a part negated, with its mask kept outermost."""
    mask = masked(part)
    return -part if mask is None else mask.around(-mask.inner)


def _after(t: Tensor, inside: Parts) -> Parts | None:
    """Return the parts that a view or a sum makes of parts."""
    node, found = t.node, []
    index_in = node.op.facts.index
    for part, index in inside:
        moved = None if index_in is None else index_in(node, index)
        if moved is None:
            return None
        found.append((apply(node.op, part, **node.attrs), moved))
    return found


def _with_axes(part: Tensor, index: Sequence[Any]) -> tuple[Tensor, Index]:
    """Return a part and its index with slices of length 1 instead of ints."""
    dropped = tuple(i for i, e in enumerate(index) if not isinstance(e, slice))
    entries = tuple(e if isinstance(e, slice) else slice(e, e + 1) for e in index)
    return (expand_dims(part, dropped) if dropped else part), entries


def _index_of(x: Tensor, k: int, index: Index, axes: Axes) -> Index:
    """Return the part of operand k that an index of the result reads."""
    entries = [WHOLE] * x.ndim
    for entry, places in zip(index, axes, strict=True):
        place = None if places is None else places[k]
        if place is not None:
            entries[place] = entry
    return tuple(entries)


def _cut(x: Tensor, index: Index) -> Tensor:
    if is_literal(x) or all(entry == WHOLE for entry in index):
        return x
    return sliced(x, index)


def _placed(share: Tensor, shape: Any, index: Index) -> Tensor:
    if all(entry == WHOLE for entry in index):
        return share
    return place_slice(share, shape, index)


# --- masks ----------------------------------------------------------------------------


def _conditions(
    mask: Masked, axes: Axes, inputs: Sequence[Tensor], needs: Sequence[bool]
) -> list[Tensor | None] | None:
    """Return a mask's condition on rows of each operand; None if one has no rows."""
    found = [
        _condition_for(x, k, mask, axes) if needed else None
        for k, (x, needed) in enumerate(zip(inputs, needs, strict=True))
    ]
    lacks = any(n and c is None for n, c in zip(needs, found, strict=True))
    return None if lacks else found


def _around(
    mask: Masked, conditions: Sequence[Tensor | None], shares: Sequence[Tensor | None]
) -> list[Tensor | None]:
    return [
        s if s is None or c is None else Masked(c, s, mask.taken).around(s)
        for s, c in zip(shares, conditions, strict=True)
    ]


def _condition_for(x: Tensor, k: int, mask: Masked, axes: Axes) -> Tensor | None:
    """Return a condition on rows of the result as one on operand k, if it has them."""
    condition = mask.condition
    source, shape = condition, condition.shape
    if condition.node.op.facts.repeats:
        (source,) = condition.parents
        shape = (1,) * (condition.ndim - source.ndim) + source.shape
    target: list[Any] = [1] * x.ndim
    last = -1
    for length, places in zip(shape, axes, strict=True):
        if length == 1:
            continue
        place = None if places is None else places[k]
        if place is None or place < last:
            return None
        target[place], last = length, place
    return broadcast_to(reshape(source, tuple(target)), x.shape)
