"""Where a cotangent is 0 by its construction, as a condition.

In: a cotangent (or tangent). Out: the mask of a selection in it (`covering`); a boolean
tensor that holds where it may differ from 0 (`support`); and the same tensor with
placing into zeros as its last step instead of an inner one (`lifted`). Linear ops in
between are looked through. Invariant: only ops that select, place or move elements
decide, never values.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import BOOL, Dim
from symdiff.ops.core.operands import CONSTANT
from symdiff.ops.core.tuples import ITEM
from symdiff.ops.elementwise.arithmetic import ADD, DIV, MUL, SUB
from symdiff.ops.elementwise.comparisons import (
    EQUAL,
    GREATER,
    LESS,
    LOGICAL_AND,
    LOGICAL_NOT,
    LOGICAL_OR,
    WHERE,
    greater_equal,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    where,
)
from symdiff.ops.indexing.bounds import slice_length
from symdiff.ops.indexing.gather import SET_AT
from symdiff.ops.indexing.index import indexed_shape
from symdiff.ops.indexing.slices import UNSLICE, lone_slice, place_slice
from symdiff.ops.reduce.sums import REDUCE_SUM, any_
from symdiff.ops.selecting.masks import Masked, after_view, is_zero, masked
from symdiff.ops.selecting.placing import fills
from symdiff.ops.shape.broadcasting import broadcast_to, full
from symdiff.ops.shape.views import TRANSPOSE, reshape

DEPTH = 12  # ops that a mask is looked for through


# --- masks that the rules of selecting ops made ---------------------------------------


def covering(t: Tensor, depth: int = DEPTH) -> Masked | None:
    """Return the mask around a tensor, seen through views and factors, or None.

    where(c, a, where(d, b, 0)) = where(c or d, where(c, a, b), 0), and
    where(c, a, 0) b = where(c, a b, 0) for a cotangent.
    """
    if not depth:
        return None
    mask = masked(t, rectified=True)
    if mask is not None:
        return mask
    if t.node.op is WHERE:
        return _nested(t, depth)
    if t.node.op.shows_all:
        inside = covering(t.parents[0], depth - 1)
        if inside is None:
            return None
        seen = after_view(t.node, inside.condition)
        if seen is None:
            return None
        inner = apply(t.node.op, inside.inner, **t.node.attrs)
        return Masked(seen, inner, inside.taken)
    for i in t.node.op.facts.scales:
        inside = covering(t.parents[i], depth - 1)
        if inside is not None:
            operands = [*t.parents[:i], inside.inner, *t.parents[i + 1 :]]
            inner = apply(t.node.op, *operands, **t.node.attrs)
            return replace(inside, inner=inner)
    return None


def _nested(t: Tensor, depth: int) -> Masked | None:
    """Return the mask of a choice between two, one of which is masked."""
    condition, a, b = t.parents
    for other, dense in ((b, condition), (a, None)):
        inside = covering(other, depth - 1)
        if inside is None or other.shape != condition.shape:
            continue
        shown = inside.condition if inside.taken else logical_not(inside.condition)
        if dense is None:
            inner = where(condition, inside.inner, b)
            return Masked(logical_or(logical_not(condition), shown), inner, True)
        return Masked(
            _either(condition, shown), where(condition, a, inside.inner), True
        )
    return None


def _either(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a or b``; x > y or x == y as x >= y."""
    joined = {GREATER: greater_equal, LESS: less_equal}.get(a.node.op)
    same = b.node.op is EQUAL and a.node.inputs == b.node.inputs
    if joined is not None and same:
        return joined(*a.parents)
    return logical_or(a, b)


# --- conditions -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Search:
    """The conditions found so far, and whether masks of rectifiers count."""

    rectified: bool
    known: dict[Tensor, Tensor | None] = field(default_factory=dict)


# For nodes that a sweep has looked at: whether they may have zeros by construction.
Seen = dict[Node, bool]


