"""What of the compiled program the values of a derivation have become.

In: a derivation, and the compilation of what it is of. Out: `Computed`, with a tensor
of the program for each value and cotangent that the program has. Invariant: a value
went through the same passes as the program; one that stands in no form of it, because a
raw formula was replaced by a stable one, is left out rather than guessed.
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

    ``hands`` has each (source, user) of which the user's rule hands back to the source
    in the program as well.
    """

    program: Program
    forward: Mapping[str, Tensor]
    cotangents: Mapping[str, Tensor]
    hands: Set[tuple[str, str]] = field(repr=False)


def computed(derivation: Derivation, compiled: Compilation) -> Computed:
    """Return what the values and cotangents of a derivation have become."""
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
    """Which values have, in the program, the cotangent that they have as declared.

    ``kept`` are their names. A value keeps it if each next one that is computed from it
    is so in the program too: log(exp(-x) + 1) reads -x, but log(1 / (1 + exp(-x))) is
    log_sigmoid(x) there, and what flows back from that passes -x by.
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
        while passed := self._passed_by():
            self.kept = {n: None for n in self.kept if n not in passed}

    def _unmerged(self) -> list[str]:
        """Return the values that are not one node with others in the program.

        Of several that are, it is the one that all others are computed from: through it
        flows back what flows through any.
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

    def _reads(self, users: Iterable[str]) -> Iterator[tuple[str, set[str], set[str]]]:
        """Yield for each value the next ones that it is computed from: as declared, and
        in the program.
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
        """Return pairs of a value and one that is computed from it, in both."""
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
    """Return what a node is computed from, and itself."""
    return set(topological([node]))
