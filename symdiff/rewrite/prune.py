"""Dead code in loops and branches, removed.

In: tensors whose graph holds loops. Out: the same, where each loop has only the
carries, rows, operands and stacks that are read, and each branch only such results.
Invariant: a carry is kept if a result that is read, or the test, depends on it through
any number of steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symdiff.graph.body import Body
from symdiff.graph.counted import is_counted
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node, topological
from symdiff.graph.origin import mark
from symdiff.graph.rebuild import Became, rebuilding, remade
from symdiff.graph.tensor import Tensor
from symdiff.ops.control.branches import COND
from symdiff.ops.core.tuples import ITEM


@dataclass(frozen=True, slots=True)
class Pruned:
    """A smaller loop or branch: attributes, operands kept, new places of results."""

    attrs: dict[str, Any]
    operands: tuple[int, ...]
    places: dict[int, int]


def prune_loops(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return ``outputs`` with control flow reduced to what is read, at any depth."""
    return pruning(outputs)(outputs)


def pruning(outputs: Sequence[Tensor]) -> Became:
    """Return the map that reduces control flow below ``outputs`` to what is read."""
    plans = _plans([t.node for t in outputs])
    if not plans:
        return list
    made: dict[Tensor, Tensor] = {}

    def choose(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        plan = plans.get(old.node)
        if plan is not None:
            kept = [parents[i] for i in plan.operands]
            found = _like(old, kept, plan.attrs)
            made[found] = old
            return found
        if old.node.op is ITEM and parents[0] in made:
            places = plans[made[parents[0]].node].places
            index = places.get(old.node.attrs["index"])
            if index is None:  # its readers are removed as well
                return old
            return _like(old, parents[:1], {"index": index})
        return None

    return rebuilding(choose)


def _plans(outputs: Sequence[Node]) -> dict[Node, Pruned]:
    """Return what each loop keeps; later loops first, since they read earlier ones."""
    wanted = set(outputs)
    read: dict[Node, set[int]] = {}
    plans: dict[Node, Pruned] = {}
    for node in reversed(topological(outputs)):
        if node not in wanted:
            continue
        if node.op is ITEM:
            read.setdefault(node.inputs[0], set()).add(node.attrs["index"])
        if node.op.facts.sweeps and node in read:
            find = _branch if node.op is COND else _loop
            plans[node] = plan = find(node, read[node])
            wanted.update(node.inputs[i] for i in plan.operands)
        else:
            wanted.update(node.inputs)
    return plans


def _like(old: Tensor, parents: Sequence[Tensor], attrs: dict[str, Any]) -> Tensor:
    """Return a reduced loop, or a result of one, named and placed as the whole."""
    made = remade(old, tuple(parents), attrs)
    return mark(made, bound_to=None)  # a derivative of a loop is named after its primal


def _branch(node: Node, used: set[int]) -> Pruned:
    live = sorted(used)
    sides: dict[str, Body] = {k: node.attrs[k] for k in ("then", "otherwise")}
    made = {k: prune_loops([b.outputs[i] for i in live]) for k, b in sides.items()}
    read = {k: set(topological([t.node for t in made[k]])) for k in sides}
    rest = [
        i
        for i in range(len(node.inputs) - 1)
        if any(b.params[i].node in read[k] for k, b in sides.items())
    ]
    attrs = dict(node.attrs)
    for k, b in sides.items():
        attrs[k] = Body(tuple(b.params[i] for i in rest), tuple(made[k]))
    operands = (0, *(i + 1 for i in rest))  # the first is the predicate
    return Pruned(attrs, operands, {old: new for new, old in enumerate(live)})


def _loop(node: Node, used: set[int]) -> Pruned:
    attrs = dict(node.attrs)
    body, spec = attrs["body"], LoopSpec.of(attrs)
    test = attrs.get("test")
    live, _ = live_outputs(node, used)
    carries = [i for i in live if i in spec.carries]
    made = prune_loops([body.outputs[i] for i in live])
    bodies: dict[str, tuple[Body, Sequence[Tensor]]] = {"body": (body, made)}
    if test is not None:
        bodies["test"] = (test, prune_loops(test.outputs))
    read = {
        name: set(topological([t.node for t in outputs]))
        for name, (_, outputs) in bodies.items()
    }
    rest = [
        i
        for i in (*spec.rows, *spec.consts)
        if any(b.params[i].node in read[name] for name, (b, _) in bodies.items())
    ]
    rows = [i for i in rest if i in spec.rows]
    if spec.rows and not rows and is_counted(attrs["length"]):
        rows = [spec.rows.start]  # its length is the number of steps
        rest = [*rows, *rest]
    operands = (*carries, *rest)
    for name, (b, outputs) in bodies.items():
        attrs[name] = Body(tuple(b.params[i] for i in operands), tuple(outputs))
    attrs["carries"] = len(carries)
    if "sequences" in attrs:
        attrs["sequences"] = len(rows)
    places = {old: new for new, old in enumerate(live)}
    if attrs.get("steps") is not None:  # the stacked carries follow the carries
        places |= {
            len(spec.carries) + i: len(carries) + at for at, i in enumerate(carries)
        }
    return Pruned(attrs, operands, places)


def live_outputs(node: Node, used: set[int]) -> tuple[list[int], set[Node]]:
    """Return the results of a loop's body that are needed, and the nodes they read.

    A carry is needed if its result is used, or if the test or another needed result
    reads it.
    """
    body, n = node.attrs["body"], node.attrs["carries"]
    test = node.attrs.get("test")
    ends = len(body.outputs)
    place = {p.node: i for i, p in enumerate(body.params[:n])}
    live = {i if i < ends else i - n for i in used}  # stacks of carries follow the ends
    waiting = [body.outputs[i].node for i in sorted(live)]
    if test is not None:
        place |= {p.node: i for i, p in enumerate(test.params[:n])}
        waiting.append(test.outputs[0].node)
    read = set(waiting)
    while waiting:
        current = waiting.pop()
        sources = list(current.inputs)
        i = place.get(current)
        if i is not None and i not in live:
            live.add(i)
            sources.append(body.outputs[i].node)
        for s in sources:
            if s not in read:
                read.add(s)
                waiting.append(s)
    return sorted(live), read
