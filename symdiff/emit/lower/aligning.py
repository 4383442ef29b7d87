"""The statements of blocks that are alike, side by side.

In: the entries of a function and a family of scopes. Out: `Repeats`, the longest runs
of the scopes that are alike. Invariant: entries only change places where neither reads,
sets or changes what the other sets or changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from symdiff.emit.lower.alike import Behind, Names, Shape, arrays_behind
from symdiff.emit.lower.repeats import Family, Repeats, Scope, Scoped, Slot
from symdiff.emit.python import code as py

LEAST = 3  # statements of a run
MOST = 4  # statements that make a value that several blocks share
Told = tuple[Shape, Names]


class _Found(NamedTuple):
    """Runs that are alike, the names in them, and which of these they set."""

    runs: tuple[range, ...]
    lines: tuple[tuple[Slot, ...], ...]
    made: frozenset[Slot]

    @property
    def slots(self) -> list[Slot]:
        """The names in a run, each once, in the order of the text."""
        return list(dict.fromkeys(s for line in self.lines for s in line))


def repeats(
    family: Family, entries: Sequence[Scoped], bare: Callable[[py.Stmt], Told]
) -> Repeats | None:
    """Return the longest runs of a family that are alike, if there are any.

    ``bare`` takes the names out of a statement.
    """
    ordered = _together(family, entries)
    if ordered is None:
        return None
    cores = [_core(scope, ordered) for scope in family.scopes]
    if any(_overlap(a, b) for a, b in combinations(cores, 2)):
        return None
    told = [bare(e.stmt) for e in ordered]
    runs = _common(cores, told)
    found = _consistent(family, _extended(runs, told), ordered, told)
    for k in (1, 2):  # without the first statements, others at the end may have room
        if len(runs[0]) - _fitness(found) > 1 and len(runs[0]) > k:
            later = [range(r.start + k, r.stop) for r in runs]
            other = _extended(later, told, left=False)
            tried = _consistent(family, other, ordered, told)
            found = max(found, tried, key=_fitness)
    if len(found.runs[0]) < LEAST or _changes_given(found, ordered):
        return None
    rest = sum(len(c) - len(r) for c, r in zip(cores, found.runs, strict=True))
    return Repeats(family, tuple(ordered), *found, rest)


def _core(scope: Scope, entries: Sequence[Scoped]) -> range:
    """Return the places from the first to the last value of a scope."""
    inside = [i for i, e in enumerate(entries) if e.within(scope)]
    return range(inside[0], inside[-1] + 1) if inside else range(0)


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


def _together(family: Family, entries: Sequence[Scoped]) -> list[Scoped] | None:
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
    made = arrays_behind([e.stmt for e in entries])
    first = min(i for i, m in enumerate(members) if m is not None)
    shared = _shared(entries, members, made, first)
    rest = [i for i in range(len(entries)) if i not in shared]
    order = [i for i in rest if i < first]
    order += [*shared, *(i for i in rest if i >= first)]
    told = [None if i in shared else members[i] for i in order]
    return _sunk([entries[i] for i in order], told, made)


def _shared(
    entries: Sequence[Scoped],
    members: Sequence[int | None],
    made: Behind,
    first: int,
) -> list[int]:
    """Return the places of values that several scopes read and that depend on none.

    ``first`` is the place of the first scope's first value.
    """
    writes = ((*e.effects.sets, *e.effects.changes) for e in entries)
    times = Counter(name for names in writes for name in names)
    readers: dict[str, set[int | None]] = {}
    for e, m in zip(entries, members, strict=True):
        for name in e.effects.reads if m is not None else ():
            readers.setdefault(name, set()).add(m)
    found: set[int] = set()
    for i, (e, m) in enumerate(zip(entries, members, strict=True)):
        if m is not None and any(readers.get(n, {m}) != {m} for n in e.effects.sets):
            needed, waiting = {i}, [i]
            while waiting and len(needed) <= MOST:
                at = waiting.pop()
                before = set(range(first, at)) - found - needed
                met = {j for j in before if _meet(entries[j], entries[at], made)}
                needed |= met
                waiting += met
            names = (n for j in needed for n in entries[j].effects.sets)
            if len(needed) <= MOST and all(times[n] == 1 for n in names):
                found |= needed
    return sorted(found)


def _meet(before: Scoped, after: Scoped, made: Behind) -> bool:
    """Whether two entries may not change places.

    What one changes in place may be a view of what the other reads.
    """
    one, other = before.effects, after.effects
    if one.meets(other):
        return True
    if not (one.changes or other.changes):
        return False
    a, b = _behind(one.reads | one.changes, made), _behind(one.changes, made)
    c, d = _behind(other.reads | other.changes, made), _behind(other.changes, made)
    return bool(b & c or d & a)


def _behind(names: Iterable[str], made: Behind) -> set[str]:
    return set().union(*(made.get(name, ()) for name in names))


def _sunk(
    entries: list[Scoped], members: Sequence[int | None], made: Behind
) -> list[Scoped]:
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
    entries: Sequence[Scoped],
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
    entries: Sequence[Scoped],
    told: Sequence[Told],
) -> _Found:
    """Return the part of runs from a statement on in which names are consistent."""
    lines: list[tuple[Slot, ...]] = []
    seen: set[Slot] = set()
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
        if any(s in seen and (0, s[0]) not in made for s in new):
            break  # it was given, too
        lines.append(tuple(here))
        seen.update(here)
        made = owners
        at += 1
    parts = tuple(range(r.start + start, r.start + at) for r in runs)
    return _Found(parts, tuple(lines), frozenset(made.values()))


def _changes_given(found: _Found, entries: Sequence[Scoped]) -> bool:
    """Whether a run changes a variable in place that it is given."""
    for member, run in enumerate(found.runs):
        own = {s[member] for s in found.made}
        changed = {n for i in run for n in entries[i].effects.changes}
        given = {s[member] for s in found.slots if s not in found.made}
        if any(py.Name(n) in given and py.Name(n) not in own for n in changed):
            return True
    return False
