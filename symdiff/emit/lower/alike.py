"""Statements that are alike: equal but for the names in them.

In: statements of one function. Out: what a statement is without its names, the names
themselves, and what it reads and sets. Invariant: two statements that are alike do the
same if each name of the one stands for what the name at its place in the other does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from symdiff.emit.lower.marks import Computes
from symdiff.emit.lower.reading import parts
from symdiff.emit.python import code as py

Shape = tuple[Hashable, ...]
Names = tuple[py.Expr, ...]
Behind = Mapping[str, set[str]]  # variables by what may be a view of them
# whether an expression counts as a name, and what type its value has, if that is known
NameType = Callable[[py.Expr], tuple[bool, Hashable]]


def without_names(stmt: py.Stmt, name_type: NameType) -> tuple[Shape, Names]:
    """Return a statement's shape without names, and these in the order of the text.

    ``name_type`` says what counts as a name: a variable, or an entry such as `p["W"]`.
    Of a name, its type is in the shape. Comments and marks are left out.
    """
    shape: list[Any] = []
    found: list[py.Expr] = []
    waiting: list[Any] = [stmt]
    while waiting:
        at = waiting.pop()
        named, kind = name_type(at) if isinstance(at, py.Expr) else (False, None)
        if named:
            shape.append(("name", kind))
            found.append(at)
        elif isinstance(at, tuple):
            shape.append(len(at))
            waiting.extend(reversed(at))
        elif isinstance(at, py.Stmt | py.Expr) and not isinstance(at, py.Lit):
            shape.append(type(at))
            waiting.extend(reversed([*_told(at)]))
        else:
            shape.append(at)
    return tuple(shape), tuple(found)


def with_names(stmt: py.Stmt, old: Names, new: Sequence[py.Expr]) -> py.Stmt:
    """Return a statement with other expressions where its names, ``old``, stand.

    They are those of `without_names`, place by place: a name may be two things in it.
    """
    left = list(zip(old, new, strict=True))[::-1]

    def change(at: Any) -> Any:
        if isinstance(at, py.Expr) and left and at == left[-1][0]:
            return left.pop()[1]
        if isinstance(at, tuple):
            return tuple(change(part) for part in at)
        if not isinstance(at, py.Stmt | py.Expr) or isinstance(at, py.Lit):
            return at
        inside = {f.name: getattr(at, f.name) for f in fields(at)}  # type: ignore[arg-type]
        told = {k: change(v) for k, v in inside.items() if k not in ("mark", "comment")}
        return replace(at, **told)  # type: ignore[type-var]

    made: py.Stmt = change(stmt)
    assert not left
    return made


def _told(at: py.Stmt | py.Expr) -> Iterator[Any]:
    names = (f.name for f in fields(at))  # type: ignore[arg-type]
    return (getattr(at, n) for n in names if n not in ("mark", "comment"))


@dataclass(frozen=True)
class Effects:
    """The variables that a statement reads, sets anew, and changes in place.

    Of those it sets, ``sure`` are set whatever happens inside it.
    """

    reads: frozenset[str]
    sets: frozenset[str]
    changes: frozenset[str]
    sure: frozenset[str]

    def meets(self, later: Effects) -> bool:
        """Whether a statement after this one must stay after it."""
        written = self.sets | self.changes
        return bool(
            written & (later.reads | later.sets | later.changes)
            or (later.sets | later.changes) & self.reads
        )


def effects(stmt: py.Stmt) -> Effects:
    """Return what a statement, and all in it, reads, sets and changes.

    What it sets before it reads it does not count as read.
    """
    told = _Told()
    told.run(stmt)
    found = (told.reads, told.sets, told.changes, told.sure)
    return Effects(*map(frozenset, found))


@dataclass
class _Told:
    """What statements have done so far, one after the other."""

    reads: set[str] = field(default_factory=set)
    sets: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    sure: set[str] = field(default_factory=set)  # set, whatever has run

    def run(self, stmt: py.Stmt) -> None:
        match stmt:
            case py.Assign(targets=targets, value=value, also=also):
                self._read(value)
                for target in (*targets, *also):
                    self._set(target)
            case py.For(target=target, iter=iterable, body=body):
                self._read(iterable)
                self._inside((py.Assign((target,), py.Lit(0)), *body))
            case py.While(test=test, body=body):
                self._read(test)
                self._inside(body)
            case py.If(test=test, body=body, orelse=orelse):
                self._read(test)
                self.sure |= self._inside(body) & self._inside(orelse)
            case py.AugAssign(target=target, value=value):
                self._read((target, value))
                _target(target, self.changes, self.changes)
            case _:
                self._read(stmt)
                if isinstance(stmt, py.ExprStmt):
                    self._called(stmt.value)

    def _inside(self, body: tuple[py.Stmt, ...]) -> set[str]:
        """Run statements that may not run; return what they set if they do."""
        before = set(self.sure)
        for stmt in body:
            self.run(stmt)
        made, self.sure = self.sure, before
        return made

    def _read(self, part: Any) -> None:
        waiting = [part]
        while waiting:
            at = waiting.pop()
            if type(at) is not py.Name:
                waiting.extend(parts(at))
            elif at.id not in self.sure:
                self.reads.add(at.id)

    def _set(self, target: py.Expr) -> None:
        if isinstance(target, py.Index | py.Attr):
            self._read(target)
        made: set[str] = set()
        _target(target, made, self.changes)
        self.sets |= made
        self.sure |= made

    def _called(self, call: py.Expr) -> None:
        """Note what a call that stands alone changes: np.add.at(a, ...)."""
        if not isinstance(call, py.Call):
            return
        given = [value for key, value in call.kwargs if key == "out"]
        if isinstance(call.func, py.Attr):
            given.append(call.func.value)
        for changed in (*given, *call.args[:1]):
            _target(changed, self.changes, self.changes)


def changed(target: py.Expr) -> tuple[set[str], set[str]]:
    """Return the variables that an assignment sets, and those it changes a part of."""
    sets, changes = set[str](), set[str]()
    _target(target, sets, changes)
    return sets, changes


def _target(target: py.Expr, sets: set[str], changes: set[str]) -> None:
    """Note the variables that a target sets, or changes a part of."""
    waiting: list[tuple[py.Expr, set[str]]] = [(target, sets)]
    while waiting:
        at, where = waiting.pop()
        match at:
            case py.Name(name):
                where.add(name)
            case py.Tuple_(items) | py.List_(items):
                waiting += [(item, where) for item in items]
            case py.Starred(value):
                waiting.append((value, where))
            case py.Index(value, _) | py.Attr(value, _):
                waiting.append((value, changes))
            case py.Call(func=func, args=args):  # np.einsum("ii->i", a)[...] = b
                waiting += [(a, changes) for a in args if isinstance(a, py.Name)]
                if isinstance(func, py.Attr):
                    waiting.append((func.value, changes))


# --- views ----------------------------------------------------------------------------


def arrays_behind(stmts: Iterable[py.Stmt]) -> Behind:
    """Return, for each variable that statements set, those whose arrays it may be.

    A view is of what it views.
    """
    found: dict[str, set[str]] = {}
    waiting: list[Any] = [tuple(stmts)]
    while waiting:
        at = waiting.pop()
        match at:
            case tuple():
                waiting.extend(reversed(at))
            case py.Assign(targets=targets, value=value, also=also):
                own: set[str] = set()
                for target in (*targets, *also):
                    _target(target, own, set())
                viewed = set() if makes_arrays(at) else variables(value)
                for name in own:
                    behind = (found.get(n, {n}) for n in viewed)
                    found.setdefault(name, {name}).update(*behind)
            case py.For(target=target, iter=iterable, body=body):
                waiting += [body, py.Assign((target,), iterable)]
            case py.While(body=body):
                waiting.append(body)
            case py.If(body=body, orelse=orelse):
                waiting += [orelse, body]
    return found


def makes_arrays(stmt: py.Assign) -> bool:
    """Whether what a statement sets is an array that no variable has."""
    match stmt.value, stmt.mark:
        case py.Binary(op=op), _:
            return op not in ("and", "or")
        case py.Call(), Computes(tensors=(_, *_) as tensors):
            if any(n.startswith("_") for t in stmt.targets for n in changed(t)[0]):
                return False  # a help on the way to the tensor, such as a view of it
            nodes = [t.node for t in tensors]
            return not any(n.op.view or n.op.facts.lends(n) for n in nodes)
    return False


def variables(part: py.Stmt | py.Expr) -> set[str]:
    """Return the variables in a statement or expression."""
    found: set[str] = set()
    waiting: list[Any] = [part]
    while waiting:
        at = waiting.pop()
        if type(at) is py.Name:
            found.add(at.id)
        else:
            waiting.extend(parts(at))
    return found
