"""The loop in which a planned body computes large arrays part by part.

In: a `Gathered` of a memory plan, and the memory of its values. Out: names of parts, in
whose place the statements of the region are lowered, and the loop around these.
Invariant: a part of an array is a view, so what is written into it is written into the
array; after the loop, names stand for whole arrays again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from symdiff.emit.lower.context import Context
from symdiff.emit.lower.identifiers import identifier
from symdiff.emit.lower.statements import expression_of
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.ops.core.operands import LITERAL
from symdiff.plan.buffers import Buffer, MemoryPlan
from symdiff.plan.gathering import Gathered

START, PART = "start", "part"


@dataclass(slots=True)
class Parts:
    """The names of the parts of arrays while a region is lowered."""

    region: Gathered
    start: str
    part: str
    read: dict[Node, tuple[py.Expr, py.Name]] = field(default_factory=dict)
    memory: dict[py.Expr, py.Name] = field(default_factory=dict)  # of whole arrays
    shorter: dict[py.Expr, py.Name] = field(default_factory=dict)  # of memory for parts
    totals: list[py.Name] = field(default_factory=list)

    def of(self, memory: py.Expr) -> py.Expr:
        """Return the part of a buffer, while one is computed."""
        return self.memory.get(memory) or self.shorter.get(memory) or memory

    def total(self, name: py.Name, value: py.Expr, comment: str) -> py.Stmt:
        """Return the statement that adds to a total."""
        self.totals.append(name)
        return py.AugAssign(name, "+", value, comment)

    def loop(self, body: Iterable[py.Stmt]) -> list[py.Stmt]:
        """Return the loop over the parts, after what its totals start from."""
        rows, length = self.region.rows, self.region.shape[0]
        start, part = py.Name(self.start), py.Name(self.part)
        end = py.Binary("+", start, py.Lit(rows))
        head: list[py.Stmt] = [py.Assign((part,), py.call("slice", start, end))]
        pairs = [*self.read.values(), *self.memory.items()]
        head += [py.Assign((name,), py.Index(whole, (part,))) for whole, name in pairs]
        if self.shorter:
            left = py.call("len", pairs[0][1])
            head += [
                py.Assign((name,), py.Index(whole, (py.Slice(hi=left),)))
                for whole, name in self.shorter.items()
            ]
        made: list[py.Stmt] = [py.Assign((t,), py.Lit(0.0)) for t in self.totals]
        every = py.call("range", py.Lit(0), py.Lit(int(length)), py.Lit(rows))
        return [*made, py.For(start, every, (*head, py.Blank(), *body))]


def entered(
    plan: MemoryPlan, memory: Callable[[Buffer], py.Expr], context: Context
) -> Parts:
    """Name the parts of all that a region reads and writes."""
    region = plan.region
    assert region is not None
    names = context.names
    parts = Parts(region, names.claim(START), names.claim(PART))
    places = [p for p in plan.places[region.first : region.last] if p.kind != "inline"]
    for node in dict.fromkeys(i for p in places for i in p.node.inputs):
        outside = node not in region.members and node.op is not LITERAL
        if outside and node.shape == region.shape and not node.op.facts.repeats:
            whole = expression_of(node, context)
            parts.read[node] = whole, _named(whole, context)
    for p in places:
        if p.buffer is None:
            continue
        whole = memory(p.buffer)
        if p.buffer.shape == region.shape:
            parts.memory.setdefault(whole, _named(whole, context))
        elif not region.is_even and whole not in parts.shorter:
            parts.shorter[whole] = _named(whole, context)
    for node, (_, name) in parts.read.items():
        context.given[node] = name
        context.written.pop(node, None)
    return parts


def left(
    parts: Parts,
    plan: MemoryPlan,
    memory: Callable[[Buffer], py.Expr],
    context: Context,
) -> None:
    """Let values stand for whole arrays again."""
    for node, (whole, _) in parts.read.items():
        context.given[node] = whole
    for p in plan.places[parts.region.first : parts.region.last]:
        if p.buffer is not None and p.buffer.shape == parts.region.shape:
            context.written[p.node] = memory(p.buffer)


def _named(whole: py.Expr, context: Context) -> py.Name:
    match whole:
        case py.Name(id=name):
            wish = name
        case py.Index(value=py.Name(id=owner), items=(py.Lit(value=key),)):
            wish = f"{owner}_{key}"
        case _:
            wish = "array"
    return py.Name(context.names.claim(identifier(f"{wish}_part")))
