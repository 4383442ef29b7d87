"""The row classes of changes of shape, for the records of `symdiff.ops.shape`.

In: a node and its operands' classes. Out: its class, or None where it mixes rows.
Invariant: these are rules as in `symdiff.ops.core.rows`, and as safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdiff.graph.node import Node
from symdiff.graph.types import product
from symdiff.ops.core.rows import WHOLE, Batch, Part, Rows, moved, per, same_rows


def broadcast(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """Rows stay rows; a value that is repeated once for each row becomes rows."""
    (part,), (x,) = parts, node.inputs
    if isinstance(part, Rows):
        rows = moved(part, part.axis + len(node.shape) - len(x.shape))
        others = [d for i, d in enumerate(node.shape) if i != rows.axis]
        return None if s.has_rows(others) else rows
    if part == WHOLE:
        at = [i for i, d in enumerate(node.shape) if s.has_rows(d)]
        if len(at) == 1:
            before, after = product(node.shape[: at[0]]), product(node.shape[at[0] :])
            return s.place(node.shape, before, per(after, s.rows))
    return None


def reshaped(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """Rows are found again where as many elements lie before and after each."""
    (part,), (x,) = parts, node.inputs
    if not isinstance(part, Rows):
        return None
    before = product(x.shape[: part.axis]) * part.outer
    after = part.inner * product(x.shape[part.axis + 1 :])
    return s.place(node.shape, before, after)


def transposed(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """Rows move with their axis."""
    (part,) = parts
    if not isinstance(part, Rows):
        return None
    return moved(part, tuple(node.attrs["axes"]).index(part.axis))


def stacked(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """A new axis ahead of rows moves them."""
    rows = same_rows(parts)
    if rows is None or not all(isinstance(p, Rows) for p in parts):
        return None
    return moved(rows, rows.axis + (node.attrs["axis"] <= rows.axis))


def joined(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """Joined along another axis, rows stay where they are."""
    rows = same_rows(parts)
    return None if rows is None or rows.axis == node.attrs["axis"] else rows
