"""The memory plan: which value is written where, and when its memory is free again.

In: nodes in the order in which they are computed, one operation each, and the
destinations of results. Out: a `MemoryPlan`. Invariant: a value's memory is not written
during its live range, which includes reads through views. The memory of an argument is
never written, unless it is a destination, and then only after its last read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from symdiff.graph.node import Node
from symdiff.graph.types import DType, Shape
from symdiff.ops.core.layouts import Layout, c_order
from symdiff.ops.core.outforms import OutForm
from symdiff.plan.buffers import (
    Allocation,
    Buffer,
    Destination,
    LoopPlan,
    MemoryPlan,
    Seats,
)
from symdiff.plan.gathering import Gathered
from symdiff.plan.joins import joining, parts_of
from symdiff.plan.lives import Lives
from symdiff.plan.turns import (
    TurnedLoop,
    goals_of,
    held_kinds,
    keep_order,
    kept_of,
    known_inside,
    leaf_layouts,
    seats_of,
)


def plan_memory(
    order: Sequence[Node],
    destinations: Sequence[Destination] = (),
    keep: Iterable[Node] = (),
    same: Mapping[Node, Node] | None = None,
    numbers: Iterable[Node] = (),
    loops: Mapping[Node, TurnedLoop] | None = None,
    *,
    any_layout: bool = False,
    region: Gathered | None = None,
) -> MemoryPlan:
    """Plan the memory of a body.

    Parameters
    ----------
    order : the nodes to compute, operands first, without leaves and constants
    destinations : the memory that results must be in at the end
    keep : nodes that are read after the body
    same : nodes that equal one of their operands, such as ``x * 1.0``
    numbers : nodes that are Python numbers, known before the body runs
    loops : the loops whose turns are planned as well
    any_layout : whether a result may lie in another order than NumPy would give it
    region : the nodes that are computed part by part, beside each other in the order
    """
    planner = _Planner(
        *(list(order), set(keep), dict(same or {}), set(numbers)),
        ends={d.value for d in destinations},
        destinations=destinations,
        loops=loops or {},
        any_layout=any_layout,
        region=region,
    )
    planner.prepare()
    return planner.plan()


@dataclass(slots=True)
class _Planner(Lives):
    destinations: Sequence[Destination] = ()
    region: Gathered | None = None
    holding: dict[Node, Buffer] = field(default_factory=dict)  # owner to its buffer
    free: dict[Any, list[Buffer]] = field(default_factory=dict)
    scratch: list[Buffer] = field(default_factory=list)
    # the node whose value a buffer holds now
    occupant: dict[Buffer, Node] = field(default_factory=dict)
    # the buffer in which a node's reader wants it
    wishes: dict[Node, Buffer] = field(default_factory=dict)
    loops: Mapping[Node, TurnedLoop] = field(default_factory=dict)
    turns: dict[Node, tuple[Seats, _Planner]] = field(default_factory=dict)
    lent: dict[Node, list[Buffer]] = field(default_factory=dict)  # to loops

    def plan(self) -> MemoryPlan:
        """Decide where each value lies."""
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
        copies = self._copies(goals)
        return MemoryPlan(tuple(places), tuple(self.scratch), copies, self.region)

    # --- loops ------------------------------------------------------------------------

    def several(self, node: Node, below: frozenset[Node]) -> None:
        """Plan a loop's turns, if it can be; results have memory that it owns."""
        loop = self.loops.get(node)
        turn = None if loop is None else self._turn(node, loop)
        self.owners[node] = below | {node}
        if turn is not None:
            self.turns[node] = turn
            starts = [node.inputs[i] for i in (*turn[0].last, *turn[0].plain)]
            own = frozenset([node])
            self.owners[node] = own.union(*(self.owners[i] for i in starts))

    def is_held(self, node: Node) -> bool:
        """Whether a result lies in memory that a loop was given."""
        return node.inputs[0] in self.turns

    def _turn(self, node: Node, loop: TurnedLoop) -> tuple[Seats, _Planner] | None:
        """Return a planner of a loop's body, if its carries keep their order."""
        seats = seats_of(node, loop.items)
        goals = goals_of(node, seats)
        inner = _Planner(
            *(list(loop.order), kept_of(node, seats), {}),
            known_inside(node, self.numbers),
            ends={d.value for d in goals},
            layouts=leaf_layouts(node, self.layouts),
            destinations=goals,
            free=self.free,
            scratch=self.scratch,
        )
        inner.prepare()
        outputs = node.attrs["body"].outputs
        steady = keep_order(node, seats, self.layouts, inner.layouts)
        steady = steady and not any(inner.owners[outputs[i].node] for i in seats.plain)
        return (seats, inner) if steady else None

    def _looped(self, node: Node) -> LoopPlan:
        """Return the plan of a loop: memory for all its turns, and of each turn."""
        seats, inner = self.turns[node]
        held = {i: self._allocate(kind) for i, kind in held_kinds(node, seats).items()}
        self.lent[node] = list(held.values())
        found = inner.plan()
        for buffer in set(inner.holding.values()):
            if buffer.scratch:
                self.free.setdefault(buffer.kind, []).append(buffer)
        return LoopPlan(seats, held, replace(found, buffers=()))

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
        reads = Counter(i for node in self.order for i in node.inputs)
        for node in self.order:
            self._wish_beside(node, next(iter(goals.get(node, ())), None), reads)
        for at in range(len(self.order) - 1, -1, -1):
            node = self.order[at]
            form = self.forms.get(node)
            goal = next(iter(goals.get(node, ())), self.wishes.get(node))
            if form is None or goal is None or self._kind(node) != goal.kind:
                continue
            if (
                goal.part is not None
            ):  # what comes before is faster in memory of its own
                continue
            sources = {self._actual(node.inputs[i]) for i in form.over}
            fit = [
                s
                for s in sources
                if s in self.forms and self.last[s] == at and self._kind(s) == goal.kind
            ]
            if fit:
                self.wishes.setdefault(max(fit, key=lambda s: made_at[s]), goal)

    def _wish_beside(
        self, node: Node, goal: Buffer | None, reads: Mapping[Node, int]
    ) -> None:
        """Let what is joined in a destination be computed there, if it can be."""
        if goal is None or goal in self.occupant or self._kind(node) != goal.kind:
            return
        for x, part in parts_of(node, goal):
            if reads[x] == 1 and x in self.forms and self._kind(x) == part.kind:
                self.wishes[x] = part

    def _kind(self, node: Node) -> Any:
        return (self._shape(node), node.dtype, self.layouts.get(node))

    def _shape(self, node: Node) -> Shape:
        """Return the shape of a value's memory, which may hold it part by part."""
        region = self.region
        if region is None or node not in region.members:
            return node.shape
        own = self.last.get(node, region.last) < region.last
        return region.part if own else node.shape

    def _place(self, at: int, node: Node, goals: Sequence[Buffer]) -> Allocation:
        if node in self.inline:
            return Allocation(node, "inline")
        if node in self.turns:
            return Allocation(node, "loop", loop=self._looped(node))
        form = self.forms.get(node)
        layout = self.layouts.get(node)
        if form is None or layout is None:
            return Allocation(node, "plain")
        kind = self._kind(node)
        goal = next((b for b in goals if b.kind == kind), self.wishes.get(node))
        form = joining(node, form, self.holding)
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
        for lent in self.lent.pop(owner, ()):
            self.free.setdefault(lent.kind, []).append(lent)
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
