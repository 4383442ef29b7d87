"""The history of a run: as .csv or .json, as an SVG drawing, and in the terminal.

In: a list with one dict an epoch. Out: text. Invariant: the same history gives the same
bytes; numbers that are not finite are left out of curves and kept in files.
"""

from __future__ import annotations

import bisect
import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

History = Sequence[Mapping[str, float]]
WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 44, 46
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")
_COLUMNS, _ROWS = 48, 6  # characters of the curve in the terminal


def history_text(history: History, kind: str) -> str:
    """Return a history as ``csv`` or ``json``, epochs counted from 1, as on screen."""
    history = [{**r, "epoch": int(r["epoch"]) + 1} for r in history]
    if kind == "json":
        told = [{k: _plain(v) for k, v in record.items()} for record in history]
        lines = ",\n".join(f"  {json.dumps(record)}" for record in told)
        return f"[\n{lines}\n]\n" if told else "[]\n"
    names = list(dict.fromkeys(name for record in history for name in record))
    out = io.StringIO()
    writer = csv.DictWriter(out, names or ["epoch"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: repr(v) for k, v in record.items()} for record in history)
    return out.getvalue()


def _plain(value: float) -> Any:
    """Return a number for JSON, which has no nan or infinity: None stands for them."""
    return value if math.isfinite(value) else None


def _losses(history: History) -> dict[str, list[tuple[int, float]]]:
    """Return the finite points (epoch counted from 1, value) of each loss."""
    found = {}
    for name in ("loss", "val_loss"):
        points = [
            (int(r["epoch"]) + 1, r[name])
            for r in history
            if name in r and math.isfinite(r[name])
        ]
        if points:
            found[name] = points
    return found


# --- SVG -----------------------------------------------------------------------------


def svg(history: History, title: str) -> str:
    """Return a drawing of the losses over the epochs.

    The axis of the loss is logarithmic where values span more than two decades.
    """
    curves = _losses(history)
    values = [v for points in curves.values() for _, v in points]
    if not values:
        return _page(title, ['<text x="70" y="80">no finite loss</text>'])
    log = min(values) > 0 and max(values) > 100 * min(values)
    ticks = _log_ticks(values) if log else _ticks(min(values), max(values))
    scale = math.log10 if log else float
    low = min(scale(v) for v in [*ticks, min(values)])
    high = max(scale(v) for v in [*ticks, max(values)])
    last = max(epoch for points in curves.values() for epoch, _ in points)

    def across(epoch: float) -> str:
        share = (epoch - 1) / max(last - 1, 1)
        return f"{LEFT + share * (WIDTH - LEFT - RIGHT):.1f}"

    def down(value: float) -> str:
        share = (scale(value) - low) / ((high - low) or 1.0)
        return f"{HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM):.1f}"

    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    lines = ["<!-- the scale of the loss -->"]
    for tick in ticks:
        y = down(tick)
        lines.append(f'<path d="M {LEFT} {y} H {right}" stroke="#ddd"/>')
        lines.append(
            f'<text x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end">{tick:g}</text>'
        )
    lines += ["", "<!-- the epochs -->"]
    for epoch in _epochs(last):
        x = across(epoch)
        lines.append(f'<path d="M {x} {floor} v 5" stroke="#333"/>')
        lines.append(
            f'<text x="{x}" y="{floor + 20}" text-anchor="middle">{epoch}</text>'
        )
    lines.append(
        f'<path d="M {LEFT} {TOP} V {floor} H {right}" stroke="#333" fill="none"/>'
    )
    lines.append(
        f'<text x="{(LEFT + right) // 2}" y="{HEIGHT - 8}" '
        'text-anchor="middle">epoch</text>'
    )
    for place, (name, points) in enumerate(curves.items()):
        colour = COLOURS[place]
        steps = " ".join(f"{across(e)},{down(v)}" for e, v in points)
        lines += ["", f"<!-- {name} -->"]
        if len(points) > 1:
            lines.append(
                f'<polyline points="{steps}" fill="none" stroke="{colour}" '
                'stroke-width="2"/>'
            )
        x, y = steps.split(" ")[-1].split(",")
        lines.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
        lines.append(
            f'<text x="{right}" y="{TOP + 14 + 18 * place}" text-anchor="end" '
            f'fill="{colour}">{name} {points[-1][1]:.4g}</text>'
        )
    return _page(title + (" (logarithmic)" if log else ""), lines)


