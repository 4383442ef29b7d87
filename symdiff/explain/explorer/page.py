"""The explorer's page: one file that loads nothing.

In: the data, the user's files and the generated modules. Out: HTML. Invariant: text of
the user's is escaped everywhere; the page's content security policy forbids it to load
or to send anything (one that is served may ask its server); the same input gives the
same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from symdiff.explain.explorer.colours import rows
from symdiff.explain.explorer.data import as_json
from symdiff.explain.explorer.linked import Linked
from symdiff.explain.explorer.sidebyside import side_by_side
from symdiff.explain.explorer.sources import Sources, innermost

STYLES = ("base", "panes", "graph", "detail", "compare", "phone", "print")
SCRIPTS = (
    "model", "numbers", "repeats", "groups", "layout", "drawing", "graph", "view",
    "minimap", "links", "address", "detail", "loops", "element", "charts", "steps",
    "panes", "keys", "export", "compare", "main",
)  # fmt: skip
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Explorer:
    """Everything that the page shows: JSON data, the user's files, generated modules.

    ``modules`` maps file names to text and links; ``baseline`` is what it is shown
    beside, if anything.
    """

    name: str
    label: str  # with the level that it was compiled at
    data: Mapping[str, Any] = field(repr=False)
    sources: Sources = field(repr=False)
    modules: Mapping[str, tuple[str, Linked]] = field(repr=False)
    baseline: Explorer | None = field(default=None, repr=False)
    _html: list[str] = field(default_factory=list, repr=False, compare=False)

    def html(self, live: str | None = None) -> str:
        """Return the page; ``live`` is the version of one that is served and follows.

        A page that follows asks whence it came, and nobody else, for other versions.
        """
        if live is not None:
            return _page(self, live)
        if not self._html:
            self._html.append(_page(self))
        return self._html[0]

    def against(self, baseline: Explorer) -> Explorer:
        """Return the explorer that also shows what has changed since another."""
        return replace(self, baseline=baseline, _html=[])

    def _repr_html_(self) -> str:
        """Show the page in a notebook, in a frame of its own."""
        page = escape(self.html())
        style = "width: 100%; height: 760px; border: 1px solid #8884"
        return f'<iframe srcdoc="{page}" style="{style}" title="explorer"></iframe>'

    def write(self, path: Any) -> None:
        """Write the page to a file."""
        Path(path).write_text(self.html(), "utf-8")


def asset(name: str) -> str:
    """Return the text of a file in ``assets/``."""
    place = files("symdiff.explain.explorer").joinpath("assets", name)
    return place.read_text("utf-8")


def _page(explorer: Explorer, live: str | None = None) -> str:
    left = [m for m in explorer.modules if m == "forward.py"]
    right = [m for m in explorer.modules if m != "forward.py"]
    before = explorer.baseline
    shown = {
        "title": escape(explorer.name),
        "compared": "" if before is None else side_by_side(before, explorer),
        "spec": _spec(explorer.sources),
        "forward": _modules(explorer, left),
        "backward": _modules(explorer, right),
    }
    following = () if live is None else ("resume", "live")
    data = as_json(explorer.data)
    parts = [
        *_head(explorer.name, STYLES, live),
        filled(asset("body.html"), shown).rstrip("\n"),
        f'<script type="application/json" id="data">{data}</script>',
        _script((*SCRIPTS, *following)),
    ]
    return "\n".join([*parts, "</body></html>", ""])


def waiting_page(name: str) -> str:
    """Return what is served until the first page of a spec is made."""
    body = filled(asset("waiting.html"), {"title": escape(name)})
    head = _head(name, ("base",), "0")
    return "\n".join([*head, body + _script(("live",)), "</body></html>", ""])


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its ``{{name}}`` replaced, once: values may contain some."""
    pieces = re.split(r"{{(\w+)}}", text)
    pieces[1::2] = [values[name] for name in pieces[1::2]]
    return "".join(pieces)


def _head(name: str, styles: Sequence[str], live: str | None) -> list[str]:
    policy, version = POLICY, []
    if live is not None:
        policy, styles = f"{POLICY}; connect-src 'self'", (*styles, "live")
        version = [f'<meta name="symdiff-version" content="{escape(live)}">']
    style = "\n".join(asset(f"{x}.css") for x in styles)
    return [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        *version,
        f"<title>{escape(name)} · symdiff explorer</title>",
        f"<style>\n{style}</style></head>",
    ]


def _script(names: Sequence[str]) -> str:
    text = "\n".join(asset(f"{name}.js") for name in names)
    return f'<script>\n"use strict";\n(() => {{\n{text}\n}})();\n</script>'


def _tabs(names: Sequence[str], prefix: str) -> str:
    made = []
    for i, name in enumerate(names):
        chosen = "true" if i == 0 else "false"
        made.append(
            f'<button role="tab" class="tab" id="tab-{prefix}{i}" '
            f'aria-controls="{prefix}{i}" aria-selected="{chosen}">'
            f"{escape(name)}</button>"
        )
    return f'<div class="tabs" role="tablist">{"".join(made)}</div>'


def _file(identity: str, name: str, lines: Iterable[str], hidden: bool) -> str:
    attribute = " hidden" if hidden else ""
    return (
        f'<div class="code" role="tabpanel" id="{identity}" tabindex="0" '
        f'aria-labelledby="tab-{identity}" data-file="{escape(name)}"{attribute}>'
        f"{''.join(lines)}</div>"
    )


# --- the user's files -----------------------------------------------------------------


def _spec(sources: Sources) -> str:
    if not sources.files:
        return '<p class="none">The source of this model is not to be had.</p>'
    parts = [_tabs([f.name for f in sources.files], "spec")]
    for number, file in enumerate(sources.files):
        here = [(i, s) for i, s in enumerate(sources.spans) if s.file == number]

        def said(line: int, start: int, end: int, here: Any = here) -> str:
            found = innermost(here, line, start)
            return "" if found is None else f' data-s="{found}"'

        on: dict[int, dict[int, None]] = {}
        for i, span in here:
            for line in range(span.start[0], span.end[0] + 1):
                on.setdefault(line, {})[i] = None

        def on_line(line: int, on: Any = on) -> str:
            spans = " ".join(map(str, on.get(line, ())))
            return f' data-ls="{spans}"' if spans else ""

        lines = rows(file.text, said, on_line)
        parts.append(_file(f"spec{number}", file.name, lines, number > 0))
    return "".join(parts)


# --- generated modules ----------------------------------------------------------------


def _modules(explorer: Explorer, names: Sequence[str]) -> str:
    prefix = "forward" if "forward.py" in names else "backward"
    if not names:
        return '<p class="none">Nothing was generated here.</p>'
    parts = [_tabs(names, prefix)]
    for number, name in enumerate(names):
        text, links = explorer.modules[name]

        def said(line: int, start: int, end: int, links: Linked = links) -> str:
            found = links.names.get((line, start))
            return f' data-i="{" ".join(found[1])}"' if found else ""

        def on_line(line: int, links: Linked = links) -> str:
            items = " ".join(links.lines.get(line, ()))
            return f' data-li="{items}"' if items else ""

        lines = rows(text, said, on_line)
        parts.append(_file(f"{prefix}{number}", name, lines, number > 0))
    return "".join(parts)
