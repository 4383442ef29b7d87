"""The nodes that each step of a derivation computes, and the memory in use.

In: a derivation. Out: a `Work` for each value and each cotangent, the nodes of all in
the order in which they are computed, and what a `Memory` holds after each. Invariant:
the nodes are those of the program that optimisation level 0 writes, each in the first
step that needs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdiff.compiler.passes import program_passes
from symdiff.explain.derivation import Derivation, Entry
from symdiff.graph.node import Node, topological
from symdiff.graph.rebuild import every_handle
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import is_given
from symdiff.ops.core.tuples import ITEM
from symdiff.ops.core.work import types_of
from symdiff.plan.cost import size_of
from symdiff.plan.program import Program

Cell = tuple[Node, int]  # one result of a node
FORWARD, BACKWARD = "forward", "backward"


@dataclass(frozen=True)
class Work:
    """The nodes that compute one value, without those computed before."""

    name: str
    phase: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Spending:
    """All steps, forward then backward, and the nodes that are returned."""

    steps: tuple[Work, ...]
    returned: tuple[Node, ...]


def spending(derivation: Derivation) -> Spending:
    """Return the nodes that each step of a derivation computes."""
    return _Spender(derivation).spending()


class _Spender:
    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.cotangents: dict[Node, Tensor] = {}
        self.program = self._derived()
        named = (*self.program.results, *self.program.metrics)
        self.results = [t.node for _, t in named]
        self.gradients = [t.node for t in self.program.gradients]
        self.computed = set(topological(self.results))  # those the phase needs
        self.done: set[Node] = set()

    def _derived(self) -> Program:
        """Return the program with its gradients, nothing simplified.

        The outputs of prediction are treated as metrics, as in a derivation.
        """
        declared = self.derivation.unit.program
        made = replace(
            declared,
            outputs=(),
            metrics=declared.outputs,
            updates=(),
            beside=(),
            holding=(),
        )
        for name, run in program_passes(0).items():
            made = run(made)
            if name == "derive":
                self._note_cotangents(made)
        return made

    def _note_cotangents(self, program: Program) -> None:
        belongs = {
            primal.node: t
            for t in every_handle(program.gradients)
            for _, primal in t.cotangent_of
        }
        entries = self.derivation.entries
        now = program.became.trained([e.tensor for e in entries])
        for entry, tensor in zip(entries, now, strict=True):
            if tensor.node in belongs:
                self.cotangents[entry.tensor.node] = belongs[tensor.node]

    def spending(self) -> Spending:
        entries = self.derivation.entries
        sources = {e.tensor.node.inputs[0]: e for e in entries if _is_item(e)}
        steps = [
            self._step(e.name, FORWARD, [self._value(sources.get(e.tensor.node, e), e)])
            for e in entries
            if not e.role
        ]
        named = (*self.program.results, *self.program.metrics)
        steps += self._rest(FORWARD, [(name, t.node) for name, t in named])
        self.computed |= set(topological(self.gradients))
        pairs = list(zip(self.program.wrt, self.gradients, strict=True))
        wanted = {t.node: [g] for t, g in pairs}
        for entry in reversed(entries):
            if entry.cotangent is not None and entry.received:
                nodes = [*self._cotangent(entry), *wanted.get(entry.tensor.node, ())]
                steps.append(self._step(entry.cotangent, BACKWARD, nodes))
        names = self.derivation.unit.names
        steps += self._rest(BACKWARD, [(f"d_{names.of(t)}", g) for t, g in pairs])
        return Spending(tuple(steps), (*self.results, *self.gradients))

    def _value(self, read: Entry, entry: Entry) -> Node:
        """Return the node that a value has become.

        For a loop ``read`` is one of its results: the loop may have been replaced by
        one with more results, which is found from it.
        """
        (made,) = self.program.became.trained([read.tensor])
        if read is not entry and made.node.op is ITEM:
            return made.node.inputs[0]
        return made.node

    def _cotangent(self, entry: Entry) -> list[Node]:
        found = self.cotangents.get(entry.tensor.node)
        made = self.program.became.trained([] if found is None else [found])
        return [t.node for t in made]

    def _step(self, name: str, phase: str, wanted: Sequence[Node]) -> Work:
        nodes = topological([n for n in wanted if n in self.computed], self.done)
        return Work(name, phase, tuple(nodes))

    def _rest(self, phase: str, named: Iterable[tuple[str, Node]]) -> Iterator[Work]:
        """Yield steps for nodes that no value of the derivation needs: zeros, casts."""
        for name, node in named:
            work = self._step(name, phase, [node])
            if work.nodes:
                yield work


def _is_item(entry: Entry) -> bool:
    return entry.tensor.node.op is ITEM


# --- memory ---------------------------------------------------------------------------


def live(spent: Spending, at: Callable[[sp.Expr], int]) -> list[sp.Expr]:
    """Return the largest number of bytes in memory during each step.

    Counted is what has been computed and is still to be read or returned. ``at`` gives
    the value of a formula at the lengths in question.
    """
    memory = _Memory(spent, at)
    return [memory.most_in(step) for step in spent.steps]


class _Memory:
    """The memory in use while nodes are computed in order."""

    def __init__(self, spent: Spending, at: Callable[[sp.Expr], int]) -> None:
        self.at = at
        self.held: Counter[sp.Expr] = Counter()
        self.number = 0
        self.shown: dict[Node, list[Cell]] = {}  # the cells in whose memory a node lies
        last: dict[Cell, Node] = {}
        for node in (n for step in spent.steps for n in step.nodes):
            self.shown[node] = self._cells(node)
            # an item reads one result of its loop; nothing reads all of them
            read = () if node.op is ITEM else node.inputs
            cells = [c for n in (node, *read) for c in self.shown.get(n, ())]
            last.update(dict.fromkeys(cells, node))
        for node in spent.returned:
            for cell in self.shown.get(node, ()):
                last.pop(cell, None)
        self.freed: dict[Node, list[Cell]] = {}
        for cell, node in last.items():
            self.freed.setdefault(node, []).append(cell)

    def _cells(self, node: Node) -> list[Cell]:
        if node.op is ITEM:
            index = node.attrs["index"]
            return self.shown.get(node.inputs[0], [])[index : index + 1]
        if node.op.view and node.inputs:
            return self.shown.get(node.inputs[0], [])
        if node.op.leaf or is_given(node):
            return []
        return [(node, i) for i in range(len(types_of(node)))]

    def most_in(self, step: Work) -> sp.Expr:
        """Compute a step's nodes; return the largest number of bytes in memory."""
        most, number = Counter(self.held), self.number if not step.nodes else -1
        for node in step.nodes:
            for made, place in self.shown[node]:
                if made is node:
                    self._add(_size(node, place), 1)
            if self.number > number:
                most, number = Counter(self.held), self.number
            for made, place in self.freed.get(node, ()):
                self._add(_size(made, place), -1)
        return sp.expand(sp.Add(*(size * count for size, count in most.items())))

    def _add(self, size: sp.Expr, count: int) -> None:
        self.held[size] += count
        self.number += count * self.at(size)


def _size(node: Node, place: int) -> sp.Expr:
    elements, width = size_of(types_of(node)[place])
    return elements * width
