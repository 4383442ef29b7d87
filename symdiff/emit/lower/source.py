"""The user's statements: which one declared a tensor, how it reads, what it assigns to.

In: the sites of a declaration. Out: `Statement`s with their text, ``file:line`` and
target names, read from the source's AST by instruction position. Invariant: resolved
afresh for each compilation; without source everything has a deterministic fallback.
"""

from __future__ import annotations

import ast
import bisect
import dis
import linecache
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePath
from types import CodeType
from typing import Any

from symdiff.graph.cells import cell_of
from symdiff.graph.origin import FAN_OUT, Place, Position, Site, line_of
from symdiff.graph.shares import Shares
from symdiff.graph.tensor import Tensor


@dataclass(frozen=True)
class Statement:
    """A statement of the user's program."""

    file: str
    line: int
    text: str

    @cached_property
    def place(self) -> tuple[str, int, str]:
        """File, line and text, by which statements are told apart."""
        return self.file, self.line, self.text

    @cached_property
    def location(self) -> str:
        """``file:line``, for headings."""
        return f"{self.file}:{self.line}"


# symdiff's namespace before a call, which headings leave out: `dense(h, 10)`.
_OURS = re.compile(r"\b(?:sd|symdiff)\.(?:\w+\.)*(?=\w+\()")

Span = tuple[int, int, int, int]  # first line, first column, last line, last column


class Resolver:
    """Reads statements and names for one compilation.

    ``base`` is the folder that file names are shown relative to.
    """

    def __init__(self, base: str = "") -> None:
        self._base = base
        self._modules: dict[str, ast.Module | None] = {}
        self._quoted: dict[Position, Statement] = {}
        self._shares = Shares()
        self._targets: dict[tuple[Site, Place], str | None] = {}
        self._statements: dict[
            tuple[CodeType, int], tuple[ast.stmt | None, Span | None]
        ] = {}

    def statement(self, tensor: Tensor) -> Statement | None:
        """Return the statement that declared a tensor (of a derivative, its primal).

        A sum of cotangents belongs to the statement that reads its value first: its
        share is the last one to be known.
        """
        reader = self._reader(tensor) if tensor.site.rule == FAN_OUT else None
        return reader or self._declaring(primal_site(tensor))

    def _reader(self, total: Tensor) -> Statement | None:
        """Return the statement of the first of the rules that made a sum's terms.

        Parts that are joined, not added, are of what was split, unless one statement
        has them all.
        """
        ends = self._shares.ends(total)
        if ends is None:
            return None
        first, last = (self._declaring(primal_site(t)) for t in ends)
        return first if total.node.op.infix in ("+", "-") or first == last else None

    def _declaring(self, site: Site) -> Statement | None:
        if not site.frames:
            return None
        return self.quoted(site.frames[0])

    def quoted(self, position: Position) -> Statement:
        """Return the statement that is executed at a position."""
        if position not in self._quoted:
            self._quoted[position] = self._quote(position)
        return self._quoted[position]

    def _quote(self, position: Position) -> Statement:
        code, offset = position
        found, span = self._find(position)
        line = found.lineno if found is not None else line_of(code, offset)
        text = self._text(code.co_filename, found, line)
        part = _declared_inside(found, span)
        if part is not None:
            name, value = part
            segment = _segment(linecache.getlines(code.co_filename), value)
            line, text = value.lineno, f"{name} = {_on_one_line(segment.splitlines())}"
        return Statement(self._shown(code.co_filename), line, text)

    def target(self, tensor: Tensor) -> str | None:
        """Return the name that the declaring statement binds the tensor to.

        Follows ``return f(x)`` out to the statement that called the function.
        """
        site, place = tensor.site, tensor.origin.result
        if tensor.origin.bound_to is not None:
            site, place = tensor.origin.bound_to
        if place is None or site.primal is not None:
            return None
        if (site, place) not in self._targets:
            self._targets[site, place] = self._bound(site, place)
        return self._targets[site, place]

    def _bound(self, site: Site, place: Place) -> str | None:
        for position in site.frames:
            statement, span = self._find(position)
            if statement is None:
                return None
            if isinstance(statement, ast.Return) and _spans(statement.value, span):
                continue
            if _stores(*position):
                return _written(statement, span)
            return _target(statement, span, place)
        return None

    def _find(self, position: Position) -> tuple[ast.stmt | None, Span | None]:
        if position not in self._statements:
            self._statements[position] = self._locate(position)
        return self._statements[position]

    def _locate(self, position: Position) -> tuple[ast.stmt | None, Span | None]:
        code, offset = position
        span = instruction_span(code, offset)
        module = self._module(code.co_filename)
        if module is None or span is None:
            return None, span
        return _innermost(module, span), span

    def _module(self, filename: str) -> ast.Module | None:
        if filename not in self._modules:
            linecache.checkcache(filename)  # it may have been edited and run again
            self._modules[filename] = _parsed("".join(linecache.getlines(filename)))
        return self._modules[filename]

    def _shown(self, filename: str) -> str:
        if cell := cell_of(filename):
            return cell
        if filename.startswith("<"):
            return printable(filename.strip("<>"))
        shown = PurePath(filename).name
        if self._base:
            relative = os.path.relpath(filename, self._base).replace(os.sep, "/")
            shown = shown if relative.startswith("../") else relative
        return printable(shown)

    def _text(self, filename: str, statement: ast.stmt | None, line: int) -> str:
        if statement is None:
            return linecache.getline(filename, line).strip()
        header = getattr(statement, "body", None)
        last = header[0].lineno - 1 if header else (statement.end_lineno or line)
        last = max(last, statement.lineno)
        lines = range(statement.lineno, last + 1)
        return _on_one_line([linecache.getline(filename, n) for n in lines])


