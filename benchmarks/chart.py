"""A run's results as an SVG: every contender's time over the hand-tuned step's."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from benchmarks.table import clock

COLOURS = {
    "symdiff": "#1b6ca8",
    "best": "#222222",
    "plain": "#8d99a6",
    "torch": "#d1495b",
    "jax": "#66a182",
    "autograd": "#c9a227",
}
OTHER = "#9b72aa"
LEFT, RIGHT, TOP, LINE, GAP = 150, 60, 46, 13, 12
WIDTH, FEWEST, MOST = 760, 0.5, 50.0
FONT = 'font-family="sans-serif" font-size="11"'


def svg(run: dict[str, Any]) -> str:
    """Return the picture: a group of bars for each row, on a logarithmic scale."""
    timed, parts, y = clock(run), [], TOP
    for row in run["rows"]:
        best = row["contenders"]["best"][timed]
        others = {k: v[timed] / best for k, v in row["contenders"].items()}
        del others["best"]
        middle = y + len(others) * LINE / 2 + 4
        parts.append(_words(8, middle, escape(row["name"]), weight="bold"))
        for name, ratio in sorted(others.items(), key=lambda pair: pair[1]):
            parts += _bar(name, ratio, y)
            y += LINE
        y += GAP
    height = y + 10
    size = f'width="{WIDTH}" height="{height}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FONT}>',
        f'<rect {size} fill="#ffffff"/>',
        _words(8, 16, "Time of a training step over the hand-tuned NumPy step's"),
        *_scale(height),
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def _place(ratio: float) -> float:
    """Return where a ratio lies on the scale; what is outside lies at its ends."""
    share = math.log(min(max(ratio, FEWEST), MOST) / FEWEST) / math.log(MOST / FEWEST)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _scale(height: float) -> list[str]:
    found = []
    for tick in (0.5, 1, 2, 5, 10, 20, 50):
        x, colour = _place(tick), "#222222" if tick == 1 else "#dddddd"
        found.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - 10}" '
            f'stroke="{colour}"/>'
        )
        found.append(_words(x, TOP - 12, f"{tick:g}×", anchor="middle"))
    return found


def _bar(name: str, ratio: float, y: float) -> list[str]:
    low, high = sorted((_place(1), _place(ratio)))
    colour = COLOURS.get(name.split()[0], OTHER)
    return [
        (
            f'<rect x="{low:.1f}" y="{y + 1.5}" width="{max(high - low, 1):.1f}" '
            f'height="{LINE - 3}" fill="{colour}"/>'
        ),
        _words(LEFT - 40, y + LINE - 3, escape(name), anchor="end"),
        _words(high + 4, y + LINE - 3, f"{ratio:.2f}"),
    ]


def _words(
    x: float, y: float, words: str, anchor: str = "start", weight: str = "normal"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{words}</text>'
    )
