"""What a sum of cotangents is a sum of: the shares that rules made.

In: a tensor whose site is that of a fan-out. Out: the first and the last of its shares.
Invariant: sums of a long chain are parts of one another, and each is looked at once.
"""

from __future__ import annotations

from symdiff.graph.origin import FAN_OUT
from symdiff.graph.tensor import Tensor

Ends = tuple[Tensor, Tensor]


class Shares:
    """The shares of sums, kept for the sums that they are parts of."""

    def __init__(self) -> None:
        self._ends: dict[Tensor, Ends | None] = {}

    def ends(self, total: Tensor) -> Ends | None:
        """Return the shares by the rules of the values declared first and last.

        The first is the last one to be known.
        """
        waiting = [total]
        while waiting:
            current = waiting[-1]
            parts = [t for t in current.parents if _is_part(t, current)]
            further = [t for t in parts if t not in self._ends]
            if further:
                waiting += further
                continue
            waiting.pop()
            found = [t for p in parts for t in self._ends[p] or ()]
            terms = (t for t in current.parents if not _is_part(t, current))
            found += [t for t in terms if _is_made(t)]
            ordered = sorted(found, key=_number)
            self._ends[current] = (ordered[0], ordered[-1]) if ordered else None
        return self._ends[total]


def _is_part(tensor: Tensor, total: Tensor) -> bool:
    """Whether a term of a sum of cotangents is a sum of some of them."""
    return tensor.site.rule == FAN_OUT and tensor.site.primal is total.site.primal


def _is_made(tensor: Tensor) -> bool:
    """Whether a rule made a term here; what a loop carries comes from elsewhere."""
    return tensor.site.primal is not None and bool(tensor.node.inputs)


def _number(share: Tensor) -> int:
    assert share.site.primal is not None
    return share.site.primal.origin.number
