"""Blocks that repeat: scopes of a model whose statements are alike.

In: the statements of a function, and the scopes that its values were declared in. Out:
`Repeats`: for each scope of a family (`block0`, `block1`, …) a run of statements, all
runs alike. Invariant: statements only change places where neither reads, sets or
changes what the other sets or changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

from symdiff.emit.lower.alike import Effects, IsName, Names, Shape, effects
from symdiff.emit.lower.alike import without_names as bare
from symdiff.emit.lower.marks import Computes, Heading
from symdiff.emit.python import code as py

LEAST = 6  # statements that are worth a function
Scope = tuple[str, ...]
Slot = tuple[py.Expr, ...]  # what stands at one place, in each of the runs
Told = tuple[Shape, Names]


@dataclass(frozen=True)
class Entry:
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

    def is_of_another(self, entry: Entry, member: int) -> bool:
        """Whether an entry's value is one of another scope's own, inside that scope.

        Cotangents of what one block gives and the next is given are of neither alone.
        """
        scopes = (s for s in self.whole if s != self.scopes[member])
        return any(entry.within(s) and entry.scope != s for s in scopes)


class _Found(NamedTuple):
    """Runs that are alike, the names in them, and which of these they set."""

    runs: tuple[range, ...]
    slots: tuple[Slot, ...]
    made: frozenset[Slot]


@dataclass(frozen=True)
class Repeats:
    """The runs of a family in a function's entries, in the order of its scopes.

    ``slots`` are the names in a run, in the order of the text: what is at one place in
    every run. Those in ``made`` are set in the runs. ``rest`` counts the statements of
    the scopes that are in no run.
    """

    family: Family
    entries: tuple[Entry, ...]
    runs: tuple[range, ...]
    slots: tuple[Slot, ...]
    made: frozenset[Slot]
    rest: int

    @property
    def saving(self) -> int:
        """How many statements fewer there are; those of a scope beside its run cost."""
        return (len(self.runs) - 1) * len(self.runs[0]) - 3 * self.rest

    def of(self, member: int) -> Sequence[Entry]:
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


def entries_of(stmts: Iterable[py.Stmt]) -> tuple[Entry, ...]:
    """Return the statements of a function's computation."""
    found: list[Entry] = []
    lead: list[py.Stmt] = []
    heading: py.Stmt | None = None
    for s in stmts:
        if isinstance(s, py.Comment | py.Blank):
            lead.append(s)
            heading = s if isinstance(s.mark, Heading) else heading
            continue
        found.append(Entry(s, tuple(lead), heading, _scope(s)))
        lead = []
    return tuple(found)


def _scope(stmt: py.Stmt) -> Scope:
    match stmt.mark:
        case Computes(tensors=(first, *_)):
            return first.scope
    return ()


def statements_of(entries: Sequence[Entry]) -> list[py.Stmt]:
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


def families(entries: Sequence[Entry]) -> list[Family]:
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


# --- runs -----------------------------------------------------------------------------


def repeats(
    family: Family, entries: Sequence[Entry], local: Collection[str], is_name: IsName
) -> Repeats | None:
    """Return the longest runs of a family that are alike, if there are any.

    ``local`` are the variables of the function.
    """
    ordered = _together(family, entries)
    if ordered is None:
        return None
    cores = [_core(scope, ordered) for scope in family.scopes]
    if any(_overlap(a, b) for a, b in combinations(cores, 2)):
        return None
    told = [bare(e.stmt, is_name) for e in ordered]
    runs = _common(cores, told)
    # without the first statements, others at the end may have room
    tried = [_extended(runs, told)]
    shorter = (
        [range(r.start + k, r.stop) for r in runs] for k in (1, 2) if len(runs[0]) > k
    )
    tried += [_extended(rs, told, left=False) for rs in shorter]
    found = max((_consistent(family, t, ordered, told) for t in tried), key=_fitness)
    if len(found.runs[0]) < LEAST or _changes_given(found, ordered):
        return None
    rest = sum(len(c) - len(r) for c, r in zip(cores, found.runs, strict=True))
    return Repeats(family, tuple(ordered), *found, rest)


def _core(scope: Scope, entries: Sequence[Entry]) -> range:
    """Return the places from the first to the last value of a scope."""
    inside = [i for i, e in enumerate(entries) if e.within(scope)]
    return range(inside[0], inside[-1] + 1) if inside else range(0)


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


def _together(family: Family, entries: Sequence[Entry]) -> list[Entry] | None:
    """Return entries in an order in which the scopes of a family stand apart.

    What several of them read, and none computes from its own values, goes before the
    first; what was computed too early, since it depends on nothing, goes to its reader.
    """
    members = [
        next((m for m, s in enumerate(family.scopes) if e.within(s)), None)
        for e in entries
    ]
    if not set(range(len(family.scopes))) <= set(members):
        return None
    made = frozenset(name for e in entries for name in e.effects.sets)
    shared = _shared(entries, members, made)
    first = min(i for i, m in enumerate(members) if m is not None)
    rest = [i for i in range(len(entries)) if i not in shared]
    order = [i for i in rest if i < first]
    order += [*shared, *(i for i in rest if i >= first)]
    told = [None if i in shared else members[i] for i in order]
    return _sunk([entries[i] for i in order], told, made)


