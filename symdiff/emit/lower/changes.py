"""Which statements change the array in a variable, also through another name of it.

In: the statements of a body. Out: those after which the variable holds other values.
Invariant: what may change it counts, as ``v[0] = 1`` does after ``v = x.T``, and
``np.einsum("ii->i", x)[...] = d``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from symdiff.emit.lower.alike import changed, makes_arrays
from symdiff.emit.lower.reading import ReadCounts, read_names
from symdiff.emit.python import code as py


def changes(body: Sequence[py.Stmt], name: py.Name, reads: ReadCounts) -> list[int]:
    """Return which statements may set a variable or change the array in it."""
    views: list[py.Name] = []
    for s in _assigned(body):
        if any(reads(s, n) for n in (name, *views)) and not makes_arrays(s):
            own = set[str]().union(*(changed(t)[0] for t in (*s.targets, *s.also)))
            views += map(py.Name, sorted(own - {name.id, *(v.id for v in views)}))
    return [
        i
        for i, s in enumerate(body)
        if (reads(s, name) and writes(s, name))
        or any(reads(s, v) and writes(s, v, anew=False) for v in views)
    ]


def _assigned(body: Sequence[py.Stmt]) -> Iterator[py.Assign]:
    """Yield the assignments of a body, those inside loops and branches too."""
    for s in body:
        match s:
            case py.Assign():
                yield s
            case py.For(body=inner) | py.While(body=inner):
                yield from _assigned(inner)
            case py.If(body=inner, orelse=orelse):
                yield from _assigned((*inner, *orelse))


def writes(s: Any, name: py.Name, anew: bool = True) -> bool:
    """Whether a statement that reads or sets a variable may change its array.

    With ``anew`` it counts too that the variable is set to another one.
    """
    match s:
        case py.Assign(targets=targets, also=also):
            return any(_is_in(name, t, anew) for t in (*targets, *also))
        case py.AugAssign(target=target):
            return _is_in(name, target, True)
        case py.ExprStmt():
            return name.id in read_names(s)
        case py.For(target=target, body=body):
            set_here = anew and name.id in read_names(target)
            return set_here or any(writes(b, name, anew) for b in body)
        case py.While(body=body):
            return any(writes(b, name, anew) for b in body)
        case py.If(body=body, orelse=orelse):
            return any(writes(b, name, anew) for b in (*body, *orelse))
    return False


def _is_in(name: py.Name, target: py.Expr, anew: bool) -> bool:
    sets, parts = changed(target)
    return name.id in parts or (anew and name.id in sets)
