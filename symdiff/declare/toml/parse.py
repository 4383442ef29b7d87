"""An equation's string as a syntax tree that holds nothing but mathematics.

In: a string of a TOML document, or the part of it that is an expression. Out: an
`Expression`, whose tree has been walked once against a list of allowed nodes.
Invariant: the text is parsed, never compiled or evaluated; what is not allowed is a
`SpecError` with its caret below the construct.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

from symdiff.declare.toml.text import Document, Path_
from symdiff.graph.errors import SpecError

MAX_EQUATION = 4_000  # characters
MAX_DEPTH = 64
_MOST_DIGITS = 25

_WORDS: dict[type[ast.AST], str] = {
    ast.Lambda: "a lambda is no equation; give every step an equation of its own",
    ast.IfExp: "`if` cannot look at a symbolic value; use where(condition, a, b)",
    ast.BoolOp: "`and` and `or` are not for arrays; use & and |, with parentheses",
    ast.NamedExpr: "`:=` is no part of an equation; give the value its own equation",
    ast.JoinedStr: "an f-string is no part of an equation; write a plain string",
    ast.Starred: "a star before an argument is not allowed; list the arguments",
    ast.Await: "`await` is no part of an equation",
    ast.Yield: "`yield` is no part of an equation",
    ast.YieldFrom: "`yield` is no part of an equation",
    ast.Dict: "a dict is no part of an equation",
    ast.Set: "a set is no part of an equation; write a list",
    ast.ListComp: "a comprehension is no equation; write out the elements",
    ast.SetComp: "a comprehension is no equation; write out the elements",
    ast.DictComp: "a comprehension is no equation; write out the elements",
    ast.GeneratorExp: "a comprehension is no equation; write out the elements",
}

_ALLOWED = (
    *(ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.keyword, ast.Attribute),
    *(ast.Subscript, ast.Slice, ast.Name, ast.Constant, ast.List, ast.Tuple),
)
_OPERATORS = (
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult),
    *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.USub, ast.UAdd, ast.Invert),
    *(ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq),
)
_SIGNS: dict[type[ast.AST], str] = {
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.Not: "not",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


@dataclass(frozen=True)
class Expression:
    """An expression: its text on one line, its characters' offsets, and its tree."""

    document: Document
    text: str
    offsets: tuple[int, ...] = field(repr=False)  # of each character, and of the end
    tree: ast.expr = field(repr=False)

    def error(self, node: ast.AST, message: str) -> SpecError:
        """Return an error with its caret below a part of the tree."""
        start, end = self.span(node)
        return self.document.error(self.offsets[start], self.offsets[end], message)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return the first character of a part of the tree, and its end."""
        start, end = byte_span(node)
        encoded = self.text.encode()
        return len(encoded[:start].decode()), len(encoded[:end].decode())


def byte_span(node: ast.AST) -> tuple[int, int]:
    """Return the first byte of a part of a tree on its line, and its end."""
    return node.col_offset, node.end_col_offset  # type: ignore[attr-defined]


def formula(document: Document, path: Path_, text: str) -> Expression:
    """Return the expression that a string of the document holds.

    Raises `SpecError` where it is no expression, or has parts that are not allowed.
    """
    place = document.place(path)
    characters = place.characters
    if characters is None or len(characters) != len(text) + 1:
        characters = (place.value[0],) * (len(text) + 1)
    if len(text) > MAX_EQUATION:
        raise document.error(
            *place.value, f"an equation has at most {MAX_EQUATION:,} characters."
        )
    line, offsets = _one_line(text, characters)
    if not line:
        raise document.error(*place.value, "an expression is missing here.")

    def wrong(at: int, end: int, message: str) -> SpecError:
        last = len(line)
        return document.error(offsets[min(at, last)], offsets[min(end, last)], message)

    for i, c in enumerate(line):
        if (c in "\\;`$?!" and line[i : i + 2] != "!=") or not c.isprintable():
            raise wrong(i, i + 1, f"{c!r} has no meaning in an equation.")
    tree = _parsed(line, wrong)
    made = Expression(document, line, offsets, tree)
    _check(made)
    return made


def _one_line(text: str, offsets: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Replace each line end, with the blanks around it, by one blank.

    Returns the text and the offsets of its characters.
    """
    kept: list[tuple[str, int]] = []
    i = 0
    while i < len(text):
        end = i
        while end < len(text) and text[end] in " \t\r\n":
            end += 1
        if end == i:
            kept.append((text[i], offsets[i]))
            i += 1
            continue
        blank = text[i:end]
        single = blank.strip(" ") == "" and i > 0 and end < len(text)
        kept += list(zip(blank if single else " ", offsets[i:end], strict=False))
        i = end
    while kept and kept[-1][0] == " ":
        kept.pop()
    while kept and kept[0][0] == " ":
        kept.pop(0)
    end_of = kept[-1][1] + 1 if kept else offsets[-1]
    return "".join(c for c, _ in kept), (*(at for _, at in kept), end_of)


