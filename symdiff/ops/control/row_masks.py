"""Which rows of a loop's sequences of cotangents (or tangents) are 0 by selection.

In: cotangents of the rows that a loop stacks. Out: sequences of conditions beside them,
and each row's cotangent inside the body as ``where(condition, d_row, 0)``. The
conditions are needed because a row's cotangent is a leaf of the body: the body cannot
see that it is 0 because its row was not read. Invariant: a loop with carries gets
conditions only if one of its partials can be infinite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from symdiff.graph.tensor import Tensor
from symdiff.graph.types import BOOL, TensorType
from symdiff.ops.core.closure import bound
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.comparisons import greater, less, logical_or, where
from symdiff.ops.indexing.slices import UNSLICE, place_slices
from symdiff.ops.reduce.cumulative import cumsum
from symdiff.ops.reduce.sums import any_, sum_
from symdiff.ops.selecting.finiteness import has_steep
from symdiff.ops.selecting.support import support
from symdiff.ops.shape.broadcasting import BROADCAST_TO, broadcast_to
from symdiff.ops.shape.views import reshape


@dataclass
class RowMasks:
    """Conditions for the leaves of a body that have a (co)tangent, by their position.

    Attributes
    ----------
    rows : the sequences that have a (co)tangent
    carries : how many carries stand before them
    conditions : for some of them, a leaf in the body and the sequence of its values
    reached : for the carries, whether a (co)tangent has reached them before a step
    """

    rows: dict[int, Tensor]
    carries: int
    conditions: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    reached: tuple[Tensor, Tensor] | None = None
    _used: dict[Tensor, Tensor] = field(default_factory=dict)

    def over(self, place: int, t: Tensor) -> Tensor:
        """Return a leaf's (co)tangent with the mask of its rows, if it has one."""
        carried = place < self.carries
        condition = self.reached if carried else self.conditions.get(place)
        if condition is None:
            return t
        leaf, sequence = condition
        self._used[leaf] = sequence
        return where(leaf if leaf.ndim else broadcast_to(leaf, t.shape), t, 0)

    def leaves(self) -> list[Tensor]:
        """Return the leaves of the conditions that were asked for."""
        return list(self._used)

    def sequences(self) -> list[Tensor]:
        """Return the values of these leaves, step by step."""
        return list(self._used.values())


def row_masks(
    outputs: Sequence[Tensor],
    moving: Sequence[Tensor | None],
    places: range,
    backwards: bool,
) -> RowMasks:
    """Return the conditions of the sequences among the (co)tangents of a loop.

    Parameters
    ----------
    outputs : of the loop's body
    moving : cotangents (or tangents) of carries, sequences and others; None is zero
    places : the positions of the sequences among them
    backwards : whether the loop runs from the last row to the first
    """
    rows = {i: t for i in places if (t := moving[i]) is not None}
    found = RowMasks(rows, places.start)
    if not rows or (places.start and not has_steep(outputs)):
        return found
    for i, t in rows.items():
        condition = support(t, rectified=False)
        if condition is not None:
            by_row = _by_row(condition)
            condition = condition if by_row is None else by_row
            leaf = bound(TensorType(condition.shape[1:], BOOL), _name(i, rows))
            found.conditions[i] = leaf, condition
    others = [t for i, t in enumerate(moving) if i not in places]
    if len(found.conditions) == len(rows) and all(t is None for t in others):
        reached = _reached([s for _, s in found.conditions.values()], backwards)
        found.reached = bound(TensorType((), BOOL), "reached"), reached
    return found


def _name(place: int, rows: Mapping[int, Tensor]) -> str:
    return "read" if len(rows) == 1 else f"read{list(rows).index(place)}"


def _reached(sequences: Sequence[Tensor], backwards: bool) -> Tensor:
    """Return, for each step, whether the condition of any earlier row holds."""
    any_row: Tensor | None = None
    for s in sequences:
        flat = any_(s, tuple(range(1, s.ndim))) if s.ndim > 1 else s
        any_row = flat if any_row is None else logical_or(any_row, flat)
    assert any_row is not None
    ones = cast(any_row, "int64")
    count = cumsum(ones, 0)
    if backwards:
        return less(count, broadcast_to(sum_(ones), count.shape))
    return greater(count - ones, 0)


def _by_row(condition: Tensor) -> Tensor | None:
    """Return one boolean per row if the condition is constant in each row, or None."""
    if condition.ndim == 1:
        return condition
    op, attrs, length = condition.node.op, condition.node.attrs, condition.shape[0]
    if op is BROADCAST_TO:
        (source,) = condition.parents
        if any(d != 1 for d in source.shape[1:]):
            return None
        if source.ndim == condition.ndim:
            source = reshape(source, source.shape[:1])
        return broadcast_to(source, (length,)) if source.ndim < 2 else None
    if op is UNSLICE and all(_is_whole(i[1:]) for i in attrs["indices"]):
        pairs = zip(condition.parents, attrs["indices"], strict=True)
        parts = [_part_by_row(p, index[0]) for p, index in pairs]
        if all(p is not None for p in parts):
            indices = tuple(index[:1] for index in attrs["indices"])
            known = [p for p in parts if p is not None]
            return place_slices(known, (length,), indices)
    return None


def _part_by_row(part: Tensor, entry: object) -> Tensor | None:
    """Return a part's condition by row; an int as ``entry`` is a part of one row."""
    if isinstance(entry, slice):
        return _by_row(part)
    while part.ndim and part.node.op.facts.repeats:
        (part,) = part.parents
    return None if part.ndim else part


def _is_whole(index: tuple[object, ...]) -> bool:
    return all(entry == slice(None) for entry in index)
