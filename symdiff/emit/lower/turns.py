"""Which values of a loop's body are written into the variable of a carry.

In: the steps of a body, its carries with their names, and what is read after the steps.
Out: `Turn`. Invariant: a variable is overwritten only after the last statement that
reads what it held; where that is not so, the old value is kept aside, or the new one
has a name of its own until the turn ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from symdiff.emit.lower.naming import Names
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import is_given
from symdiff.ops.core.text import is_statements, op_text
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.schedule import Step


@dataclass(slots=True)
class Turn:
    """What a turn of a loop does with the variables of its carries.

    ``over`` maps a value to the one that its variable held before, ``aside`` has the
    names under which carries are kept from the start of a turn.
    """

    over: dict[Node, Node] = field(default_factory=dict)
    aside: dict[Node, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Carry:
    """A carry of a body: its leaf, its value for the next turn, and its variable."""

    leaf: Tensor
    new: Tensor
    name: str


class Reads:
    """The steps of a body, and which of them is the last to read a value."""

    def __init__(self, steps: Sequence[Step], given: Iterable[Node]) -> None:
        self.place = {s.tensor.node: i for i, s in enumerate(steps)}
        self._last: dict[Node, int] = {}
        self._named = {*given, *self.place}
        for i, step in enumerate(steps):
            self._note(step.tensor.node.inputs, i)
        self.single = {s.tensor.node for s in steps if _is_single(s)}
        self._later = {s.tensor.node: self._read_later(s) for s in steps if s.absorbed}
        self._end = len(steps)

    def _note(self, nodes: Iterable[Node], at: int) -> None:
        for node in self._reached(nodes):
            self._last[node] = max(self._last.get(node, -1), at)

    def _reached(self, nodes: Iterable[Node]) -> set[Node]:
        """Return the named values that expressions read."""
        waiting, seen, found = list(nodes), set[Node](), set[Node]()
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in self._named:
                found.add(node)
            else:
                waiting += node.inputs
        return found

    def _read_later(self, step: Step) -> set[Node]:
        """Return what a step reads after the first of its statements."""
        parts = [*(t.node for t in step.absorbed), step.tensor.node]
        pairs = itertools.pairwise(parts)
        others = [i for before, node in pairs for i in node.inputs if i is not before]
        return self._reached(others)

    def at_end(self, nodes: Iterable[Node]) -> None:
        """Note what is read after all steps."""
        self._note(nodes, self._end)

    def ends_at(self, node: Node, place: int, *, single: bool) -> bool:
        """Whether nothing reads a value after the step that overwrites it."""
        last = self._last.get(node, -1)
        return last < place or (single and last == place)

    def reads_once(self, node: Node, held: Node) -> bool:
        """Whether the statements of a step read a value in the first of them alone."""
        return node in self.single and held not in self._later.get(node, ())


def _is_single(step: Step) -> bool:
    """Whether a step starts with one assignment, which reads before it writes."""
    node = step.absorbed[0].node if step.absorbed else step.tensor.node
    if isinstance(node.type, TupleType):
        return False
    return is_given(node) or not is_statements(op_text(node))


def planned_turn(
    steps: Sequence[Step],
    carries: Sequence[Carry],
    given: Iterable[Node],
    read_later: Iterable[Node],
    names: Names,
    owned: Collection[Node] = (),
) -> Turn:
    """Return the turn of a body, whose values get the names that follow from it.

    ``read_later`` are the values that are read after the steps, besides new carries;
    ``owned`` are leaves of carries whose arrays the new ones are written into.
    """
    turn, reads = Turn(), Reads(steps, given)
    reads.at_end(read_later)
    tensors = {s.tensor.node: s.tensor for s in steps}
    own = _own_values(carries, reads)
    ends = {c.new.node: c for c in own}
    reads.at_end(c.new.node for c in carries if c not in own)
    wanted: dict[str, list[Tensor]] = {}
    for t in tensors.values():
        if not isinstance(t.node.type, TupleType) and names.has_own_name(t):
            wanted.setdefault(names.wanted(t), []).append(t)
    for carry in carries:
        held, end = carry.leaf.node, reads.place.get(carry.new.node)
        for t in wanted.get(carry.name, ()):
            if t.node in ends:
                continue  # it is written into the variable of its own carry
            if _may_hold(t.node, held, end if carry in own else None, carry, reads):
                turn.over[t.node] = held
                names.take(t, carry.name)
                held = t.node
            else:
                names.prefer(t, f"{carry.name}_t")
        if carry not in own or end is None:
            continue
        new = tensors[carry.new.node]
        once = held in owned or reads.reads_once(new.node, held)
        if reads.ends_at(held, end, single=once):
            turn.over[new.node] = held
            names.take(new, carry.name)
        elif held is carry.leaf.node and names.user_name(new):
            turn.aside[held] = names.counter(f"{carry.name}_prev")
            names.alias(carry.leaf, turn.aside[held], anew=True)
            names.take(new, carry.name)
        elif names.has_own_name(new) and names.wanted(new) == carry.name:
            names.prefer(new, f"{carry.name}_prev")
    return turn


def _own_values(carries: Sequence[Carry], reads: Reads) -> list[Carry]:
    """Return the carries whose new value is a step, and that of no other carry.

    The result of an inner loop or branch is not: it is written while that runs.
    """
    ends = [c.new.node for c in carries]
    return [
        c
        for c in carries
        if c.new.node in reads.place
        and ends.count(c.new.node) == 1
        and c.new.node.op is not ITEM
    ]


def _may_hold(
    node: Node, held: Node, end: int | None, carry: Carry, reads: Reads
) -> bool:
    """Whether a value may be in a carry's variable until the new carry is."""
    place = reads.place[node]
    single = reads.reads_once(node, held)
    if node.op is ITEM or not reads.ends_at(held, place, single=single):
        return False
    if end is None:
        return carry.new.node is not carry.leaf.node
    return place < end and reads.ends_at(
        node, end, single=reads.reads_once(carry.new.node, node)
    )
