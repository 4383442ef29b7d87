"""The body of a loop as a person writes it: nothing is named only to be handed on.

In: rows of the arrays that a loop reads, the statements of its body, and what follows
them: stores of each step's values, and new carries. Out: one list of statements.
Invariant: every value is computed by the same operations in the same order, and each
array gets its elements before anything else is written to the variable they come from.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from symdiff.emit.lower.changes import changes, writes
from symdiff.emit.lower.marks import Computes
from symdiff.emit.lower.primals import STACK
from symdiff.emit.lower.reading import MANY, ReadCounts, swapped
from symdiff.emit.lower.totalled import Begun, totalled
from symdiff.emit.python import code as py

WIDTH = 88
NONE = Begun()


def tidied(
    rows: Sequence[tuple[py.Name, py.Expr]],
    before: Sequence[py.Stmt],
    stmts: Sequence[py.Stmt],
    stores: Sequence[py.Stmt],
    ends: Sequence[py.Stmt],
    carries: Sequence[py.Expr],
    indent: int,
    begun: Begun = NONE,
) -> list[py.Stmt]:
    """Return the body of a loop whose lines are indented by ``indent``.

    ``before`` is what keeps the carries as they are when a turn begins. The variables
    of ``carries`` are read after the turn too, whatever its statements read. ``begun``
    are totals that began as zeros.
    """
    rest, reads = [*stmts, *stores, *ends], ReadCounts()
    named, rest = _named_rows(rows, rest, indent, reads)
    body = rest[: len(stmts)]
    head = [*before, *_paired(named, indent, _is_row)]
    kept: list[py.Stmt] = []
    for store in rest[len(stmts) : len(stmts) + len(stores)]:
        others = [s for s in rest if s is not store]
        _stored(store, body, head, kept, others, carries, indent, reads)
    ends = rest[len(stmts) + len(stores) :]
    last = totalled(body, kept, ends, carries, begun, reads)
    head = _paired(head, indent, _is_store)
    if head and body and isinstance(body[0], py.Comment):
        head.append(py.Blank())
    return [commented(s, indent) for s in (*head, *body, *kept, *last)]


def commented(s: py.Stmt, indent: int) -> py.Stmt:
    """Return a statement without a comment that is a shape and has no room beside."""
    if not isinstance(s, py.Assign | py.AugAssign) or _keeps_comment(s):
        return s
    long = py.print_stmts([s], indent, WIDTH).count("\n") > 1
    return dataclasses.replace(s, comment="") if s.comment and long else s


def _keeps_comment(s: py.Assign | py.AugAssign) -> bool:
    mark = s.mark
    return isinstance(mark, Computes) and (bool(mark.rule) or mark.is_derivative)


# --- rows -----------------------------------------------------------------------------


def _named_rows(
    rows: Sequence[tuple[py.Name, py.Expr]],
    stmts: Sequence[py.Stmt],
    indent: int,
    reads: ReadCounts,
) -> tuple[list[py.Stmt], list[py.Stmt]]:
    """Return the lines that name rows, and statements that index the others.

    What is read twice has a name if the lines that name other rows have room for it.
    """
    lines = {name: py.Assign((name,), row) for name, row in rows}

    def count(names: Collection[py.Name]) -> int:
        chosen = [s for name, s in lines.items() if name in names]
        return len(_paired(chosen, indent, _is_row))

    short = {n: _indexed(stmts, n, row, indent, reads) for n, row in rows}
    kept = {name for name, made in short.items() if made is None}
    for name in lines:
        twice = sum(reads(s, name) for s in stmts) == MANY - 1
        if kept and twice and count({*kept, name}) == count(kept):
            kept.add(name)
    rest = [*stmts]
    for name, row in rows:
        made = None if name in kept else _indexed(rest, name, row, indent, reads)
        if made is None:
            kept.add(name)
        else:
            rest = made
    return [s for name, s in lines.items() if name in kept], rest


def _indexed(
    stmts: Sequence[py.Stmt],
    name: py.Name,
    row: py.Expr,
    indent: int,
    reads: ReadCounts,
) -> list[py.Stmt] | None:
    """Return statements that index what is read once or twice; None if they get long.

    An operand of an inner loop is read in each of its turns.
    """
    if sum(reads(s, name) for s in stmts) >= MANY:
        return None
    readers = {id(s): s for s in stmts if reads(s, name)}
    if any(writes(s, name) for s in readers.values()):
        return None
    made = {at: _reading(s, name, row) for at, s in readers.items()}
    for at, old in readers.items():
        if not fits(made[at], indent) and fits(old, indent):
            return None
    return [made.get(id(s), s) for s in stmts]


def _reading(s: py.Stmt, name: py.Name, row: py.Expr) -> py.Stmt:
    """Return a statement that indexes a row, with its comment: ``x[t]`` for ``x_t``.

    A row of a stack is called as the value that is stacked.
    """
    made = swapped(s, {name: row})
    match row, made:
        case (
            py.Index(value=py.Name(id=base) | py.Attr(name=base), items=items),
            py.Assign(mark=Computes() as mark) | py.AugAssign(mark=Computes() as mark),
        ) if not base.endswith(STACK) and mark.rule:
            shown = py.expr_text(py.Index(py.Name(base), items))
            rule = re.sub(rf"\b{name.id}\b", shown, mark.rule)
            comment = made.comment.replace(mark.rule, rule)
            return dataclasses.replace(
                made, comment=comment, mark=dataclasses.replace(mark, rule=rule)
            )
    return made


def fits(s: py.Stmt, indent: int) -> bool:
    """Whether a statement is printed on one line, or has lines of its own inside."""
    if isinstance(s, py.Assign | py.AugAssign):
        s = dataclasses.replace(s, comment="")
        return py.print_stmts([s], indent, WIDTH).count("\n") == 1
    return True


# --- stores ---------------------------------------------------------------------------


def _stored(
    store: py.Stmt,
    body: list[py.Stmt],
    head: list[py.Stmt],
    kept: list[py.Stmt],
    others: Sequence[py.Stmt],
    carries: Sequence[py.Expr],
    indent: int,
    reads: ReadCounts,
) -> None:
    """Store a value in the line that computes it, or right after the last change of it.

    What no statement of the body changes is stored first.
    """
    assert isinstance(store, py.Assign)
    if not isinstance(store.value, py.Name):
        kept.append(store)
        return
    found = changes(body, store.value, reads)
    if not found:
        head.append(store)
        return
    at = found[-1]
    one = _chained(body[at], store, indent) if len(found) == 1 else None
    read = sum(reads(s, store.value) for s in others)
    if one is not None and read == 1 and store.value not in carries:
        one = dataclasses.replace(one, targets=one.also, also=())  # read here alone
    if one is None:
        body.insert(at + 1, store)
    else:
        body[at] = one


def _chained(s: py.Stmt, store: py.Assign, indent: int) -> py.Assign | None:
    """Return ``value = array[t] = ...``, if it fits on a line."""
    if not isinstance(s, py.Assign) or s.targets != (store.value,):
        return None
    made = dataclasses.replace(s, also=(*s.also, *store.targets))
    return made if fits(made, indent) else None


def _paired(
    head: Sequence[py.Stmt], indent: int, joins: Callable[[py.Stmt], bool]
) -> list[py.Stmt]:
    """Join neighbours that may be joined, as in ``hs[t], cs[t] = h, c``."""
    made: list[py.Stmt] = []
    for s in head:
        last = made[-1] if made else None
        if joins(s) and last is not None and joins(last):
            values = (*_values(last), *_values(s))
            both = py.Assign((*last.targets, *s.targets), py.Tuple_(values))  # type: ignore[attr-defined]
            if fits(both, indent):
                made[-1] = both
                continue
        made.append(s)
    return made


def started(starts: Sequence[py.Stmt], indent: int) -> list[py.Stmt]:
    """Join the lines that set carries before a loop, or make arrays for totals."""
    return _paired(starts, indent, _begins)


def _begins(s: py.Stmt) -> bool:
    if not isinstance(s, py.Assign) or s.comment or s.also:
        return False
    return all(isinstance(v, py.Call | py.Name) for v in _values(s))


def _is_row(s: py.Stmt) -> bool:
    if not isinstance(s, py.Assign) or s.comment:
        return False
    return all(isinstance(v, py.Index) for v in _values(s))


def _is_store(s: py.Stmt) -> bool:
    return isinstance(s, py.Assign) and isinstance(s.targets[0], py.Index)


def _values(s: Any) -> tuple[py.Expr, ...]:
    return s.value.items if isinstance(s.value, py.Tuple_) else (s.value,)
