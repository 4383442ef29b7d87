"""NumPy expressions over scalars and short vectors, as expressions of Python numbers.

In: expressions that NumPy computes from scalars and elements of vectors. Out: the same
over Python's numbers and lists, which NumPy's scalars can take the place of. Invariant:
both runs give NumPy's value, or the one over Python's numbers raises. So every name has
one kind throughout, a number written in the text is made one of the run's (``1 / 0.0``
would raise in both), and what only NumPy evaluates, or what could wrap in 64 bits, is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from symdiff.emit.lower import texts
from symdiff.emit.python import code as py
from symdiff.ops.core.record import OPS

SHORT = 8  # vectors up to this length are computed element by element

ARITHMETIC = frozenset(["+", "-", "*", "/"])
_COMPARISONS = frozenset(["<", "<=", ">", ">=", "==", "!="])
_LOGICAL = frozenset(["&", "|", "^"])

Scalar = Literal["number", "whole", "flag"]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one kind; kind and length are None where nothing says so."""

    of: Scalar | ListOf | None
    length: int | None = None


Kind = Scalar | ListOf


class OnlyNumpyError(Exception):
    """A statement that only NumPy evaluates: the function stays as it is."""


class PythonValues:
    """The expressions of one function: the kinds of its names, and what they use.

    ``number`` makes one of the run's floats of a literal, ``module`` has the functions.
    """

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        lengths: Sequence[str],
        number: str,
        module: str,
    ) -> None:
        self.kinds = dict(kinds)
        self._given = frozenset(kinds)
        self._lengths = frozenset(lengths)
        self._number = py.Name(number)
        self._module = py.Name(module)
        self.used: set[str] = set()  # lengths, the maker of numbers, the module
        self.walked: set[str] = set()  # vectors that a loop goes through

    def bind(self, name: str, kind: Kind) -> None:
        """Note the kind of a name; raise `OnlyNumpyError` if it had another."""
        known = self.kinds.setdefault(name, kind)
        if name in self._lengths or not fits(known, kind):
            raise OnlyNumpyError

    def row(self, name: str) -> ListOf:
        """Return the kind of a vector; raise `OnlyNumpyError` if it is none."""
        kind = self.kinds.get(name)
        if not isinstance(kind, ListOf):
            raise OnlyNumpyError
        return kind

    def turns(self, e: py.Expr) -> tuple[py.Expr, Kind]:
        """Return what a loop goes through, and the kind of its turns."""
        match e:
            case py.Call(func=py.Name("range"), args=args, kwargs=()):
                return replace(e, args=tuple(map(self.place, args))), "whole"
            case py.Call(func=py.Name("reversed"), args=(inner,), kwargs=()):
                made, kind = self.turns(inner)
                return replace(e, args=(made,)), kind
            case py.Name(id=name):
                each = self.row(name).of
                if each is not None:
                    self.walked.add(name)
                    return e, each
        raise OnlyNumpyError

    def value(self, e: py.Expr, strong: bool = False) -> tuple[py.Expr, Kind]:
        """Return an expression and its kind; ``strong`` makes a literal a number."""
        match e:
            case py.Name(id=name) if name in self._lengths:
                self.used.add(name)
                return e, "whole"
            case py.Name(id=name) if name in self.kinds:
                return e, self.kinds[name]
            case py.Lit(value=bool()):
                return e, "flag"
            case py.Lit(value=int()):
                return e, "whole"
            case py.Lit(value=float()):
                return (self.made(e) if strong else e), "number"
            case py.Unary(op="-" | "+" as op, operand=operand):
                made, kind = self.value(operand)
                if kind not in ("number", "whole"):
                    raise OnlyNumpyError
                return py.Unary(op, made), kind
            case py.Unary(op="~" | "not", operand=operand):
                return py.Unary("not", self.flag(operand)), "flag"
            case py.Binary():
                return self._binary(e)
            case py.IfExp(test=test, body=body, orelse=orelse):
                return self._chosen(test, body, orelse)
            case py.Index(value=py.Name() as name, items=places):
                return self._element(name, places)
            case py.List_(items=()):
                return e, ListOf(None)
            case py.Call():
                return self._call(e)
        raise OnlyNumpyError

    def _element(
        self, name: py.Name, places: Sequence[py.Expr]
    ) -> tuple[py.Expr, Kind]:
        made: py.Expr = name
        kind: Kind = self.row(name.id)
        for place in places:
            if not isinstance(kind, ListOf) or kind.of is None:
                raise OnlyNumpyError
            made, kind = py.Index(made, (self.place(place),)), kind.of
            if not isinstance(place, py.Lit):
                self.walked.add(name.id)
        return made, kind

    def place(self, place: py.Expr) -> py.Expr:
        """Return an index or a length; raise `OnlyNumpyError` if it is none."""
        made, kind = self.value(place)
        if kind != "whole":
            raise OnlyNumpyError
        return made

    def flag(self, e: py.Expr) -> py.Expr:
        """Return a condition; raise `OnlyNumpyError` if it is none."""
        made, kind = self.value(e)
        if kind != "flag":
            raise OnlyNumpyError
        return made

    def made(self, literal: py.Expr) -> py.Expr:
        """Return a literal as a number of the run."""
        self.used.add(self._number.id)
        return py.Call(self._number, (literal,))

    def _binary(self, e: py.Binary) -> tuple[py.Expr, Kind]:
        op = e.op
        if op == "**":
            base, kind = self.value(e.left)
            if kind != "number" or not _is_whole(e.right):
                raise OnlyNumpyError  # other powers could turn complex
            return py.Binary(op, base, e.right), "number"
        left, a = self.value(e.left)
        right, b = self.value(e.right)
        made = py.Binary(op, left, right)
        if op in _LOGICAL and (a, b) == ("flag", "flag"):
            return made, "flag"
        if isinstance(a, ListOf) or isinstance(b, ListOf):
            return self._rowwise(op, (left, a), (right, b))
        if "flag" in (a, b):
            raise OnlyNumpyError
        if op in _COMPARISONS:
            return made, "flag"
        if op not in ARITHMETIC:
            raise OnlyNumpyError
        if (a, b) != ("whole", "whole"):
            sides = [
                self.made(x) if isinstance(x, py.Lit) and kind == "whole" else x
                for x, kind in ((left, b), (right, a))  # the other side's kind
            ]
            return py.Binary(op, *sides), "number"
        if op in "+-" and (_is_whole(e.left) or _is_whole(e.right)):
            return made, "whole"  # a counter: nothing that could pass 64 bits
        raise OnlyNumpyError

    def _rowwise(
        self, op: str, left: tuple[py.Expr, Kind], right: tuple[py.Expr, Kind]
    ) -> tuple[py.Expr, Kind]:
        if op not in ARITHMETIC or "flag" in (left[1], right[1]):
            raise OnlyNumpyError
        length = max(short(k) for _, k in (left, right) if isinstance(k, ListOf))
        sides = [self.elements(value, kind, length) for value, kind in (left, right)]
        pairs = zip(*sides, strict=True)
        items = tuple(py.Binary(op, x, y) for x, y in pairs)
        return py.List_(items), ListOf("number", length)

    def elements(self, e: py.Expr, kind: Kind, length: int) -> Sequence[py.Expr]:
        """Return the elements of a vector; a number stands for each of them."""
        if isinstance(kind, ListOf):
            if kind.of != "number" or kind.length != length:
                raise OnlyNumpyError
            if isinstance(e, py.List_):
                return e.items
            if isinstance(e, py.Name):
                return [py.Index(e, (py.Lit(i),)) for i in range(length)]
        elif isinstance(e, (py.Name, py.Lit, py.Index)):
            return [e] * length  # cheap enough to be read for each
        raise OnlyNumpyError

    def _chosen(
        self, test: py.Expr, body: py.Expr, orelse: py.Expr
    ) -> tuple[py.Expr, Kind]:
        flag = self.flag(test)
        sides = [self.value(side, strong=True) for side in (body, orelse)]
        kinds = [
            "number" if isinstance(side, py.Lit) and kind == "whole" else kind
            for side, (_, kind) in zip((body, orelse), sides, strict=True)
        ]
        if kinds != ["number", "number"]:
            raise OnlyNumpyError
        made = [self.made(value) if kind == "whole" else value for value, kind in sides]
        return py.IfExp(flag, *made), "number"

    def _call(self, e: py.Call) -> tuple[py.Expr, Kind]:
        match e:
            case py.Call(func=py.Name("len"), args=(py.Name(id=name),), kwargs=()):
                if isinstance(self.kinds.get(name), ListOf):
                    return e, "whole"
            case py.Call(func=py.Attr(py.Name("np"), name), args=args, kwargs=keywords):
                return self._numpy(name, args, dict(keywords))
            case py.Call(func=py.Attr(py.Attr(_, "dtype"), "type"), args=(inner,)):
                return self.value(inner)  # results are given their type at the end
            case py.Call(func=py.Attr(py.Call() as made, "reshape"), args=(shape,)):
                match shape:  # of what a loop appended, one number a turn
                    case py.Tuple_(items=(py.Name(),)) if _is_collected(made):
                        return self._call(made)
        raise OnlyNumpyError

    def _numpy(
        self, name: str, args: tuple[py.Expr, ...], keywords: Mapping[str, py.Expr]
    ) -> tuple[py.Expr, Kind]:
        match name, args:
            case "array", (py.Lit() as literal,) if [*keywords] == ["dtype"]:
                return self._literal(literal, keywords["dtype"])
            case "array", (py.Name(id=made),) if [*keywords] == ["dtype"]:
                if made in self._given:
                    raise OnlyNumpyError  # a copy, which may be written into
                return self.value(args[0])
            case "array", (py.Tuple_(items=items) | py.List_(items=items),) if items:
                found = [self.value(i, strong=True) for i in items]
                if not _is_float(keywords.get("dtype")):
                    raise OnlyNumpyError
                return self._row(found)
            case "stack", (py.Tuple_(items=items),):
                if keywords.get("axis") not in (None, py.Lit(0)):
                    raise OnlyNumpyError
                return self._row([self.value(i) for i in items])
            case "zeros", (py.Tuple_(items=(length,)), kind) if _is_float(kind):
                return self._zeros(length)
            case "empty", (py.Tuple_(items=lengths), _) if lengths:
                return self._unfilled(lengths)
            case "zeros_like", (py.Name(id=like),):
                row = self.row(like)
                if row.of == "number" and row.length:
                    return self._zeros(py.Lit(row.length))
        if keywords:
            raise OnlyNumpyError
        return self._function(name, args)

    def _literal(self, literal: py.Lit, dtype: py.Expr) -> tuple[py.Expr, Kind]:
        """Return ``np.array(0.0, dtype=x.dtype)`` as a number of the run."""
        if _is_float(dtype) and not isinstance(literal.value, (bool, str)):
            return self.made(literal), "number"
        if dtype == py.name("np.int64"):
            return literal, "whole"
        raise OnlyNumpyError

    def _row(self, found: Sequence[tuple[py.Expr, Kind]]) -> tuple[py.Expr, Kind]:
        kinds = {kind for _, kind in found}
        if len(kinds) != 1 or kinds & {"whole", "flag"}:
            raise OnlyNumpyError
        return py.List_(tuple(e for e, _ in found)), ListOf(kinds.pop(), len(found))

    def _zeros(self, length: py.Expr) -> tuple[py.Expr, Kind]:
        zero = py.List_((self.made(py.Lit(0)),))
        return py.Binary("*", zero, self.place(length)), ListOf(
            "number", _known(length)
        )

    def _unfilled(self, lengths: Sequence[py.Expr]) -> tuple[py.Expr, Kind]:
        """Return a list to be stored into, of values or of whole rows."""
        kind: ListOf | None = None
        for length in reversed(lengths):
            kind = ListOf(kind, _known(length))
        assert kind is not None
        none = py.List_((py.Lit(None),))
        return py.Binary("*", none, self.place(lengths[0])), kind

    def _function(self, name: str, args: tuple[py.Expr, ...]) -> tuple[py.Expr, Kind]:
        """Return a function that math and NumPy have alike, or a choice."""
        form = _forms().get(name)
        if form is None:
            raise OnlyNumpyError
        if name == "where":
            return self._chosen(*args)
        found = [self.value(a) for a in args]
        if any(kind != "number" for _, kind in found):
            raise OnlyNumpyError
        operands: dict[str, py.Expr] = {f"_{i}": e for i, (e, _) in enumerate(found)}
        if "_math" in form:
            self.used.add(self._module.id)
        return texts.expression(
            form, (operands | {"_math": self._module}).get
        ), "number"


