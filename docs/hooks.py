"""What the site does beyond Markdown: titles of blocks, formulas, pages of examples.

In: a page as `tests/pages.py` checks it. Out: the comment above a block becomes its
title; TeX between dollar signs becomes MathML, which browsers typeset by themselves;
examples/README.md and each example are pages too, as they are.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

EXAMPLES = Path(__file__).parents[1] / "examples"
LINK = re.compile(r"\[([^]]*)\]\((?!https?:)([^)]*)\)")
SOURCE = """---
search: {{exclude: true}}
---

# {name}

````python
{text}
````
"""
COMMENT = re.compile(r"^<!-- ([^\n]*) -->\n```(\w*)$", re.M)
FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</(?:span|div)>', re.S
)
# What latex2mathml takes for an operator between two others, and is none.
BEFORE = r"(<mrow>|<mo[^>]*>(?:&#x0003D;|&#x00028;|&#x0002C;|&#x0005B;)</mo>)"
TOUCHES = (
    (re.compile(BEFORE + "<mo>&#x02212;</mo>"), r'\1<mo form="prefix">&#x02212;</mo>'),
    (re.compile("<mo>&#x0002F;</mo>"), '<mo lspace="0" rspace="0">/</mo>'),
    (re.compile(r"<mo>&#x00028;</mo><mtable>"), '<mtable class="matrix">'),
    (re.compile(r"</mtable><mo>&#x00029;</mo>"), "</mtable>"),
    (re.compile("<mo>&#x02202;</mo>"), '<mi mathvariant="normal">&#x02202;</mi>'),
)
TITLES = {"output": "Output", "fails": "", "in build, without symdiff": "In build/"}


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the examples, which lie outside of docs/."""
    shown = [p for p in sorted(EXAMPLES.glob("*.py")) if not p.name.startswith("_")]
    names = {p.name for p in shown}

    def linked(match: re.Match[str]) -> str:
        target = match[2].removesuffix(".py") + ".md"
        return f"[{match[1]}]({target})" if match[2] in names else match[1]

    readme = LINK.sub(linked, (EXAMPLES / "README.md").read_text("utf-8"))
    files.append(File.generated(config, "examples/index.md", content=readme))
    for path in shown:
        text = path.read_text("utf-8").rstrip()
        page = SOURCE.format(name=path.name, text=text)
        uri = f"examples/{path.stem}.md"
        files.append(File.generated(config, uri, content=page))
    return files


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
        found = convert(html.unescape(match[3]).strip(), display=display)
        for pattern, better in TOUCHES:
            found = pattern.sub(better, found)
        return found

    # Two names that would hide Python's own have an underscore in the source.
    plain = content.replace(">input_<", ">input<").replace(">compile_<", ">compile<")
    return FORMULA.sub(typeset, plain)
