"""A large graph in few parts: scopes stand for what was declared under them.

In: the entries of a derivation. Out: `Fold`s in order. Invariant: each entry is in one
part; as much is unfolded as fits.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from symdiff.explain.derivation import Entry

MOST = 60  # nodes above which a graph is folded
ROOM = 32  # boxes that it is then folded to, at most


@dataclass(frozen=True)
class Fold:
    """One or several entries under one name; ``times`` equal scopes may be one part."""

    name: str
    members: tuple[Entry, ...]
    times: int = 1

    @property
    def last(self) -> Entry:
        """The entry that was computed last, for which the part stands."""
        computed = [e for e in self.members if not e.role]
        return (computed or list(self.members))[-1]


def fold(entries: Sequence[Entry], most: int = ROOM) -> list[Fold]:
    """Return the parts of a graph: scopes as deep as there is room for.

    Where the outermost are too many, equal ones in a row become one part; where that
    is not enough, what stands in a row does.
    """
    deepest = max((len(e.scope) for e in entries), default=0)
    found = [Fold(e.name, (e,)) for e in entries]
    for depth in range(deepest, 0, -1):
        if len(found) <= most:
            return found
        found = _at_depth(entries, depth)
    if len(found) > most:
        found = _in_rows(found, _signature, _times)
    if len(found) > most:
        size = -(-len(found) // most)
        row = {id(p): i // size for i, p in enumerate(found)}
        found = _in_rows(found, lambda p: str(row[id(p)]), _stretch)
    return found


def _at_depth(entries: Sequence[Entry], depth: int) -> list[Fold]:
    """Return a part for each scope of a depth, and for each entry outside of them.

    A scope that has none inside is a part at every depth.
    """
    outer = {e.scope[:k] for e in entries for k in range(len(e.scope))}
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for e in entries:
        inside = len(e.scope) >= depth or (e.scope and e.scope not in outer)
        key = ("", *e.scope[:depth]) if inside else (e.name,)
        groups.setdefault(key, []).append(e)
    return [
        Fold(m[0].name if len(m) == 1 else "/".join(k[1:]), tuple(m))
        for k, m in groups.items()
    ]


def _in_rows(
    parts: Iterable[Fold],
    key: Callable[[Fold], str],
    joined: Callable[[list[Fold]], Fold],
) -> list[Fold]:
    """Return the parts with those of one key in a row joined."""
    rows = [list(row) for _, row in itertools.groupby(parts, key)]
    return [row[0] if len(row) == 1 else joined(row) for row in rows]


def _members(row: Iterable[Fold]) -> tuple[Entry, ...]:
    return tuple(e for part in row for e in part.members)


def _stretch(row: list[Fold]) -> Fold:
    return Fold(f"{row[0].name} … {row[-1].name}", _members(row))


def _times(row: list[Fold]) -> Fold:
    name = re.sub(r"[\d_. -]+$", "", _common([p.name for p in row]))
    ends = f"{row[0].name} … {row[-1].name}"
    return Fold(f"{name or ends}, {len(row)} times", _members(row), len(row))


def _common(names: Sequence[str]) -> str:
    """Return what all names begin with."""
    alike = itertools.takewhile(lambda c: len(set(c)) == 1, zip(*names, strict=False))
    return "".join(c[0] for c in alike)


def _signature(part: Fold) -> str:
    """Return what is the same of equal scopes: formulas and types, without names.

    What no gradient flows through does not count: a first layer may make it for all.
    A part of one entry equals no other.
    """
    if len(part.members) == 1:
        return part.name
    counted = [e for e in part.members if e.role or e.cotangent is not None]
    place = {e.name: f"#{i}" for i, e in enumerate(counted)}
    rows = []
    for e in counted:
        text = e.role if e.formula is None else e.formula.text
        names = {n: place.get(n, "@") for n in e.operands}
        told = "".join(names.get(w, w) for w in re.split(r"([^\W\d]\w*)", text))
        rows.append((e.op.partition("@")[0], e.type, told, *names.values()))
    return repr(rows)
