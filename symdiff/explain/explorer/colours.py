"""Python as HTML, one element for each line, with tokens found by `tokenize`.

In: source text, and attributes for places in it. Out: the inside of a code pane.
Invariant: every character of the text is there, escaped; colours end at an error.
"""

from __future__ import annotations

import builtins
import io
import keyword
import token
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape

BUILTINS = frozenset(dir(builtins))
_STRINGS = {token.STRING} | {
    getattr(token, name)
    for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
    if hasattr(token, name)
}


@dataclass(frozen=True)
class ColouredPiece:
    """A part of a line, and the CSS class that gives it its colour."""

    line: int
    start: int
    end: int
    kind: str


# From line, start and end to the HTML attributes of a piece, or "".
Said = Callable[[int, int, int], str]


def pieces(text: str) -> list[ColouredPiece]:
    """Return the tokens of a text, up to the first error if it is not Python."""
    found: list[ColouredPiece] = []
    before = ""
    try:
        for t in tokenize.generate_tokens(io.StringIO(text).readline):
            kind = _kind(t, before)
            if t.string and t.type not in (token.NEWLINE, token.NL):
                before = t.string
            found += _rows(t, kind)
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


def _kind(t: tokenize.TokenInfo, before: str) -> str:
    if t.type == token.COMMENT:
        return "c"
    if t.type in _STRINGS:
        return "s"
    if t.type == token.NUMBER:
        return "n"
    if t.type == token.OP:
        return "o"
    if t.type != token.NAME:
        return ""
    if keyword.iskeyword(t.string):
        return "k"
    if before in ("def", "class"):
        return "f"
    return "b" if t.string in BUILTINS and before != "." else "v"


def _rows(t: tokenize.TokenInfo, kind: str) -> Iterator[ColouredPiece]:
    (line, start), (last, end) = t.start, t.end
    for row in range(line, last + 1):
        first = start if row == line else 0
        stop = end if row == last else 10**9
        if kind and stop > first:
            yield ColouredPiece(row, first, stop, kind)


def rows(text: str, said: Said, on_line: Callable[[int], str]) -> Iterable[str]:
    """Return the lines as HTML, with attributes for tokens and for lines."""
    by_line: dict[int, list[ColouredPiece]] = {}
    for piece in pieces(text):
        by_line.setdefault(piece.line, []).append(piece)
    for number, row in enumerate(text.splitlines(), 1):
        inside = "".join(_words(row, number, by_line.get(number, ()), said))
        yield (
            f'<div class="ln" data-l="{number}"{on_line(number)}>'
            f'<span class="no">{number}</span><code>{inside or " "}</code></div>'
        )


def _words(
    row: str, number: int, found: Iterable[ColouredPiece], said: Said
) -> Iterator[str]:
    at = 0
    for piece in found:
        if piece.start > at:
            yield _word(row[at : piece.start], "", said(number, at, piece.start))
        end = min(piece.end, len(row))
        if end > piece.start:
            text = row[piece.start : end]
            yield _word(text, piece.kind, said(number, piece.start, end))
            at = end
    if at < len(row):
        yield _word(row[at:], "", said(number, at, len(row)))


def _word(text: str, kind: str, attributes: str) -> str:
    if not attributes and kind in ("", "v", "o"):
        return escape(text)
    shown = f' class="{kind}"' if kind else ""
    return f"<span{shown}{attributes}>{escape(text)}</span>"
