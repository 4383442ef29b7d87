"""NumPy statements over scalars and short vectors, as statements of Python numbers.

In: assignments, loops and branches that NumPy runs on scalars and on elements of
vectors. Out: the same statements over Python's numbers and lists, see
`symdiff.emit.targets.values`. Invariant: a list is written into where NumPy writes into
an array, and copied where NumPy copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdiff.emit.python import code as py
from symdiff.emit.targets.values import (
    ARITHMETIC,
    Kind,
    ListOf,
    OnlyNumpyError,
    PythonValues,
    fits,
    short,
)


class PythonNumbers:
    """The statements of one function, over `PythonValues`."""

    def __init__(self, values: PythonValues) -> None:
        self._values = values
        self.loops = False

    def block(self, stmts: Sequence[py.Stmt]) -> tuple[py.Stmt, ...]:
        """Return a block; raise `OnlyNumpyError` if a statement needs NumPy."""
        return tuple(made for s in stmts for made in self._statement(s))

    def _statement(self, s: py.Stmt) -> Sequence[py.Stmt]:
        match s:
            case py.Comment() | py.Blank() | py.Break() | py.Pass():
                return [s]
            case py.Assign():
                return [self._assigned(s)]
            case py.AugAssign():
                return self._added(s)
            case py.For(target=py.Name(id=counter), iter=turns, body=body):
                self.loops = True
                made, kind = self._values.turns(turns)
                self._values.bind(counter, kind)
                return [replace(s, iter=made, body=self.block(body))]
            case py.While(test=test, body=body):
                self.loops = True
                return [replace(s, test=self._values.flag(test), body=self.block(body))]
            case py.If(test=test, body=body, orelse=orelse):
                flag = self._values.flag(test)
                sides = self.block(body), self.block(orelse)
                return [py.If(flag, *sides, mark=s.mark)]
            case py.ExprStmt(
                value=py.Call(func=py.Attr(py.Name(id=name), "append"), args=(value,))
            ):
                made, kind = self._values.value(value, strong=True)
                self._store(name, kind)
                method = py.Attr(py.Name(name), "append")
                return [replace(s, value=py.Call(method, (made,)))]
        raise OnlyNumpyError

    def _assigned(self, s: py.Assign) -> py.Stmt:
        if len(s.targets) > 1:
            return self._unpacked(s)
        value, kind = self._values.value(s.value, strong=True)
        targets = [self._target(t, kind) for t in (*s.targets, *s.also)]
        if any(isinstance(t, py.Index) for t in targets):
            value = _copied(value, kind)
        return replace(s, targets=(targets[0],), value=value, also=tuple(targets[1:]))

    def _unpacked(self, s: py.Assign) -> py.Stmt:
        if not isinstance(s.value, py.Tuple_) or len(s.value.items) != len(s.targets):
            raise OnlyNumpyError
        pairs = [self._values.value(item, strong=True) for item in s.value.items]
        targets = [
            self._target(target, kind)
            for target, (_, kind) in zip(s.targets, pairs, strict=True)
        ]
        items = [
            _copied(value, kind) if isinstance(target, py.Index) else value
            for target, (value, kind) in zip(targets, pairs, strict=True)
        ]
        return replace(s, targets=tuple(targets), value=py.Tuple_(tuple(items)))

    def _target(self, target: py.Expr, kind: Kind) -> py.Expr:
        """Return what a value of a kind is assigned to, and note the kind."""
        match target:
            case py.Name(id=name):
                self._values.bind(name, kind)
                return target
            case py.Index(value=py.Name(id=name), items=(place,)):
                self._store(name, kind)
                return py.Index(target.value, (self._values.place(place),))
        raise OnlyNumpyError

    def _store(self, name: str, kind: Kind) -> None:
        """Note what is stored in a list, values of one kind."""
        row = self._values.row(name)
        if not fits(row.of, kind):
            raise OnlyNumpyError
        self._values.kinds[name] = ListOf(kind, row.length)

    def _added(self, s: py.AugAssign) -> Sequence[py.Stmt]:
        """Return ``x += y``; of vectors, one statement for each element."""
        value, kind = self._values.value(s.value)
        into, of = self._values.value(s.target)
        if s.op not in ARITHMETIC:
            raise OnlyNumpyError
        if not isinstance(of, ListOf):
            if of != "number" or kind not in ("number", "whole"):
                raise OnlyNumpyError
            return [replace(s, target=into, value=value)]
        if not isinstance(into, py.Name):
            raise OnlyNumpyError
        each = self._values.elements(value, kind, short(of))
        first = replace(s, target=_element(into, 0), value=each[0])
        rest = [
            py.AugAssign(_element(into, i), s.op, element, mark=s.mark)
            for i, element in enumerate(each[1:], start=1)
        ]
        return [first, *rest]


def _element(row: py.Name, i: int) -> py.Expr:
    return py.Index(row, (py.Lit(i),))


def _copied(value: py.Expr, kind: Kind) -> py.Expr:
    """Return what is stored in another list: a list of its own, as NumPy copies."""
    fresh = isinstance(value, (py.List_, py.Binary))
    if fresh or not isinstance(kind, ListOf):
        return value
    return py.Index(value, (py.Slice(),))
