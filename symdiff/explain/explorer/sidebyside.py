"""The part of the page that shows two explorers side by side.

In: the explorer of what was before, and of what is now. Out: HTML. Invariant: text of
the user's is escaped; every line of both sides can be seen, long equal stretches after
a click.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from symdiff.explain.explorer.aligning import (
    LinePair,
    NodePair,
    folded,
    lines_aligned,
    near,
    node_text,
    nodes_aligned,
    words_changed,
)
from symdiff.explain.explorer.colours import rows
from symdiff.explain.svg import drawn
from symdiff.explain.vertices import Vertex

if TYPE_CHECKING:
    from symdiff.explain.explorer.page import Explorer

AROUND = 3  # equal lines shown beside what differs
PICTURED = 60  # nodes of a picture, at most
SIGNS = {"added": "+", "removed": "−", "changed": "~"}


def side_by_side(before: Explorer, after: Explorer) -> str:
    """Return the inside of the page's comparison."""
    tabs = [_graphs(before, after)]
    for kind, title in _files(before, after).items():
        texts = [_text(e, kind) for e in (before, after)]
        tabs.append(_code(title, texts[0], texts[1]))
    buttons = "".join(
        f'<button role="tab" class="tab" data-compared="{i}">'
        f"{title}{_counts(counts)}</button>"
        for i, (title, counts, _) in enumerate(tabs)
    )
    bodies = "".join(
        f'<div class="compared" data-compared="{i}" hidden>{body}</div>'
        for i, (*_, body) in enumerate(tabs)
    )
    names = "".join(
        f'<span class="side">{escape(e.label)}</span>' for e in (before, after)
    )
    return (
        f'<div class="tabs" role="tablist">{buttons}</div>'
        f'<div class="sides">{names}</div>{bodies}'
    )


# --- code -----------------------------------------------------------------------------

Named = tuple[str, Mapping[int, str]]  # a text, and the names of nodes by line


def _files(before: Explorer, after: Explorer) -> dict[str, str]:
    """Return the titles of what is compared: the specs' files, and the modules."""
    specs = [
        e.sources.files[0].name if e.sources.files else "" for e in (before, after)
    ]
    found = {"": " | ".join(dict.fromkeys(specs))}
    return found | {m: m for m in (*after.modules, *before.modules)}


def _text(e: Explorer, kind: str) -> Named:
    """Return a text and the nodes that its lines belong to; "" is the spec."""
    nodes = e.data["nodes"]
    if not kind:
        file = e.sources.files[0].text if e.sources.files else ""
        spans = [s for s in e.sources.spans if s.file == 0]
        found = {s.start[0]: " ".join(nodes[i]["n"] for i in s.entries) for s in spans}
        return file, found
    text, links = e.modules.get(kind, ("", None))
    lines = {} if links is None else links.lines
    return text, {
        line: " ".join(
            dict.fromkeys(nodes[int(x[1:])]["n"] for x in items if x[0] in "vg")
        )
        for line, items in lines.items()
    }


def _code(title: str, before: Named, after: Named) -> tuple[str, list[str], str]:
    """Return the title, the kinds of rows that differ, and the rows as HTML."""
    lines = [text.splitlines() for text, _ in (before, after)]
    pairs = lines_aligned(*lines)
    marks: list[dict[int, set[int]]] = [{}, {}]
    for pair in pairs:
        match pair:
            case LinePair("changed", int(i), int(j)):
                marks[0][i], marks[1][j] = words_changed(
                    lines[0][i - 1], lines[1][j - 1]
                )
    sides = [
        list(rows(text, _marking(mark), _naming(names)))
        for (text, names), mark in zip((before, after), marks, strict=True)
    ]
    body = "".join(_stretch(far, some, sides) for far, some in folded(pairs, AROUND))
    kinds = [p.kind for p in pairs if p.kind != "same"]
    said = "" if kinds else '<p class="none">Equal.</p>'
    return escape(title), kinds, said + body


def _marking(marked: Mapping[int, set[int]]) -> Callable[[int, int, int], str]:
    return lambda line, start, _: " data-new" if start in marked.get(line, ()) else ""


def _naming(names: Mapping[int, str]) -> Callable[[int], str]:
    def on_line(line: int) -> str:
        found = names.get(line)
        return f' data-names="{escape(found)}"' if found else ""

    return on_line


def _stretch(
    far: bool, pairs: Sequence[LinePair], sides: Sequence[Sequence[str]]
) -> str:
    inner = "".join(_pair(p, sides) for p in pairs)
    if not far:
        return inner
    count = f"{len(pairs)} equal line{'s' * (len(pairs) > 1)}"
    return f'<details class="equal"><summary>… {count}</summary>{inner}</details>'


def _pair(pair: LinePair, sides: Sequence[Sequence[str]]) -> str:
    cells = [
        '<div class="ln none"></div>' if n is None else side[n - 1]
        for n, side in zip((pair.before, pair.after), sides, strict=True)
    ]
    return f'<div class="pair {pair.kind}">{"".join(cells)}</div>'


def _counts(kinds: Iterable[str]) -> str:
    """Return how many rows there are of each kind that differs."""
    kinds = list(kinds)
    told = [f"{sign}{kinds.count(k)}" for k, sign in SIGNS.items() if k in kinds]
    return f" <small>{' '.join(told) or '='}</small>"


# --- graphs ---------------------------------------------------------------------------


def _graphs(before: Explorer, after: Explorer) -> tuple[str, list[str], str]:
    sides = [e.data["nodes"] for e in (before, after)]
    pairs = nodes_aligned(*sides)
    if not pairs:
        said = "The graphs have the same nodes, formulas and types."
        return "graph", [], f'<p class="none">{said}</p>'
    pictures = [_picture(e, {p.name: p.kind for p in pairs}) for e in (before, after)]
    head = "".join(f'<div class="picture">{p}</div>' for p in pictures)
    table = "".join(_node_row(p) for p in pairs)
    return (
        "graph",
        [p.kind for p in pairs],
        f'<div class="pictures">{head}</div><div class="nodes">{table}</div>',
    )


def _node_row(pair: NodePair) -> str:
    cells = "".join(
        '<code class="none"></code>'
        if n is None
        else f"<code>{escape(node_text(n))}</code>"
        for n in (pair.before, pair.after)
    )
    name = escape(pair.name)
    name = f'<b data-names="{name}">{SIGNS[pair.kind]} {name}</b>'
    return f'<div class="node {pair.kind}">{name}{cells}</div>'


def _picture(e: Explorer, kinds: Mapping[str, str]) -> str:
    """Return what differs in a graph, drawn with its neighbours."""
    nodes: Sequence[Mapping[str, Any]] = e.data["nodes"]
    shown = nodes if len(nodes) <= PICTURED else near(nodes, set(kinds))
    if len(shown) > PICTURED:
        return f'<p class="none">{len(shown)} nodes differ or are near.</p>'
    results = {nodes[i]["n"] for i in e.data["results"]}
    found = [_vertex(n, nodes, results) for n in shown]
    return drawn(e.label, found, kinds)


def _vertex(
    n: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]], results: set[str]
) -> Vertex:
    body = n["f"]["t"] if "f" in n else n.get("role", n["op"])
    reads = tuple(nodes[o]["n"] for o in n["o"])
    kind = "result" if n["n"] in results else n.get("role", "")
    return Vertex.of(n["n"], body, n["t"], kind, reads, computed="f" in n)
