"""From statements to lines of text that black and ruff leave as they are.

In go statements, a column to start at and a width; out comes text, every line ended by
a newline. The invariant: formatting the text changes no byte. That covers line breaks
and parentheses, blank lines around functions and after imports, comments and
docstrings. A statement in `RawStmt` is the caller's to lay out.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from symdiff.emit.python.chars import columns
from symdiff.emit.python.split import STEP, split_line
from symdiff.emit.python.text import COMMA, Tok, bracket_pair, join, tokens
from symdiff.emit.python.tree import (
    Assign,
    AugAssign,
    Blank,
    Comment,
    Expr,
    ExprStmt,
    For,
    FuncDef,
    If,
    Raise,
    RawStmt,
    Return,
    Starred,
    Stmt,
    Tuple_,
    While,
    With,
)

_OPEN = '"""'


def _word(text: str, space: bool = False) -> Tok:
    return Tok(text, "name", space)


def _spaced(toks: list[Tok]) -> list[Tok]:
    toks[0].space = True
    return toks


def _optional(e: Expr, bare: bool = False) -> list[Tok]:
    """Return `e`, after a space, in optional parentheses.

    With `bare` a tuple of several items drops its own parentheses. Those it keeps are
    never optional.
    """
    opening, closing = bracket_pair("", "", display=True)
    if not isinstance(e, Tuple_):
        return _spaced([*tokens(e, before=opening), closing])
    if not bare or len(e.items) < 2:
        return _spaced(tokens(e))
    return _spaced([opening, *_listed(e.items), closing])


def _listed(items: Iterable[Expr]) -> list[Tok]:
    out: list[Tok] = []
    for item in items:
        if out:
            out.append(Tok(",", "comma", priority=COMMA))
        out += _spaced(tokens(item)) if out else tokens(item)
    return out


def _targets(targets: tuple[Expr, ...]) -> list[Tok]:
    match targets:
        case (Starred(),):
            return tokens(Tuple_(targets))
        case (Tuple_(items),) if len(items) > 1:
            return _targets(items)
        case (target,):
            return tokens(target)
    opening, closing = bracket_pair("", "", display=True)
    return [opening, *_listed(targets), closing]


def _loop_target(target: Expr) -> list[Tok]:
    """Return the target of a `for`, never broken at its commas."""
    if not isinstance(target, Tuple_) or len(target.items) < 2:
        return tokens(target)
    toks = _listed(target.items)
    for tok in toks:
        tok.priority = 0
    return toks


def _simple(stmt: Stmt) -> tuple[list[Tok], str] | None:
    """Return the tokens and the comment of a statement on one logical line."""
    match stmt:
        case Assign(targets, value, comment):
            unpacks = len(targets) > 1 or isinstance(targets[0], Tuple_ | Starred)
            equals = Tok("=", "eq", space=True)
            return [*_targets(targets), equals, *_optional(value, unpacks)], comment
        case AugAssign(target, op, value, comment):
            equals = Tok(f"{op}=", "eq", space=True)
            return [*tokens(target), equals, *_optional(value)], comment
        case ExprStmt(value, comment):
            return tokens(value), comment
        case Return(value, comment):
            returned = [] if value is None else _optional(value, bare=True)
            return [_word("return"), *returned], comment
        case Raise(value, comment):
            return [_word("raise"), *_spaced(tokens(value))], comment
    return None


def _wrapped(text: str, indent: int, width: int) -> list[str]:
    """Return `text` as comment lines, wrapped at spaces."""
    pad = " " * indent
    out: list[str] = []
    for line in text.split("\n"):
        pieces = textwrap.wrap(
            line.rstrip(),
            max(width - indent - 2, 1),
            break_long_words=False,
            break_on_hyphens=False,
        )
        out += [f"{pad}# {piece}" for piece in pieces] or [f"{pad}#"]
    return out


def _docstring(text: str, indent: int, width: int) -> list[str]:
    """Return a docstring; lines that are too long are wrapped at spaces."""
    text = text.replace("\\", "\\\\").replace(_OPEN, '\\"\\"\\"')
    return quoted_lines(text, indent, width)


