"""A report on a terminal, in colours.

In: the tree of a report. Out: text with a terminal's codes for colours, or None where
rich is not installed. Invariant: without the colours it is the plain text, broken at
the width of the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from symdiff.explain.formats.plain import WIDTH, ReportRow, rows
from symdiff.explain.parts import Tree

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES = {
    "title": "bold",
    "heading": "bold cyan",
    "note": "dim",
    "value": "green",
    "back": "red",
    "flow": "",
    "equation": "bold",
    "cost": "",
}
NARROWEST = 40


def coloured(tree: Tree) -> str | None:
    """Return the report for the present terminal, or None without rich."""
    try:
        from rich.console import Console
    except ImportError:
        return None
    console = Console(highlight=False, emoji=False, markup=False)
    width = max(console.width, NARROWEST)
    with console.capture() as found:
        for row in rows(tree, min(width, WIDTH)):
            for part in _wrapped(_styled(row), row.text, console, width):
                console.print(part, soft_wrap=True)
    return str(found.get())


def _styled(row: ReportRow) -> Text:
    from rich.syntax import Syntax
    from rich.text import Text

    if row.kind == "code":
        python = Syntax("", "python", theme="ansi_dark", background_color="default")
        bar, code = row.text[:6], row.text[6:]
        line = python.highlight(code)
        line.rstrip()
        return Text.assemble((bar, "dim"), line)
    made = Text(row.text, style=STYLES.get(row.kind, ""))
    if row.kind == "equation" and "   = " in row.text:
        made.stylize("not bold green", row.text.index("   = "))
    if row.kind == "cost" and row.text.endswith("#"):
        made.stylize("cyan", len(row.text.rstrip("#")))
    if "NOT FINITE" in row.text:
        made.stylize("bold reverse red", row.text.index("NOT FINITE"))
    return made


def _wrapped(line: Text, text: str, console: Console, width: int) -> Iterable[Text]:
    """Break a row at the terminal's width; the next rows are indented."""
    from rich.text import Text

    if line.cell_len <= width:
        yield line
        return
    indent = min(len(text) - len(text.lstrip()) + 4, width // 2)
    for i, part in enumerate(line.wrap(console, width - indent)):
        part.rstrip()
        yield Text(" " * (indent if i else 0)) + part
