"""Elementwise operations on large arrays, gathered to be computed part by part.

In: the steps of a planned function, each a single operation. Out: the same steps, with
those that can be done on a few rows at a time beside each other, and a `Gathered` that
says which these are. Invariant: every step still follows those that it reads; a step of
the region reads, of arrays with rows, the same rows that it computes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from symdiff.graph.node import Node
from symdiff.graph.types import Shape, TupleType
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.linalg.matmul import MATMUL
from symdiff.plan.outform import out_form
from symdiff.plan.schedule import Step

LARGE = 1 << 17  # elements, of which several arrays do not fit into a cache
PART = 1 << 15  # elements of a part, of which several do
FEWEST = 4  # operations that are worth a loop


@dataclass(frozen=True, slots=True)
class Gathered:
    """The steps ``first`` to ``last``, which are done on ``rows`` rows at a time.

    ``shape`` is that of all arrays. ``totals`` are products of two vectors, whose parts
    are added up.
    """

    first: int
    last: int
    shape: Shape
    rows: int
    members: frozenset[Node]
    totals: frozenset[Node]

    @property
    def part(self) -> Shape:
        """The shape of what is computed at a time."""
        return (self.rows, *self.shape[1:])

    @property
    def is_even(self) -> bool:
        """Whether all parts have the same number of rows."""
        length = self.shape[0]
        return isinstance(length, int) and length % self.rows == 0


def gathered(
    steps: Sequence[Step], same: Mapping[Node, Node]
) -> tuple[Sequence[Step], Gathered | None]:
    """Return steps with those of a region beside each other, and the region, if any."""
    nodes = [s.tensor.node for s in steps]
    shapes = Counter(n.shape for n in nodes if n not in same and _is_alike(n))
    if not shapes:
        return steps, None
    ((shape, _),) = shapes.most_common(1)
    members, totals, after = _parted(nodes, shape, same)
    if len(members) < FEWEST:
        return steps, None
    inside = members | totals
    groups = [
        [s for s in steps if s.tensor.node not in inside | after],
        [s for s in steps if s.tensor.node in inside],
        [s for s in steps if s.tensor.node in after],
    ]
    first = len(groups[0])
    region = Gathered(
        *(first, first + len(groups[1]), shape, _rows(shape)),
        frozenset(members),
        frozenset(totals),
    )
    return [s for group in groups for s in group], region


def postponed(steps: Sequence[Step], results: Collection[Node]) -> list[Step]:
    """Return steps in which what is made of arguments alone stands before its reader.

    Its memory is then free again at once, and it is still in the cache.
    """
    nodes = [s.tensor.node for s in steps]
    made, readers = set(nodes), Counter(i for n in nodes for i in set(n.inputs))
    single = {i: n for n in nodes for i in n.inputs if readers[i] == 1}
    before: dict[Node, list[Step]] = {}
    for step in steps:
        node = step.tensor.node
        arrays = (i for i in node.inputs if i.shape and not _is_number(i))
        given = node.op.is_elementwise and not any(i in made for i in arrays)
        if given and node.shape and node in single and node not in results:
            before.setdefault(single[node], []).append(step)
    moved = {s.tensor.node for group in before.values() for s in group}
    kept = (s for s in steps if s.tensor.node not in moved)
    return [s for step in kept for s in (*before.get(step.tensor.node, ()), step)]


def _is_number(node: Node) -> bool:
    """Whether an array is one number repeated."""
    return node.op.facts.repeats and not node.inputs[0].shape


def _is_alike(node: Node) -> bool:
    """Whether a node is an elementwise operation on large arrays."""
    if isinstance(node.type, TupleType) or not node.op.is_elementwise:
        return False
    if not node.shape or not all(isinstance(d, int) for d in node.shape):
        return False
    return math.prod(node.shape) >= LARGE and out_form(node) is not None


def _parted(
    nodes: Sequence[Node], shape: Shape, same: Mapping[Node, Node]
) -> tuple[set[Node], set[Node], set[Node]]:
    """Return the members of a region, its totals, and what has to follow it."""
    members, totals, after = set[Node](), set[Node](), set[Node]()
    for node in nodes:
        reads = set(_read(node))
        if reads & (after | totals):
            after.add(node)
        elif same.get(node) in members or _is_member(node, shape, members):
            members.add(node)
        elif _is_total(node, shape) and reads <= members:
            totals.add(node)
        elif reads & members:
            after.add(node)
    return members, totals, after


def _read(node: Node) -> list[Node]:
    """Return what a node reads, and what that repeats."""
    found = [*node.inputs]
    return [*found, *(i.inputs[0] for i in found if i.op.facts.repeats)]


def _is_member(node: Node, shape: Shape, members: Collection[Node]) -> bool:
    """Whether an operation is on numbers, and on arrays with the same rows."""
    return (
        _is_alike(node)
        and node.shape == shape
        and all(
            i.op is LITERAL
            or i in members
            or not i.shape
            or (i.shape == shape and not i.op.view)
            or _is_number(i)
            for i in node.inputs
        )
    )


def _is_total(node: Node, shape: Shape) -> bool:
    if node.op is not MATMUL or len(shape) != 1:
        return False
    return all(i.shape == shape for i in node.inputs)


def _rows(shape: Shape) -> int:
    """Return how many rows a part has: an equal share of all, where there is one."""
    length = shape[0]
    assert isinstance(length, int)
    width = math.prod(int(d) for d in shape[1:])
    wish = max(1, PART // width)
    even = [n for n in range(wish // 2, 2 * wish) if n and length % n == 0]
    return min(even, key=lambda n: abs(n - wish)) if even else min(wish, length)
