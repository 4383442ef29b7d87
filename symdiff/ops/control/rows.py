"""The row classes of loops and branches, for the records of `symdiff.ops.control`.

In: a node with bodies, and its operands' classes. Out: the classes of its results, or
None where it mixes rows. Invariant: a body is classified by the rules of its own ops; a
carry has the same class in every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from symdiff.graph.body import Body
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.ops.core.rows import (
    WHOLE,
    Batch,
    Mixed,
    Part,
    Parts,
    Rows,
    Sums,
    moved,
)


def _joined(a: Part, b: Part) -> Part | None:
    """Return the class of a value that is one or the other."""
    if a == b:
        return a
    if isinstance(a, Sums) and isinstance(b, Sums):
        return replace(a, more=True) if a.weighs_as(b) else None
    for total, other in ((a, b), (b, a)):
        if isinstance(total, Sums) and other == WHOLE:
            return replace(total, more=True)
    return None


def _inside(s: Batch, body: Body, parts: Sequence[Any]) -> list[Any]:
    given = {p.node: part for p, part in zip(body.params, parts, strict=True)}
    found = s.classes([t.node for t in body.outputs], given)
    return [found[t.node] for t in body.outputs]


def scanned(s: Batch, node: Node, parts: Sequence[Any]) -> Parts | None:
    if s.has_rows(node.attrs["length"]):
        return None
    spec = LoopSpec.of(node.attrs)
    carries, sequences, rest = spec.split(parts)
    inside = [
        moved(part, part.axis - 1) if isinstance(part, Rows) else part
        for part in sequences
    ]
    for _ in range(2 * len(carries) + 2):  # a class changes once or twice, then stays
        found = _inside(s, node.attrs["body"], [*carries, *inside, *rest])
        ends, ys = spec.ends(found)
        after = [_joined(a, b) for a, b in zip(carries, ends, strict=True)]
        bad = next((p for p in found if isinstance(p, Mixed)), None)
        if bad is not None:
            return (bad,) * len(found)
        if any(p is None for p in after):
            return None
        if after == list(carries):
            break
        carries = after
    stacked = [moved(p, p.axis + 1) if isinstance(p, Rows) else p for p in ys]
    return (*carries, *stacked)


def branched(s: Batch, node: Node, parts: Sequence[Any]) -> Parts | None:
    if parts[0] != WHOLE:
        return None
    sides = [_inside(s, node.attrs[k], parts[1:]) for k in ("then", "otherwise")]
    made = [_joined(a, b) for a, b in zip(*sides, strict=True)]
    known = [p for p in made if p is not None]
    return tuple(known) if len(known) == len(made) else None
