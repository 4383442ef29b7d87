"""Parameters that are read where they are needed, instead of named in a list first.

In: the statements of a function, in which each of several parameters is named on a line
of its own. Out: statements without these lines, if each parameter is read once.
Invariant: the function gets shorter by it, and nothing in a loop is looked up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from symdiff.emit.lower.reading import read_names, swapped
from symdiff.emit.lower.tidied import WIDTH, commented
from symdiff.emit.python import code as py


def read_in_place(stmts: Sequence[py.Stmt], source: str, indent: int) -> list[py.Stmt]:
    """Return statements that look parameters up in ``source`` where they read them.

    They are all looked up so, or all named.
    """
    named = dict(p for s in stmts if (p := _named(s, source)) is not None)
    if len(named) < 2:
        return list(stmts)
    ids = {name.id for name in named}
    times = Counter[str]()
    readers: list[py.Stmt] = []
    for s in stmts:
        if _named(s, source) is None and (found := read_names(s)).keys() & ids:
            readers.append(s)
            times.update({name: found[name] for name in found.keys() & ids})
    if any(n > 1 for n in times.values()):
        return list(stmts)
    new = {id(s): swapped(s, named) for s in readers}
    if _rows(list(new.values()), indent) >= _rows(readers, indent) + len(named):
        return list(stmts)
    made = [new.get(id(s), s) for s in stmts if _named(s, source) is None]
    return [commented(s, indent) for s in made]


def _rows(stmts: Sequence[py.Stmt], indent: int) -> int:
    """Return how many rows of code statements take; their comments are not counted."""
    bare = [
        replace(s, comment="") if isinstance(s, py.Assign | py.AugAssign) else s
        for s in stmts
    ]
    return py.print_stmts(bare, indent, WIDTH).count("\n")


def _named(s: py.Stmt, source: str) -> tuple[py.Name, py.Expr] | None:
    """Return variable and value of ``W = params["W"]``."""
    match s:
        case py.Assign(
            targets=(py.Name() as name,),
            value=py.Index(value=py.Name(id=base), items=(py.Lit(),)) as value,
        ) if base == source:
            return name, value
    return None
