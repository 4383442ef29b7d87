"""Which statements can keep their steps together, and in which order they come.

In: the steps of a body, what each reads, and the statement that each belongs to. Out: a
place for each statement. Invariant: a statement reads only from those at places before
its own, but for those that share its place: they read, through others, from each other.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from typing import TYPE_CHECKING, Any

from symdiff.graph.node import Node
from symdiff.graph.order import Order
from symdiff.graph.origin import FAN_OUT
from symdiff.graph.shares import Shares
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import is_given
from symdiff.ops.core.tuples import ITEM

if TYPE_CHECKING:
    from symdiff.plan.schedule import Step


def needs_of(order: Iterable[Node], kept: Iterable[Node]) -> dict[Node, set[Node]]:
    """Return the kept nodes that each kept node reads, through inlined ones."""
    through: dict[Node, set[Node]] = {}
    solid = set(kept)
    needs: dict[Node, set[Node]] = {}
    for node in order:
        found: set[Node] = set()
        for i in node.inputs:
            if i in solid:
                found.add(i)
            else:
                found |= through.get(i, set())
        if node in solid:
            needs[node] = found
        else:
            through[node] = found
    return needs


def stands_under(
    tensors: Mapping[Node, Tensor],
    needs: Mapping[Node, set[Node]],
    group: Callable[[Tensor], Hashable],
    named: Callable[[Tensor], bool],
    given: Collection[Node],
) -> dict[Node, Node]:
    """Return a value of the user's statement that each kept value stands under.

    It is the value itself. But where two statements read from each other, a value that
    is made of nothing, or once more of residuals, stands where it is read first.
    """
    own = {n: group(t) for n, t in tensors.items()}
    place, _ = places_of(tensors, needs, own, {})
    shared = Counter(place.values())
    reader: dict[Node, Node] = {}
    for node in reversed(list(tensors)):
        reader.update(dict.fromkeys(needs[node], node))
    found = {n: n for n in tensors}
    for node, tensor in tensors.items():
        knotted = shared[place[own[node]]] > 1 and node in reader
        if not knotted or needs[node] or _is_derivative(tensor):
            continue
        if not named(tensor) or any(i in given and not i.op.leaf for i in node.inputs):
            found[node] = reader[node]
    return found


def _is_derivative(tensor: Tensor) -> bool:
    return tensor.site.primal is not None


def _follows(tensor: Tensor, needs: Mapping[Node, set[Node]]) -> bool:
    return _is_derivative(tensor) or bool(needs[tensor.node])


def _when(
    tensor: Tensor, of: Tensor | None, shares: Shares
) -> tuple[int, tuple[int, ...], Order]:
    """Return when a value is computed, if nothing else decides.

    Derivatives are after the values, and those of the last values come first; a sum of
    cotangents is where the last of its shares is known. ``of`` is the value that one
    differentiates, if that is not the one whose rule made it.
    """
    depth, current = 0, tensor
    while current.site.primal is not None:
        current, depth = current.site.primal, depth + 1
    primal = tensor.site.primal if of is None else of
    if of is None and tensor.site.rule == FAN_OUT:
        ends = shares.ends(tensor)
        primal = primal if ends is None else ends[0].site.primal
    if primal is None:
        return depth, (), tensor.order
    looped = isinstance(tensor.node.type, TupleType) or tensor.node.op is ITEM
    if primal.node.op.leaf or (primal.node.op.facts.sweeps and not looped):
        return depth, (0,), tensor.order  # a carry is there before all of the body
    return depth, (-primal.origin.number,), tensor.order


def in_its_group(
    tensor: Tensor, at: Mapping[Node, int]
) -> tuple[bool, tuple[int, ...]]:
    """Return when a value of a statement is computed, if nothing else decides.

    Values come in the order of declaration, and then derivatives in that in which sums
    read them: those by q, k and v in the order in which what reads q, k and v is added.
    ``at`` has the places of nodes, with operands first.
    """
    derived = tensor.site.primal is not None
    return derived, (at[tensor.node],) if derived else tensor.order


class RuleOf:
    """The values whose rules made derivatives; of a sum, its last share."""

    def __init__(self, tensors: Mapping[Node, Tensor]) -> None:
        self._tensors, self._shares = tensors, Shares()

    def __call__(self, node: Node) -> Node | None:
        """Return the value; None of what is no derivative, or none of the tensors."""
        tensor = self._tensors.get(node)
        primal = None if tensor is None else tensor.site.primal
        if tensor is not None and tensor.site.rule == FAN_OUT:
            ends = self._shares.ends(tensor)
            primal = None if ends is None else ends[0].site.primal
        return None if primal is None else primal.node


Key = tuple[Any, ...]
Ready = tuple[Key, Node, Node | None]
PLACES = 2  # the last parts of a key, which say which of equals comes first


class Sections:
    """The steps that are ready, by statement: one goes on while it has some.

    But a statement at an earlier place comes first. ``when`` tells the place of a
    statement, and its number among those that share the place. What one ``rule`` made,
    as both gradients of a product, stands together.
    """

    def __init__(
        self,
        when: Callable[[Hashable], tuple[int, int]],
        rule: Callable[[Node], Node | None],
    ) -> None:
        self._when = when
        self._rule = rule
        self._ready: dict[Hashable, list[Ready]] = {}
        self._alike: dict[Hashable, list[Ready]] = {}  # by statement and rule
        self._open: list[tuple[int, int, Hashable]] = []  # with some that are empty now
        self._current: Hashable = None
        self._last: Node | None = None  # the rule of the last step
        self._done: set[Node] = set()  # only the first of those ready is not done

    def add(self, group: Hashable, key: Key, node: Node) -> None:
        """Add a step that is ready; its ``key`` is that of no other step."""
        rule = self._rule(node)
        steps = self._ready.setdefault(group, [])
        if not steps:
            heapq.heappush(self._open, (*self._when(group), group))
        heapq.heappush(steps, (key, node, rule))
        if rule is not None:
            alike = self._alike.setdefault((group, rule), [])
            heapq.heappush(alike, (key, node, rule))

    def next(self) -> Node | None:
        """Return the next step, None if none is ready."""
        while self._open and not self._ready[self._open[0][2]]:
            heapq.heappop(self._open)
        if not self._open:
            return None
        place, _, group = self._open[0]
        if not self._ready.get(self._current) or self._when(self._current)[0] > place:
            self._current, self._last = group, None
        steps = self._ready[self._current]
        alike = self._alike.get((self._current, self._last), [])
        self._drop_done(alike)
        goes_on = bool(alike) and alike[0][0][:-PLACES] == steps[0][0][:-PLACES]
        _, node, self._last = alike[0] if goes_on else steps[0]
        self._done.add(node)
        self._drop_done(steps)
        return node

    def _drop_done(self, steps: list[Ready]) -> None:
        while steps and steps[0][1] in self._done:
            heapq.heappop(steps)


def near_readers(
    steps: Sequence[Step], readers: Mapping[Node, Sequence[Node]]
) -> list[Step]:
    """Return steps with those that need nothing in the section that reads them first.

    ``readers`` are theirs. A statement has several sections if its function is called
    more than once. Only what another section of the same statement reads is moved.
    """
    section: dict[Node, int] = {}
    group_of: list[Hashable] = []
    for step in steps:
        if not group_of or group_of[-1] != step.group:
            group_of.append(step.group)
        section[step.tensor.node] = len(group_of) - 1
    moved = {
        n: at
        for n, those in readers.items()
        if n in section and (at := min(section[r] for r in those)) != section[n]
        if group_of[at] == group_of[section[n]]
    }
    if not moved:
        return list(steps)
    own = {s.tensor.node: section[s.tensor.node] for s in steps} | moved
    return sorted(steps, key=lambda s: own[s.tensor.node])


def places_of(
    tensors: Mapping[Node, Tensor],
    needs: Mapping[Node, set[Node]],
    group_of: Mapping[Node, Hashable],
    of: Mapping[Node, Tensor],
) -> tuple[dict[Hashable, int], dict[Hashable, int]]:
    """Return the place of each statement, and its number among those that share it.

    A statement follows those that began before it. It begins with a derivative,
    or a value that reads another of the body, if it has one: what derivatives need once
    more, and is made of what is given, says nothing about the order. ``of`` are the
    values that some tensors differentiate, as in `_when`.
    """
    shares = Shares()
    ordered = sorted(tensors.values(), key=lambda t: _when(t, of.get(t.node), shares))
    reading = {group_of[t.node] for t in ordered if _follows(t, needs)}
    number: dict[Hashable, int] = {}
    begins: dict[Hashable, int] = {}
    for at, t in enumerate(ordered):
        group = group_of[t.node]
        number.setdefault(group, at)
        if group not in reading or _follows(t, needs):
            begins.setdefault(group, at)
    found = _places(needs, {n: begins[group_of[n]] for n in tensors})
    return {g: found[at] for g, at in begins.items()}, number


def _places(
    needs: Mapping[Node, set[Node]], group_of: Mapping[Node, int]
) -> dict[int, int]:
    """Return the place of each group; it follows its number where it can."""
    reads = _needs_of_groups(needs, group_of)
    knots = _knots(reads)
    knot_of = {g: k for k, knot in enumerate(knots) for g in knot}
    between = {
        k: {knot_of[s] for g in knot for s in reads[g]} - {k}
        for k, knot in enumerate(knots)
    }
    readers = _turned(between)
    waiting = {k: len(sources) for k, sources in between.items()}
    first = [min(knot) for knot in knots]
    ready = [(first[k], k) for k, count in waiting.items() if not count]
    heapq.heapify(ready)
    found: dict[int, int] = {}
    while ready:
        _, knot = heapq.heappop(ready)
        found.update(dict.fromkeys(knots[knot], len(found)))
        for reader in readers[knot]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, (first[reader], reader))
    return found


def _needs_of_groups(
    needs: Mapping[Node, set[Node]], group_of: Mapping[Node, int]
) -> dict[int, set[int]]:
    """Return the other groups that each group reads."""
    found: dict[int, set[int]] = {}
    for item, sources in needs.items():
        group = group_of[item]
        found.setdefault(group, set()).update(group_of[s] for s in sources)
    for group, read in found.items():
        read.discard(group)
    return found


def _turned(needs: Mapping[int, Iterable[int]]) -> dict[int, list[int]]:
    """Return the readers of each."""
    readers: dict[int, list[int]] = {k: [] for k in needs}
    for k, sources in needs.items():
        for source in sorted(sources):
            readers[source].append(k)
    return readers


def _knots(needs: Mapping[int, set[int]]) -> list[list[int]]:
    """Return the groups in sets of those that read from each other.

    They are the strongly connected components, by Kosaraju's two passes.
    """
    seen: set[int] = set()
    finished: list[int] = []
    for start in needs:
        _visit(start, needs, seen, finished)
    readers = _turned(needs)
    seen = set()
    found: list[list[int]] = []
    for start in reversed(finished):
        if start not in seen:
            found.append([])
            _visit(start, readers, seen, found[-1])
    return found


def _visit(
    start: int,
    further: Mapping[int, Iterable[int]],
    seen: set[int],
    finished: list[int],
) -> None:
    """Add what can be reached from a group and was not seen, each after its own."""
    if start in seen:
        return
    seen.add(start)
    waiting = [(start, iter(further[start]))]
    while waiting:
        group, rest = waiting[-1]
        step = next((g for g in rest if g not in seen), None)
        if step is None:
            finished.append(group)
            waiting.pop()
        else:
            seen.add(step)
            waiting.append((step, iter(further[step])))


def starts_elsewhere(
    order: Iterable[Node],
    tensors: Mapping[Node, Tensor],
    group: Callable[[Tensor], Hashable],
) -> set[Node]:
    """Return what loops carry at first, if another statement computes it."""
    found: set[Node] = set()
    for node in order:
        if "carries" in node.attrs:
            own = group(tensors[node])
            starts = node.inputs[: node.attrs["carries"]]
            found |= {s for s in starts if group(tensors[s]) != own}
    return {s for s in found if not (is_given(s) or s.op.view or s.op.facts.repeats)}
