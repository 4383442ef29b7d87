"""The forward graph as SVG: inputs above, the result below.

In: a derivation, and perhaps values. Out: text. Invariant: the same derivation gives
the same text, and nothing in a name or formula can leave its label.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from html import escape

from symdiff.explain.columns import NOTE, Column, columns, extent, note_width
from symdiff.explain.derivation import Derivation
from symdiff.explain.folding import MOST
from symdiff.explain.layout import Box, Drawing
from symdiff.explain.values import Values
from symdiff.explain.vertices import COLOURS, Vertex, vertices

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


def svg(
    derivation: Derivation, values: Values | None = None, whole: bool = False
) -> str:
    """Return the picture as SVG: values green, gradients red below them.

    Of a large graph scopes are folded, if it is not to be ``whole``, and a picture
    that would be too tall has columns.
    """
    found = vertices(derivation, values, whole)
    few = len(derivation.entries) <= MOST
    return drawn(derivation.name, found, style=STYLE, few=few) + "\n"


def drawn(
    title: str,
    found: Sequence[Vertex],
    marks: Mapping[str, str] | None = None,
    style: str = "",
    few: bool = True,
) -> str:
    """Return nodes as an SVG element; ``marks`` are classes by name, beside their own.

    Without a style of its own it takes that of the page that it is put into; if there
    are not ``few`` nodes it may have columns.
    """
    placed = columns([Box(v.name, *_extent(v), v.reads) for v in found], few)
    width, height = extent(placed)
    known = {v.name: v for v in found}
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">'
        ),
        f"<title>{escape(title)}</title>",
        *([f"<style>{style}</style>"] if style else []),
        f"<defs>{TIP}</defs>",
    ]
    for column in placed:
        parts += _svg_column(column, known, marks or {})
    return "\n".join([*parts, "</svg>"])


def _svg_column(
    column: Column, known: Mapping[str, Vertex], marks: Mapping[str, str]
) -> list[str]:
    rows = [_svg_edge(points) for points in column.drawing.edges]
    rows += [_svg_note(name, column.drawing) for name in column.again]
    rows += [
        _svg_node(known[name], column.drawing, marks.get(name, ""))
        for name in column.boxes
    ]
    if not column.left:
        return rows
    return [f'<g transform="translate({column.left:.1f},0)">', *rows, "</g>"]


def _svg_note(name: str, placed: Drawing) -> str:
    """Return the name of a box of a column before, as a small box."""
    (x, y), width = placed.centres[name], note_width(name)
    place = f'x="{x - width / 2:.1f}" y="{y - NOTE / 2:.1f}"'
    size = f'width="{width:.1f}" height="{NOTE:.1f}" rx="12"'
    return (
        f'<rect {place} {size} fill="#fff" stroke-dasharray="3 3"/>'
        f'<text class="type" x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">'
        f"{escape(name)}</text>"
    )


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
    fill = COLOURS[v.kind]
    rows = [f'<rect {place} {size} rx="6" fill="{fill}"/>']
    if v.kind == "scope":  # the edge of another box behind it
        behind = f'x="{left + 4:.1f}" y="{top + 4:.1f}"'
        rows.insert(0, f'<rect {behind} {size} rx="6" fill="{fill}"/>')
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
