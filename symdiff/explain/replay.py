"""The steps of a loop one by one: every value and every cotangent of each.

In: a loop or branch from inside, the arrays of its operands, cotangents of its results.
Out: a `Replay`. Invariant: a step is evaluated as its body is declared, through the
records of its nodes; the contributions of all steps add up to what the loop hands back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdiff.explain.contributions import Contributions
from symdiff.explain.derivation import BodySide, Opened
from symdiff.graph.interpret import Environment, evaluate
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.types import TupleType

MOST = 20_000  # values of all steps of a loop together

Key = tuple[str, str, int]  # of a contribution: source, user, and its place


@dataclass
class LoopStep:
    """One step: arrays by name, and contributions by their keys."""

    side: BodySide
    feed: Mapping[Node, Any]
    forward: dict[str, Any]
    outputs: Sequence[Any]
    known: Mapping[Node, Any]  # leaves outside, for the lengths of axes
    seeds: dict[Node, Any] = field(default_factory=dict)
    cotangents: dict[str, Any] = field(default_factory=dict)
    shares: dict[Key, Any] = field(default_factory=dict)

    def handed(self, place: int) -> Any:
        """Return what the step hands back to an operand, or None."""
        leaf = self.side.body.params[place].node
        entries = self.side.derivation.entries
        found = (e.cotangent for e in entries if e.tensor.node is leaf)
        return self.cotangents.get(next(found, None) or "")


@dataclass(frozen=True)
class Replay:
    """All steps of a loop, by the index of the step; one for a branch."""

    opened: Opened
    turns: Mapping[int, LoopStep]

    @property
    def steps(self) -> list[int]:
        """The indices of the steps, from 0 on."""
        return sorted(self.turns)

    def back(self, name: str) -> list[Any]:
        """Return the cotangent of a value of the body at each step, by its name."""
        return [self.turns[t].cotangents.get(name) for t in self.steps]


def replayed(
    opened: Opened,
    operands: Sequence[Any],
    cotangents: Sequence[Any],
    lengths: Mapping[Node, Any],
) -> Replay | None:
    """Return the steps of a loop or branch; a cotangent that is None is zero.

    ``lengths`` are leaves from which lengths of axes are read. Where the steps have
    more than ``MOST`` values together, there is none.
    """
    node = opened.tensor.node
    known = {**lengths, **dict(zip(node.inputs, operands, strict=True))}
    if not opened.index:
        return _branch(opened, operands, cotangents, known)
    (side,) = opened.sides
    room = MOST // max(len(side.derivation.entries), 1)
    turns = dict(itertools.islice(_forward(opened, side, operands, known), room + 1))
    if len(turns) > room:
        return None
    seeds, n = dict(side.seeds), len(LoopSpec.of(node.attrs).carries)
    carried = {i: cotangents[i] for i in seeds if i < n}
    for t in reversed(turns):
        rows = {i: cotangents[i][t] for i in seeds if i >= n}
        _back(turns[t], {**carried, **rows})
        carried = {i: turns[t].handed(i) for i in carried}
    return Replay(opened, turns)


def _forward(
    opened: Opened, side: BodySide, operands: Sequence[Any], known: Mapping[Node, Any]
) -> Iterator[tuple[int, LoopStep]]:
    """Yield the steps in the order in which they run."""
    attrs = opened.tensor.node.attrs
    spec = LoopSpec.of(attrs)
    state, rows, rest = spec.split(operands)
    if opened.test is None:
        length = Environment(known).resolve(attrs["length"])
        order: Sequence[int] = range(length)[:: -1 if opened.reverse else 1]
        for t in order:
            turn = _turn(side, [*state, *(r[t] for r in rows), *rest], known)
            state = spec.ends(turn.outputs)[0]
            yield t, turn
        return
    test, t = attrs["test"], 0
    goal = test.outputs[0].node
    while True:
        feed = dict(zip((p.node for p in test.params), (*state, *rest), strict=True))
        if not evaluate([goal], {**known, **feed})[goal]:
            return
        turn = _turn(side, [*state, *rest], known)
        state = turn.outputs
        yield t, turn
        t += 1


def _turn(side: BodySide, given: Sequence[Any], known: Mapping[Node, Any]) -> LoopStep:
    """Return a step with its values."""
    body, entries = side.body, side.derivation.entries
    feed = dict(zip((p.node for p in body.params), given, strict=True))
    nodes = [e.tensor.node for e in entries]
    ends = [t.node for t in body.outputs]
    values = evaluate([*nodes, *ends], {**known, **feed})
    kept = (e for e in entries if not isinstance(e.tensor.type, TupleType))
    forward = {e.name: values[e.tensor.node] for e in kept}
    return LoopStep(side, feed, forward, [values[n] for n in ends], known)


def _back(turn: LoopStep, given: Mapping[int, Any]) -> None:
    """Fill in the cotangents of a step, given those of its outputs."""
    body, derivation = turn.side.body, turn.side.derivation
    seeds = turn.seeds
    whole: dict[Node, Any] = {}
    for i, seed in turn.side.seeds:
        array = np.zeros_like(turn.outputs[i]) if given[i] is None else given[i]
        seeds[seed.node] = array
        whole[body.outputs[i].node] = array
    feed = {**turn.feed, **seeds}
    made = Contributions(derivation, feed, turn.known, turn.forward, turn.cotangents)
    for entry in reversed(derivation.entries):
        if entry.cotangent is None:
            continue
        total = whole[entry.tensor.node] if entry.given else None
        for k, share in enumerate(entry.received):
            value = turn.shares[share.source, share.user, k] = made.of(share.tensor)
            total = value if total is None else total + value
        turn.cotangents[entry.cotangent] = total


def _branch(
    opened: Opened,
    operands: Sequence[Any],
    cotangents: Sequence[Any],
    known: Mapping[Node, Any],
) -> Replay:
    """Return the side that is taken, as the only step."""
    taken = 0 if bool(operands[0]) else 1
    turn = _turn(opened.sides[taken], operands[1:], known)
    _back(turn, dict(enumerate(cotangents)))
    return Replay(opened, {0: turn})
