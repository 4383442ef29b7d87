"""Parameters that are read where they are needed, instead of named in a list first.

In: the statements of a function, in which each of several parameters is named on a line
of its own. Out: statements without these lines, if each parameter is read once.
Invariant: the function gets shorter by it, and nothing in a loop is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symdiff.emit.lower.tidied import WIDTH, parts, reads, swapped
from symdiff.emit.python import code as py


def read_in_place(stmts: Sequence[py.Stmt], source: str, indent: int) -> list[py.Stmt]:
    """Return statements that look parameters up in ``source`` where they read them.

    They are all looked up so, or all named.
    """
    named = dict(p for s in stmts if (p := _named(s, source)) is not None)
    if len(named) < 2:
        return list(stmts)
    times = dict.fromkeys(named, 0)
    readers: list[py.Stmt] = []
    for s in stmts:
        found = set() if _named(s, source) is not None else _names_in(s, named)
        readers += [s] if found else []
        for name in found:
            times[name] += reads(s, name)
    if any(n > 1 for n in times.values()):
        return list(stmts)
    new = {id(s): swapped(s, named) for s in readers}
    if _rows(list(new.values()), indent) >= _rows(readers, indent) + len(named):
        return list(stmts)
    return [new.get(id(s), s) for s in stmts if _named(s, source) is None]


def _rows(stmts: Sequence[py.Stmt], indent: int) -> int:
    return py.print_stmts(stmts, indent, WIDTH).count("\n")


def _names_in(s: py.Stmt, wanted: Mapping[py.Name, py.Expr]) -> set[py.Name]:
    found: set[py.Name] = set()
    waiting: list[Any] = [s]
    while waiting:
        at = waiting.pop()
        if isinstance(at, py.Name):
            found.add(at)
        else:
            waiting.extend(parts(at))
    return found & wanted.keys()


def _named(s: py.Stmt, source: str) -> tuple[py.Name, py.Expr] | None:
    """Return variable and value of ``W = params["W"]``."""
    match s:
        case py.Assign(
            targets=(py.Name() as name,),
            value=py.Index(value=py.Name(id=base), items=(py.Lit(),)) as value,
        ) if base == source:
            return name, value
    return None