def _segment(lines: Sequence[str], e: ast.expr) -> str:
    """Return the source of an expression; columns count bytes."""
    line, column, last, end = _span_of(e)
    rows = [row.encode() for row in lines[line - 1 : last]]
    rows[-1] = rows[-1][:end]
    rows[0] = rows[0][column:]
    return b"".join(rows).decode()


def _on_one_line(lines: Iterable[str]) -> str:
    """Return source without its comments and line breaks."""
    parts = [line.split("  # ")[0].strip() for line in lines]
    text = " ".join(part for part in parts if part)
    for opening in "([{":
        text = text.replace(opening + " ", opening)
    return text.replace(", )", ")").replace(" )", ")").replace(" ]", "]")


def quotation(statement: Statement, width: int) -> str:
    """Return a statement's text for a heading, cut where it would not fit."""
    text = _OURS.sub("", statement.text)
    if len(text) <= width:
        return text
    cut = text[: width - 3]
    whole = cut.rsplit(" ", 1)[0] if " " in cut else cut[:-1]
    return f"{whole} ..."


def printable(text: str) -> str:
    """Return a text that stays on its line of comment, whatever characters it has."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


@lru_cache(maxsize=16)
def _parsed(source: str) -> ast.Module | None:
    """Return the tree of a source text, or None if it is empty or cannot be parsed."""
    try:
        return ast.parse(source) if source else None
    except SyntaxError:  # a notebook cell with magics
        return None


def primal_site(tensor: Tensor) -> Site:
    """Return the site of the statement behind a tensor, through its derivatives."""
    site = tensor.site
    while site.primal is not None:
        site = site.primal.site
    return site


@lru_cache(maxsize=64)
def _positions(code: CodeType) -> list[Any]:
    """Return the source positions of a code object's instructions."""
    return list(code.co_positions())


def instruction_span(code: CodeType, offset: int) -> Span | None:
    """Return the source span of the expression an instruction evaluates."""
    table = _positions(code)
    if not 0 <= offset // 2 < len(table):
        return None
    line, end_line, column, end_column = table[offset // 2]
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return (line, column, end_line, end_column)


def _span_of(node: ast.AST) -> Span:
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]


def _contains(outer: Span, inner: Span) -> bool:
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def _spans(expression: ast.expr | None, span: Span | None) -> bool:
    return expression is not None and span is not None and _span_of(expression) == span


def _innermost(module: ast.Module, span: Span) -> ast.stmt | None:
    """Return the smallest statement around a span."""
    found: ast.stmt | None = None
    body: list[ast.AST] = list(module.body)
    inside = _holding_of_many(module.body, span)
    while body:
        if inside is None:
            inside = _holding(body, span)
        if inside is None:
            return found
        if isinstance(inside, ast.stmt):
            found = inside
        body, inside = list(ast.iter_child_nodes(inside)), None
    return found


