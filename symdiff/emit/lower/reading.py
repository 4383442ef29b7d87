"""Which names statements read, and statements with other expressions in their place.

In: statements or expressions of the tree. Out: counts by name, and new statements.
Invariant: what a statement has inside is looked at once for all names, however many
are asked for.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import cache
from operator import attrgetter, is_
from typing import Any

from symdiff.emit.python import code as py

_WORDS = ("str", "tuple[str, ...]")  # types of what is text alone
MANY = 3  # a row that is read this often gets a name; in an inner loop it does, too


class ReadCounts:
    """How often statements read names; they are the same objects when asked again."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Mapping[str, int]]] = {}

    def __call__(self, part: Any, name: py.Name) -> int:
        """Return how often a statement reads a name, as in `read_names`."""
        known = self._known.get(id(part))
        if known is None:  # the part is kept with its names, so its id stays its own
            known = self._known[id(part)] = part, read_names(part)
        return known[1].get(name.id, 0)


def read_names(part: Any) -> Counter[str]:
    """Return how often a statement reads names; ``MANY`` if one in it repeats that.

    A name that a statement sets counts as well.
    """
    found, waiting = Counter[str](), [part]
    while waiting:
        at = waiting.pop()
        kind = type(at)
        if kind is py.Name:
            found[at.id] += 1
        elif kind is py.For or kind is py.While:
            found.update(dict.fromkeys(read_names(parts(at)), MANY))
        else:
            waiting.extend(parts(at))
    return found


def read_counts(part: Any, wanted: Collection[py.Expr]) -> Counter[py.Expr]:
    """Return how often a statement reads expressions, counted as in `read_names`."""
    kinds = {type(e) for e in wanted}
    found, waiting = Counter[py.Expr](), [part]
    while waiting:
        at = waiting.pop()
        kind = type(at)
        if kind in kinds and at in wanted:
            found[at] += 1
        elif kind is py.For or kind is py.While:
            found.update(dict.fromkeys(read_counts(parts(at), wanted), MANY))
        else:
            waiting.extend(parts(at))
    return found


def swapped(at: Any, new: Mapping[Any, py.Expr]) -> Any:
    """Return a statement, or a part of one, with other expressions for some."""
    kinds = {type(old) for old in new}

    def change(part: Any) -> Any:
        kind = part.__class__
        if kind in kinds and part in new:
            return new[part]
        if kind is tuple:
            made = tuple([change(p) for p in part])
            return part if all(map(is_, part, made)) else made
        changed = {}
        for name in _fields(kind):
            old = getattr(part, name)
            if (made := change(old)) is not old:
                changed[name] = made
        return dataclasses.replace(part, **changed) if changed else part

    return change(at)


def parts(at: Any) -> tuple[Any, ...]:
    """Return what is directly in a statement, an expression or a tuple."""
    kind = at.__class__
    return at if kind is tuple else _inside(kind)(at)


@cache
def _inside(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return what takes the parts out of a node of a kind."""
    match _fields(kind):
        case ():
            return lambda at: ()
        case (name,):
            return lambda at: (getattr(at, name),)
        case names:
            return attrgetter(*names)


@cache
def _fields(kind: type) -> tuple[str, ...]:
    """Return the attributes in which a kind of node may have statements or names."""
    if not issubclass(kind, py.Stmt | py.Expr) or issubclass(kind, py.Lit):
        return ()
    inside = (f for f in dataclasses.fields(kind) if f.name != "mark")  # type: ignore[arg-type]
    return tuple(f.name for f in inside if f.type not in _WORDS)
