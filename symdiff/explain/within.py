"""What a report says of the body of a loop or branch.

In: a loop or branch from inside. Out: an `Inside` for each body: the statements with
the index of the step, and how the cotangents come about from the last step to the
first. Invariant: a cotangent that several formulas need is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby

from symdiff.explain.derivation import BodySide, Derivation, Entry, Opened
from symdiff.explain.formulas import Formula
from symdiff.explain.parts import Inside, Part, Section, Stated
from symdiff.explain.stepwise import Shown, tables
from symdiff.explain.symbols import symbol
from symdiff.explain.values import Values

Parts = Callable[[Values | None, Derivation, Entry], Iterable[Part]]
Inner = Callable[[Derivation, Entry], Iterable[Part]]

BACK = "The cotangents, from the last step to the first"
ONCE = "What it hands back"


def bodies(opened: Opened, parts: Parts, shown: Shown | None) -> Iterator[Inside]:
    """Yield what is inside; ``parts`` are those of an entry of a body.

    ``shown`` has the step whose values are shown.
    """
    for side in opened.sides:
        title = side.title or opened.steps
        taken = shown is not None and shown.replay.turns[shown.step].side is side
        values = shown.values if shown is not None and taken else None
        told = list(_told(opened, side, partial(parts, values)))
        words = "" if shown is None else shown.words
        if shown is not None and not opened.index:
            words = "Taken at this point." if taken else "Not taken at this point."
        if shown is not None and opened.index:
            told += tables(shown.replay)
        yield Inside(f"{title}:", words, tuple(starts(opened)), tuple(told))


def starts(opened: Opened) -> Iterator[Stated]:
    """Yield what the rows are of, what carries start with, and what is passed on."""
    for row in opened.rows:
        if row.name == row.of.text:  # x[t] of x
            continue
        yield Stated(row.name, row.of, "the row of the step")
    for carry in opened.carries:
        yield Stated(carry.first, carry.start, "before the first step")
    for carry in opened.carries:
        if carry.update is not None:
            yield Stated(carry.after, carry.update, "carried on")


def _told(opened: Opened, side: BodySide, parts: Inner) -> Iterator[Section]:
    derivation = side.derivation
    computed = [e for e in derivation.entries if not e.role]
    for place, found in groupby(computed, place_of):
        entries = list(found)
        told = [part for e in entries for part in parts(derivation, e)]
        statement = entries[0].statement
        text = "" if statement is None else statement.text
        yield Section("statement", text, tuple(told), place)
    if derivation.gradients:
        title = BACK if opened.index else ONCE
        yield Section("recursion", title, tuple(recursion(opened, derivation)))


def place_of(entry: Entry) -> str:
    """Return the place of an entry's statement, or ''."""
    return "" if entry.statement is None else entry.statement.location


def recursion(opened: Opened, derivation: Derivation) -> Iterator[Stated]:
    """Yield the cotangents of carries, those they are made of, and those added up."""
    for carry in opened.carries:
        if carry.back:
            yield Stated(carry.last_back, _named(carry.ended), "after the last step")
    before = {c.before for c in opened.carries}
    rows = {r.name for r in opened.rows}
    where: dict[str, Formula] = {}
    for gradient in derivation.gradients:
        where.update(gradient.where)
        if gradient.name in before:
            yield Stated(gradient.cotangent, gradient.formula, "to the step before")
    for name, formula in where.items():
        yield Stated(name, formula, "where")
    for gradient in derivation.gradients:
        if gradient.name not in before:
            words = "added up over the steps" if opened.index else ""
            words = "for each step" if gradient.name in rows else words
            yield Stated(gradient.cotangent, gradient.formula, words)


def _named(name: str) -> Formula:
    return Formula(name, symbol(name).tex)
