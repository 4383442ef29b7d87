"""From statements to lines of text that black and ruff leave as they are.

In go statements, a column to start at and a width; out comes text, every line ended by
a newline, and which lines each statement takes. The invariant: formatting the text
changes no byte. That covers line breaks and parentheses, blank lines around functions
and after imports, comments and docstrings.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from symdiff.emit.python.chars import columns
from symdiff.emit.python.inline import line_text
from symdiff.emit.python.pieces import (
    CALL,
    COLON,
    FIRST,
    OPTIONAL,
    SEPARATOR,
    SPACE,
    Piece,
    word,
)
from symdiff.emit.python.split import STEP, split_line
from symdiff.emit.python.text import Items, pieces
from symdiff.emit.python.tokens import tokens
from symdiff.emit.python.tree import (
    Assign,
    AugAssign,
    Blank,
    Break,
    Comment,
    Expr,
    ExprStmt,
    For,
    FuncDef,
    If,
    Pass,
    Raise,
    Return,
    Starred,
    Stmt,
    Try,
    Tuple_,
    While,
    With,
)
from symdiff.emit.python.words import comment_lines, docstring_lines

_ASSIGN = Piece("=", "eq")


def _optional(e: Expr, bare: bool = False) -> Items:
    """Return `e`, after a space, in optional parentheses.

    With `bare` a tuple of several items drops its own parentheses. Those it keeps are
    never optional.
    """
    opening, closing = OPTIONAL
    if not isinstance(e, Tuple_):
        return [SPACE, opening, (e, 0), closing]
    if not bare or len(e.items) < 2:
        return [SPACE, (e, 0)]
    return [SPACE, opening, FIRST, *_listed(e.items), closing]


def _listed(items: Iterable[Expr]) -> Items:
    out: Items = []
    for item in items:
        out += [SEPARATOR, SPACE] if out else []
        out.append((item, 0))
    return out


def _targets(targets: tuple[Expr, ...]) -> Items:
    match targets:
        case (Starred(),):
            return [(Tuple_(targets), 0)]
        case (Tuple_(items),) if len(items) > 1:
            return _targets(items)
        case (target,):
            return [(target, 0)]
    return [OPTIONAL[0], FIRST, *_listed(targets), OPTIONAL[1]]


def _loop_target(target: Expr) -> Items:
    """Return the target of a `for`, never broken at its commas."""
    if not isinstance(target, Tuple_) or len(target.items) < 2:
        return [(target, 0)]
    return [p and p._replace(priority=0) for p in pieces(_listed(target.items))]


def _simple(stmt: Stmt) -> tuple[Items, str] | None:
    """Return the items and the comment of a statement on one logical line."""
    match stmt:
        case Assign(targets, value, comment, also):
            unpacks = len(targets) > 1 or isinstance(targets[0], Tuple_ | Starred)
            line = [*_targets(targets), SPACE, _ASSIGN]
            for target in also:
                line += [SPACE, (target, 0), SPACE, _ASSIGN]
            return [*line, *_optional(value, unpacks)], comment
        case AugAssign(target, op, value, comment):
            sign = Piece(f"{op}=", "eq")
            return [(target, 0), SPACE, sign, *_optional(value)], comment
        case ExprStmt(value, comment):
            return [(value, 0)], comment
        case Return(value, comment):
            returned = [] if value is None else _optional(value, bare=True)
            return [word("return"), *returned], comment
        case Raise(value, comment):
            return [word("raise"), SPACE, (value, 0)], comment
        case Pass(comment):
            return [word("pass")], comment
        case Break():
            return [word("break")], ""
    return None


def _head(stmt: Stmt, first: str = "if") -> Items:
    """Return the items of a compound statement's head, without its colon."""
    match stmt:
        case For(target, iterable):
            head = [word("for"), SPACE, *_loop_target(target), SPACE, word("in")]
            return [*head, *_optional(iterable)]
        case While(test):
            return [word("while"), *_optional(test)]
        case With(items):
            return [word("with"), SPACE, *_with_items(items)]
        case If(test):
            return [word(first), *_optional(test)]
    return []


@dataclass(slots=True)
class Placed:
    """A statement where it is printed: its first and last line, counted from 0.

    A comment of its own that stands above it begins at ``above``, else that is
    ``first``. ``depth`` is how many statements it stands in. An ``elif`` counts as a
    statement in the ``if``.
    """

    stmt: Stmt
    above: int
    first: int
    last: int
    depth: int


