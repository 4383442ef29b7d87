"""Which statements change a variable, or the array in it.

In: statements, and a name. Out: places among them. Invariant: a statement that is not
among them leaves the variable and its array as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdiff.emit.lower.reading import ReadCounts, read_names
from symdiff.emit.python import code as py


def changes(body: Sequence[py.Stmt], name: py.Name, reads: ReadCounts) -> list[int]:
    """Return which statements may change a variable or the array in it."""
    return [i for i, s in enumerate(body) if reads(s, name) and writes(s, name)]


def writes(s: Any, name: py.Name) -> bool:
    """Whether a statement that reads or sets a variable may change it or its array."""
    match s:
        case py.Assign(targets=targets, also=also):
            return any(_base(t) == name for t in (*targets, *also))
        case py.AugAssign(target=target):
            return _base(target) == name
        case py.ExprStmt():
            return name.id in read_names(s)
        case py.For(target=target, body=body):
            return name.id in read_names(target) or any(writes(b, name) for b in body)
        case py.While(body=body):
            return any(writes(b, name) for b in body)
        case py.If(body=body, orelse=orelse):
            return any(writes(b, name) for b in (*body, *orelse))
    return False


def _base(target: py.Expr) -> py.Expr:
    """Return the variable that an assignment changes, or the array in it."""
    while isinstance(target, py.Index | py.Attr):
        target = target.value
    return target
