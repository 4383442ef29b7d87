"""Where the carries and the stacks of a planned loop lie.

In: a `scan` node and the results that are read of it. Out: `Seats`, the memory that a
turn fills, and which loops can be planned at all. Invariant: what a turn reads of the
turn before is not written before the last statement that reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass

from symdiff.graph.body import Body
from symdiff.graph.counted import is_counted
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node, topological
from symdiff.graph.types import DType, Shape, TupleType
from symdiff.ops.control.scan import SCAN
from symdiff.ops.core.layouts import Layout, c_order
from symdiff.plan.buffers import Destination, Seats
from symdiff.rewrite.prune import live_outputs


@dataclass(frozen=True, slots=True)
class TurnedLoop:
    """A loop as the planner is given it: a turn's nodes in order, the results read."""

    order: tuple[Node, ...]
    items: tuple[int, ...]


def can_be_planned(node: Node) -> bool:
    """Whether the turns of a loop compute arrays, with no loop or draw among them."""
    if node.op is not SCAN or is_counted(node.attrs["length"]):
        return False
    body: Body = node.attrs["body"]
    inner = topological([t.node for t in body.outputs])
    if any(isinstance(n.type, TupleType) or n.op.facts.draws for n in inner):
        return False
    return any(n.shape and n.inputs and not n.op.view for n in inner)


def seats_of(node: Node, items: Collection[int]) -> Seats:
    """Return the seats of a loop's carries and of the results that are read."""
    body: Body = node.attrs["body"]
    spec = LoopSpec.of(node.attrs)
    needed, _ = live_outputs(node, set(items))
    carries = [i for i in needed if i in spec.carries]
    leaves = {body.params[i].node: i for i in carries if body.params[i].shape}
    rows: dict[int, int] = {}
    again: dict[int, int] = {}
    first: dict[Node, int] = {}
    for i in sorted(set(items)):
        value = body.outputs[i].node
        if i in spec.carries:
            continue
        if value in first:
            again[i] = first[value]
            continue
        first[value] = i
        if value in leaves:
            rows[i] = leaves[value]
    taken = set(rows.values())
    plain = [i for i in carries if not body.params[i].shape]
    last = {
        i: first[value]
        for i in carries
        if i not in taken
        and i not in plain
        and (value := body.outputs[i].node) in first
        and first[value] not in rows
    }
    own = [i for i in carries if i not in taken and i not in plain and i not in last]
    stacks = [i for i in first.values() if i not in rows]
    return Seats(tuple(own), tuple(stacks), rows, last, again, tuple(plain))


def goals_of(node: Node, seats: Seats) -> list[Destination]:
    """Return the memory that a turn must fill: rows of stacks, then carries."""
    body: Body = node.attrs["body"]
    made = [
        Destination(f"row:{i}", body.outputs[i].node)
        for i in seats.stacks
        if body.outputs[i].shape
    ]
    made += [
        Destination(f"row:{i}", body.outputs[c].node) for i, c in seats.rows.items()
    ]
    made += [
        Destination(f"carry:{i}", body.outputs[i].node, body.params[i].node)
        for i in seats.own
    ]
    return made


def kept_of(node: Node, seats: Seats) -> set[Node]:
    """Return the numbers that are read when a turn ends."""
    body: Body = node.attrs["body"]
    wanted = [*seats.plain, *(i for i in seats.stacks if not body.outputs[i].shape)]
    return {body.outputs[i].node for i in wanted}


def held_kinds(node: Node, seats: Seats) -> dict[int, tuple[Shape, DType, Layout]]:
    """Return the kinds of a loop's memory; a stack of a carry has a row more."""
    params, items = node.attrs["body"].params, node.type.items  # type: ignore[union-attr]
    shapes = {i: (params[i].shape, params[i].dtype) for i in seats.own}
    for i in (*seats.stacks, *seats.rows):
        length, *row = items[i].shape
        shapes[i] = ((length + int(i in seats.rows), *row), items[i].dtype)
    return {i: (shape, d, c_order(len(shape))) for i, (shape, d) in shapes.items()}


# --- layouts --------------------------------------------------------------------------

Layouts = Mapping[Node, "Layout | None"]


def leaf_layouts(node: Node, outside: Layouts) -> dict[Node, Layout | None]:
    """Return the layouts of a body's leaves; its carries are in C order."""
    spec, found = LoopSpec.of(node.attrs), dict[Node, "Layout | None"]()
    for i, (source, p) in enumerate(
        zip(node.inputs, node.attrs["body"].params, strict=True)
    ):
        layout = outside.get(source)
        if i in spec.rows and layout is not None:
            layout = tuple(axis - 1 for axis in layout if axis)
        found[p.node] = c_order(p.ndim) if i in spec.carries else layout
    return found


def known_inside(node: Node, numbers: Set[Node]) -> set[Node]:
    """Return the leaves of a body that are Python's numbers, as they are outside."""
    spec, params = LoopSpec.of(node.attrs), node.attrs["body"].params
    return {params[i].node for i in spec.consts if node.inputs[i] in numbers}


def keep_order(node: Node, seats: Seats, outside: Layouts, inside: Layouts) -> bool:
    """Whether carries are arrays in C order before and after each turn."""
    outputs = node.attrs["body"].outputs
    kept = {*seats.own, *seats.rows.values(), *seats.last}
    return all(
        _is_in_order(node.inputs[i], outside) and _is_in_order(outputs[i].node, inside)
        for i in kept
    )


def _is_in_order(node: Node, layouts: Layouts) -> bool:
    """Whether an array surely lies in C order, or is a number repeated."""
    if node.op.facts.repeats and not node.inputs[0].shape:
        return True
    ndim = len(node.shape)
    return ndim < 2 or layouts.get(node) == c_order(ndim)
