"""The listing of a module: for each line what it computes, and for which statement.

In: the text of a module, and the functions that were printed into it. Out: a `Listing`,
which is a source map: `Line`s with their rows, the values they compute, the shape and
the rule in their comments, and the user's statement whose heading they are under.
Invariant: a line's rows of the module hold exactly its statement; nothing is read back
from text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from symdiff.emit.lower.marks import Computes, Heading
from symdiff.emit.lower.source import Statement
from symdiff.emit.python import code as py
from symdiff.graph.errors import SymdiffError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor

COMPOUND = (py.For, py.While, py.If, py.With, py.Try, py.FuncDef)
_WORDS = {py.Return: "return", py.While: "while", py.If: "if", py.FuncDef: "def"}


@dataclass(frozen=True, slots=True)
class Line:
    """A statement of a generated function, on the rows ``first`` to ``last``.

    Rows are counted from 1; a comment of its own above it begins at ``above``.
    ``tensors`` are the values that it computes or, where it is a step of an operation,
    helps to compute; none where it unpacks, checks or returns. ``shape`` and ``rule``
    are those of the first. ``statement`` is the user's, quoted in ``heading``.
    ``depth`` is the number of lines that it is nested in, ``looped`` whether one of
    them is a loop.
    """

    function: str
    above: int
    first: int
    last: int
    tensors: tuple[Tensor, ...]
    shape: str
    rule: str
    statement: Statement | None
    heading: str
    depth: int
    looped: bool
    stmt: py.Stmt = field(repr=False, compare=False)

    @property
    def place(self) -> str:
        """The ``file:line`` of the user's statement."""
        return "" if self.statement is None else self.statement.location

    @property
    def is_compound(self) -> bool:
        """Whether other lines are nested in it."""
        return isinstance(self.stmt, COMPOUND)

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The line in words: rows, what it sets, shape, rule, and the user's line."""
        rows = f"{self.first}" + f"-{self.last}" * (self.last > self.first)
        word = _WORDS.get(type(self.stmt), "-")
        return rows, ", ".join(self.targets) or word, self.shape, self.rule, self.place

    @property
    def targets(self) -> tuple[str, ...]:
        """The names that it sets, wholly or in part."""
        return tuple(dict.fromkeys(_targets(self.stmt)))


class Place(NamedTuple):
    """A row, a column, and the text that stands there."""

    row: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A function as it was printed, from which its listing is made.

    ``parameters`` is the text between the parentheses, ``pieces`` are the printed parts
    of the body, between which templates may put rows, ``nodes`` the values of names.
    """

    name: str
    parameters: str
    pieces: tuple[py.Printed, ...]
    nodes: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Record:
    """A NamedTuple class; a field is its name, type, and a comment on it."""

    name: str
    doc: str
    fields: tuple[tuple[str, str, str], ...]

    def __str__(self) -> str:
        said = self.doc.replace("\\", "\\\\").replace('"""', "'''")
        lines = [f"    {name}: {kind}  # {words}" for name, kind, words in self.fields]
        body = "\n\n" + "\n".join(lines) if lines else ""
        return f'class {self.name}(NamedTuple):\n    """{said}"""{body}'


@dataclass(frozen=True, slots=True)
class Region:
    """A function of a module, and its rows; ``lines`` are those of its body.

    ``body`` is its first row, ``headings`` are the rows where statements of the user
    are quoted, ``parameters`` those of the head. ``nodes`` are the values of names,
    whether given, unpacked or computed. Rows that come from a template have no lines.
    """

    name: str
    first: int
    last: int
    body: int = 0
    lines: tuple[Line, ...] = ()
    headings: tuple[tuple[int, Heading], ...] = ()
    parameters: tuple[Place, ...] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"<Region {self.name}: rows {self.first} to {self.last}>"

    def __str__(self) -> str:
        cells = [line.cells for line in self.lines]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        rows = [f"{self.name}: rows {self.first} to {self.last}"]
        for line, told in zip(self.lines, cells, strict=True):
            indent = "  " * (line.depth + 1)
            padded = (c.ljust(w) for c, w in zip(told, widths, strict=True))
            rows.append((indent + "  ".join(padded)).rstrip())
        return "\n".join(rows)


