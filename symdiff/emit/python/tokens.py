"""The tokens of a line that is to be broken.

In go the pieces of a line, out come its `Tok`s: each stands in one place, and knows the
space before it and its other bracket. The invariant: brackets are matched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from symdiff.emit.python.pieces import DOT, Piece


@dataclass(slots=True, eq=False)
class Tok:
    """A `Piece` in its place on a line; `partner` is a bracket's other one."""

    text: str
    kind: str = "op"
    space: bool = False
    priority: int = 0
    display: bool = False
    partner: Tok | None = None


def bracket_pair(left: str, right: str, display: bool = False) -> tuple[Tok, Tok]:
    """Return an opening and a closing bracket that know each other."""
    opening = Tok(left, "open", display=display)
    closing = Tok(right, "close", display=display, partner=opening)
    opening.partner = closing
    return opening, closing


def tokens(pieces: Iterable[Piece | None]) -> list[Tok]:
    """Return the tokens of a line."""
    out: list[Tok] = []
    opened: list[Tok] = []
    space = False
    for piece in pieces:
        if piece is None:
            space = True
            continue
        tok = Tok(piece.text, piece.kind, space, piece.priority, piece.display)
        if tok.kind == "dot" and out and out[-1].kind == "close":
            tok.priority = DOT
        elif tok.kind == "open":
            opened.append(tok)
        elif tok.kind == "close":
            tok.partner = opened.pop()
            tok.partner.partner = tok
        out.append(tok)
        space = False
    return out


def text_of(toks: Iterable[Tok]) -> str:
    """Return tokens as one line; a space before the first is dropped."""
    texts: list[str] = []
    space = False
    for tok in toks:
        space = space or tok.space
        if tok.text:
            texts.append(" " + tok.text if space and texts else tok.text)
            space = False
    return "".join(texts)