def _parsed(line: str, wrong: Callable[[int, int, str], SpecError]) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(line, mode="eval").body
    except SyntaxError as error:
        start = max((error.offset or 1) - 1, 0)
        end = max((error.end_offset or 0) - 1, start + 1)
        what = error.msg.removeprefix("invalid syntax. ") or "invalid syntax"
        if what.startswith("cannot assign") or "=" in line[start : start + 2]:
            what += '; the name stands before the string, as in h = "relu(x)"'
        raise wrong(start, end, f"this is no expression: {what[:200]}.") from None
    except (RecursionError, MemoryError):
        raise wrong(0, 1, "this expression is nested too deeply.") from None
    except ValueError as error:  # an integer of thousands of digits, a zero byte
        raise wrong(0, 1, f"this is no expression: {str(error)[:80]}.") from None


def _check(made: Expression) -> None:
    """Raise `SpecError` for the first node that is not allowed; no recursion."""
    stack: list[tuple[ast.AST, int]] = [(made.tree, 1)]
    texts: list[tuple[int, int]] = []
    while stack:
        node, depth = stack.pop()
        if not isinstance(node, _ALLOWED):
            words = _WORDS.get(type(node), f"{type(node).__name__} is not allowed here")
            raise made.error(node, f"{words}.")
        if depth > MAX_DEPTH:
            raise made.error(
                node,
                f"an equation is nested at most {MAX_DEPTH} deep; make several of it.",
            )
        _check_node(made, node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(made.span(node))
        stack += [
            (child, depth + 1)
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.expr_context | ast.operator)
            and not isinstance(child, ast.unaryop | ast.cmpop)
        ]
    hash_sign = made.text.find("#")
    while hash_sign >= 0:
        if not any(a < hash_sign < b for a, b in texts):
            at = made.offsets[hash_sign]
            raise made.document.error(
                at, at + 1, "a comment stands outside of the equation's quotes."
            )
        hash_sign = made.text.find("#", hash_sign + 1)


def _check_node(made: Expression, node: ast.AST) -> None:
    operators: list[ast.AST] = []
    match node:
        case ast.BinOp(op=binary):
            operators = [binary]
        case ast.UnaryOp(op=unary):
            operators = [unary]
        case ast.Compare(ops=[comparison]):
            operators = [comparison]
        case ast.Compare():
            raise made.error(
                node, "comparisons cannot be chained; write (a < b) & (b < c)."
            )
        case ast.Constant(value=value):
            _check_constant(made, node, value)
        case ast.keyword(arg=None):
            raise made.error(node, f"{_WORDS[ast.Starred]}.")
        case ast.Attribute(attr=name) if name.startswith("_"):
            raise made.error(node, f"`{name[:40]}`: names start with a letter.")
        case ast.Call(func=func) if not isinstance(func, ast.Name | ast.Attribute):
            raise made.error(func, "only functions can be called, by their names.")
    for op in operators:
        if not isinstance(op, _OPERATORS):
            sign = _SIGNS.get(type(op), type(op).__name__)
            instead = "; use ~ of a comparison" if isinstance(op, ast.Not) else ""
            raise made.error(node, f"`{sign}` is no operator of equations{instead}.")


def _check_constant(made: Expression, node: ast.AST, value: object) -> None:
    if isinstance(value, complex):
        raise made.error(node, "complex numbers are outside symdiff's scope.")
    if isinstance(value, bytes):
        raise made.error(node, "bytes are no part of an equation.")
    if isinstance(value, int) and value.bit_length() > 63:
        raise made.error(node, "an integer does not fit 64 bits.")
    start, end = made.span(node)
    if isinstance(value, str) and (
        made.text[start] not in "\"'" or made.text[start:end].startswith(("'''", '"""'))
    ):
        raise made.error(node, "write a plain string, in one pair of quotes.")
