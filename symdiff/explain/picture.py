"""The forward graph as text that others draw: Mermaid, or dot.

In: a derivation, and perhaps values. Out: text. Invariant: the same derivation gives
the same text, and nothing in a name or formula can leave its label.
"""

from __future__ import annotations

from collections.abc import Iterable

from symdiff.explain.derivation import Derivation
from symdiff.explain.values import Values
from symdiff.explain.vertices import COLOURS, Vertex, vertices


def _numbers(vertices_: Iterable[Vertex]) -> dict[str, str]:
    return {v.name: f"n{i}" for i, v in enumerate(vertices_)}


# --- Mermaid --------------------------------------------------------------------------


def mermaid(
    derivation: Derivation, values: Values | None = None, whole: bool = False
) -> str:
    """Return the picture as Mermaid, grouped by scope."""
    found = vertices(derivation, values, whole)
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
    left, right = ('(["', '"])') if v.kind else ('["', '"]')
    if v.kind == "scope":
        left, right = '[["', '"]]'
    return f"{number}{left}{label}{right}{kind}"


def _entities(text: str) -> str:
    """Return text with Mermaid's special characters as entities."""
    return "".join(
        c if c.isalnum() or c in " _.,=+-/()" else f"#{ord(c)};" for c in text
    )


# --- dot ------------------------------------------------------------------------------


def dot(
    derivation: Derivation, values: Values | None = None, whole: bool = False
) -> str:
    """Return the picture in Graphviz's language, grouped by scope."""
    found = vertices(derivation, values, whole)
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