def _page(title: str, lines: Sequence[str]) -> str:
    body = "\n".join(f"  {line}" if line else "" for line in lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"\n'
        f'     width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
        'font-size="12">\n'
        '  <rect width="100%" height="100%" fill="white"/>\n'
        f'  <text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>\n'
        f"{body}\n</svg>\n"
    )


def _ticks(low: float, high: float) -> list[float]:
    """Return numbers that span an interval: 1, 2 or 5 times a power of ten apart."""
    if low == high:
        return [low]
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


def _log_ticks(values: Sequence[float]) -> list[float]:
    first = math.floor(math.log10(min(values)))
    last = math.ceil(math.log10(max(values)))
    return [10.0**i for i in range(first, last + 1)]


def _epochs(last: int) -> list[int]:
    ticks = {max(round(t), 1) for t in _ticks(1, last) if t <= last}
    return sorted(ticks | {1})


# --- terminal ------------------------------------------------------------------------


def sketch(history: History, encoding: str = "utf-8") -> str:
    """Return the losses as a few lines of text; '' where there are too few epochs.

    Dots of Braille characters where the encoding has them, else ``*`` and ``o``.
    """
    curves = _losses(history)
    if max((len(points) for points in curves.values()), default=0) < 3:
        return ""
    try:
        "⣿".encode(encoding)
        fine = (2, 4)  # dots across and down a character
    except (UnicodeError, LookupError):
        fine = (1, 1)
    values = [v for points in curves.values() for _, v in points]
    last = max(epoch for points in curves.values() for epoch, _ in points)
    log = min(values) > 0 and max(values) > 100 * min(values)
    scale = math.log10 if log else float
    low, high = scale(min(values)), scale(max(values))
    across, down = _COLUMNS * fine[0] - 1, _ROWS * fine[1] - 1
    marks: dict[tuple[int, int], list[tuple[int, int, str]]] = {}
    for name, points in curves.items():
        known = [(epoch, scale(value)) for epoch, value in points]
        mark = "o" if name == "val_loss" else "*"
        for column in range(across + 1):
            value = _between(known, 1 + column / across * max(last - 1, 1))
            if value is None:
                continue
            line = round((high - value) / ((high - low) or 1.0) * down)
            cell = (line // fine[1], column // fine[0])
            spot = (line % fine[1], column % fine[0], mark)
            marks.setdefault(cell, []).append(spot)
    edges = {0: f"{max(values):.4g}", _ROWS - 1: f"{min(values):.4g}"}
    margin = max(map(len, edges.values()))
    drawn = []
    for row in range(_ROWS):
        text = "".join(_cell(marks.get((row, c), []), fine) for c in range(_COLUMNS))
        drawn.append(f"{edges.get(row, ''):>{margin}} |{text.rstrip()}")
    told = " and ".join(curves) + (", logarithmic" if log else "")
    drawn.append(f"{'':>{margin}} +{'-' * _COLUMNS} {told}, {last} epochs")
    return "\n".join(drawn)


def _between(points: Sequence[tuple[int, float]], at: float) -> float | None:
    """Return a curve's value at an epoch, linear between points, None outside."""
    right = bisect.bisect_left(points, (at, -math.inf))
    if right == len(points) or (right == 0 and points[0][0] > at):
        return points[-1][1] if at - points[-1][0] < 1e-9 else None
    if right == 0:
        return points[0][1]
    (x0, y0), (x1, y1) = points[right - 1], points[right]
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)


_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # Unicode 2800


def _cell(spots: Sequence[tuple[int, int, str]], fine: tuple[int, int]) -> str:
    if not spots:
        return " "
    if fine == (1, 1):
        return spots[-1][2]
    bits = 0
    for line, column, _ in spots:
        bits |= _DOTS[line][column]
    return chr(0x2800 + bits)