@dataclass(frozen=True)
class Listing:
    """A module's text; its functions and the fields of its records, by name."""

    text: str = field(repr=False)
    functions: Mapping[str, Region]
    records: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Listing of {', '.join(self.functions)}; str() shows its lines>"

    def __str__(self) -> str:
        return "\n\n".join(str(found) for found in self.functions.values())

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The rows of the text; row 1 is the first."""
        return tuple(self.text.split("\n"))

    @property
    def lines(self) -> Iterator[Line]:
        """The lines of all functions, in order."""
        for found in self.functions.values():
            yield from found.lines

    def source(self, line: Line) -> list[str]:
        """Return the rows of a line, moved to the left margin."""
        rows = self.rows[line.first - 1 : line.last]
        indent = len(rows[0]) - len(rows[0].lstrip())
        return [row[indent:] if row[:indent].isspace() else row for row in rows]

    def at(self, row: int) -> Line | None:
        """Return the innermost line that a row belongs to."""
        return self._by_row.get(row)

    @cached_property
    def _by_row(self) -> Mapping[int, Line]:
        return {
            row: line for line in self.lines for row in range(line.first, line.last + 1)
        }

    def names(self, line: Line) -> Iterator[Place]:
        """Yield the names in a line; of a compound statement those of its head.

        Those inside formatted strings are left out.
        """
        for place, piece in self._pieces(line):
            if piece.refers:
                yield place

    def strings(self, line: Line) -> Iterator[tuple[Place, bool]]:
        """Yield the strings in a line, and whether each is a key of a dict."""
        found = list(self._pieces(line))
        for (place, piece), (_, after) in pairwise(found):
            if piece.kind == "string":
                yield place, after.text == ":"

    def _pieces(self, line: Line) -> Iterator[tuple[Place, py.Piece]]:
        rows = self.rows[line.first - 1 : line.last]
        for row, column, piece in py.pieces_at(line.stmt, rows):
            yield Place(line.first + row, column, piece.text), piece


def listing_of(text: str, parts: Sequence[Listed | Record]) -> Listing:
    """Return the listing of a module that these parts were printed into.

    Raises `SymdiffError` where one is not in the text as it was printed.
    """
    rows = text.split("\n")
    by_name = {part.name: part for part in parts}
    functions: dict[str, Region] = {}
    records: dict[str, tuple[Place, ...]] = {}
    for word, name, first, last in _spans(rows):
        match by_name.pop(name, None):
            case None if word == "def":
                functions[name] = Region(name, first, last)
            case Listed() as listed:
                functions[name] = _region(listed, rows, first, last)
            case Record() as record:
                records[name] = _fields(record, rows, last)
    if by_name:
        raise SymdiffError(f"the module has nothing that is called {[*by_name]}.")
    return Listing(text, functions, records)


def _spans(rows: Sequence[str]) -> Iterator[tuple[str, str, int, int]]:
    """Yield ``def`` or ``class``, the name, and the first and the last row of each."""
    heads = [i for i, row in enumerate(rows) if row[:1] not in ("", " ", ")")]
    ends = [*heads[1:], len(rows)]
    for head, end in zip(heads, ends, strict=True):
        word, _, rest = rows[head].partition(" ")
        if word in ("def", "class"):
            while not rows[end - 1]:
                end -= 1
            yield word, rest.partition("(")[0].rstrip(":"), head + 1, end


def _region(listed: Listed, rows: Sequence[str], first: int, last: int) -> Region:
    """Return the region of a function, whose rows hold its pieces in their order."""
    starts: list[tuple[int, py.Printed]] = []
    at = first + 1
    for piece in (p for p in listed.pieces if p.text):
        printed = piece.body.split("\n")
        while at <= last and rows[at - 1 : at - 1 + len(printed)] != printed:
            at += 1
        if at > last:
            raise SymdiffError(f"{listed.name} is not in its module as it was printed.")
        starts.append((at, piece))
        at += len(printed)
    body = starts[0][0] if starts else last
    return Region(
        listed.name,
        first,
        last,
        body,
        tuple(x for row, p in starts for x in _lines(listed.name, p.placed, row)),
        tuple(x for row, p in starts for x in _headings(p.placed, row)),
        tuple(_parameters(listed.parameters, rows[first - 1 : body - 1], first)),
        listed.nodes,
    )


def _parameters(said: str, head: Sequence[str], first: int) -> Iterator[Place]:
    """Yield the parameters of a function in the rows before its body."""
    text = "\n".join(head)
    at = text.find("(")
    for parameter in filter(None, said.split(", ")):
        name = parameter.partition("=")[0]
        at = text.index(name, at)
        column = at - (text.rfind("\n", 0, at) + 1)
        yield Place(first + text.count("\n", 0, at), column, name)
        at += len(parameter)


def _fields(record: Record, rows: Sequence[str], last: int) -> tuple[Place, ...]:
    """Return the fields of a record, which are the last of its rows."""
    first = last - len(record.fields) + 1
    found = [Place(first + i, 4, f[0]) for i, f in enumerate(record.fields)]
    if any(not rows[p.row - 1].startswith(f"    {p.text}: ") for p in found):
        raise SymdiffError(f"{record.name} is not in its module as it was printed.")
    return tuple(found)


def _headings(placed: Iterable[py.Placed], start: int) -> Iterator[tuple[int, Heading]]:
    for p in placed:
        if isinstance(mark := p.stmt.mark, Heading):
            yield start + p.first, mark


@dataclass(frozen=True, slots=True)
class _Around:
    """The statement around a line, its values, and the heading in force."""

    stmt: py.Stmt | None = None
    tensors: tuple[Tensor, ...] = ()
    looped: bool = False
    heading: Heading | None = None


def _lines(function: str, placed: Iterable[py.Placed], start: int) -> Iterator[Line]:
    """Yield the lines of what was printed from a row on."""
    stack = [_Around()]  # by depth
    for p in placed:
        del stack[p.depth + 1 :]
        here = stack[-1]
        if _begins_other_side(p.stmt, here.stmt):
            here = stack[-1] = replace(here, heading=stack[-2].heading)
        mark = p.stmt.mark
        if isinstance(mark, Heading):
            stack[-1] = replace(here, heading=mark)
        if isinstance(p.stmt, py.Comment | py.Blank):
            continue
        told = mark if isinstance(mark, Computes) else Computes(here.tensors)
        heading = here.heading
        yield Line(
            function,
            start + p.above,
            start + p.first,
            start + p.last,
            told.tensors,
            told.shape,
            told.rule,
            None if heading is None else heading.statement,
            "" if heading is None else heading.text,
            p.depth,
            here.looped,
            p.stmt,
        )
        looped = here.looped or isinstance(p.stmt, py.For | py.While)
        stack.append(_Around(p.stmt, told.tensors, looped, heading))


def _begins_other_side(stmt: py.Stmt, around: py.Stmt | None) -> bool:
    """Whether a statement is the first of an ``else``."""
    if not isinstance(around, py.If):
        return False
    return stmt is next((s for s in around.orelse if not isinstance(s, py.Blank)), None)


_INTO_FIRST = ("at", "copyto", "put_along_axis")  # np.add.at(a, i, b)


def _targets(stmt: py.Stmt) -> Iterator[str]:
    """Yield the names that a statement sets, wholly or in part."""
    waiting: list[py.Expr] = []
    match stmt:
        case py.Assign(targets=targets, also=also):
            waiting = [*targets, *also]
        case py.AugAssign(target=target) | py.For(target=target):
            waiting = [target]
        case py.ExprStmt(value=py.Call(func=py.Attr(target, "append" | "fill"))):
            waiting = [target]
        case py.ExprStmt(value=py.Call(func=py.Attr(_, name), args=args, kwargs=more)):
            out = [value for key, value in more if key == "out"]
            first = name in _INTO_FIRST
            waiting = out or [*(args[:1] if first else args[-1:])]  # np.exp(a, out)
    while waiting:
        match waiting.pop(0):
            case py.Name(name):
                yield name
            case py.Tuple_(items) | py.List_(items):
                waiting = [*items, *waiting]
            case py.Index(value, _) | py.Starred(value) | py.Attr(value, _):
                waiting.insert(0, value)
            case py.Call(args=args):  # a view: np.einsum("ii->i", a)[...] = b
                waiting = [*(a for a in args if isinstance(a, py.Name)), *waiting]
