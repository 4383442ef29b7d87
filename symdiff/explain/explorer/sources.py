"""The user's files, and the expressions in them that declared values.

In: the entries of a derivation. Out: `Sources`: texts, and spans with the entries that
each declared. Invariant: a span is the expression whose evaluation made the value, read
from the instruction's position; without source there are no spans, and nothing fails.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from types import CodeType

from symdiff.emit.lower.source import instruction_span, primal_site, printable
from symdiff.explain.derivation import Derivation, Entry
from symdiff.graph.cells import cell_of


@dataclass
class Span:
    """An expression: its place in characters (lines from 1), and its entries.

    ``calls`` are the entries that a function called in the expression declares.
    """

    file: int
    start: tuple[int, int]
    end: tuple[int, int]
    entries: dict[int, None] = field(default_factory=dict)
    calls: dict[int, None] = field(default_factory=dict)
    parent: int | None = None


@dataclass(frozen=True)
class Source:
    """A file of the user's."""

    name: str
    text: str


@dataclass(frozen=True)
class Sources:
    """Files, in the order of their use, and the spans in them."""

    files: tuple[Source, ...]
    spans: tuple[Span, ...]


def sources(derivation: Derivation, base: str, main: str | None = None) -> Sources:
    """Return the files that entries were declared in; ``main`` is the first.

    Callers of a function that declares entries count if they stand in the same files or
    below the folder ``base``.
    """
    reader = _Reader(base)
    if main is not None:
        reader.file(main)
    for entry in derivation.entries:
        frames = primal_site(entry.tensor).frames
        if frames:
            reader.file(frames[0][0].co_filename)
    for i, entry in enumerate(derivation.entries):
        reader.note(i, entry)
    return reader.sources()


class _Reader:
    def __init__(self, base: str) -> None:
        self.base = base
        self.numbers: dict[str, int] = {}
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.known: list[list[str]] = []  # rows as compiled, to which positions refer
        self.names: list[str] = []
        self.spans: dict[tuple[int, tuple[int, int], tuple[int, int]], Span] = {}

    def file(self, name: str) -> int | None:
        """Return the number of a file, or None where its text is not available."""
        if name not in self.numbers:
            known = "".join(linecache.getlines(name))
            text = known
            # The lines of a TOML spec are cached as Python; the page shows the file.
            if not known or name.endswith(".toml"):
                text = _read(name) or known
            if not text:
                return None
            self.numbers[name] = len(self.texts)
            self.texts.append(text)
            self.rows.append(text.splitlines())
            self.known.append(known.splitlines() or self.rows[-1])
            self.names.append(printable(self._shown(name)))
        return self.numbers[name]

    def _shown(self, name: str) -> str:
        if cell := cell_of(name):
            return cell
        if name.startswith("<"):
            return name.strip("<>")
        relative = os.path.relpath(name, self.base) if self.base else name
        outside = relative.startswith("..") or not self.base
        return PurePath(name).name if outside else relative.replace(os.sep, "/")

    def note(self, number: int, entry: Entry) -> None:
        """Note where an entry was declared, and the calls that led there."""
        for depth, (code, offset) in enumerate(primal_site(entry.tensor).frames):
            if code.co_filename not in self.numbers:
                continue
            span = self._span(code, offset)
            if span is not None:
                (span.calls if depth else span.entries)[number] = None

    def _span(self, code: CodeType, offset: int) -> Span | None:
        found = instruction_span(code, offset)
        if found is None:
            return None
        file = self.numbers[code.co_filename]
        line, column, last, end = found
        rows = self.known[file]
        if not 1 <= line <= last <= len(rows):
            return None
        start = (line, _characters(rows[line - 1], column))
        stop = (last, _characters(rows[last - 1], end))
        if rows != self.rows[file]:
            start, stop = self._moved(file, start, stop)
        key = (file, start, stop)
        return self.spans.setdefault(key, Span(file, start, stop))

    def _moved(
        self, file: int, start: tuple[int, int], stop: tuple[int, int]
    ) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the place of an expression in the file, or else its whole line."""
        line = start[0]
        if line > len(self.rows[file]):
            return start, stop
        said = self.known[file][line - 1][start[1] : stop[1]]
        row = self.rows[file][line - 1]
        at = row.find(said) if start[0] == stop[0] else -1
        if at >= 0:
            return (line, at), (line, at + len(said))
        return (line, len(row) - len(row.lstrip())), (line, len(row.rstrip()))

    def sources(self) -> Sources:
        files = [Source(n, t) for n, t in zip(self.names, self.texts, strict=True)]
        order = sorted(
            self.spans.values(), key=lambda s: (s.file, s.start, (-s.end[0], -s.end[1]))
        )
        open_: list[int] = []
        for i, span in enumerate(order):
            while open_ and not _within(span, order[open_[-1]]):
                open_.pop()
            span.parent = open_[-1] if open_ else None
            open_.append(i)
        return Sources(tuple(files), tuple(order))


def _read(name: str) -> str:
    if name.startswith("<"):
        return ""
    try:
        return Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _within(inner: Span, outer: Span) -> bool:
    return inner.file == outer.file and inner.end <= outer.end


def innermost(spans: Sequence[tuple[int, Span]], line: int, column: int) -> int | None:
    """Return the smallest span of a file at a place; spans come outermost first."""
    found = None
    for number, span in spans:
        if span.start > (line, column):
            break
        if (line, column) < span.end:
            found = number
    return found


def _characters(row: str, column: int) -> int:
    return len(row.encode()[:column].decode(errors="replace"))
