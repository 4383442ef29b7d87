"""What of the compiled program the values of a derivation have become.

In: a derivation, and the compilation of what it is of. Out: `Computed`, with a tensor
of the program for each value and cotangent that the program has. Invariant: a value
went through the same passes as the program; one that stands in no form of it, because a
raw formula was replaced by a stable one, is left out rather than guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from symdiff.compiler.compilation import Compilation
from symdiff.explain.derivation import Derivation, Entry
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
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
    hands: frozenset[tuple[str, str]] = field(repr=False)


def computed(derivation: Derivation, compiled: Compilation) -> Computed:
    """Return what the values and cotangents of a derivation have become."""
    derived: Program = compiled.stages["derive"]
    final: Program = compiled.stages["lower"].unit.program
    entries = [
        e for e in derivation.entries if not isinstance(e.tensor.type, TupleType)
    ]
    declared = [e.tensor for e in entries]
    stable = derived.became.trained(declared)
    later = final.became.trained.since(derived.became.trained)
    forward = _standing(entries, stable, later(stable), (derived, final), True)
    predicted = derived.became.predicted(declared)
    last = final.became.predicted.since(derived.became.predicted)(predicted)
    forward = {
        **_standing(entries, predicted, last, (derived, final), False),
        **forward,
    }
    form = {e.name: t.node for e, t in zip(entries, stable, strict=True)}
    totals = dict(derived.cotangents)
    owned = [e for e in _owners(entries, form) if form[e.name] in totals]
    made = later([totals[form[e.name]] for e in owned])
    cotangents = {e.name: t for e, t in zip(owned, made, strict=True)}
    names = {e.tensor.node: e.name for e in entries}
    gradients = zip(final.wrt, final.gradients, strict=True)
    cotangents |= {names[v.node]: g for v, g in gradients if v.node in names}
    return Computed(final, forward, cotangents, _handing(entries, form, totals))


def _standing(
    entries: Sequence[Entry],
    before: Sequence[Tensor],
    after: Sequence[Tensor],
    programs: Iterable[Program],
    trained: bool,
) -> dict[str, Tensor]:
    """Return what became of those values that one of two programs computes."""
    derived, final = (p.tensors() if trained else p.output_tensors() for p in programs)
    return {
        e.name: made
        for e, t, made in zip(entries, before, after, strict=True)
        if t.node in derived or made.node in final
    }


def _owners(entries: Sequence[Entry], form: Mapping[str, Node]) -> list[Entry]:
    """Return the values whose cotangent is that of the node that they have become.

    Of several that became one node it is the one that all others are computed from:
    through it flows back what flows through any.
    """
    merged: dict[Node, list[Entry]] = {}
    for e in entries:
        if e.cotangent is not None:
            merged.setdefault(form[e.name], []).append(e)
    return [
        first
        for first, *others in merged.values()
        if all(first.tensor.node in set(topological([o.tensor.node])) for o in others)
    ]


def _handing(
    entries: Sequence[Entry], form: Mapping[str, Node], totals: Mapping[Node, Tensor]
) -> frozenset[tuple[str, str]]:
    """Return pairs of a value and a reader of it, of which the program has both.

    A reader that was replaced by something stable may read something else.
    """
    owners: dict[Node, list[str]] = {}
    for e in entries:
        owners.setdefault(form[e.name], []).append(e.name)
    found: set[tuple[str, str]] = set()
    for e in entries:
        if form[e.name] not in totals:
            continue
        stack, seen = list(form[e.name].inputs), set[Node]()
        while stack:
            node = stack.pop()
            if node in owners:
                found.update((source, e.name) for source in owners[node])
            elif node not in seen:
                seen.add(node)
                stack.extend(node.inputs)
    return frozenset(found)
