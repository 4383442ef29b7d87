"""Two texts, and two graphs, side by side: what was added, removed and changed.

In: lines of two texts, or the nodes of two pages. Out: rows. Invariant: every line and
every node stands in exactly one row, in the order of its side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from symdiff.explain.explorer.colours import pieces

SHORT = 4  # lines that are not folded
ALIKE = 0.5  # how much of two lines is equal where single words are marked


@dataclass(frozen=True)
class LinePair:
    """A line before and a line after, by number from 1; None where there is none."""

    kind: str  # "same", "changed", "added" or "removed"
    before: int | None
    after: int | None


@dataclass(frozen=True)
class NodePair:
    """A node before and after, as the page's data tell it; None where there is none."""

    kind: str
    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def lines_aligned(before: Sequence[str], after: Sequence[str]) -> list[LinePair]:
    """Return the rows of two texts; where they differ, n-th lines stand together."""
    found: list[LinePair] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        for k in range(max(i2 - i1, j2 - j1)):
            i = i1 + k + 1 if i1 + k < i2 else None
            j = j1 + k + 1 if j1 + k < j2 else None
            kind = "same" if tag == "equal" else "changed"
            found.append(
                LinePair(
                    "added" if i is None else "removed" if j is None else kind, i, j
                )
            )
    return found


def words_changed(before: str, after: str) -> tuple[set[int], set[int]]:
    """Return the columns at which words begin that the other line does not have.

    Of lines that have little in common no word is marked: all of them differ.
    """
    rows = [
        [p for p in pieces(text.strip()) if p.line == 1] for text in (before, after)
    ]
    texts = [before, after]
    indents = [len(t) - len(t.lstrip()) for t in texts]
    words = [
        [t.strip()[p.start : p.end] for p in row]
        for t, row in zip(texts, rows, strict=True)
    ]
    matcher = SequenceMatcher(None, words[0], words[1], autojunk=False)
    if matcher.ratio() < ALIKE:
        return set(), set()
    marked: tuple[set[int], set[int]] = set(), set()
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            marked[0].update(p.start + indents[0] for p in rows[0][i1:i2])
            marked[1].update(p.start + indents[1] for p in rows[1][j1:j2])
    return marked


def nodes_aligned(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> list[NodePair]:
    """Return the nodes that differ, by name: in the order of the graph after."""
    old = {n["n"]: n for n in before}
    new = {n["n"]: n for n in after}
    found = [
        NodePair("removed", name, n, None) for name, n in old.items() if name not in new
    ]
    for name, n in new.items():
        if name not in old:
            found.append(NodePair("added", name, None, n))
        elif node_text(old[name]) != node_text(n):
            found.append(NodePair("changed", name, old[name], n))
    return found


def node_text(node: Mapping[str, Any]) -> str:
    """Return what a node is, in a line: its formula or role, and its type."""
    body = node["f"]["t"] if "f" in node else node.get("role", node["op"])
    return f"{body}  {node['t']}"


def near(
    nodes: Sequence[Mapping[str, Any]], names: set[str]
) -> list[Mapping[str, Any]]:
    """Return the nodes that are named, with those that they read and their readers."""
    kept = {
        i
        for i, n in enumerate(nodes)
        if n["n"] in names or any(nodes[o]["n"] in names for o in n["o"])
    }
    kept |= {o for i in set(kept) if nodes[i]["n"] in names for o in nodes[i]["o"]}
    return [nodes[i] for i in sorted(kept)]


def folded(
    rows: Sequence[LinePair], around: int
) -> Iterator[tuple[bool, list[LinePair]]]:
    """Yield stretches of rows, and whether each is far from all that differs."""
    close = [False] * len(rows)
    for k, row in enumerate(rows):
        if row.kind != "same":
            for j in range(max(k - around, 0), min(k + around + 1, len(rows))):
                close[j] = True
    last = -1  # a stretch as short as what would stand for it is shown as well
    for k in [k for k, near_by in enumerate([*close, True]) if near_by]:
        if k - last <= SHORT:
            close[last + 1 : k] = [True] * (k - last - 1)
        last = k
    stretch: list[LinePair] = []
    for k, row in enumerate(rows):
        if stretch and close[k] != close[k - 1]:
            yield not close[k - 1], stretch
            stretch = []
        stretch.append(row)
    if stretch:
        yield not close[-1], stretch
