"""What is between the value whose cotangent a line reads and the one it computes.

In: a line's tensor, the values whose rules it applies, and what it reads. Out: values
that no rule of the line names, though it differentiates them: a sum hands a cotangent
on as it is, and a rewrite joins two rules into one. Invariant: few values are looked
at, those a few ops away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from symdiff.emit.lower.primals import (
    cotangents_of,
    is_among,
    marks_of,
    only_turns,
    operands_of,
    operands_of_view,
    own_marks,
)
from symdiff.graph.node import Node
from symdiff.graph.origin import FAN_OUT
from symdiff.graph.tensor import Tensor

FEW = 32  # values of one cotangent that are looked at one by one
_DEEPEST = 3  # ops between a value and the cotangent that a line reads
Within = dict[Tensor, dict[Tensor, None]]
Passed = Mapping[Node, Tensor]
# By cotangent: which of its values are a few ops away from a mark.
Tables = dict[Tensor, dict[object, list[int]]]


def last_steps(
    tensor: Tensor,
    applied: Iterable[Tensor],
    within: Within,
    read: Iterable[Tensor],
    passed: Passed,
    known: Tables,
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the values to name before those of a line's rules, and after them.

    ``within`` gets what is between them and the values that are ``applied``; ``read``
    is what the line reads, ``passed`` are numbers that it has as expressions; ``known``
    keeps what is found, for the other lines of the body.
    """
    wanted = marks_of(_differentiated_by(tensor))
    used = {m: p for p in applied for m in own_marks(p)}
    operands = marks_of(x for p in set(used.values()) for x in operands_of(p))
    read = [t for t in read if not is_among(t, operands)]  # values, for these rules
    apart = marks_of(x for t in read for _, x in t.cotangent_of) - wanted
    between = _Between(wanted, apart, used, within)
    before: list[Tensor] = []
    after: list[Tensor] = []
    for t in read:
        for value in _near(t, _differentiated(t, passed), {*wanted, *used}, known):
            if not (is_among(value, used.keys()) or is_among(value, wanted)):
                (before if t is read[0] else after).extend(between.steps(value))
    return before, after


def tables(_: object) -> Tables:
    """Return a place for what is found of the cotangents of a body."""
    return {}


def _near(
    cotangent: Tensor,
    values: Sequence[Tensor],
    marks: Iterable[object],
    known: Tables,
) -> Sequence[Tensor]:
    """Return the values that may be computed from those of the marks, in order.

    A long sum hands one cotangent to all its terms; each line is about few of them.
    """
    if len(values) <= FEW:
        return values
    near = known.get(cotangent)
    if near is None:
        near = known[cotangent] = {}
        for i, value in enumerate(values):
            for mark in marks_of(_ancestors(value)):
                near.setdefault(mark, []).append(i)
    places = {i for mark in marks for i in near.get(mark, ())}
    return [values[i] for i in sorted(places)]


def _ancestors(value: Tensor) -> list[Tensor]:
    """Return what a value is computed from, as far away as is looked."""
    found = level = list(value.parents)
    for _ in range(_DEEPEST):
        level = [p for t in level for p in t.parents]
        found = [*found, *level]
    return found


def _differentiated(cotangent: Tensor, passed: Passed) -> list[Tensor]:
    """Return the values whose cotangent a line reads, as a variable or a number.

    A number such as ``d_loss / 2`` is written where it is read: it has a rule itself.
    A row of a loop has no operands; the value whose cotangents were added up has them.
    """
    own, number = cotangent.site.primal, passed.get(cotangent.node)
    if number is not None:
        return [] if number.site.primal is None else [number.site.primal]
    found = cotangents_of(cotangent)
    if own is None or cotangent.site.rule != FAN_OUT:
        return found
    same = marks_of([own])
    return [own if x.node.op.leaf and marks_of([x]) & same else x for x in found]


def _differentiated_by(tensor: Tensor) -> list[Tensor]:
    """Return the values whose cotangent a tensor is, or a total is added to."""
    if tensor.cotangent_of:
        return [x for _, x in tensor.cotangent_of]
    if tensor.site.rule == FAN_OUT and tensor.site.primal is not None:
        return [tensor.site.primal]
    if tensor.node.op.infix in ("+", "-") and tensor.parents:
        return [x for _, x in tensor.parents[0].cotangent_of]
    return []


@dataclass(frozen=True, slots=True)
class _Between:
    """A search from values whose cotangents a line reads to those that are ``wanted``.

    Values ``apart`` are left out: the line reads their cotangents too. Those that are
    ``used`` have rules in the line.
    """

    wanted: set[object]
    apart: set[object]
    used: Mapping[object, Tensor]
    within: Within

    def steps(self, value: Tensor) -> list[Tensor]:
        """Return a value that leads to a wanted one, or the parts of a sum that do.

        Parts that the line has rules for are left out, and views of them. A sum is told
        if it takes the part: then it has another sign than its formula.
        """
        steps: list[Tensor] = []
        waiting = [value]
        while waiting:
            value = waiting.pop()
            if not self._leads(value):
                continue
            found, op = self.within[value], value.node.op
            direct = any(is_among(p, self.wanted) for p in value.parents)
            if op.infix in ("+", "-") or op.facts.zeros == "joined":
                turned = any(only_turns(p.node.op) for p in found)  # alpha[:, None]
                inside = not (direct or turned or _takes(value, found))
            elif direct and not found and self.used:
                continue  # it has no rule: its derivative is 0, as that of x**0
            else:
                inside = only_turns(op) and not direct
            if not inside:
                steps.append(value)
                continue
            del self.within[value]
            rest = [p for p in found if not is_among(p, self.used.keys())]
            waiting += reversed(rest)
        return steps

    def _leads(self, value: Tensor, depth: int = _DEEPEST) -> bool:
        """Whether a value is computed from a wanted one; note what is between them."""
        found: dict[Tensor, None] = {}
        reached = False
        for operand in value.parents:
            marks = own_marks(operand)
            known = next((self.used[m] for m in marks if m in self.used), None)
            if not self.wanted.isdisjoint(marks):
                reached = True
            elif not self.apart.isdisjoint(marks):
                continue
            elif known is not None:
                found[known] = None
            elif operand.node.op.facts.sweeps:
                continue  # what a loop differentiates is in the loop
            elif depth and self._leads(operand, depth - 1):
                found[operand] = None
        if found or reached:
            self.within[value] = found
        return bool(found) or reached


def _takes(value: Tensor, parts: Iterable[Tensor]) -> bool:
    """Whether a value is a difference that has one of its parts with a minus."""
    if value.node.op.infix != "-" or len(value.parents) != 2:
        return False
    second = value.parents[1]
    return bool(marks_of([second, *operands_of_view(second)]) & marks_of(parts))
