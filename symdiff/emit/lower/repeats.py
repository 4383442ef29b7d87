"""Blocks that may repeat: statements by the scope that their values were declared in.

In: the statements of a function. Out: `Scoped` entries, families of scopes (`block0`,
`block1`, …), and `Repeats`: for each scope of a family a run of entries, all alike.
Invariant: `statements_of` gives the statements back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from symdiff.emit.lower.alike import Effects, effects
from symdiff.emit.lower.marks import Computes, Heading
from symdiff.emit.python import code as py

Scope = tuple[str, ...]
Slot = tuple[py.Expr, ...]  # what stands at one place, in each of the runs


@dataclass(frozen=True)
class Scoped:
    """A statement of a function, the comments above it, and the scope of its value."""

    stmt: py.Stmt
    lead: tuple[py.Stmt, ...]
    heading: py.Stmt | None
    scope: Scope

    @cached_property
    def effects(self) -> Effects:
        """The variables that it reads, sets and changes."""
        return effects(self.stmt)

    def within(self, scope: Scope) -> bool:
        """Whether its value was declared in a scope, or in one inside it."""
        return self.scope[: len(scope)] == scope


@dataclass(frozen=True)
class Family:
    """Scopes that have one name but for a number at its end, in their order.

    ``whole`` are all of the family, of which these are some.
    """

    stem: str
    scopes: tuple[Scope, ...]
    whole: tuple[Scope, ...]

    def is_of_another(self, entry: Scoped, member: int) -> bool:
        """Whether an entry's value is one of another scope's own, inside that scope.

        Cotangents of what one block gives and the next is given are of neither alone.
        """
        scopes = (s for s in self.whole if s != self.scopes[member])
        return any(entry.within(s) and entry.scope != s for s in scopes)


@dataclass(frozen=True)
class Repeats:
    """The runs of a family in a function's entries, in the order of its scopes.

    ``lines`` are, for each statement of a run, its names in the order of the text: what
    is at one place in every run. Those in ``made`` are set in the runs. ``rest`` counts
    the statements of the scopes that are in no run.
    """

    family: Family
    entries: tuple[Scoped, ...]
    runs: tuple[range, ...]
    lines: tuple[tuple[Slot, ...], ...]
    made: frozenset[Slot]
    rest: int

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """The names in a run, each once, in the order of the text."""
        return tuple(dict.fromkeys(s for line in self.lines for s in line))

    @property
    def is_whole(self) -> bool:
        """Whether hardly a statement of the scopes is beside the runs."""
        return self.rest <= len(self.runs)

    @property
    def saving(self) -> int:
        """How many statements fewer there are; those of a scope beside its run cost."""
        return (len(self.runs) - 1) * len(self.runs[0]) - 3 * self.rest

    def of(self, member: int) -> Sequence[Scoped]:
        """Return the entries of a member's run."""
        run = self.runs[member]
        return self.entries[run.start : run.stop]

    def live(self, member: int, end: Iterable[str]) -> set[str]:
        """Return the variables that are read after a run, as they are at its end.

        ``end`` are those that are read after all entries.
        """
        found = set(end)
        for e in reversed(self.entries[self.runs[member].stop :]):
            found = found - e.effects.sure | e.effects.reads | e.effects.changes
        return found


# --- entries --------------------------------------------------------------------------


def entries_of(stmts: Iterable[py.Stmt]) -> tuple[Scoped, ...]:
    """Return the statements of a function's computation."""
    found: list[Scoped] = []
    lead: list[py.Stmt] = []
    heading: py.Stmt | None = None
    for s in stmts:
        if isinstance(s, py.Comment | py.Blank):
            lead.append(s)
            heading = s if isinstance(s.mark, Heading) else heading
            continue
        found.append(Scoped(s, tuple(lead), heading, _scope(s)))
        lead = []
    return tuple(found)


def _scope(stmt: py.Stmt) -> Scope:
    match stmt.mark:
        case Computes(tensors=(first, *_)):
            return first.scope
    return ()


def statements_of(entries: Sequence[Scoped]) -> list[py.Stmt]:
    """Return entries as statements again, each under the heading it was under."""
    made: list[py.Stmt] = []
    current: py.Stmt | None = None
    for e in entries:
        others = [s for s in e.lead if not isinstance(s.mark, Heading)]
        if e.heading != current and e.heading is not None:
            others = [s for s in others if not isinstance(s, py.Blank)]
            others = [py.Blank(), e.heading, *others] if made else [e.heading, *others]
        current = e.heading
        made += [*others, e.stmt]
    return made


# --- families -------------------------------------------------------------------------


def families(entries: Sequence[Scoped]) -> list[Family]:
    """Return the families of scopes that values were declared in, outer ones first."""
    found: dict[tuple[Scope, str], dict[Scope, None]] = {}
    for scope in dict.fromkeys(e.scope for e in entries):
        for depth in range(1, len(scope) + 1):
            *outer, last = scope[:depth]
            stem = re.sub(r"[\W_]*\d+$", "", last)
            if stem.isidentifier() and stem != last:
                key = (tuple(outer), stem)
                found.setdefault(key, {})[scope[:depth]] = None
    several = {key: tuple(s) for key, s in found.items() if len(s) > 1}
    by_depth = sorted(several.items(), key=lambda item: len(item[0][0]))
    return [Family(stem, scopes, scopes) for (_, stem), scopes in by_depth]