def support(
    t: Tensor, rectified: bool = True, seen: Seen | None = None
) -> Tensor | None:
    """Return a condition that holds where ``t`` may differ from 0; None: everywhere.

    Without ``rectified`` the masks of relu and of a maximum do not count.
    """
    if not _may_hold_zeros(t, {} if seen is None else seen):
        return None
    return _support(t, _Search(rectified), DEPTH)


def _support(t: Tensor, search: _Search, depth: int) -> Tensor | None:
    if not depth:
        return None
    if t not in search.known:
        search.known[t] = _found(t, search, depth - 1)
    return search.known[t]


def _found(t: Tensor, search: _Search, depth: int) -> Tensor | None:
    if _is_nothing(t):
        return full(t.shape, False, BOOL)
    op, attrs = t.node.op, t.node.attrs
    kind = op.facts.zeros
    if op is ITEM:
        return _of_rows(t, search, depth)
    linear = _linear_operands(t)
    if kind is None and not linear:
        return None
    # A factor that happens to be 0 is no selection: 0 times inf stays nan.
    factors = op in (MUL, DIV)
    parts = [
        None if factors and _is_nothing(p) else _support(p, search, depth)
        for p in linear
    ]
    held = [m for m in parts if m is not None]
    if kind is not None:
        if not held and not _places_zeros(t.node):
            return None
        whole = [_or_all(m, p) for m, p in zip(parts, linear, strict=True)]
        if op is SET_AT and not whole[1].ndim:  # a number
            arrays = [a.node.tensor_type for a in t.parents[2:]]
            shape = indexed_shape(t.shape, attrs["index"], arrays)
            whole[1] = full(shape, not _is_nothing(linear[1]), BOOL)
        return apply(op, *whole, *t.parents[len(whole) :], **attrs)
    if op in (ADD, SUB):
        return _or(*held) if len(held) == 2 else None
    if op is WHERE:
        seen = search.rectified or masked(t) is not None
        return _chosen(t, *parts) if seen else None
    if not held:
        return None
    if op is REDUCE_SUM:
        return any_(held[0], attrs["axes"], keepdims=attrs["keepdims"])
    return _and(held[0], held[-1])


def _may_hold_zeros(t: Tensor, seen: Seen) -> bool:
    """Whether a tensor, or an operand it is linear in, comes from selecting or placing.

    Most cotangents are not; for those there is nothing to search.
    """
    stack = [t]
    while stack:
        current = stack[-1]
        if current.node in seen:
            stack.pop()
        elif _makes_zeros(current):
            seen[current.node] = True
        else:
            linear = _linear_operands(current)
            waiting = [p for p in linear if p.node not in seen]
            stack.extend(waiting)
            if not waiting:
                seen[current.node] = any(seen[p.node] for p in linear)
    return seen[t.node]


def _makes_zeros(t: Tensor) -> bool:
    """Whether a tensor may have zeros that none of its operands has."""
    op = t.node.op
    return op in (ITEM, WHERE) or _places_zeros(t.node) or _is_nothing(t)


def _places_zeros(node: Node) -> bool:
    """Whether an op leaves zeros around the elements of its operand."""
    if node.op is UNSLICE:
        return not fills(node)
    kind = node.op.facts.zeros or ""
    return kind == "in place" or kind.startswith("placed")


def _linear_operands(t: Tensor) -> tuple[Tensor, ...]:
    """Return the operands that a tensor is linear in, element by element."""
    op = t.node.op
    if op.facts.zeros is not None:
        return t.parents[_parts(t)]
    if op is WHERE:
        return t.parents[1:]
    if op in (ADD, SUB, REDUCE_SUM):
        return t.parents
    return tuple(t.parents[i] for i in op.facts.scales)


