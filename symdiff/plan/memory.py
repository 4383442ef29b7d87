"""The memory plan: which value is written where, and when its memory is free again.

In: nodes in the order in which they are computed, one operation each, and the
destinations of results. Out: a `MemoryPlan`. Invariant: a value's memory is not written
during its live range, which includes reads through views. The memory of an argument is
never written, unless it is a destination, and then only after its last read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symdiff.graph.counted import is_counted
from symdiff.graph.node import Node
from symdiff.graph.types import DType, Shape, TupleType
from symdiff.ops.core.layouts import Layout, c_order
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.outforms import OutForm
from symdiff.ops.core.text import is_statements, op_text, operations
from symdiff.plan.buffers import Allocation, Buffer, Destination, MemoryPlan
from symdiff.plan.layout import layout_of
from symdiff.plan.outform import out_form
from symdiff.plan.schedule import MOST_OPERATIONS


def plan_memory(
    order: Sequence[Node],
    destinations: Sequence[Destination] = (),
    keep: Iterable[Node] = (),
    same: Mapping[Node, Node] | None = None,
    numbers: Iterable[Node] = (),
) -> MemoryPlan:
    """Plan the memory of a body.

    Parameters
    ----------
    order : the nodes to compute, operands first, without leaves and constants
    destinations : the memory that results must be in at the end
    keep : nodes that are read after the body
    same : nodes that equal one of their operands, such as ``x * 1.0``
    numbers : nodes that are Python numbers, known before the body runs
    """
    planner = _Planner(
        list(order), destinations, set(keep), dict(same or {}), set(numbers)
    )
    return planner.plan()


@dataclass(slots=True)
class _Planner:
    order: list[Node]
    destinations: Sequence[Destination]
    keep: set[Node]
    same: dict[Node, Node]
    numbers: set[Node]
    forms: dict[Node, OutForm] = field(default_factory=dict)
    inline: set[Node] = field(default_factory=set)
    # the nodes whose memory a value may share, itself included
    owners: dict[Node, frozenset[Node]] = field(default_factory=dict)
    layouts: dict[Node, Layout | None] = field(default_factory=dict)
    last: dict[Node, int] = field(default_factory=dict)  # when an owner is read last
    holding: dict[Node, Buffer] = field(default_factory=dict)  # owner to its buffer
    free: dict[Any, list[Buffer]] = field(default_factory=dict)
    scratch: list[Buffer] = field(default_factory=list)
    # the node whose value a buffer holds now
    occupant: dict[Buffer, Node] = field(default_factory=dict)
    # the buffer in which a node's reader wants it
    wishes: dict[Node, Buffer] = field(default_factory=dict)

    def plan(self) -> MemoryPlan:
        """Decide how each node is computed, its live range, and its buffer."""
        self._classify()
        self._find_last_reads()
        goals = self._goals()
        self._wish(goals)
        places = []
        dying: dict[int, list[Node]] = {}
        for owner, at in self.last.items():
            dying.setdefault(at, []).append(owner)
        for at, node in enumerate(self.order):
            places.append(self._place(at, node, goals.get(node, [])))
            for owner in dying.get(at, ()):
                self._release(owner)
        return MemoryPlan(tuple(places), tuple(self.scratch), self._copies(goals))

    # --- what kind of statement each node is ------------------------------------------

    def _classify(self) -> None:
        reads: dict[Node, int] = {}
        for node in self.order:
            for i in node.inputs:
                reads[i] = reads.get(i, 0) + 1
        wanted = self.keep | {d.value for d in self.destinations}
        cost: dict[Node, int] = {}
        for node in self.order:
            if node.op is LITERAL:  # a result that is a literal
                self._given(node)
                self.inline.add(node)
                continue
            for i in node.inputs:
                if i not in self.owners:
                    self._given(i)
            self.layouts[node] = layout_of(node, self.layouts)
            if node in self.same:
                self.layouts[node] = self.layouts.get(self.same[node])
            sources = [self.owners[i] for i in node.inputs]
            below = frozenset[Node]().union(*sources)
            if isinstance(node.type, TupleType):
                self.owners[node] = below | {node}
            elif node in self.same:
                self.owners[node] = self.owners[self.same[node]]
                self.inline.add(node)
            elif node.op.view and node.inputs:
                self.owners[node] = self.owners[node.inputs[0]]
                self.inline.add(node)
            elif not node.shape:
                self._scalar(node, below, reads, cost, wanted)
            else:
                self._array(node, below)

    def _given(self, node: Node) -> None:
        scalar = node in self.numbers or node.op is LITERAL
        self.owners[node] = frozenset() if scalar else frozenset([node])
        if not isinstance(node.type, TupleType):
            self.layouts[node] = c_order(len(node.shape))

    def _scalar(
        self,
        node: Node,
        below: frozenset[Node],
        reads: Mapping[Node, int],
        cost: dict[Node, int],
        wanted: set[Node],
    ) -> None:
        """Make a scalar a statement if it reads arrays, is read twice or is long."""
        fresh = node.op.is_elementwise or node.op.linear_in or node.op.facts.fresh
        self.owners[node] = frozenset() if fresh else below
        inlined = [i for i in node.inputs if i in self.inline and not i.op.view]
        cost[node] = operations(op_text(node)) + sum(cost.get(i, 0) for i in inlined)
        simple = not below and reads.get(node, 0) <= 1 and node not in wanted
        simple = simple and not is_statements(op_text(node))
        if simple and cost[node] <= MOST_OPERATIONS:
            self.inline.add(node)

    def _array(self, node: Node, below: frozenset[Node]) -> None:
        form = out_form(node)
        late = any(map(is_counted, node.shape))  # known only after a loop
        if form is not None and self.layouts[node] is not None and not late:
            self.forms[node] = form
            self.owners[node] = frozenset([node])
        else:  # NumPy's result may be a view of an operand
            fresh = form is not None or node.op.is_elementwise
            self.owners[node] = frozenset([node]) if fresh else below | {node}

    # --- how long memory is needed ----------------------------------------------------

    def _find_last_reads(self) -> None:
        end = len(self.order)
        for at, node in enumerate(self.order):
            for owner in self.owners[node]:
                self.last.setdefault(owner, at)
            if node in self.inline:
                continue
            for i in self._read_by(node):
                for owner in self.owners[i]:
                    self.last[owner] = at
        for node in [*self.keep, *(d.value for d in self.destinations)]:
            if node not in self.owners:
                self._given(node)
            for owner in self.owners[node]:
                self.last[owner] = end

    def _read_by(self, node: Node) -> list[Node]:
        """Return the nodes that a statement reads, through inlined nodes as well."""
        found, waiting = [], list(node.inputs)
        while waiting:
            i = waiting.pop()
            found.append(i)
            if i in self.inline:
                waiting.extend(i.inputs)
        return found

    # --- where each value lies --------------------------------------------------------

    def _goals(self) -> dict[Node, list[Buffer]]:
        """Return the destinations of each node, and note the leaves they hold now."""
        goals: dict[Node, list[Buffer]] = {}
        for d in self.destinations:
            like = d.value if d.leaf is None else d.leaf
            shape = like.shape
            buffer = Buffer(
                d.name, shape, like.dtype, c_order(len(shape)), scratch=False
            )
            goals.setdefault(d.value, []).append(buffer)
            if d.leaf is not None and d.leaf in self.last:
                self.holding[d.leaf] = buffer
                self.occupant[buffer] = d.leaf
        return goals

    def _wish(self, goals: Mapping[Node, Sequence[Buffer]]) -> None:
        """Let an operand that a result may overwrite be computed in its destination.

        For example ``h.T @ d`` is written into the gradient's memory if a penalty is
        then added to it.
        """
        made_at = {node: at for at, node in enumerate(self.order)}
        for at in range(len(self.order) - 1, -1, -1):
            node = self.order[at]
            form = self.forms.get(node)
            goal = next(iter(goals.get(node, ())), self.wishes.get(node))
            if form is None or goal is None or self._kind(node) != goal.kind:
                continue
            sources = {self._actual(node.inputs[i]) for i in form.over}
            fit = [
                s
                for s in sources
                if s in self.forms and self.last[s] == at and self._kind(s) == goal.kind
            ]
            if fit:
                self.wishes.setdefault(max(fit, key=lambda s: made_at[s]), goal)

    def _kind(self, node: Node) -> Any:
        return (node.shape, node.dtype, self.layouts.get(node))

    def _place(self, at: int, node: Node, goals: Sequence[Buffer]) -> Allocation:
        if node in self.inline:
            return Allocation(node, "inline")
        form = self.forms.get(node)
        layout = self.layouts.get(node)
        if form is None or layout is None:
            return Allocation(node, "plain")
        kind = (node.shape, node.dtype, layout)
        goal = next((b for b in goals if b.kind == kind), self.wishes.get(node))
        over = self._overwritten(at, node, form, kind, goal)
        if over is not None:
            buffer = self.holding[self._actual(node.inputs[over])]
        elif goal is not None and goal not in self.occupant:
            buffer = goal
        else:
            buffer = self._allocate(kind)
        self.holding[node] = buffer
        self.occupant[buffer] = node
        text = form.text if over is None else form.over[over]
        text, asides = self._asides(node, text, form)
        return Allocation(node, "buffer", buffer, text, over, asides)

    def _asides(
        self, node: Node, text: str, form: OutForm
    ) -> tuple[str, tuple[Buffer, ...]]:
        """Return a form's text, and the memory that it uses while it runs."""
        found: list[Buffer] = []
        for i, aside in enumerate(form.asides):
            like = node if aside.like is None else node.inputs[aside.like]
            layout = self.layouts.get(like) or c_order(len(like.shape))
            name = f"_aside_{len(found)}"
            if aside.holds is not None:
                known = self.layouts.get(node.inputs[aside.holds])
                if known is None or known == layout:
                    text = text.replace(f"_aside_{i}", f"_{aside.holds}")
                    continue
                text = f"np.copyto(_aside_{i}, _{aside.holds})\n{text}"
            text = text.replace(f"_aside_{i}", name)
            found.append(self._allocate((like.shape, aside.dtype, layout)))
        for buffer in found:
            self.free.setdefault(buffer.kind, []).append(buffer)
        return text, tuple(found)

    def _overwritten(
        self, at: int, node: Node, form: OutForm, kind: Any, goal: Buffer | None
    ) -> int | None:
        """Return an operand whose memory fits and is free for the result, if any."""
        best = None
        for i in form.over:
            owner = self._actual(node.inputs[i])
            buffer = self.holding.get(owner)
            if buffer is None or buffer.kind != kind or self.last.get(owner) != at:
                continue
            if self.owners[owner] != {owner}:
                continue
            others = [self._actual(o) for j, o in enumerate(node.inputs) if j != i]
            if any(owner in self.owners[o] and o is not owner for o in others):
                continue
            if len(form.over[i].split("\n")) > 1 and any(o is owner for o in others):
                continue
            if goal is not None and buffer != goal and goal not in self.occupant:
                continue  # write it to its destination instead
            if best is None or buffer == goal:
                best = i
        return best

    def _actual(self, node: Node) -> Node:
        """Return the node that computes a node's value, through ``same``."""
        while node in self.same:
            node = self.same[node]
        return node

    def _allocate(self, kind: tuple[Shape, DType, Layout]) -> Buffer:
        waiting = self.free.get(kind)
        if waiting:
            return waiting.pop()
        made = Buffer(f"buffer{len(self.scratch)}", *kind)
        self.scratch.append(made)
        return made

    def _release(self, owner: Node) -> None:
        """Free an owner's memory, unless a result has taken it over."""
        buffer = self.holding.pop(owner, None)
        if buffer is None or self.occupant.get(buffer) is not owner:
            return
        del self.occupant[buffer]
        if buffer.scratch:
            self.free.setdefault(buffer.kind, []).append(buffer)

    def _copies(self, goals: Mapping[Node, Sequence[Buffer]]) -> tuple[Any, ...]:
        """Return the copies into destinations that no statement writes.

        A value in the memory of another destination is copied to a temporary first.
        """
        leaves = {d.leaf for d in self.destinations if d.leaf is not None}
        targets = [
            (buffer, node)
            for node, buffers in goals.items()
            for buffer in buffers
            if self.occupant.get(buffer) is not self._actual(node)
        ]
        filled = {buffer for buffer, _ in targets}
        made = []
        for buffer, node in targets:
            owners = self.owners[node]
            aside = bool(owners & leaves) or any(
                self.holding.get(o) in filled for o in owners
            )
            made.append((buffer, node, aside))
        return tuple(made)
