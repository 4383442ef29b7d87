"""The forward graph as a picture: Mermaid, dot, or SVG.

In: a derivation, and perhaps values. Out: text. Invariant: the same derivation gives
the same text, and nothing in a name or formula can leave its label.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from symdiff.explain.derivation import Derivation, Entry
from symdiff.explain.layout import Box, Drawing, layout
from symdiff.explain.values import APART, Values

LONGEST = 44  # characters of a label's line, at most
COLOURS = {
    "input": "#dbeafe",
    "target": "#e0e7ff",
    "parameter": "#fef3c7",
    "state": "#fde68a",
    "draw": "#f3e8ff",
    "constant": "#eeeeee",
    "result": "#fee2e2",
    "": "#ffffff",
}


@dataclass(frozen=True)
class Vertex:
    """A node of the picture: its lines of text, its kind, and the nodes it reads."""

    name: str
    lines: tuple[str, ...]
    kind: str
    value: str
    gradient: str
    reads: tuple[str, ...]
    scope: tuple[str, ...]

    @classmethod
    def of(
        cls,
        name: str,
        body: str,
        type_: str,
        kind: str,
        reads: tuple[str, ...],
        computed: bool,
    ) -> Vertex:
        """Return a node without numbers; the body of one is its formula or role."""
        title = f"{name} =" if computed else name
        return cls(name, (title, _cut(body), type_), kind, "", "", reads, ())

    @property
    def said(self) -> list[str]:
        """Its lines, and its numbers where there are any."""
        numbers = (("=", self.value), ("gradient", self.gradient))
        return [*self.lines, *(f"{what} {text}" for what, text in numbers if text)]


def vertices(derivation: Derivation, values: Values | None = None) -> list[Vertex]:
    """Return the nodes of the picture: every entry that is read, or is a result."""
    return [_vertex(e, derivation, values) for e in derivation.entries]


def _vertex(entry: Entry, derivation: Derivation, values: Values | None) -> Vertex:
    result = entry.name in derivation.results
    body = entry.role if entry.formula is None else entry.formula.text
    title = entry.name if entry.formula is None else f"{entry.name} ="
    lines = (title, _cut(body), entry.type)
    value = back = ""
    if values is not None:
        value = _number(values.of(entry.name))
        back = _number(values.back(entry.cotangent)) if entry.cotangent else ""
    kind = "result" if result else entry.role
    return Vertex(
        entry.name, lines, kind, value, back, entry.operands, tuple(entry.scope)
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _number(text: str) -> str:
    """Return a number cut short, but with the words that mark it whole."""
    bare = text.removesuffix(APART)
    return _cut(bare) + text[len(bare) :]


def _numbers(vertices_: Iterable[Vertex]) -> dict[str, str]:
    return {v.name: f"n{i}" for i, v in enumerate(vertices_)}


# --- Mermaid --------------------------------------------------------------------------


def mermaid(derivation: Derivation, values: Values | None = None) -> str:
    """Return the picture as Mermaid, grouped by scope."""
    found = vertices(derivation, values)
    ids = _numbers(found)
    lines = ["flowchart TD"]
    for scope, members in _scopes(found).items():
        inside = [_mermaid_node(v, ids[v.name]) for v in members]
        if scope:
            lines.append(f'  subgraph s{len(lines)}["{_entities(scope)}"]')
            lines += [f"    {s}" for s in inside]
            lines.append("  end")
        else:
            lines += [f"  {s}" for s in inside]
    for v in found:
        lines += [f"  {ids[r]} --> {ids[v.name]}" for r in v.reads if r in ids]
    for kind, colour in COLOURS.items():
        if kind and any(v.kind == kind for v in found):
            lines.append(f"  classDef {kind} fill:{colour},color:#111;")
    return "\n".join(lines) + "\n"


def _scopes(found: Iterable[Vertex]) -> dict[str, list[Vertex]]:
    groups: dict[str, list[Vertex]] = {}
    for v in found:
        groups.setdefault("/".join(v.scope), []).append(v)
    return groups


def _mermaid_node(v: Vertex, number: str) -> str:
    label = "<br/>".join(_entities(s) for s in v.said)
    kind = f":::{v.kind}" if v.kind else ""
    left, right = ('(["', '"])') if v.kind in COLOURS and v.kind else ('["', '"]')
    return f"{number}{left}{label}{right}{kind}"


def _entities(text: str) -> str:
    """Return text with Mermaid's special characters as entities."""
    return "".join(
        c if c.isalnum() or c in " _.,=+-/()" else f"#{ord(c)};" for c in text
    )