def _of_rows(t: Tensor, search: _Search, depth: int) -> Tensor | None:
    """Return the condition of a loop's stacked result, if its sequences contain it.

    The mask inside the body is then a leaf, a row of a sequence: the sequence is the
    condition for all steps.
    """
    (loop,) = t.parents
    attrs, index = loop.node.attrs, t.node.attrs["index"]
    if "sequences" not in attrs or index < attrs["carries"]:
        return None
    body, spec = attrs["body"], LoopSpec.of(attrs)
    inner = _support(body.outputs[index], search, depth)
    pairs = [(body.params[i], loop.parents[i]) for i in spec.rows]
    if inner is None:
        return None
    return _outside(inner, {p.node: s for p, s in pairs}, t.shape[0])


def _outside(inner: Tensor, rows: dict[Node, Tensor], steps: Dim) -> Tensor | None:
    """Return one row's condition for all rows, stacked along a new first axis."""
    if inner.node in rows:
        return rows[inner.node]
    op = inner.node.op
    if not op.shows_all and op not in (LOGICAL_OR, LOGICAL_AND, LOGICAL_NOT):
        return None
    found = [_outside(p, rows, steps) for p in inner.parents]
    operands = [a for a in found if a is not None]
    if not operands or len(operands) < len(found):
        return None
    if not op.shows_all:
        return apply(op, *operands)
    (a,), axes = operands, inner.node.attrs.get("axes", ())
    if op is TRANSPOSE:
        return apply(op, a, axes=(0, *(i + 1 for i in axes)))
    if op.facts.repeats:
        ones = (1,) * (inner.ndim - a.ndim + 1)
        a = reshape(a, (steps, *ones, *a.shape[1:]))
        return broadcast_to(a, (steps, *inner.shape))
    return reshape(a, (steps, *inner.shape))


def _or(a: Tensor, b: Tensor) -> Tensor:
    return a if a.node is b.node else logical_or(a, b)


def _and(a: Tensor, b: Tensor) -> Tensor:
    return a if a.node is b.node else logical_and(a, b)


def _parts(t: Tensor) -> slice:
    """Return which operands' elements an op moves, as a slice of the operands."""
    every = t.node.op.facts.zeros == "joined" or t.node.op is UNSLICE
    return slice(2 if t.node.op is SET_AT else None if every else 1)


def _chosen(t: Tensor, a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """Return the condition of ``where(c, ., .)`` from those of its two operands."""
    condition, *operands = t.parents
    if _is_nothing(operands[1]):
        return condition if a is None else _and(condition, a)
    if _is_nothing(operands[0]):
        other = logical_not(condition)
        return other if b is None else _and(other, b)
    if a is None and b is None:
        return None
    return where(condition, _or_all(a, t), _or_all(b, t))


def _or_all(condition: Tensor | None, like: Tensor) -> Tensor:
    return full(like.shape, True, BOOL) if condition is None else condition


def _is_nothing(t: Tensor) -> bool:
    """Whether a tensor is the number 0, repeated."""
    while t.node.op.facts.repeats:
        (t,) = t.parents
    if t.node.op is CONSTANT and not t.ndim:
        return bool(t.node.attrs["value"] == 0)
    return is_zero(t)


# --- placing as the last step ---------------------------------------------------------


def lifted(t: Tensor, depth: int = DEPTH) -> Tensor | None:
    """Return a tensor as `unslice` of a part, where it was made from one, or None.

    view(unslice(p)) = unslice(view(p)), and likewise for sums, repetition and factors.
    """
    if lone_slice(t.node) is not None:
        return t
    index_in = t.node.op.facts.index
    if not depth or index_in is None:
        return None
    inside = lifted(t.parents[0], depth - 1)
    if inside is None:
        return None
    part, index = inside.parents[0], lone_slice(inside.node)
    moved = None if index is None else index_in(t.node, index)
    if moved is None:
        return None
    if t.node.op.facts.repeats:
        pairs = zip(moved, t.shape, strict=True)
        made = broadcast_to(part, tuple(slice_length(e, d) for e, d in pairs))
    else:
        made = apply(t.node.op, part, *t.parents[1:], **t.node.attrs)
    if all(entry == slice(None) for entry in moved):
        return None
    return place_slice(made, t.shape, moved)
