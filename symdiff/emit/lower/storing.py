"""New values written into the arrays that they replace.

In: statements that compute new values from arrays, and which value replaces which
array. Out: the statements with the stores. Invariant: every new value is computed from
what the arrays held before; an array is overwritten only after the last statement that
reads what it held.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symdiff.emit.python import code as py

Store = tuple[py.Expr, py.Expr]  # an array, and the name of the value it gets
Views = Mapping[py.Expr, frozenset[py.Expr]]  # a name to arrays it may be a view of


def stored(
    made: Sequence[py.Stmt],
    stores: Sequence[Store],
    views: Views,
    fresh: Callable[[], str],
) -> list[py.Stmt]:
    """Return the statements, with each value written into its array.

    ``fresh`` gives a new name.
    """
    merged, left = _merged(list(made), list(stores), views)
    return [*merged, *_in_order(left, views, fresh)]


def _merged(
    made: list[py.Stmt], stores: list[Store], views: Views
) -> tuple[list[py.Stmt], list[Store]]:
    """Store directly where a value's statement is the last that reads the old array.

    ``m_2 = b * m + c * g`` and ``m[...] = m_2`` become ``m[...] = b * m + c * g``, with
    later statements reading ``m``. Returns the statements and the stores that are left.
    """
    left: list[Store] = []
    waiting = list(stores)
    while waiting:
        array, value = waiting.pop(0)
        at = _made_at(made, value)
        others = [v for _, v in (*left, *waiting)]
        read = at is None or any(_may_read(s, array, views) for s in made[at + 1 :])
        if read or any(array in _arrays(v, views) for v in others):
            left.append((array, value))
            continue
        assert at is not None
        found = made[at]
        assert isinstance(found, py.Assign)
        made[at] = py.Assign((_all_of(array),), found.value, mark=found.mark)
        for i in range(at + 1, len(made)):
            made[i] = _renamed(made[i], value, array)
        left = [(a, _swap(v, value, array)) for a, v in left]
        waiting = [(a, _swap(v, value, array)) for a, v in waiting]
    return made, left


def _made_at(made: Sequence[py.Stmt], value: py.Expr) -> int | None:
    """Return the position of the plain assignment that makes a value, or None."""
    for i, s in enumerate(made):
        if isinstance(s, py.Assign) and s.targets == (value,):
            return i
    return None


def _may_read(s: py.Stmt, array: py.Expr, views: Views) -> bool:
    """Whether a statement may read an array: any statement but an assignment may."""
    if not isinstance(s, py.Assign):
        return True
    plain = all(isinstance(t, py.Name) or t == _all_of(t) for t in s.targets)
    return not plain or any(array in _arrays(n, views) for n in py.names_in(s.value))


def _arrays(name: py.Expr, views: Views) -> frozenset[py.Expr]:
    """Return the arrays that may be read under a name."""
    return views.get(name, frozenset()) | {name}


def _in_order(
    stores: Sequence[Store], views: Views, fresh: Callable[[], str]
) -> list[py.Stmt]:
    """Return the stores so that none overwrites what a later one reads.

    A cycle, as when two arrays are exchanged, is broken by copying one value first.
    """
    waiting = [(a, v) for a, v in stores if a != v]
    made: list[py.Stmt] = []
    while waiting:
        free = next((s for s in waiting if not _is_awaited(s, waiting, views)), None)
        if free is None:
            at = next(i for i, s in enumerate(waiting) if _reads(s, waiting, views))
            array, value = waiting[at]
            kept = py.Name(fresh())
            made.append(py.Assign((kept,), py.method(value, "copy")))
            waiting[at] = (array, kept)
            continue
        waiting.remove(free)
        array, value = free
        made.append(py.Assign((_all_of(array),), value))
    return made


def _is_awaited(store: Store, waiting: Sequence[Store], views: Views) -> bool:
    """Whether the array of a store is read by another one."""
    array, _ = store
    return any(array in _arrays(v, views) for a, v in waiting if a != array)


def _reads(store: Store, waiting: Sequence[Store], views: Views) -> bool:
    """Whether a store reads the array of another one."""
    array, value = store
    return any(a in _arrays(value, views) for a, _ in waiting if a != array)


def _all_of(array: py.Expr) -> py.Expr:
    """Return ``array[...]``, or the expression itself if it has that form."""
    if isinstance(array, py.Index) and array.items == (py.Ellipsis_(),):
        return array
    return py.Index(array, (py.Ellipsis_(),))


def _renamed(s: py.Stmt, old: py.Expr, new: py.Expr) -> py.Stmt:
    """Return a plain assignment that reads ``new`` instead of ``old``."""
    assert isinstance(s, py.Assign)
    return dataclasses.replace(s, value=_swap(s.value, old, new))


def _swap(e: Any, old: py.Expr, new: py.Expr) -> Any:
    """Return an expression, or a part of one, with ``new`` in place of ``old``."""
    if e == old:
        return new
    if isinstance(e, tuple):
        return tuple(_swap(part, old, new) for part in e)
    if not isinstance(e, py.Expr) or isinstance(e, py.Lit):
        return e
    parts = {f.name: getattr(e, f.name) for f in dataclasses.fields(e)}  # type: ignore[arg-type]
    return type(e)(**{k: _swap(v, old, new) for k, v in parts.items()})