def _holding(body: list[ast.AST], span: Span) -> ast.AST | None:
    """Return the node of a list that contains a span."""
    for node in body:
        if hasattr(node, "lineno") and _contains(_span_of(node), span):
            return node
    return None


def _holding_of_many(body: list[ast.stmt], span: Span) -> ast.AST | None:
    """Return the statement that contains a span, by bisection in source order."""
    at = bisect.bisect_right(body, span[:2], key=lambda s: _span_of(s)[:2]) - 1
    return body[at] if at >= 0 and _contains(_span_of(body[at]), span) else None


def _declared_inside(
    statement: ast.stmt | None, span: Span | None
) -> tuple[str, ast.expr] | None:
    """Return the name and the expression of what is declared in ``Model(loss=...)``.

    It is an argument by name, or an entry of a dict there, of the call of a class: the
    statement binds the model, not the tensor.
    """
    value = getattr(statement, "value", None)
    if span is None or not isinstance(value, ast.Call):
        return None
    called = value.func
    name = getattr(called, "attr", getattr(called, "id", ""))
    if not name[:1].isupper():
        return None
    for keyword in value.keywords:
        if keyword.arg is None or not _contains(_span_of(keyword.value), span):
            continue
        if not isinstance(keyword.value, ast.Dict):
            return keyword.arg, keyword.value
        for key, entry in zip(keyword.value.keys, keyword.value.values, strict=True):
            if isinstance(key, ast.Constant) and _contains(_span_of(entry), span):
                return str(key.value), entry
    return None


def _target(statement: ast.stmt, span: Span | None, index: Place) -> str | None:
    match statement:
        case ast.Assign(targets=targets) if inner := _unpacking(targets, span):
            return _bound_name(inner, index)
        case ast.Assign(targets=[target], value=value) if _spans(value, span):
            return _bound_name(target, index)
        case ast.Assign(targets=[target], value=ast.Tuple(elts=values)):
            found = _beside(target, values, span)
            return None if found is None else _bound_name(found, index)
        case ast.AnnAssign(target=target, value=value) if _spans(value, span):
            return _bound_name(target, index)
        case ast.AugAssign(target=ast.Name() | ast.Attribute() as target) if (
            _span_of(statement) == span
        ):
            return _bound_name(target, index)
    return None


def _stores(code: CodeType, offset: int) -> bool:
    """Whether an instruction writes into elements, as ``y[0] = v`` does."""
    return dis.opname[code.co_code[offset]] in ("STORE_SUBSCR", "STORE_SLICE")


def _written(statement: ast.stmt, span: Span | None) -> str | None:
    """Return the name of the array whose elements are the target of that span."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript) and _span_of(node) == span:
            return _bound_name(node, 0)
    return None


def _beside(
    target: ast.expr, values: Sequence[ast.expr], span: Span | None
) -> ast.expr | None:
    """Return ``Q`` for the span of ``f(q)`` in ``Q, R = f(q), f(r)``."""
    if not isinstance(target, (ast.Tuple, ast.List)) or len(target.elts) != len(values):
        return None
    if any(isinstance(e, ast.Starred) for e in (*target.elts, *values)):
        return None
    pairs = zip(target.elts, values, strict=True)
    return next((t for t, value in pairs if _spans(value, span)), None)


def _unpacking(targets: Sequence[ast.expr], span: Span | None) -> ast.expr | None:
    """Return the tuple of targets, of those nested in others, that a span is."""
    waiting = list(targets)
    while waiting:
        target = waiting.pop()
        if isinstance(target, (ast.Tuple, ast.List)):
            if _span_of(target) == span:
                return target
            waiting += target.elts
    return None


def _bound_name(target: ast.expr, index: Place) -> str | None:
    if isinstance(index, tuple):
        for i in index[:-1]:
            if not isinstance(target, (ast.Tuple, ast.List)) or i >= len(target.elts):
                return None
            target = target.elts[i]
        index = index[-1]
    match target:
        case ast.Name(id=name):
            return name if index == 0 else None
        case ast.Attribute(attr=name):
            return name if index == 0 else None
        case ast.Subscript(value=value):
            return _bound_name(value, index)
        case ast.Tuple(elts=elements) | ast.List(elts=elements) if index < len(
            elements
        ):
            return _bound_name(elements[index], 0)
    return None
