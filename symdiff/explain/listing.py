"""Python code as HTML, in colours.

In: source text. Out: a listing of bounded length. Invariant: its text is the source's,
escaped; text that is not Python is listed without colours.
"""

from __future__ import annotations

import io
import keyword
import token as kinds
import tokenize
from collections.abc import Iterator
from html import escape

MOST = 600  # lines that are shown
STYLE = """
.symdiff pre { overflow-x: auto; padding: .5em .8em; margin: .3em 0; line-height: 1.4;
  font-family: ui-monospace, Menlo, Consolas, monospace; background: #8881;
  text-align: left; color: inherit; }
.symdiff .sd-k { color: #a626a4; } .symdiff .sd-s { color: #2e7d32; }
.symdiff .sd-n { color: #b45309; } .symdiff .sd-c { color: #808080; }
@media (prefers-color-scheme: dark) { .symdiff .sd-k { color: #d88ae0; }
  .symdiff .sd-s { color: #8ccf7e; } .symdiff .sd-n { color: #e8a65c; } }
"""
_KINDS = {
    kinds.STRING: "sd-s",
    kinds.NUMBER: "sd-n",
    kinds.COMMENT: "sd-c",
    **{
        getattr(kinds, name): "sd-s"
        for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
        if hasattr(kinds, name)
    },
}


def listing(text: str, most: int = MOST) -> str:
    """Return code as an element, which needs the style sheet ``STYLE``."""
    lines = text.splitlines()
    shown = "\n".join(lines[:most])
    rest = ""
    if len(lines) > most:
        rest = f"\n... and {len(lines) - most:,} more lines"
    return f"<pre>{coloured(shown)}{escape(rest)}</pre>"


def coloured(text: str) -> str:
    """Return code with its tokens marked."""
    try:
        return "".join(_marked(text))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return escape(text)


def _marked(text: str) -> Iterator[str]:
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    done = 0
    for found in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = _KINDS.get(found.type, "")
        if found.type == kinds.NAME and keyword.iskeyword(found.string):
            kind = "sd-k"
        if not kind or not found.string:
            continue
        start = starts[found.start[0] - 1] + found.start[1]
        end = starts[found.end[0] - 1] + found.end[1]
        yield escape(text[done:start])
        yield f'<span class="{kind}">{escape(text[start:end])}</span>'
        done = end
    yield escape(text[done:])
