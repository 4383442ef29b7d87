"""The pieces that lines of emitted Python are made of.

In go words and literals, out come `Piece`s: their text, and how strongly a line may be
broken there. The invariant: a piece knows nothing of its place, so one may stand in
many.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from symdiff.emit.python.chars import float_text, string_text

_LEVELS: Final[tuple[tuple[str, ...], ...]] = (
    ("lambda",),
    ("if",),
    ("or",),
    ("and",),
    ("not",),
    ("<", "<=", ">", ">=", "==", "!=", "in", "not in", "is", "is not"),
    ("|",),
    ("^",),
    ("&",),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "//", "%", "@"),
    ("unary",),
    ("**",),
    ("atom",),
)
PRECEDENCE: Final[dict[str, int]] = {
    op: level for level, ops in enumerate(_LEVELS, 1) for op in ops
}

# How strongly a line wants to break at a token (black's numbers; 0 is never).
COMMA: Final = 18
TERNARY: Final = 16
DOT: Final = 1
_BREAK: Final[dict[str, int]] = {
    op: priority
    for priority, ops in zip(
        (14, 14, 10, 9, 8, 7, 6, 5, 4), _LEVELS[2:4] + _LEVELS[5:12], strict=True
    )
    for op in ops
} | {"**": 2}


class Piece(NamedTuple):
    """A piece of text; `kind` says what the line breaker must know of it.

    Kinds: open, close, comma, dot, name, number, string, eq (of an assignment) and op.
    Brackets with no text are optional parentheses. `priority` breaks after a comma and
    before anything else. `display` marks brackets that are no call's or subscript's.
    `refers` tells the name of a value from those of attributes and keywords. The same
    piece may stand in many places.
    """

    text: str
    kind: str = "op"
    priority: int = 0
    display: bool = False
    refers: bool = False


SPACE: Final = None  # between two pieces
Pieces = list[Piece | None]

OPTIONAL: Final = Piece("", "open", display=True), Piece("", "close", display=True)
PARENS: Final = Piece("(", "open", display=True), Piece(")", "close", display=True)
CALL: Final = Piece("(", "open"), Piece(")", "close")
SUBSCRIPT: Final = Piece("[", "open"), Piece("]", "close")
LIST: Final = Piece("[", "open", display=True), Piece("]", "close", display=True)
DICT: Final = Piece("{", "open", display=True), Piece("}", "close", display=True)
SEPARATOR: Final = Piece(",", "comma", COMMA)
ONE_TUPLE: Final = Piece(",", "comma")
PERIOD: Final = Piece(".", "dot")
EQUALS: Final = Piece("=", "eq")
# Before the first of several items: a conditional there is not alone in its brackets.
FIRST: Final = Piece("", "first")
COLON: Final = Piece(":")
OPERATORS: Final = {op: Piece(op, priority=p) for op, p in _BREAK.items()}


@lru_cache(maxsize=1024)
def word(text: str) -> Piece:
    """Return a word that is no value's name."""
    return Piece(text, "name")


@lru_cache(maxsize=1024)
def name_piece(ident: str) -> Piece:
    return Piece(ident, "name", refers=True)


@lru_cache(maxsize=1024, typed=True)
def literal_piece(value: object) -> Piece:
    """Return a literal that needs no operator."""
    match value:
        case None | bool():
            return word(repr(value))
        case int():
            return Piece(int.__repr__(value), "number")
        case float():
            return Piece(float_text(value), "number")
        case str():
            return Piece(string_text(value), "string")
    raise TypeError(f"no literal for {type(value).__name__}: use lit() on scalars")


def join(parts: Iterable[Piece | None]) -> str:
    """Return pieces as one line; a space before the first is dropped."""
    texts: list[str] = []
    space = ""
    for piece in parts:
        if piece is SPACE:
            space = " " if texts else ""
        elif piece.text:
            texts += (space, piece.text) if space else (piece.text,)
            space = ""
    return "".join(texts)
