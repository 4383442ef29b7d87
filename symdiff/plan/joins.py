"""What is joined, computed in the places where it lies in the result.

In: a node whose operands lie beside each other in its result. Out: the parts of its
memory, and the form of what is left to do. Invariant: an operand that is not in its
place already is copied there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from symdiff.graph.node import Node
from symdiff.graph.types import Dim
from symdiff.ops.core.outforms import OutForm
from symdiff.ops.core.text import dim_text
from symdiff.plan.buffers import Buffer


def parts_of(node: Node, goal: Buffer) -> Iterator[tuple[Node, Buffer]]:
    """Yield operands, and the parts of a destination where they belong."""
    rule = node.op.facts.beside
    for x, part in zip(node.inputs, () if rule is None else rule(node), strict=False):
        yield x, replace(goal, shape=x.shape, part=part)


def joining(node: Node, form: OutForm, holding: Mapping[Node, Buffer]) -> OutForm:
    """Return the form of a node of which parts may lie in their places already."""
    rule = node.op.facts.beside
    there = [holding.get(x) for x in node.inputs]
    if rule is None or all(b is None or b.part is None for b in there):
        return form
    copies = [
        f"np.copyto(_out[{_index_text(*part)}], _{i})"
        for i, (part, buffer) in enumerate(zip(rule(node), there, strict=True))
        if buffer is None or buffer.part != part
    ]
    return OutForm("\n".join(copies))


def _index_text(axis: int, start: Dim, stop: Dim) -> str:
    """Return the text of the index of a part along an axis."""
    return ", ".join([*[":"] * axis, f"{dim_text(start)}:{dim_text(stop)}"])
