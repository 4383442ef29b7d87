"""Backward modules whose text can move each value, and notes each cotangent.

In: a compilation. Out: its backward module, run with a call after each assignment that
can move the value there, or note it. Invariant: the text is otherwise as generated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from types import ModuleType
from typing import Any

import numpy as np

from symdiff.compiler.compilation import Compilation
from symdiff.emit.listing import Line, Listing, Region
from symdiff.emit.python import code as py

PRIMALS = ("loss_and_residuals", "forward_with_residuals")
Index = tuple[int, ...]


@dataclass
class _Sites:
    """What the instrumented text calls: values are moved here, cotangents are noted."""

    moved: tuple[str, Index] | None = None
    by: Callable[[Any], Any] | None = None
    at: dict[str, set[Index]] = field(default_factory=dict)  # places that were passed
    seen: dict[tuple[str, Index], Any] = field(default_factory=dict)

    def move(self, place: str, value: Any, *index: int) -> Any:
        if not _is_float(value):
            return value
        self.at.setdefault(place, set()).add(index)
        return self.by(value) if self.by and self.moved == (place, index) else value

    def note(self, place: str, value: Any, *index: int) -> None:
        self.seen[place, index] = np.array(value, dtype=float)


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or (
        isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f"
    )


def _ends(region: Region) -> Iterator[tuple[Line, int, str]]:
    """Yield each name that lines set, with its first line and the value's last row."""
    lines = region.lines
    for i, line in enumerate(lines):
        if line.is_compound or (i and _goes_on(lines[i - 1], line)):
            continue
        group = list(takewhile(lambda x, line=line: _goes_on(line, x), lines[i + 1 :]))
        if any(x.is_compound and not _is_text(x, lines) for x in group):
            group = []  # a loop of the model's
        row = max([line.last, *(x.last for x in group)])
        whole = {*line.targets} - {*_stored(line)} or line.targets
        yield from ((line, row, name) for name in line.targets if name in whole)


def _goes_on(line: Line, later: Line) -> bool:
    """Whether a line completes the value that the one before it began."""
    nodes = [t.node for t in line.tensors]
    same = bool(nodes) and [t.node for t in later.tensors] == nodes
    return same and later.depth >= line.depth


def _is_text(loop: Line, lines: Sequence[Line]) -> bool:
    """Whether a loop belongs to the text of one operation, which is none itself."""
    nodes = [n for t in loop.tensors for n in (t.node, *t.node.inputs)]
    if any(n.op.facts.sweeps for n in nodes):
        return False
    inside = [x for x in lines if loop.first < x.first <= loop.last]
    return all(_goes_on(loop, x) for x in inside)


def _depth(row: str) -> int:
    return len(row) - len(row.lstrip())


def _plain(line: Line) -> tuple[str, ...]:
    """Return the names that a line binds anew."""
    if isinstance(line.stmt, py.Assign) and isinstance(line.stmt.targets[0], py.Name):
        parts = {n for t in line.stmt.also for n in _part_of(t)}
        return tuple(n for n in line.targets if n not in parts)
    return line.targets if isinstance(line.stmt, py.AugAssign) else ()


def _stored(line: Line) -> tuple[str, ...]:
    """Return the names of which a line sets a part."""
    match line.stmt:
        case py.Assign(targets=(py.Index(py.Name(name), _),)):
            return (name,)
        case py.Assign(also=also):
            return tuple(n for t in also for n in _part_of(t))
    return ()


def adds(line: Line) -> bool:
    """Whether a line adds to a total."""
    return isinstance(line.stmt, py.AugAssign) and line.stmt.op in ("+", "-")


def is_total(line: Line) -> bool:
    """Whether a line adds to what its variable holds."""
    match line.stmt:
        case py.Assign(targets=(name,), value=py.Binary(op="+" | "-", left=left)):
            return left == name
    return adds(line)


def _part_of(target: py.Expr) -> tuple[str, ...]:
    match target:
        case py.Index(py.Name(name), _):
            return (name,)
    return ()


@dataclass(frozen=True)
class _Loop:
    """A loop of a function: its head, the rows inside, and the index of its turns."""

    line: Line
    inside: tuple[Line, ...]
    index: str


def _completed(loop: _Loop) -> set[str]:
    """Return the names that a loop only sets in parts: they are complete after it."""
    bound = {n for x in loop.inside for n in _plain(x)}
    return {n for x in loop.inside for n in _stored(x)} - bound


def _loops(region: Region) -> list[_Loop]:
    found = []
    for i, line in enumerate(region.lines):
        if not isinstance(line.stmt, (py.For, py.While)):
            continue
        inside = []
        for later in region.lines[i + 1 :]:
            if later.depth <= line.depth:
                break
            inside.append(later)
        index = f"_turn{line.first}[0]"
        if isinstance(line.stmt, py.For) and line.targets[0] != "_":
            index = line.targets[0]
        found.append(_Loop(line, tuple(inside), index))
    return found


