"""Slices that split an array evenly: one statement takes them all.

In: the nodes of a body. Out: the slices of one array, in order, for each such array.
Invariant: they have every element of it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.rows import FULL
from symdiff.ops.indexing.bounds import span_of
from symdiff.ops.indexing.slices import SLICE

if TYPE_CHECKING:
    from symdiff.plan.schedule import Step

FEWEST = 3  # two slices are as short


def sections(
    order: Iterable[Node], named: Callable[[Node], bool]
) -> list[tuple[Node, ...]]:
    """Return groups of slices that split an array evenly; all of them are named."""
    found: dict[tuple[Node, int], dict[int, Node]] = {}
    for node in order:
        axis = axis_of(node)
        if axis is None or not named(node):
            continue
        span = span_of(node.attrs["index"][axis], node.inputs[0].shape[axis])
        if span is not None and isinstance(span[0], int):
            found.setdefault((node.inputs[0], axis), {})[span[0]] = node
    return [
        tuple(parts[at] for at in sorted(parts))
        for (source, axis), parts in found.items()
        if _is_even(sorted(parts), parts, source, axis)
    ]


def axis_of(node: Node) -> int | None:
    """Return the axis along which a node is a slice, if it is one along no other."""
    if node.op is not SLICE:
        return None
    cut = [axis for axis, entry in enumerate(node.attrs["index"]) if entry != FULL]
    return cut[0] if len(cut) == 1 else None


def _is_even(
    starts: Sequence[int], parts: dict[int, Node], source: Node, axis: int
) -> bool:
    length, count = source.shape[axis], len(starts)
    if not isinstance(length, int) or count < FEWEST or length % count:
        return False
    width = length // count
    return starts == list(range(0, length, width)) and all(
        parts[at].shape[axis] == width for at in starts
    )


def together(steps: Sequence[Step], groups: Iterable[Sequence[Tensor]]) -> list[Step]:
    """Return steps in which the first slice of each group takes all of the group."""
    whole = {t.node: tuple(group) for group in groups for t in group}
    made: list[Step] = []
    done: set[Node] = set()
    for step in steps:
        parts = whole.get(step.tensor.node, ())
        if step.tensor.node in done:
            continue
        done.update(t.node for t in parts)
        made.append(replace(step, parts=parts) if parts else step)
    return made
