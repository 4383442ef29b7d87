"""The tensors of the compiled program that compute the values of a derivation.

In: a derivation, and the compilation of the same model. Out: `Computed`, with a tensor
of the program for each value and cotangent that the program computes. Invariant: a
value went through the same passes as the program; one that the program does not
compute, because a raw formula was replaced by a stable one, is left out, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from symdiff.compiler.compilation import Compilation
from symdiff.derive.reverse import active_nodes
from symdiff.explain.derivation import Derivation, Entry
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.plan.program import Program


@dataclass(frozen=True)
class Computed:
    """Tensors of a compiled program by the names of a derivation's entries.

    ``hands`` has each pair (source, user) for which the user's rule contributes to the
    source's cotangent in the program too.
    """

    program: Program
    forward: Mapping[str, Tensor]
    cotangents: Mapping[str, Tensor]
    hands: Set[tuple[str, str]] = field(repr=False)


def computed(derivation: Derivation, compiled: Compilation) -> Computed:
    """Return the tensors that compute the values and cotangents of a derivation."""
    derived: Program = compiled.stages["derive"]
    final: Program = compiled.stages["lower"].unit.program
    entries = [
        e for e in derivation.entries if not isinstance(e.tensor.type, TupleType)
    ]
    declared = [e.tensor for e in entries]
    predicted = derived.became.predicted(declared)
    trained = derived.became.trained(declared)
    later = final.became.trained.since(derived.became.trained)
    last = final.became.predicted.since(derived.became.predicted)
    forward: dict[str, Tensor] = {}
    for before, after, known in (
        (predicted, last(predicted), {*derived.output_tensors}),
        (trained, later(trained), {*derived.tensors}),
    ):
        known |= {*final.output_tensors, *final.tensors}
        for e, old, made in zip(entries, before, after, strict=True):
            if old.node in known or made.node in known:
                forward[e.name] = made
    form = {e.name: t.node for e, t in zip(entries, trained, strict=True)}
    back = _Back(derivation.unit.program, derived, entries, form)
    totals = dict(derived.cotangents)
    kept = list(back.kept)
    made_of = later([totals[form[name]] for name in kept])
    cotangents = dict(zip(kept, made_of, strict=True))
    names = {e.tensor.node: e.name for e in entries}
    gradients = zip(final.wrt, final.gradients, strict=True)
    cotangents |= {names[v.node]: g for v, g in gradients if v.node in names}
    return Computed(final, forward, cotangents, back.hands())


class _Back:
    """Which values have the same cotangent in the program as in the declared graph.

    ``kept`` are their names. A value keeps its cotangent if its next readers are the
    same in both. In log(exp(-x) + 1) the program still reads -x. But the program makes
    log(1 / (1 + exp(-x))) a log_sigmoid(x), whose cotangent goes to x without -x. First
    go values that are passed by so, then those that the program reads beside.
    """

    def __init__(
        self,
        declared: Program,
        derived: Program,
        entries: Sequence[Entry],
        form: Mapping[str, Node],
    ) -> None:
        self._form = form
        self._entries = {e.name: e for e in entries if e.cotangent is not None}
        self._active = _active(declared) | _active(derived)
        totals = {node for node, _ in derived.cotangents}
        self.kept = {n: None for n in self._unmerged() if form[n] in totals}
        while other := self._passed_by() or self._reached_beside():
            self.kept = {n: None for n in self.kept if n not in other}

    def _unmerged(self) -> list[str]:
        """Return the values that a node of the program stands for alone.

        Where several values became one node, the one that all others are computed from
        counts, because all their cotangents flow through it.
        """
        merged: dict[Node, list[str]] = {}
        for name in self._entries:
            merged.setdefault(self._form[name], []).append(name)
        return [
            first
            for first, *others in merged.values()
            if all(self._node(first) in _before(self._node(o)) for o in others)
        ]

    def _node(self, name: str) -> Node:
        return self._entries[name].tensor.node

    def _passed_by(self) -> set[str]:
        found: set[str] = set()
        results = [n for n, e in self._entries.items() if e.seed]
        for _, declared, stable in self._reads(self.kept | dict.fromkeys(results)):
            for name in declared:
                others = {self._node(o) for o in stable - declared}
                past = others and not others.isdisjoint(_before(self._node(name)))
                if past or name not in stable:
                    found.add(name)
        return {n for n in found if not self._entries[n].role}

    def _reached_beside(self) -> set[str]:
        """Return values that the program hands a share of a reader that is not theirs.

        1 / (1 + exp(x)) becomes sigmoid(-x), so a -x of the user's gets its share too.
        """
        results = [n for n, e in self._entries.items() if e.seed]
        found: set[str] = set()
        for _, declared, stable in self._reads(self.kept | dict.fromkeys(results)):
            found |= stable - declared
        return {n for n in found if not self._entries[n].role}

    def _reads(self, users: Iterable[str]) -> Iterator[tuple[str, set[str], set[str]]]:
        """Yield each value with the nearest values that it is computed from.

        They are given twice: in the declared graph, and in the program.
        """
        declared = {self._node(n): n for n in self.kept}
        stable = {self._form[n]: n for n in self.kept}
        for user in users:
            before = self._reached(user, self._node(user), declared)
            yield user, before, self._reached(user, self._form[user], stable)

    def _reached(self, user: str, start: Node, known: Mapping[Node, str]) -> set[str]:
        found: set[str] = set()
        stack, seen = [start], {start}
        while stack:
            node = stack.pop()
            name = known.get(node, user)
            if name != user:
                found.add(name)
                continue
            near = [i for i in node.inputs if i in self._active and i not in seen]
            seen.update(near)
            stack += near
        return found

    def hands(self) -> set[tuple[str, str]]:
        """Return pairs of a value and a next reader of it, the same in both graphs."""
        return {
            (source, user)
            for user, declared, stable in self._reads(self.kept)
            for source in declared & stable
        }


def _active(program: Program) -> set[Node]:
    """Return the nodes that a program's gradients flow through."""
    results = [t for _, t in program.results if t.dtype.is_float]
    return active_nodes(tensor_topological(results), {t.node for t in program.wrt})


def _before(node: Node) -> set[Node]:
    """Return all nodes that a node is computed from, and the node itself."""
    return set(topological([node]))