class Instrumented:
    """A backward module whose text can move each value, and notes each cotangent."""

    def __init__(self, compiled: Compilation) -> None:
        listing = compiled.listed("backward")
        self.listing = listing
        self.primal = next(
            listing.functions[n] for n in PRIMALS if n in listing.functions
        )
        self.backward = listing.functions["backward"]
        self.sites = _Sites()
        self.places: dict[str, list[tuple[str, bool]]] = {}  # of a value, by its name
        self.notes: list[tuple[str, Line, str, bool]] = []
        self.after: dict[int, list[str]] = {}
        self.before: dict[int, list[str]] = {}
        self.closing: dict[int, list[str]] = {}  # after all else, at the end of a loop
        self._instrument(self.primal, self._move)
        self._instrument(self.backward, self._note)
        self.module = ModuleType("instrumented")
        vars(self.module)["_sites"] = self.sites
        whole = vars(compiled.load().backward)
        vars(self.module).update({"__file__": whole["__file__"]})
        exec(compile(self._text(listing), "instrumented.py", "exec"), vars(self.module))

    def _text(self, listing: Listing) -> str:
        rows: list[str] = []
        for number, row in enumerate(listing.rows, 1):
            rows += [*self.before.get(number, ()), row, *self.after.get(number, ())]
            rows += sorted(self.closing.get(number, ()), key=_depth, reverse=True)
        return "\n".join(rows)

    def _indent(self, row: int) -> str:
        text = self.listing.rows[row - 1]
        return text[: len(text) - len(text.lstrip())]

    def _head(self, line: Line) -> int:
        """Return the last row of a loop's head."""
        row = line.first
        while not self.listing.rows[row - 1].endswith(":"):
            row += 1
        return row

    def _instrument(self, region: Region, add: Callable[..., None]) -> None:
        loops = _loops(region)
        for loop in loops:
            turn = f"_turn{loop.line.first}"
            pad = self._indent(loop.line.first)
            self.before.setdefault(loop.line.first, []).append(f"{pad}{turn} = [-1]")
            head = self.after.setdefault(self._head(loop.line), [])
            head.insert(0, f"{pad}    {turn}[0] += 1")
        for first, row, name in _ends(region):
            around = [x for x in loops if first in x.inside]
            add(first, row, name, self._indent(first.first), around)
        if add == self._move:
            self._move_carries(region, loops)
        for loop in loops:  # a stack is complete after the loop
            around = [x for x in loops if loop.line in x.inside]
            for name in sorted(_completed(loop)):
                if not any(name in _completed(x) for x in around):
                    self._at_end(loop, name, around, is_primal=add == self._move)

    def _move(self, line: Line, row: int, name: str, pad: str, around: Any) -> None:
        place = f"{name}@{row}"
        index = "".join(f", {x.index}" for x in around)
        self.places.setdefault(name, []).append((place, bool(around)))
        text = f"{pad}{name} = _sites.move({place!r}, {name}{index})"
        self._insert(row, text)
        for target in getattr(line.stmt, "also", ()):  # what is stored as well
            self._insert(row, f"{pad}{py.expr_text(target)} = {name}")

    def _insert(self, row: int, text: str) -> None:
        """Put a row behind one, or behind the loop that ends there."""
        deeper = len(self._indent(row)) > _depth(text)
        (self.closing if deeper else self.after).setdefault(row, []).append(text)

    def _move_carries(self, region: Region, loops: Sequence[_Loop]) -> None:
        """Move what a loop carries at the start of a turn, and after the loop."""
        for loop in loops:
            set_before = {
                n for x in region.lines if x.first < loop.line.first for n in x.targets
            }
            carried = {n for x in loop.inside for n in _plain(x)} & set_before
            pad = self._indent(loop.line.first)
            around = [x for x in loops if loop.line in x.inside]
            index = "".join(f", {x.index}" for x in (*around, loop))
            for name in sorted(carried):
                place = f"{name}@top{loop.line.first}"
                self.places.setdefault(name, []).append((place, True))
                head = f"{pad}    {name} = _sites.move({place!r}, {name}{index})"
                self.after.setdefault(self._head(loop.line), []).append(head)
                place = f"{name}@end{loop.line.first}"
                self.places[name].append((place, bool(around)))
                index_ = "".join(f", {x.index}" for x in around)
                text = f"{pad}{name} = _sites.move({place!r}, {name}{index_})"
                self.closing.setdefault(loop.inside[-1].last, []).append(text)

    def _at_end(
        self, loop: _Loop, name: str, around: Sequence[_Loop], *, is_primal: bool
    ) -> None:
        place = f"{name}@end{loop.line.first}"
        index = "".join(f", {x.index}" for x in around)
        call = f"_sites.note({place!r}, {name}{index})"
        if is_primal:
            self.places.setdefault(name, []).append((place, bool(around)))
            call = f"{name} = _sites.move({place!r}, {name}{index})"
        elif name.startswith("d_"):
            self.notes = [n for n in self.notes if n[2] != name[2:] or n[3]]
            self.notes.append((place, loop.line, name[2:], bool(around)))
        pad = self._indent(loop.line.first)
        self.closing.setdefault(loop.inside[-1].last, []).append(f"{pad}{call}")

    def _note(self, line: Line, row: int, name: str, pad: str, around: Any) -> None:
        if not name.startswith("d_") or (not line.tensors and not around):
            return
        if any(name in _completed(x) for x in around):
            return
        place = f"{name}@{row}"
        index = "".join(f", {x.index}" for x in around)
        self.notes.append((place, line, name[2:], bool(around)))
        self._insert(row, f"{pad}_sites.note({place!r}, {name}{index})")
