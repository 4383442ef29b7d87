"""What the site does with pages beyond Markdown: titles of blocks, and formulas.

In: a page as `tests/pages.py` checks it. Out: the comment above a block becomes its
title; TeX between dollar signs becomes MathML, which browsers typeset by themselves.
"""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

COMMENT = re.compile(r"^<!-- ([^\n]*) -->\n```(\w*)$", re.M)
FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</(?:span|div)>', re.S
)
TITLES = {"output": "Output", "fails": "", "in build, without symdiff": "In build/"}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Show what a block is: the file that it is, or was taken from."""

    def titled(match: re.Match[str]) -> str:
        what, language = match[1], match[2]
        kind, _, rest = what.partition(": ")
        title = TITLES.get(what)
        if title is None:
            title = f"symdiff {rest} --help" if kind == "help" else rest
            title = title.split(", ")[0].strip()
        return f'```{language} title="{title}"' if title else f"```{language}"

    return COMMENT.sub(titled, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Typeset formulas."""

    def typeset(match: re.Match[str]) -> str:
        display = "block" if match[2] == "[" else "inline"
        return convert(html.unescape(match[3]).strip(), display=display)

    return FORMULA.sub(typeset, content)