@cache
def _forms() -> dict[str, str]:
    """Return, by NumPy's name, the functions that are the same on Python's floats.

    Where math raises, NumPy returns inf or nan; everywhere else they agree.
    """
    ops = [op for op in OPS.values() if op.facts.scalar]
    return {op.ufunc or op.name: op.facts.scalar for op in ops}


def fits(known: Kind | None, kind: Kind) -> bool:
    """Whether a value of a kind may be where one of the ``known`` kind was."""
    if known is None or known == kind:
        return True
    if not isinstance(known, ListOf) or not isinstance(kind, ListOf):
        return False
    inner = known.of is None or kind.of is None or fits(known.of, kind.of)
    return known.length == kind.length and inner


def _known(length: py.Expr) -> int | None:
    match length:
        case py.Lit(value=int(value)):
            return value
    return None


def short(row: ListOf) -> int:
    """Return the length of a vector that is computed element by element."""
    if row.length is None or row.length > SHORT:
        raise OnlyNumpyError
    return row.length


def _is_whole(e: py.Expr) -> bool:
    match e:
        case py.Lit(value=bool()):
            return False
        case py.Unary(op="-", operand=py.Lit(value=int())) | py.Lit(value=int()):
            return True
    return False


def _is_float(dtype: py.Expr | None) -> bool:
    """Whether a dtype is that of an argument, all of which are floats."""
    return (
        isinstance(dtype, py.Attr)
        and isinstance(dtype.value, py.Name)
        and (dtype.name == "dtype")
    )


def _is_collected(made: py.Call) -> bool:
    """Whether a call makes an array of a list of numbers."""
    match made:
        case py.Call(func=py.Attr(py.Name("np"), "array"), args=(py.Name(),)):
            return True
    return False