def quoted_lines(text: str, indent: int, width: int) -> list[str]:
    """Return what stands in a docstring, escaped, on lines within ``width``."""
    pad = " " * indent
    lines: list[str] = []
    for line in textwrap.dedent(text).strip().split("\n"):
        hang = " " * (len(line) - len(line.lstrip()))
        room = max(width - indent - (0 if lines else len(_OPEN)), 1)
        lines += textwrap.wrap(
            line.rstrip(),
            room,
            subsequent_indent=hang,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    # A quote beside the quotes needs a space between.
    first = (" " if lines[0].startswith('"') else "") + lines[0]
    if len(lines) == 1:
        last = " " if first.endswith('"') else ""
        whole = f"{pad}{_OPEN}{first}{last}{_OPEN}"
        if columns(whole) <= width:
            return [whole]
        # Formatters join a text of one line with its quotes, so it gets a second.
        cut = textwrap.wrap(first, len(first) - 1, break_long_words=False)
        first, lines = cut[0], [cut[0], *cut[1:]]
    body = [(pad + line).rstrip() for line in lines[1:]]
    return [pad + _OPEN + first, *body, pad + _OPEN]


class _Printer:
    """Collects lines; knows what the last one was, for the blank lines."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[str] = []

    def logical(
        self, toks: list[Tok], indent: int, comment: str = "", is_def: bool = False
    ) -> None:
        """Add a logical line; its comment goes beside it, or above if too long."""
        one = " " * indent + join(toks)
        if comment and columns(beside := f"{one}  # {comment}") <= self.width:
            self.lines.append(beside)
            return
        if comment:
            self.lines += _wrapped(comment, indent, self.width)
        if columns(one) <= self.width:
            self.lines.append(one)
        else:
            self.lines += split_line(toks, indent, self.width, is_def)

    def head(self, toks: list[Tok], indent: int, is_def: bool = False) -> None:
        self.logical([*toks, Tok(":")], indent, is_def=is_def)

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
            inner.append(RawStmt("pass"))
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

    def _after(self, stmt: Stmt, around: int) -> int:
        """Return how many blank lines must follow `stmt`."""
        if isinstance(stmt, RawStmt):
            return int(stmt.text.startswith(("import ", "from ")))
        while True:  # down to what stands last in it
            match stmt:
                case FuncDef():
                    return around
                case If(_, body, orelse):
                    inside = orelse or body
                case For(body=body) | While(body=body) | With(body=body):
                    inside = body
                case _:
                    return 0
            rest = [s for s in inside if not isinstance(s, Blank)]
            if not rest:
                return 0
            stmt = rest[-1]

    def stmt(self, stmt: Stmt, indent: int) -> None:
        """Add one statement."""
        if (simple := _simple(stmt)) is not None:
            self.logical(simple[0], indent, simple[1])
            return
        inner = indent + STEP
        match stmt:
            case Comment(text):
                self.lines += _wrapped(text, indent, self.width)
            case RawStmt(text):
                pad = " " * indent
                self.lines += [(pad + t).rstrip() for t in text.rstrip().split("\n")]
            case For(target, iterable, body):
                bound = _spaced(_loop_target(target))
                into = [_word("in", space=True), *_optional(iterable)]
                self.head([_word("for"), *bound, *into], indent)
                self.block(body, inner)
            case While(test, body):
                self.head([_word("while"), *_optional(test)], indent)
                self.block(body, inner)
            case If():
                self._if(stmt, indent)
            case With(items, body):
                self.head([_word("with"), *_spaced(_with_items(items))], indent)
                self.block(body, inner)
            case FuncDef(name, params, body, docstring):
                self._def(name, params, indent)
                if docstring:
                    self.lines += _docstring(docstring, inner, self.width)
                if body or not docstring:
                    self.block(body, inner, above="docstring" if docstring else "def")
            case _:
                raise TypeError(f"{type(stmt).__name__} is not a statement")

    def _if(self, stmt: If, indent: int) -> None:
        word = "if"
        rest: tuple[Stmt, ...] = (stmt,)
        while len(rest) == 1 and isinstance(branch := rest[0], If):
            self.head([_word(word), *_optional(branch.test)], indent)
            self.block(branch.body, indent + STEP)
            word, rest = "elif", branch.orelse
        if rest:
            self.head([_word("else")], indent)
            self.block(rest, indent + STEP)

    def _def(self, name: str, params: tuple[str, ...], indent: int) -> None:
        opening, closing = bracket_pair("(", ")")
        toks = [_word("def"), _word(name, space=True), opening]
        for i, param in enumerate(params):
            if i:
                toks.append(Tok(",", "comma", priority=COMMA))
            toks.append(_word(param, space=i > 0))
        self.head([*toks, closing], indent, is_def=True)


def _with_items(items: Iterable[Expr | tuple[Expr, Expr]]) -> list[Tok]:
    out: list[Tok] = []
    for item in items:
        if out:
            out.append(Tok(",", "comma", priority=COMMA))
        context, target = item if isinstance(item, tuple) else (item, None)
        out += _spaced(tokens(context)) if out else tokens(context)
        if target is not None:
            out += [_word("as", space=True), *_spaced(tokens(target))]
    return out


def print_stmts(stmts: Sequence[Stmt], indent: int = 4, width: int = 88) -> str:
    """Return the statements indented by `indent` spaces, each line ended by a newline.

    Lines are broken to stay within `width` columns. At indent 0 functions are set apart
    by two blank lines, elsewhere by one. Blank lines given at either end are kept.
    """
    printer = _Printer(width)
    printer.stmts(stmts, indent)
    return "".join(line + "\n" for line in printer.lines)
