"""Lines as text straight from the tree, for those that fit and need no pieces.

In go the items of a line, or an expression; out comes its text. The invariant: it is
the text of the pieces, joined. Most lines are short, so few are ever cut into pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from symdiff.emit.python.pieces import PRECEDENCE, SPACE, Piece, join, literal_piece
from symdiff.emit.python.text import (
    ATOM,
    LOOSE,
    SIDES,
    Item,
    expand,
    hugs,
    normal,
    pieces,
    precedence,
)
from symdiff.emit.python.tree import Attr, Binary, Call, Expr, Lit, Name

_DEEPEST: Final = 50  # expressions within expressions; deeper ones go by pieces
_ANY: Final = PRECEDENCE["lambda"]


def expr_text(e: Expr) -> str:
    """Return `e` on one line."""
    return _text(e, 0, 0)


def line_text(items: Sequence[Item]) -> str:
    """Return a line's text."""
    return _joined(items, 0)


def _joined(items: Sequence[Item], depth: int) -> str:
    texts: list[str] = []
    for item in items:
        if item is SPACE:
            texts.append(" ")
        elif isinstance(item, Piece):
            texts.append(item.text)
        else:
            texts.append(_text(*item, depth))
    return "".join(texts)


def _text(e: Expr, least: int, depth: int) -> str:
    """Return an expression's text, in parentheses if it binds less than ``least``."""
    kind = type(e)
    if kind is Name:
        return e.id  # type: ignore[attr-defined]
    if depth > _DEEPEST:
        return join(pieces([(e, least)]))
    depth += 1
    match e:
        case Binary(op, left, right):
            low, high = SIDES[op]
            gap = "" if op == "**" and hugs(left, right) else " "
            text = f"{_text(left, low, depth)}{gap}{op}{gap}{_text(right, high, depth)}"
            return f"({text})" if PRECEDENCE[op] < least else text
        case Attr(value, name) if type(value) is not Lit:
            return f"{_text(value, ATOM, depth)}.{name}"
        case Call(func, args, kwargs):
            given = [_text(a, _ANY, depth) for a in args]
            given += [f"{k}={_text(v, _ANY, depth)}" for k, v in kwargs]
            return f"{_text(func, ATOM, depth)}({', '.join(given)})"
        case Lit(value) if normal(e) is e:
            return literal_piece(value).text
    text = _joined(expand(e), depth)
    return f"({text})" if kind in LOOSE and precedence(e) < least else text
