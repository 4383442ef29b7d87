"""How cotangents (and tangents) of one value add up.

In: the contributions of the users of a value. Out: their sum. Invariant: terms that
selection has masked by the same condition are added under one mask, and parts that were
placed into zeros are placed into one array. So a sum costs only as much as its parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symdiff.graph.tensor import Tensor
from symdiff.ops.core import rules
from symdiff.ops.elementwise.comparisons import where
from symdiff.ops.indexing.bounds import Index
from symdiff.ops.indexing.slices import UNSLICE, lone_slice, place_slices
from symdiff.ops.selecting.masks import Masked, condition_origin, masked
from symdiff.ops.selecting.placing import without_axes


def add_all(terms: Iterable[Tensor | None]) -> Tensor | None:
    """Return the sum of tensors, or None when there are none."""
    known = [t for t in terms if t is not None]
    return rules.add_all(merge_placed(merge_masked(known)))


def merge_masked(terms: Sequence[Tensor]) -> list[Tensor]:
    """Return terms of the same sum, those under one mask as one term.

    where(c, a, 0) + where(c, b, 0) = where(c, a + b, 0), and
    where(c, a, 0) + where(c, 0, b) = where(c, a, b).
    """
    found: list[Tensor] = []
    masks: dict[int, Masked] = {}
    places: dict[object, int] = {}  # by condition: long sums take linear time
    for term in terms:
        mask = masked(term) if len(terms) > 1 else None
        at = -1 if mask is None else places.get(condition_origin(mask.condition), -1)
        before = masks.get(at)
        if mask is None or before is None:
            if mask is not None:
                places[condition_origin(mask.condition)] = len(found)
                masks[len(found)] = mask
            found.append(term)
            continue
        if before.taken == mask.taken:
            (inner,) = _added(before.inner, mask.inner)
            found[at] = before.around(inner)
            masks[at] = Masked(before.condition, inner, before.taken)
        else:
            a, b = (before, mask) if before.taken else (mask, before)
            found[at] = where(a.condition, a.inner, b.inner)
            del masks[at]
    return found


def _added(a: Tensor, b: Tensor) -> list[Tensor]:
    """Return the sum as one term, under a further mask if both have the same one."""
    terms = merge_masked([a, b])
    return terms if len(terms) == 1 else [a + b]


def merge_placed(terms: Sequence[Tensor]) -> list[Tensor]:
    """Return terms of one sum, with all that are parts in zeros as a single term.

    unslice(a; i) + unslice(b; j) + c = unslice(a, b; i, j) + c.
    """
    placed = [t for t in terms if t.node.op is UNSLICE]
    if len(placed) < 2:
        return list(terms)
    parts: list[Tensor] = []
    indices: list[Index] = []
    for term in placed:
        whole = lone_slice(term.node)
        if whole is None:
            parts += term.parents
            indices += term.node.attrs["indices"]
        else:
            part, index = without_axes(term.parents[0], whole)
            parts.append(part)
            indices.append(index)
    merged = place_slices(parts, placed[0].shape, indices)
    rest = [t for t in terms if t.node.op is not UNSLICE]
    return [merged, *rest]