@dataclass(frozen=True, slots=True)
class Printed:
    """Statements as text, each line ended by a newline, and where they stand in it.

    ``places`` has the numbers of each `Placed` in turn: there are many, and few are
    ever asked for.
    """

    text: str
    stmts: tuple[Stmt, ...]
    places: array[int] = field(repr=False)

    @property
    def placed(self) -> Iterator[Placed]:
        """The statements where they are printed, in order."""
        numbers = iter(self.places)
        for stmt, *place in zip(self.stmts, *[numbers] * 4, strict=True):
            yield Placed(stmt, *place)

    @property
    def body(self) -> str:
        """The text without its last newline, as templates take it."""
        return self.text.rstrip("\n")


class _Printer:
    """Collects lines; knows what the last one was, for the blank lines."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[str] = []
        self.placed: list[Placed] = []
        self.depth = 0

    def logical(
        self, line: Items, indent: int, comment: str = "", is_def: bool = False
    ) -> None:
        """Add a logical line; its comment goes beside it, or above if too long."""
        one = " " * indent + line_text(line)
        if comment and columns(beside := f"{one}  # {comment}") <= self.width:
            self.lines.append(beside)
            return
        if comment:
            self.lines += comment_lines(comment, indent, self.width)
            self.placed[-1].first = len(self.lines)
        if columns(one) <= self.width:
            self.lines.append(one)
        else:
            self.lines += split_line(tokens(pieces(line)), indent, self.width, is_def)

    def head(self, line: Items, indent: int, is_def: bool = False) -> None:
        self.logical([*line, COLON], indent, is_def=is_def)

    def block(self, stmts: Sequence[Stmt], indent: int, above: str = "") -> None:
        """Add a nested block: never empty, no blank line first or last.

        Only a function that comes first has one above, unless a `def` is right above;
        if a docstring is above, one whose comments come first has one too.
        """
        start, stop = 0, len(stmts)
        while start < stop and isinstance(stmts[start], Blank):
            start += 1
        while start < stop and isinstance(stmts[stop - 1], Blank):
            stop -= 1
        inner = list(stmts[start:stop])
        if all(isinstance(s, Blank | Comment) for s in inner):
            inner.append(Pass())
        leading = next(s for s in inner if not isinstance(s, Comment))
        apart = above == "docstring" or (above != "def" and leading is inner[0])
        if isinstance(leading, FuncDef) and apart:
            self.lines.append("")
        self.stmts(inner, indent)

    def stmts(self, stmts: Sequence[Stmt], indent: int) -> None:
        """Add statements with the blank lines that belong between them."""
        around = 1 if indent else 2
        start = len(self.lines)
        need = 0  # blank lines the statement before asks for
        blanks = 0  # blank lines given
        run = start  # where the comments right above the next statement begin
        for stmt in stmts:
            if isinstance(stmt, Blank):
                blanks = min(blanks + 1, around)
                continue
            gap = max(blanks, need)
            here = len(self.lines)
            if isinstance(stmt, FuncDef) and here > start:
                if gap or run == here:
                    gap = around
                else:
                    # Comments right above a function belong to it.
                    self._pad(run, start, around)
            self.lines += [""] * gap
            if gap or not isinstance(stmt, Comment) or blanks:
                run = len(self.lines)
            self.stmt(stmt, indent)
            if not isinstance(stmt, Comment):
                run = len(self.lines)
            need, blanks = self._after(stmt, around), 0
        self.lines += [""] * blanks

    def _pad(self, at: int, start: int, gap: int) -> None:
        """Make sure `gap` blank lines stand before line `at`, unless it is first."""
        have = 0
        while at - have > start and not self.lines[at - have - 1]:
            have += 1
        if at - have > start:
            self.lines[at:at] = [""] * (gap - have)
            for p in self.placed:
                more = (gap - have) * (p.above >= at)
                p.above, p.first, p.last = p.above + more, p.first + more, p.last + more

    def _after(self, stmt: Stmt, around: int) -> int:
        """Return how many blank lines must follow `stmt`."""
        while True:  # down to what stands last in it
            match stmt:
                case FuncDef():
                    return around
                case If(_, body, orelse):
                    inside = orelse or body
                case For(body=body) | While(body=body) | With(body=body):
                    inside = body
                case Try(handler=handler):
                    inside = handler
                case _:
                    return 0
            rest = [s for s in inside if not isinstance(s, Blank)]
            if not rest:
                return 0
            stmt = rest[-1]

    def stmt(self, stmt: Stmt, indent: int) -> None:
        """Add one statement, and note where it stands."""
        at = len(self.lines)
        placed = Placed(stmt, at, at, at, self.depth)
        self.placed.append(placed)
        self.depth += 1
        self._stmt(stmt, indent)
        self.depth -= 1
        placed.last = len(self.lines) - 1

    def _stmt(self, stmt: Stmt, indent: int) -> None:
        if (simple := _simple(stmt)) is not None:
            self.logical(simple[0], indent, simple[1])
            return
        inner = indent + STEP
        match stmt:
            case Comment(text):
                self.lines += comment_lines(text, indent, self.width)
            case Try(body, errors, handler):
                self.head([word("try")], indent)
                self.block(body, inner)
                self.head([word("except"), SPACE, (errors, 0)], indent)
                self.block(handler, inner)
            case For(body=body) | While(body=body) | With(body=body):
                self.head(_head(stmt), indent)
                self.block(body, inner)
            case If():
                self._if(stmt, indent)
            case FuncDef(name, params, body, docstring):
                self._def(name, params, indent)
                if docstring:
                    self.lines += docstring_lines(docstring, inner, self.width)
                if body or not docstring:
                    self.block(body, inner, above="docstring" if docstring else "def")
            case _:
                raise TypeError(f"{type(stmt).__name__} is not a statement")

    def _if(self, stmt: If, indent: int, first: str = "if") -> None:
        self.head(_head(stmt, first), indent)
        self.block(stmt.body, indent + STEP)
        match stmt.orelse:
            case (If() as branch,):
                at = len(self.lines)
                placed = Placed(branch, at, at, at, self.depth)
                self.placed.append(placed)
                self.depth += 1
                self._if(branch, indent, "elif")
                self.depth -= 1
                placed.last = len(self.lines) - 1
            case (_, *_):
                self.head([word("else")], indent)
                self.block(stmt.orelse, indent + STEP)

    def _def(self, name: str, params: tuple[str, ...], indent: int) -> None:
        line: Items = [word("def"), SPACE, word(name), CALL[0]]
        for i, param in enumerate(params):
            line += [SEPARATOR, SPACE, word(param)] if i else [word(param)]
        self.head([*line, CALL[1]], indent, is_def=True)


def _with_items(items: Iterable[Expr | tuple[Expr, Expr]]) -> Items:
    out: Items = []
    for item in items:
        out += [SEPARATOR, SPACE] if out else []
        context, target = item if isinstance(item, tuple) else (item, None)
        out.append((context, 0))
        if target is not None:
            out += [SPACE, word("as"), SPACE, (target, 0)]
    return out


def print_stmts(stmts: Sequence[Stmt], indent: int = 4, width: int = 88) -> str:
    """Return the statements indented by `indent` spaces, each line ended by a newline.

    Lines are broken to stay within `width` columns. At indent 0 functions are set apart
    by two blank lines, elsewhere by one. Blank lines given at either end are kept.
    """
    return printed(stmts, indent, width).text


def printed(stmts: Sequence[Stmt], indent: int = 4, width: int = 88) -> Printed:
    """Return the same, with the lines that each statement takes."""
    printer = _Printer(width)
    printer.stmts(stmts, indent)
    text = "".join(line + "\n" for line in printer.lines)
    places = (n for p in printer.placed for n in (p.above, p.first, p.last, p.depth))
    return Printed(text, tuple(p.stmt for p in printer.placed), array("I", places))


def pieces_at(stmt: Stmt, rows: Sequence[str]) -> Iterator[tuple[int, int, Piece]]:
    """Yield the line, the column and the text of what a statement is printed as.

    ``rows`` are the lines that it was printed on; of a compound statement the pieces of
    its head alone.
    """
    simple = _simple(stmt)
    text, at = "\n".join(rows), 0
    for piece in pieces(_head(stmt) if simple is None else simple[0]):
        if piece and piece.text:  # skips text that the printer adds between pieces
            at = text.index(piece.text, at)
            row = text.count("\n", 0, at)
            yield row, at - (text.rfind("\n", 0, at) + 1), piece
            at += len(piece.text)
