"""A tall picture in columns, as a text is set: what is read across them is told again.

In: boxes of a picture. Out: columns, each laid out by itself. Invariant: each box
stands in one column, after all that it reads; a box of another column that is read
stands above its readers, in small, by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symdiff.explain.layout import Box, Drawing, layout

SHORT = 900.0  # height that needs no columns
TALL = 1.4  # height by width of a picture that is as it should be
APART = 40.0  # between columns
NOTE = 24.0  # height of a name told again


@dataclass(frozen=True)
class Column:
    """What stands in a column; ``again`` are boxes of others that it reads."""

    left: float
    drawing: Drawing
    boxes: tuple[str, ...]
    again: tuple[str, ...]


def columns(boxes: Sequence[Box], few: bool) -> list[Column]:
    """Return the columns of a picture: one if it has few boxes or is not too tall."""
    whole = layout(boxes)
    count = 1
    if not few and whole.height > SHORT:
        while whole.height / count > TALL * (whole.width + APART) * count:
            count += 1
    if count == 1:
        return [Column(0.0, whole, tuple(b.name for b in boxes), ())]
    found: list[Column] = []
    left = 0.0
    for some in _split(boxes, whole, count):
        column = _column(some, left)
        left += column.drawing.width + APART
        found.append(column)
    return found


def _split(boxes: Sequence[Box], whole: Drawing, count: int) -> list[list[Box]]:
    """Return boxes by column, cut between layers so that columns are about as tall."""
    levels = sorted({y for _, y in whole.centres.values()})
    tall = whole.height / count
    cuts = {y: min(int(y / tall), count - 1) for y in levels}
    place = {b.name: cuts[whole.centres[b.name][1]] for b in boxes}
    first: dict[str, int] = {}  # what reads nothing stands beside its first reader
    for box in boxes:
        for r in box.reads:
            first[r] = min(first.get(r, count), place[box.name])
    found: list[list[Box]] = [[] for _ in range(count)]
    for box in boxes:
        own = place[box.name]
        found[own if box.reads else first.get(box.name, own)].append(box)
    return [some for some in found if some]


def _column(boxes: Sequence[Box], left: float) -> Column:
    names = {b.name for b in boxes}
    again = dict.fromkeys(r for b in boxes for r in b.reads if r not in names)
    notes = [Box(r, note_width(r), NOTE, ()) for r in again]
    return Column(
        left, layout([*notes, *boxes]), tuple(b.name for b in boxes), tuple(again)
    )


def note_width(name: str) -> float:
    """Return the width of a name told again."""
    return 7.3 * len(name) + 20


def extent(found: Sequence[Column]) -> tuple[int, int]:
    """Return the width and height of all columns."""
    last = found[-1]
    height = max(c.drawing.height for c in found)
    return round(last.left + last.drawing.width), round(height)