# --- dot ------------------------------------------------------------------------------


def dot(derivation: Derivation, values: Values | None = None) -> str:
    """Return the picture in Graphviz's language, grouped by scope."""
    found = vertices(derivation, values)
    ids = _numbers(found)
    lines = [
        f"digraph {_string(derivation.name)} {{",
        '  node [shape=box, style="rounded,filled", fontname="monospace"];',
    ]
    for i, (scope, members) in enumerate(_scopes(found).items()):
        inside = [_dot_node(v, ids[v.name]) for v in members]
        if scope:
            lines.append(f"  subgraph cluster_{i} {{ label={_string(scope)};")
            lines += [f"    {s}" for s in inside]
            lines.append("  }")
        else:
            lines += [f"  {s}" for s in inside]
    for v in found:
        lines += [f"  {ids[r]} -> {ids[v.name]};" for r in v.reads if r in ids]
    return "\n".join([*lines, "}", ""])


def _dot_node(v: Vertex, number: str) -> str:
    label = _string("\n".join(v.said))
    return f'{number} [label={label}, fillcolor="{COLOURS[v.kind]}"];'


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


# --- SVG ------------------------------------------------------------------------------

CHARACTER, LINE, PADDING = 7.3, 17, 10
STYLE = """
text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #111; }
.type { fill: #666; } .value { fill: #1b6e3c; } .gradient { fill: #b3261e; }
rect { stroke: #888; } path { fill: none; stroke: #888; stroke-width: 1.2; }
svg { background: #fff; }
"""
TIP = (
    '<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" '
    'style="fill:#888;stroke:none"/></marker>'
)


def svg(derivation: Derivation, values: Values | None = None) -> str:
    """Return the picture as SVG: values green, gradients red below them."""
    return drawn(derivation.name, vertices(derivation, values), style=STYLE) + "\n"


def drawn(
    title: str,
    found: Sequence[Vertex],
    marks: Mapping[str, str] | None = None,
    style: str = "",
) -> str:
    """Return nodes as an SVG element; ``marks`` are classes by name, beside their own.

    Without a style of its own it takes that of the page that it is put into.
    """
    marks = marks or {}
    boxes = [Box(v.name, *_extent(v), v.reads) for v in found]
    placed = layout(boxes)
    width, height = round(placed.width), round(placed.height)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">'
        ),
        f"<title>{escape(title)}</title>",
        *([f"<style>{style}</style>"] if style else []),
        f"<defs>{TIP}</defs>",
    ]
    parts += [_svg_edge(points) for points in placed.edges]
    parts += [_svg_node(v, placed, marks.get(v.name, "")) for v in found]
    return "\n".join([*parts, "</svg>"])


def _rows(v: Vertex) -> list[tuple[str, str]]:
    rows = [(v.lines[0], "name"), (v.lines[1], "formula"), (v.lines[2], "type")]
    if v.value:
        rows.append((v.value, "value"))
    if v.gradient:
        rows.append((v.gradient, "gradient"))
    return rows


def _extent(v: Vertex) -> tuple[float, float]:
    rows = _rows(v)
    longest = max(len(text) for text, _ in rows)
    return longest * CHARACTER + 2 * PADDING, len(rows) * LINE + PADDING


def _svg_node(v: Vertex, placed: Drawing, mark: str) -> str:
    x, y = placed.centres[v.name]
    width, height = _extent(v)
    left, top = x - width / 2, y - height / 2
    place = f'x="{left:.1f}" y="{top:.1f}"'
    size = f'width="{width:.1f}" height="{height:.1f}"'
    rows = [f'<rect {place} {size} rx="6" fill="{COLOURS[v.kind]}"/>']
    for i, (text, kind) in enumerate(_rows(v)):
        row = top + PADDING / 2 + LINE * (i + 0.75)
        rows.append(
            f'<text class="{kind}" x="{x:.1f}" y="{row:.1f}" text-anchor="middle">'
            f"{escape(text)}</text>"
        )
    marked = f' class="{mark}"' if mark else ""
    return f'<g data-name="{escape(v.name)}"{marked}>{"".join(rows)}</g>'


def _svg_edge(points: tuple[tuple[float, float], ...]) -> str:
    """Return a smooth line through points, vertical at each of them."""
    x, y = points[0]
    path = f"M{x:.1f},{y:.1f}"
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        middle = (y0 + y1) / 2
        path += f" C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}"
    return f'<path d="{path}" marker-end="url(#arrow)"/>'
