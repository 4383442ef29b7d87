"""Zeros that come from selecting: no rule multiplies them by an infinite slope.

In: a rule that acts on each element alone and is linear in a cotangent (or tangent),
and the operands it reads. Out: the rule's result, 0 wherever the cotangent is 0 by its
construction: outside a slice, where an element was not taken, or was not the maximum.
Invariant: ``rule(place(t)) = place(rule(t))`` with the operands read at the same
places, and ``rule(where(c, t, 0)) = where(c, rule(t), 0)``; so an infinite slope of an
element that was not selected is never computed, or is masked again. A zero that is a
value, as in ``0 * sqrt(x)``, is left to IEEE arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy as sp

from symdiff.derive.sums import add_all
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import product
from symdiff.ops.core.operands import is_literal
from symdiff.ops.core.record import Cotangents
from symdiff.ops.elementwise.arithmetic import ADD
from symdiff.ops.elementwise.comparisons import where
from symdiff.ops.indexing.bounds import slice_length
from symdiff.ops.indexing.expressions import getitem
from symdiff.ops.indexing.slices import SLICE, UNSLICE, Slices, lone_slice
from symdiff.ops.selecting.finiteness import may_be_infinite
from symdiff.ops.selecting.masks import masked
from symdiff.ops.selecting.placing import fills, without_axes
from symdiff.ops.selecting.support import Seen, covering, lifted, support
from symdiff.ops.shape.broadcasting import broadcast_to
from symdiff.ops.shape.views import squeeze

# rule(t, output, inputs), linear in t
Rule = Callable[[Tensor, Tensor, Sequence[Tensor]], "Tensor | None"]
Factor = tuple[Node, int]
FEW = 3  # up to so many parts of one array, a rule is applied to each separately
DEPTH = 12  # ops that a selection is looked for through


def through_zeros(
    rule: Rule,
    t: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    factor: Factor | None,
    seen: Seen,
    depth: int = DEPTH,
) -> Tensor | None:
    """Return ``rule(t, output, inputs)``, and 0 where ``t`` is 0 by construction.

    Parameters
    ----------
    rule : acts on each element alone, linear in ``t``
    factor : the node and operand that the rule is the partial of; None if the rule
        selects, or scales by a number, and so always makes 0 of 0. Where the partial is
        finite for all finite arguments, masks that no user wrote (of relu, of a
        maximum) are not repeated, so that the text of ordinary models has one mask.
    seen : for nodes that the sweep has passed, whether they may have zeros
    """

    def again(t: Tensor, output: Tensor, inputs: Sequence[Tensor]) -> Tensor | None:
        return through_zeros(rule, t, output, inputs, factor, seen, depth - 1)

    if not depth:
        return rule(t, output, inputs)
    found = None if factor is None else _placed(t)
    if found is not None:
        return found(again, output, inputs)
    mask = masked(t)
    if mask is None and factor is not None:
        steep = may_be_infinite(*factor)
        mask = covering(t) if steep else None
        if mask is None:
            return _under(support(t, steep, seen), rule(t, output, inputs))
    if mask is None:
        return rule(t, output, inputs)
    inner = again(mask.inner, output, inputs)
    if inner is None or inner is mask.inner:
        return None if inner is None else t
    return mask.around(inner)


def _under(condition: Tensor | None, t: Tensor | None) -> Tensor | None:
    return t if condition is None or t is None else where(condition, t, 0)


# --- the rules of elementwise ops -----------------------------------------------------


def selected_vjp(
    ct: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
    *,
    seen: Seen,
) -> Cotangents:
    """Return the shares of an elementwise op's operands, None where none is needed.

    They are 0 where the cotangent is 0 by selection.
    """
    rule, count = output.node.op.vjp, len(inputs)
    assert rule is not None

    def share(i: int) -> Rule:
        def alone(ct: Tensor, y: Tensor, xs: Sequence[Tensor]) -> Tensor | None:
            found: Tensor | None = rule(ct, y, xs, attrs, _only(i, count))[i]
            return found

        return alone

    return [
        _selected(share(i), i, ct, output, inputs, seen) if needed else None
        for i, needed in enumerate(needs)
    ]


def selected_jvp(
    tangents: Cotangents,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    *,
    seen: Seen,
) -> Tensor | None:
    """Return an elementwise op's tangent.

    Each operand's summand is 0 where the operand's tangent is 0 by selection.
    """
    rule, count = output.node.op.jvp, len(inputs)
    assert rule is not None

    def summand(i: int) -> Rule:
        def alone(t: Tensor, y: Tensor, xs: Sequence[Tensor]) -> Tensor | None:
            moves = [t if one else None for one in _only(i, count)]
            found: Tensor | None = rule(moves, y, xs, attrs)
            return found

        return alone

    return add_all(
        _selected(summand(i), i, t, output, inputs, seen)
        for i, t in enumerate(tangents)
        if t is not None
    )


def _only(i: int, count: int) -> list[bool]:
    return [k == i for k in range(count)]


def _selected(
    rule: Rule,
    i: int,
    t: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    seen: Seen,
) -> Tensor | None:
    """Return ``t`` times the partial in operand ``i``; None is zero."""
    op = output.node.op
    partial = op.partials[i]
    if partial is None:
        return None
    function = callable(partial) and not isinstance(partial, sp.Basic)
    plain = op.facts.selects if function else bool(sp.sympify(partial).is_number)
    factor = None if plain else (output.node, i)
    return through_zeros(rule, t, output, inputs, factor, seen)


# --- parts that were placed into zeros ------------------------------------------------

Applied = Callable[[Rule, Tensor, Sequence[Tensor]], "Tensor | None"]


def _placed(t: Tensor, depth: int = DEPTH) -> Applied | None:
    """Return a function that applies a rule to the parts of ``t``, if it has any."""
    if not depth:
        return None
    outermost = lifted(t)
    t = t if outermost is None else outermost
    kind = t.node.op.facts.zeros
    place = lone_slice(t.node)
    if place is not None:
        return _in_slice(t, place)
    if t.node.op is UNSLICE:
        few = len(t.parents) <= FEW
        return _in_parts(t) if few and not fills(t.node) else None
    if kind == "in place":
        return _in_part(t, t.parents[0], lambda x: x)
    if kind == "placed apart" or (kind == "placed" and _is_small(t)):
        return _in_part(t, t.parents[0], lambda x: _read_back(t, x))
    if t.node.op is ADD and not any(p.node.op is ADD for p in t.parents):
        both = all(_placed(p, depth - 1) is not None for p in t.parents)
        return _in_terms(t) if both else None
    if kind == "rearranged" and _placed(t.parents[0], depth - 1) is not None:
        return _in_part(t, t.parents[0], lambda x: _read_back(t, x))
    return None


def _in_part(t: Tensor, part: Tensor, read: Callable[[Tensor], Tensor]) -> Applied:
    """Return a function that applies a rule to one part and to ``read(operand)``."""
    above = [t] if t.parents[0] is part else [t.parents[0], t]

    def applied(rule: Rule, output: Tensor, inputs: Sequence[Tensor]) -> Tensor | None:
        read_inputs = [x if is_literal(x) else read(x) for x in inputs]
        inner = rule(part, read(output), read_inputs)
        if inner is None or inner is part:
            return None if inner is None else t
        for step in above:
            inner = apply(step.node.op, inner, *step.parents[1:], **step.node.attrs)
        return inner

    return applied


def _in_slice(t: Tensor, index: Slices) -> Applied:
    """As `_in_part`; operands of one element are read as x[i], not as x[i:i + 1]."""
    (part,) = t.parents
    if without_axes(part, index)[0] is part:
        return _in_part(t, part, lambda x: sliced(x, index))
    axes = part.node.attrs["axes"]
    return _in_part(t, part.parents[0], lambda x: squeeze(sliced(x, index), axes))


def _in_terms(t: Tensor) -> Applied:
    """Return a function that applies a rule to both terms of a sum, each with zeros."""

    def applied(rule: Rule, output: Tensor, inputs: Sequence[Tensor]) -> Tensor | None:
        a, b = (rule(term, output, inputs) for term in t.parents)
        return None if a is None or b is None else a + b

    return applied


def _in_parts(t: Tensor) -> Applied:
    def applied(rule: Rule, output: Tensor, inputs: Sequence[Tensor]) -> Tensor | None:
        found = []
        for part, index in zip(t.parents, t.node.attrs["indices"], strict=True):
            rows = [x if is_literal(x) else getitem(x, index) for x in inputs]
            inner = rule(part, getitem(output, index), rows)
            if inner is None:
                return None
            found.append(inner)
        return apply(UNSLICE, *found, **t.node.attrs)

    return applied


def _read_back(placed: Tensor, x: Tensor) -> Tensor:
    """Return the elements of ``x`` at the places that an op fills, by its transpose."""
    op, attrs = placed.node.op, placed.node.attrs
    needs = [i == 0 for i in range(len(placed.parents))]
    assert op.vjp is not None
    (found, *_) = op.vjp(x, placed, placed.parents, attrs, needs)
    assert found is not None
    return found


def _is_small(t: Tensor) -> bool:
    """Whether an op fills no place twice, or has no more elements than places."""
    if t.node.attrs.get("unique"):
        return True
    count, room = product(list(t.parents[0].shape)), product(list(t.shape))
    return isinstance(count, int) and isinstance(room, int) and count <= room


def sliced(x: Tensor, index: Slices) -> Tensor:
    """Return x[index]; of a broadcast array, the operand is cut and then broadcast."""
    if lone_slice(x.node) == index:
        return x.parents[0]
    if not x.node.op.facts.repeats:
        return apply(SLICE, x, index=index)
    (small,) = x.parents
    ahead = x.ndim - small.ndim
    lengths = zip(index[ahead:], x.shape[ahead:], small.shape, strict=True)
    own = tuple(e if d == length else slice(None) for e, d, length in lengths)
    if any(entry != slice(None) for entry in own):
        small = sliced(small, own)
    shape = [slice_length(e, d) for e, d in zip(index, x.shape, strict=True)]
    return broadcast_to(small, tuple(shape))
