"""Totals of a loop's turns, added to where what is added is computed.

In: the statements of a body, and those that add to totals after it. Out: what is left
of the latter. Invariant: the same numbers are added. Where a part was placed into zeros
alone, its elements are added to those of the total, which began as zeros: 0 added to
what is not -0 changes no bit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from symdiff.emit.lower.changes import changes
from symdiff.emit.lower.marks import Computes
from symdiff.emit.lower.reading import ReadCounts
from symdiff.emit.python import code as py


@dataclass(frozen=True, slots=True)
class Begun:
    """The totals that began as zeros, and what tells a new array of zeros."""

    totals: Collection[py.Expr] = ()
    is_zeros: Callable[[py.Expr], bool] = lambda value: False


def totalled(
    body: list[py.Stmt],
    kept: Sequence[py.Stmt],
    ends: Sequence[py.Stmt],
    carries: Sequence[py.Expr],
    begun: Begun,
    reads: ReadCounts,
) -> list[py.Stmt]:
    """Add to totals in the lines that compute what is added; return the other ends.

    A total may be changed before the end of the body if nothing else reads it.
    """
    left = list(ends)
    for end in ends:
        total, terms = _sum(end)
        others = [s for s in left if s is not end]
        if total is None or any(reads(s, total) for s in (*body, *kept, *others)):
            continue
        if not terms or not all(changes(body, part, reads) for _, part in terms):
            continue
        for sign, part in terms:
            count = sum(reads(s, part) for s in (*body, *kept, *others))
            lasts = part in carries
            one = _adding(end, sign, part)
            _add(one, part, body, None if lasts else count, begun, reads)
        left.remove(end)
    return left


def _add(
    end: py.Assign | py.AugAssign,
    part: py.Name,
    body: list[py.Stmt],
    count: int | None,
    begun: Begun,
    reads: ReadCounts,
) -> None:
    """Add a part to its total where it is computed, or right after.

    ``count`` is how often the turn reads or sets the part; None if it is read later.
    """
    found = changes(body, part, reads)
    at, more = found[0], found[1:]
    alone = count == len(found)  # nothing else keeps the part
    placed = _placed(end, part, [body[i] for i in found], begun) if alone else []
    if placed:
        for i, s in zip(more, placed, strict=True):
            body[i] = s
        del body[at]
        return
    plus = isinstance(end, py.AugAssign) and end.op == "+"
    sums = plus and all(_adds(body[i], part) for i in more)
    if alone and _set(part, body[at]) is not None and (sums or not more):
        body[at] = _added(end, body[at])
        for i in more:
            body[i] = dataclasses.replace(body[i], target=_total(end))  # type: ignore[call-arg]
    else:
        body.insert(found[-1] + 1, end)


def _placed(
    end: py.Assign | py.AugAssign,
    part: py.Name,
    made: Sequence[py.Stmt],
    begun: Begun,
) -> list[py.Stmt]:
    """Return the statements that add to elements of a total, for a part made of them.

    ``made`` are those that make the part. None if they do more than to place values
    into zeros, each into elements that had none.
    """
    first, *stores = made
    if not isinstance(end, py.AugAssign) or end.target not in begun.totals:
        return []
    match first:
        case py.Assign(targets=(py.Name() as name,), value=value, also=()) if (
            name == part and begun.is_zeros(value)
        ):
            found = [_element(end, part, s) for s in stores]
        case _:
            return []
    placed = [s for s in found if s is not None]
    if len(placed) < len(stores):
        return []
    if not any(s.comment for s in placed):
        mark = first.mark
        if isinstance(mark, Computes) and mark.rule:
            mark = dataclasses.replace(mark, shape="")
            placed[0] = dataclasses.replace(placed[0], comment=mark.rule, mark=mark)
    return [*placed]


def _element(end: py.AugAssign, part: py.Name, store: py.Stmt) -> py.AugAssign | None:
    """Return what adds to elements of a total where a part of it sets them."""
    match store:
        case py.Assign(
            targets=(py.Index(value=py.Name() as name, items=items),),
            value=value,
            also=(),
            mark=mark,
        ) if name == part:
            said = mark.rule if isinstance(mark, Computes) else ""
            into, positive = py.Index(end.target, items), _unsigned(value)
            if positive is not None:
                op = "-" if end.op == "+" else "+"
                return py.AugAssign(into, op, positive, said, mark=mark)
            return py.AugAssign(into, end.op, value, said, mark=mark)
    return None


def _unsigned(value: py.Expr) -> py.Expr | None:
    """Return ``a * b`` of ``-a * b``, None of what does not begin with a sign."""
    match value:
        case py.Unary(op="-", operand=operand):
            return operand
        case py.Binary(op="*" | "/", left=left):
            inner = _unsigned(left)
            return None if inner is None else dataclasses.replace(value, left=inner)
    return None


def _adds(s: py.Stmt, name: py.Name) -> bool:
    return isinstance(s, py.AugAssign) and s.target == name and s.op in ("+", "-")


def _sum(end: py.Stmt) -> tuple[py.Name | None, list[tuple[str, py.Name]]]:
    """Return the total and what is added: ``total += x`` or ``total = total + x``.

    These are names with their signs, none of them twice, or else nothing.
    """
    match end:
        case py.AugAssign(target=py.Name() as total, op="+" | "-" as op, value=value):
            return total, _terms(op, value)
        case py.Assign(
            targets=(py.Name() as total,),
            value=py.Binary(op="+" | "-" as op, left=left, right=right),
        ) if left == total:
            return total, _terms(op, right)
    return None, []


def _terms(sign: str, value: py.Expr) -> list[tuple[str, py.Name]]:
    found: list[tuple[str, py.Name]] = []
    waiting = [(sign, value)]
    while waiting:
        match waiting.pop():
            case (sign, py.Name() as name):
                found.append((sign, name))
            case (sign, py.Binary(op="+" | "-" as op, left=left, right=right)):
                turned = "+" if op == sign else "-"
                waiting += [(turned, right), (sign, left)]
            case _:
                return []
    return found if len({name for _, name in found}) == len(found) else []


def _total(end: py.Assign | py.AugAssign) -> py.Expr:
    return end.target if isinstance(end, py.AugAssign) else end.targets[0]


def _adding(end: py.Stmt, sign: str, part: py.Name) -> py.Assign | py.AugAssign:
    """Return the statement that adds one term of what another adds."""
    if isinstance(end, py.AugAssign):
        return dataclasses.replace(end, op=sign, value=part)
    assert isinstance(end, py.Assign)
    assert isinstance(end.value, py.Binary)
    whole = dataclasses.replace(end.value, op=sign, right=part)
    return dataclasses.replace(end, value=whole)


def _set(name: py.Name, s: py.Stmt) -> py.Stmt | None:
    """Return a statement if it sets a name and nothing else."""
    plain = isinstance(s, py.Assign) and s.targets == (name,) and not s.also
    return s if plain else None


def _added(end: py.Stmt, computed: py.Stmt) -> py.Stmt:
    """Return the statement that adds what another one computes."""
    assert isinstance(computed, py.Assign)
    comment, mark, value = computed.comment, computed.mark, computed.value
    if isinstance(end, py.AugAssign):
        return dataclasses.replace(end, value=value, comment=comment, mark=mark)
    assert isinstance(end, py.Assign)
    assert isinstance(end.value, py.Binary)
    whole = dataclasses.replace(end.value, right=value)
    return dataclasses.replace(end, value=whole, comment=comment, mark=mark)
