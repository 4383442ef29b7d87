"""The roles of a loop's operands: carries, sequences and constants.

In: the attributes of a loop's node. Out: a `LoopSpec`: the positions of its carries, of
the sequences it iterates over, and of the values it reads from outside. Invariant:
operands come in this order, and so do the leaves of the body; results are the last
carries, then what is stacked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoopSpec:
    """The positions of a loop's operands; ``rows`` are empty for a while loop."""

    carries: range
    rows: range
    consts: range

    @classmethod
    def counted(cls, carries: int, rows: int, operands: int) -> LoopSpec:
        """Return the positions for these numbers of carries, rows and all operands."""
        first = carries + rows
        return cls(range(carries), range(carries, first), range(first, operands))

    @classmethod
    def of(cls, attrs: Mapping[str, Any]) -> LoopSpec:
        """Return the positions of the operands of a node with these attributes."""
        count = len(attrs["body"].params)
        return cls.counted(attrs["carries"], attrs.get("sequences", 0), count)

    @property
    def inner(self) -> range:
        """The carries and the rows: the operands that change from step to step."""
        return range(self.rows.stop)

    def split(
        self, operands: Sequence[T]
    ) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
        """Return the carries, the sequences and the others among operands."""
        n, end = self.rows.start, self.rows.stop
        return operands[:n], operands[n:end], operands[end:]

    def ends(self, results: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
        """Return the carries and what is stacked among results."""
        n = len(self.carries)
        return results[:n], results[n:]