def _shared(
    entries: Sequence[Entry], members: Sequence[int | None], made: frozenset[str]
) -> list[int]:
    """Return the places of values that several scopes read and that depend on none."""
    found: list[int] = []
    stay: list[Entry] = []  # from the first scope on
    times = Counter(name for e in entries for name in e.effects.sets)
    readers: dict[str, set[int]] = {}
    for e, m in zip(entries, members, strict=True):
        for name in e.effects.reads if m is not None else ():
            readers.setdefault(name, set()).add(m)  # type: ignore[arg-type]
    for i, (e, m) in enumerate(zip(entries, members, strict=True)):
        if m is None and not stay:
            continue
        sets = e.effects.sets
        wanted = m is not None and any(readers.get(n, {m}) != {m} for n in sets)
        free = wanted and all(times[name] == 1 for name in sets)
        if free and not any(_meet(s, e, made) for s in stay):
            found.append(i)
        else:
            stay.append(e)
    return found


def _meet(before: Entry, after: Entry, made: frozenset[str]) -> bool:
    """Whether two entries may not change places.

    What one changes in place may be a view of what the other reads, if that is one of
    the values ``made`` in the function.
    """
    one, other = before.effects, after.effects
    touched = (one.reads | one.changes) & made, (other.reads | other.changes) & made
    views = (one.changes & made and touched[1]) or (other.changes & made and touched[0])
    return one.meets(other) or bool(views)


def _sunk(
    entries: list[Entry], members: Sequence[int | None], made: frozenset[str]
) -> list[Entry]:
    """Return entries, of which those that stand apart from their scope go to it."""
    found = list(zip(entries, members, strict=True))
    for at in reversed(range(len(found))):
        e, m = found[at]
        apart = m is not None and at + 1 < len(found) and found[at + 1][1] != m
        if not apart or all(n != m for _, n in found[at + 1 :]):
            continue
        to = at
        while to + 1 < len(found) and not _meet(e, found[to + 1][0], made):
            to += 1
        if to + 1 < len(found) and found[to + 1][1] == m:
            found.insert(to, found.pop(at))
    return [e for e, _ in found]


def _common(cores: Sequence[range], told: Sequence[Told]) -> list[range]:
    """Return the longest run in every core whose statements have the same shapes."""
    run, shifts = cores[0], [0]
    for other in cores[1:]:
        run, shift = _longest(run, other, told)
        shifts.append(shift)
    return [range(run.start + s, run.stop + s) for s in shifts]


def _longest(one: range, other: range, told: Sequence[Told]) -> tuple[range, int]:
    """Return the longest run of ``one`` that ``other`` has too, and how far it is."""
    best, shift = range(one.start, one.start), 0
    before: dict[int, int] = {}
    for i in one:
        row: dict[int, int] = {}
        for j in other:
            if told[i][0] == told[j][0]:
                row[j] = before.get(j - 1, 0) + 1
                if row[j] > len(best):
                    best, shift = range(i + 1 - row[j], i + 1), j - i
        before = row
    return best, shift


def _fitness(found: _Found) -> int:
    """Return how many statements a run has, less the variables that it is given."""
    given = [s for s in found.slots if s not in found.made and len(set(s)) > 1]
    return len(found.runs[0]) - sum(isinstance(s[0], py.Name) for s in given)


def _extended(
    runs: list[range], told: Sequence[Told], *, left: bool = True
) -> list[range]:
    """Return runs with the statements around them that are alike too.

    With ``left``, those before them count as well as those after.
    """

    def alike(places: Sequence[int]) -> bool:
        inside = all(0 <= i < len(told) for i in places)
        free = not any(i in run for i in places for run in runs)
        return inside and free and len({told[i][0] for i in places}) == 1

    if not runs[0]:
        return runs
    while left and alike([r.start - 1 for r in runs]):
        runs = [range(r.start - 1, r.stop) for r in runs]
    while alike([r.stop for r in runs]):
        runs = [range(r.start, r.stop + 1) for r in runs]
    return runs


def _consistent(
    family: Family,
    runs: Sequence[range],
    entries: Sequence[Entry],
    told: Sequence[Told],
) -> _Found:
    """Return the longest part of runs in which names stand for one another.

    What a run sets is read at the same places in all of them, and no run goes into
    another scope.
    """
    best = _Found((range(0),), (), frozenset())
    start = 0
    while start < len(runs[0]):
        found = _from(start, family, runs, entries, told)
        best = max(best, found, key=lambda f: len(f.runs[0]))
        start += max(len(found.runs[0]), 1)
    return best


def _from(
    start: int,
    family: Family,
    runs: Sequence[range],
    entries: Sequence[Entry],
    told: Sequence[Told],
) -> _Found:
    """Return the part of runs from a statement on in which names are consistent."""
    slots: dict[Slot, None] = {}
    made: dict[tuple[int, py.Expr], Slot] = {}  # what sets a name, by run
    at = start
    while at < len(runs[0]):
        if any(family.is_of_another(entries[r[at]], m) for m, r in enumerate(runs)):
            break
        here: list[Slot] = list(zip(*(told[r[at]][1] for r in runs), strict=True))
        sets = entries[runs[0][at]].effects.sets
        new = [s for s in here if isinstance(s[0], py.Name) and s[0].id in sets]
        owners = {key: s for s in new for key in enumerate(s)} | made
        if any(owners.get(key, s) != s for s in here for key in enumerate(s)):
            break
        if any(s in slots and (0, s[0]) not in made for s in new):
            break  # it was given, too
        slots.update(dict.fromkeys(here))
        made = owners
        at += 1
    parts = tuple(range(r.start + start, r.start + at) for r in runs)
    return _Found(parts, tuple(slots), frozenset(made.values()))


def _changes_given(found: _Found, entries: Sequence[Entry]) -> bool:
    """Whether a run changes a variable in place that it is given."""
    for member, run in enumerate(found.runs):
        own = {s[member] for s in found.made}
        changed = {n for i in run for n in entries[i].effects.changes}
        given = {s[member] for s in found.slots if s not in found.made}
        if any(py.Name(n) in given and py.Name(n) not in own for n in changed):
            return True
    return False
