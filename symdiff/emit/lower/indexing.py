"""Joining nested indices: ``x[3:4][0]`` is ``x[3]``, ``x[1][0]`` is ``x[1, 0]``.

In: an expression and the items to index it with. Out: the shortest indexing of the same
elements. Invariant: only ints and slices whose bounds are written out are joined; what
depends on a run-time length stays as it is.
"""

from __future__ import annotations

from symdiff.emit.python import tree as py


def indexed(value: py.Expr, items: tuple[py.Expr, ...]) -> py.Expr:
    """Return ``value[items]``, joined with an index that ``value`` itself ends in."""
    if isinstance(value, py.Index) and _is_basic(value.items) and _is_basic(items):
        joined = _joined(list(value.items), list(items))
        # A call may return a tuple, as in `np.linalg.lstsq(...)[0][:, 0]`.
        sliced = any(isinstance(item, py.Slice) for item in value.items)
        if joined is not None and (sliced or not isinstance(value.value, py.Call)):
            return py.Index(value.value, tuple(joined))
    return py.Index(value, items)


def _is_basic(items: tuple[py.Expr, ...]) -> bool:
    return all(_at(i) is not None or isinstance(i, py.Slice) for i in items)


def _joined(first: list[py.Expr], second: list[py.Expr]) -> list[py.Expr] | None:
    """Return the single index equal to ``[first][second]``, or None if not known."""
    result: list[py.Expr] = []
    waiting = list(second)
    for item in first:
        if _at(item) is not None or not waiting:  # an int leaves no axis to index
            result.append(item)
            continue
        inner = waiting.pop(0)
        if _is_full(inner):
            result.append(item)
        elif _is_full(item):
            result.append(inner)
        elif _at(inner) == 0 and _single(item) is not None:
            result.append(py.Lit(_single(item)))
        else:
            return None
    return [*result, *waiting]


def _at(item: py.Expr) -> int | None:
    """Return the value of an int that counts from the front."""
    if isinstance(item, py.Lit) and type(item.value) is int and item.value >= 0:
        return item.value
    return None


def _is_full(item: py.Expr) -> bool:
    return item == py.Slice()


def _single(item: py.Expr) -> int | None:
    """Return i for the slice i:i+1 (or :1)."""
    if not isinstance(item, py.Slice) or item.step is not None or item.hi is None:
        return None
    low = 0 if item.lo is None else _at(item.lo)
    return low if low is not None and _at(item.hi) == low + 1 else None
