"""Pictures for the examples: lines, points, bars, images; SVG, nothing but NumPy.

    picture = Picture("ravine", "Two optimisers in a ravine", columns=2)
    panel = picture.panel("loss", x="step", y="loss", log_y=True)
    panel.line(steps, losses, label="SGD")
    panel = picture.panel("path", x="w0", y="w1", square=True)
    panel.image(table, extent=(-1, 1, -1, 1))     # row 0 at the bottom
    panel.line(path[:, 0], path[:, 1], marks=True)
    picture.gallery("filters", filters, columns=8)  # row 0 at the top
    picture.save()                                # build/pictures/ravine.svg

Series of a panel take the colours in order; `colour=` (0 to 7) overrules. What is not
finite is left out, and so is what a logarithm does not know. The colours follow the
reader's light or dark scheme. The same numbers give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _panel import Panel
from _svg import image, png, style, text

GAP = 16  # between panels
HEAD = 40  # the picture's title
FONT = 'font-family="sans-serif" font-size="12"'


@dataclass(eq=False)
class Gallery:
    """Small images, side by side, with a caption under each."""

    title: str
    images: list[np.ndarray]
    captions: Sequence[str] = ()
    columns: int = 8
    side: int = 64
    low: float | None = None
    high: float | None = None
    signed: bool = False

    @property
    def _down(self) -> int:  # the images keep their proportions
        high, wide = self.images[0].shape if self.images else (1, 1)
        return round(self.side * high / wide)

    @property
    def _step(self) -> int:
        return self._down + 6 + (16 if self.captions else 0)

    @property
    def width(self) -> int:
        """The room it takes across."""
        taken = 20 + self.columns * (self.side + 6)
        return max(taken, 40 + 8 * len(self.title))

    @property
    def height(self) -> int:
        """The room it takes down."""
        return 40 + self._step * -(-len(self.images) // self.columns)

    def svg(self, x: float, y: float, name: str) -> str:
        """Return the images with their upper left corner at (x, y)."""
        lines = [text(x + 12, y + 18, self.title, 'class="ink" font-size="14"')]
        for i, table in enumerate(self.images):
            row, column = divmod(i, self.columns)
            u, v = x + 12 + column * (self.side + 6), y + 30 + row * self._step
            link = png(table, self.low, self.high, self.signed)
            lines.append(image(u, v, self.side, self._down, link))
            if i < len(self.captions):
                more = 'class="ink" text-anchor="middle"'
                middle = u + self.side / 2
                lines.append(text(middle, v + self._down + 14, self.captions[i], more))
        return "\n".join(lines)


class Picture:
    """Panels in a grid, filled row by row."""

    def __init__(self, name: str, title: str, columns: int = 2) -> None:
        self.name, self.title, self.columns = name, title, columns
        self.panels: list[Panel | Gallery] = []

    def panel(self, title: str, **options: Any) -> Panel:
        """Add axes; the options are `Panel`'s."""
        panel = Panel(title, **options)
        self.panels.append(panel)
        return panel

    def gallery(self, title: str, images: Any, **options: Any) -> None:
        """Add small images, each [height, width]; the options are `Gallery`'s."""
        found = [np.asarray(table, float) for table in images]
        self.panels.append(Gallery(title, found, **options))

    def svg(self) -> str:
        """Return the picture as text."""
        starts = range(0, len(self.panels), self.columns)
        rows = [self.panels[i : i + self.columns] for i in starts]
        parts: list[str] = []
        y, widest = float(HEAD), 40 + 10 * len(self.title)
        for row in rows:
            x = float(GAP)
            for panel in row:
                parts.append(panel.svg(x, y, f"{self.name}-{len(parts)}"))
                x += panel.width + GAP
            widest = max(widest, int(x))
            y += max(panel.height for panel in row) + GAP
        title = text(GAP, 26, self.title, 'class="ink" font-size="17"')
        size = f'width="{widest}" height="{y:g}" viewBox="0 0 {widest} {y:g}"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" {size} {FONT}>',
            style(),
            '<rect class="paper" width="100%" height="100%"/>',
            title,
            *parts,
            "</svg>\n",
        ]
        return "\n".join(lines)

    def save(self) -> Path:
        """Write build/pictures/NAME.svg below the current folder, and say so."""
        path = Path("build", "pictures", f"{self.name}.svg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.svg(), "utf-8")
        print(f"drawn: {path}\n")
        return path
