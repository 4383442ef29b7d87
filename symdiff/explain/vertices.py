"""The nodes of a picture: what is written into each box, and what it reads.

In: a derivation, and perhaps values. Out: a `Vertex` for each node; of a large graph
one for each scope. Invariant: all lines of a box are short, and a box reads boxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from symdiff.explain.derivation import Derivation, Entry
from symdiff.explain.folding import MOST, Fold, fold
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
    "scope": "#f3f4f6",
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


def vertices(
    derivation: Derivation, values: Values | None = None, whole: bool = False
) -> list[Vertex]:
    """Return the nodes of the picture; of many, scopes stand for what is in them."""
    entries = derivation.entries
    if whole or len(entries) <= MOST:
        return [_vertex(e, derivation, values) for e in entries]
    parts = fold(entries)
    home = {e.name: p.name for p in parts for e in p.members}
    return [_part(p, home, derivation, values) for p in parts]


def _part(
    part: Fold, home: Mapping[str, str], derivation: Derivation, values: Values | None
) -> Vertex:
    """Return a box for several nodes: with the type and the numbers of the last."""
    reads = dict.fromkeys(
        home[r] for e in part.members for r in e.operands if home[r] != part.name
    )
    last = _vertex(part.last, derivation, values)
    if len(part.members) == 1:
        return replace(last, reads=tuple(reads), scope=())
    each = f"{part.times} × " if part.times > 1 else ""
    count = f"{each}{len(part.members) // part.times} nodes"
    lines = (_cut(part.name), count, f"→ {last.lines[-1]}")
    kind = "result" if last.kind == "result" else "scope"
    return Vertex(part.name, lines, kind, last.value, last.gradient, tuple(reads), ())


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
