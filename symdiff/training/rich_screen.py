"""The progress of a run, drawn by rich: a bar with its numbers, and the means.

In: a `View`. Out: two live lines, drawn by a thread of their own, so that the clock
runs and Ctrl-C is answered while a long step computes. Invariant: each line fits the
terminal; where it is narrow, the least important columns are dropped first.
"""

from __future__ import annotations

import time
from dataclasses import replace

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from symdiff.training.view import STOPPING, View
from symdiff.training.wording import shown

_BAR, _LEAST = 40, 8  # characters of the progress bar
_GAP = 2


class RichScreen:
    """A bar with step, time and pace; loss and metrics below it."""

    pause = 0.05

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._live: Live | None = None
        self._view: View | None = None
        self._at = 0.0
        self._stops = False

    def draw(self, view: View) -> None:
        """Keep the view that the thread draws next."""
        self._view, self._at = view, time.monotonic()
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._drawn,
                refresh_per_second=10,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start(refresh=True)

    def line(self, text: str) -> None:
        """Write a line above the live ones."""
        self._console.print(Text(text), soft_wrap=True)

    def stopping(self) -> None:
        """Let the thread draw the message that Ctrl-C was heard."""
        self._stops = True

    def close(self) -> None:
        """Draw a last time, and show the cursor again."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    # --- what is drawn ---------------------------------------------------------------

    def _drawn(self) -> RenderableType:
        view = self._view
        if view is None:
            return Text()
        live = self._live is not None and self._live.is_started
        passed = time.monotonic() - self._at if live else 0.0
        left = None if view.left is None else max(view.left - passed, 0.0)
        view = replace(view, spent=view.spent + passed, left=left)
        found = Text(f"  {shown(view.means)}", no_wrap=True, overflow="ellipsis")
        found.append(view.held_out, "green")
        lines: list[RenderableType] = [_bar(view, self._console.width), found]
        if self._stops:
            said = Text(f"  {STOPPING}", "yellow", no_wrap=True, overflow="ellipsis")
            lines.append(said)
        return Group(*lines)


def _bar(view: View, width: int) -> RenderableType:
    """Return the first line; if too long, it loses pace, step, bar, time in turn."""
    columns = [
        (view.label, "bold"),
        (f"{100 * view.share:3.0f}%", "magenta"),
        (view.place, ""),
        (view.time, "cyan"),
        (view.pace, "dim"),
    ]
    columns = [(text, style) for text, style in columns if text]
    for least, column in ((_LEAST, view.pace), (_LEAST, view.place), (0, view.time)):
        if _needed(columns) + least <= width:
            break
        columns = [c for c in columns if c[0] != column]
    room = min(_BAR, width - _needed(columns))
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    cells: list[RenderableType] = [
        Text(text, style, no_wrap=True, overflow="crop") for text, style in columns
    ]
    if room >= _LEAST:
        bar = ProgressBar(total=1.0, completed=view.share, width=room)
        cells.insert(1, bar)
    for _ in cells:
        grid.add_column(no_wrap=True)
    grid.add_row(*cells)
    return grid


def _needed(columns: list[tuple[str, str]]) -> int:
    """Return the width of columns, and of the gap before a bar."""
    return sum(len(text) + _GAP for text, _ in columns)
