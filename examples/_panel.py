"""Axes for the examples' pictures: lines, points, bars, histograms, images."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _svg import COLOURS, Place, Range, number, png, scale, text, tick_text, ticks
from _svg import image as picture_of


@dataclass(eq=False)
class Panel:
    """Axes with what was drawn on them, in the coordinates of the data."""

    title: str
    x: str = ""
    y: str = ""
    log_x: bool = False
    log_y: bool = False
    xlim: Range | None = None
    ylim: Range | None = None
    square: bool = False
    width: int = 0  # 440, less for a square
    height: int = 320
    _drawn: list[Callable[[Place, Place], str]] = field(default_factory=list)
    _known: list[np.ndarray] = field(default_factory=list)
    _legend: list[tuple[str, int, str]] = field(default_factory=list)
    _bars: list[tuple[np.ndarray, int]] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _series: int = 0

    def __post_init__(self) -> None:
        self.width = self.width or (self.height + 20 if self.square else 440)

    # --- what to draw ----------------------------------------------------------------

    def line(
        self,
        x: Any,
        y: Any,
        label: str = "",
        *,
        colour: int | None = None,
        marks: bool = False,
        dashed: bool = False,
        width: float = 2,
    ) -> None:
        """Draw a line through points, a gap where one is not finite."""
        points, c = self._points(x, y), self._colour(colour)
        self._tell(label, c, "dashed" if dashed else "line")
        style = f'class="s{c}" fill="none" stroke-width="{width:g}"' + (
            ' stroke-dasharray="6 4"' if dashed else ""
        )

        def draw(across: Place, down: Place) -> str:
            path, pen = [], "M"
            for u, v in points:
                if not np.isfinite([u, v]).all():
                    pen = "M"
                    continue
                path.append(f"{pen}{number(across(u))} {number(down(v))}")
                pen = "L"
            return f'<path d="{" ".join(path)}" {style}/>' if path else ""

        self._drawn.append(draw)
        if marks:
            self.points(x, y, colour=c)

    def points(
        self,
        x: Any,
        y: Any,
        label: str = "",
        *,
        colour: int | None = None,
        size: float = 3,
        opacity: float = 1,
    ) -> None:
        """Draw a dot for each point."""
        points, c = self._points(x, y), self._colour(colour)
        self._tell(label, c, "dot")

        def draw(across: Place, down: Place) -> str:
            dots = [
                f'<circle cx="{number(across(u))}" cy="{number(down(v))}" '
                f'r="{size:g}"/>'
                for u, v in points[np.isfinite(points).all(axis=1)]
            ]
            more = "" if opacity == 1 else f' fill-opacity="{opacity:g}"'
            return "\n".join([f'<g class="f{c}"{more}>', *dots, "</g>"])

        self._drawn.append(draw)

    def bars(
        self,
        names: Sequence[str],
        heights: Any,
        label: str = "",
        *,
        colour: int | None = None,
    ) -> None:
        """Draw a bar for each name; a second call puts its bars beside the first."""
        heights, c = np.asarray(heights, float), self._colour(colour)
        self._tell(label, c, "box")
        self._names = [str(name) for name in names]
        self._bars.append((heights, c))
        base = np.nan if self.log_y else 0.0
        spread = np.linspace(-0.5, len(heights) - 0.5, len(heights))
        self._points(spread, heights)
        self._points(spread, np.full(len(heights), base))

    def histogram(
        self, values: Any, edges: Any, label: str = "", *, colour: int | None = None
    ) -> None:
        """Draw how many values lie between each two edges."""
        counts, edges = np.histogram(np.ravel(values), edges)
        c = self._colour(colour)
        self._tell(label, c, "box")
        heights = counts.astype(float)
        self._points(edges[1:], heights)
        self._points(edges, np.full(len(edges), np.nan if self.log_y else 0.0))

        def draw(across: Place, down: Place) -> str:
            floor = down(self._shown_y[0] if self.log_y else 0.0)
            path = [f"M{number(across(edges[0]))} {number(floor)}"]
            for left, right, height in zip(edges, edges[1:], heights, strict=False):
                top = floor if self.log_y and height == 0 else down(height)
                path.append(f"L{number(across(left))} {number(top)}")
                path.append(f"H{number(across(right))}")
            path.append(f"V{number(floor)} Z")
            style = f'class="f{c} s{c}" fill-opacity="0.35" stroke-width="1"'
            return f'<path d="{" ".join(path)}" {style}/>'

        self._drawn.append(draw)

    def image(
        self,
        table: Any,
        extent: tuple[float, float, float, float],
        *,
        low: float | None = None,
        high: float | None = None,
        signed: bool = False,
    ) -> None:
        """Fill (left, right, bottom, top) with values: grey, or blue-white-red around
        0 where `signed`; row 0 lies at the bottom.
        """
        left, right, bottom, top = extent
        self._points([left, right], [bottom, top])
        link = png(np.asarray(table, float)[::-1], low, high, signed)

        def draw(across: Place, down: Place) -> str:
            return picture_of(
                across(left),
                down(top),
                across(right) - across(left),
                down(bottom) - down(top),
                link,
            )

        self._drawn.append(draw)

    def level(self, y: float, label: str = "", *, colour: int | None = None) -> None:
        """Draw a dashed line across the panel."""
        c = self._colour(colour)
        self._points([np.nan], [y])
        self._tell(label, c, "dashed")
        style = f'class="s{c}" stroke-width="1.5" stroke-dasharray="6 4"'

        def draw(across: Place, down: Place) -> str:
            left, right = (number(across(u)) for u in self._shown_x)
            return f'<path d="M{left} {number(down(y))} H{right}" {style}/>'

        self._drawn.append(draw)

    # --- how it is drawn -------------------------------------------------------------

    def _points(self, x: Any, y: Any) -> np.ndarray:
        points = np.column_stack([np.ravel(x), np.ravel(y)]).astype(float)
        for axis, log in enumerate((self.log_x, self.log_y)):
            if log:
                points[~(points[:, axis] > 0), axis] = np.nan
        self._known.append(points)
        return points

    def _colour(self, colour: int | None) -> int:
        if colour is None:
            colour, self._series = self._series, self._series + 1
        return colour % COLOURS

    def _tell(self, label: str, colour: int, kind: str) -> None:
        if label:
            self._legend.append((label, colour, kind))

    def _limits(self, axis: int, log: bool, given: Range | None) -> Range:
        if given is not None:
            return given
        values = np.concatenate([p[:, axis] for p in self._known] or [np.zeros(0)])
        values = values[np.isfinite(values)]
        if not len(values):
            return (1.0, 10.0) if log else (0.0, 1.0)
        low, high = float(values.min()), float(values.max())
        if log:
            low, high = math.log10(low), math.log10(high)
        edge = 0.04 * (high - low) or 0.5
        low, high = low - edge, high + edge
        if self._bars and axis == 1 and low < 0 <= values.min():
            low = 0.0  # bars stand on the axis
        return (10**low, 10**high) if log else (low, high)

    def svg(self, x: float, y: float, name: str) -> str:
        """Return the panel with its upper left corner at (x, y)."""
        self._shown_x = self._limits(0, self.log_x, self.xlim)
        self._shown_y = self._limits(1, self.log_y, self.ylim)
        legend, rows = self._legend_svg(x + 66, y + 40, x + self.width - 12)
        left, right = x + 66, x + self.width - 12
        top, floor = y + 32 + 18 * rows, y + self.height - 44
        if self.square:
            side = min(right - left, floor - top)
            right, floor = left + side, top + side
        across = scale(self._shown_x, (left, right), self.log_x)
        down = scale(self._shown_y, (floor, top), self.log_y)
        size = f'width="{number(right - left)}" height="{number(floor - top)}"'
        corner = f'x="{number(left)}" y="{number(top)}"'
        lines = [
            f'<clipPath id="{name}"><rect {corner} {size}/></clipPath>',
            text(x + 66, y + 18, self.title, 'class="ink" font-size="14"'),
            legend,
        ]
        for tick in ticks(*self._shown_y, self.log_y):
            v = number(down(tick))
            lines.append(f'<path class="grid" d="M{number(left)} {v} H{right:g}"/>')
            more = 'class="ink" text-anchor="end"'
            lines.append(text(left - 7, down(tick) + 4, tick_text(tick), more))
        named: dict[float, str] = dict(enumerate(self._names))
        for tick in named or ticks(*self._shown_x, self.log_x):
            u = across(tick)
            if not named:
                lines.append(
                    f'<path class="grid" d="M{number(u)} {number(top)} '
                    f'V{number(floor)}"/>'
                )
            more = 'class="ink" text-anchor="middle"'
            label = named.get(tick) or tick_text(tick)
            lines.append(text(u, floor + 17, label, more))
        lines.append(f'<g clip-path="url(#{name})">')
        lines += [self._bars_svg(across, down)] if self._bars else []
        lines += [draw(across, down) for draw in self._drawn]
        lines.append("</g>")
        lines.append(f'<rect class="axis" fill="none" {corner} {size}/>')
        middle = 'class="ink" text-anchor="middle"'
        lines.append(text((left + right) / 2, floor + 36, self.x, middle))
        turn = f'{middle} transform="rotate(-90 {number(x + 12)} '
        turn += f'{number((top + floor) / 2)})"'
        lines.append(text(x + 12, (top + floor) / 2, self.y, turn))
        return "\n".join(line for line in lines if line)

    def _bars_svg(self, across: Place, down: Place) -> str:
        share = 0.8 / len(self._bars)
        lines = []
        for place, (heights, colour) in enumerate(self._bars):
            for i, height in enumerate(heights):
                if not np.isfinite(height) or (self.log_y and height <= 0):
                    continue
                left = i - 0.4 + place * share
                base = self._shown_y[0] if self.log_y else 0.0
                v, w = sorted((down(height), down(base)))
                lines.append(
                    f'<rect class="f{colour}" x="{number(across(left))}" '
                    f'y="{number(v)}" height="{number(w - v)}" '
                    f'width="{number(across(left + share) - across(left) - 1)}"/>'
                )
        return "\n".join(lines)

    def _legend_svg(self, left: float, y: float, right: float) -> tuple[str, int]:
        lines, x, rows = [], left, min(len(self._legend), 1)
        for label, colour, kind in self._legend:
            wide = 36 + 6.7 * len(label)
            if x > left and x + wide > right + 8:
                x, y, rows = left, y + 18, rows + 1
            if kind == "dot":
                mark = (
                    f'<circle class="f{colour}" cx="{x + 9:g}" cy="{y - 4:g}" r="4"/>'
                )
            elif kind == "box":
                mark = f'<rect class="f{colour}" x="{x + 3:g}" y="{y - 9:g}" '
                mark += 'width="11" height="10"/>'
            else:
                dash = ' stroke-dasharray="6 4"' if kind == "dashed" else ""
                mark = f'<path class="s{colour}" stroke-width="2"{dash} '
                mark += f'd="M{number(x)} {number(y - 4)} h18"/>'
            lines += [mark, text(x + 23, y, label, 'class="ink"')]
            x += wide
        return "\n".join(lines), rows
