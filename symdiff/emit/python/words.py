"""Comments and docstrings, wrapped at spaces.

In go words, a column to start at and a width; out come lines of text. The invariant: a
formatter leaves them as they are, and a docstring's text is escaped.
"""

from __future__ import annotations

import textwrap

from symdiff.emit.python.chars import columns

QUOTES = '"""'


def comment_lines(text: str, indent: int, width: int) -> list[str]:
    """Return `text` as comment lines, wrapped at spaces."""
    pad = " " * indent
    out: list[str] = []
    for line in text.split("\n"):
        pieces = _wrapped(line.rstrip(), max(width - indent - 2, 1))
        out += [f"{pad}# {piece}" for piece in pieces] or [f"{pad}#"]
    return out


def _wrapped(line: str, width: int) -> list[str]:
    if line and len(line) <= width and line.isprintable():
        return [line]
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)


def docstring_lines(text: str, indent: int, width: int) -> list[str]:
    """Return a docstring; lines that are too long are wrapped at spaces."""
    text = text.replace("\\", "\\\\").replace(QUOTES, '\\"\\"\\"')
    return quoted_lines(text, indent, width)


def quoted_lines(text: str, indent: int, width: int) -> list[str]:
    """Return what stands in a docstring, escaped, on lines within ``width``."""
    pad = " " * indent
    lines: list[str] = []
    for line in textwrap.dedent(text).strip().split("\n"):
        hang = " " * (len(line) - len(line.lstrip()))
        room = max(width - indent - (0 if lines else len(QUOTES)), 1)
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
        whole = f"{pad}{QUOTES}{first}{last}{QUOTES}"
        if columns(whole) <= width:
            return [whole]
        # Formatters join a text of one line with its quotes, so it gets a second.
        cut = textwrap.wrap(first, len(first) - 1, break_long_words=False)
        first, lines = cut[0], [cut[0], *cut[1:]]
    body = [(pad + line).rstrip() for line in lines[1:]]
    return [pad + QUOTES + first, *body, pad + QUOTES]
