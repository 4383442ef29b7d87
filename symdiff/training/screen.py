"""How the progress of a run is drawn: lines alone, a live bar, or a bar by rich.

In: a `View`, what is known at one moment. Out: characters on the terminal. Invariant:
what is live never wraps and is drawn over by nothing else, lines stay above it, and the
cursor is left below it; where rich is not installed, nothing is missing but colour.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import click

from symdiff.training.wording import duration, rate, shown

_BAR, _LEAST = 24, 6  # characters of the progress bar
STOPPING = "stopping after this step; Ctrl-C again stops at once"


@dataclass(frozen=True)
class View:
    """What a screen shows: where training is, what it finds, how fast it goes.

    ``done`` of ``epochs`` epochs are done, the one under way in part; ``step`` of
    ``steps`` steps of it (None is not known yet). ``left`` is in seconds, None before
    it can be told; ``speed`` in examples or steps, as ``unit`` says, a second.
    """

    label: str
    done: float
    epochs: int
    step: int
    steps: int | None
    spent: float
    left: float | None
    speed: float | None
    unit: str
    means: Mapping[str, float] = field(default_factory=dict)
    held_out: str = ""

    @property
    def share(self) -> float:
        """The part of the run that is done, 0 to 1."""
        return min(self.done / max(self.epochs, 1), 1.0)

    @property
    def place(self) -> str:
        """The step, where an epoch has several."""
        if not self.step or self.steps == 1:
            return ""
        return f"step {self.step}{f'/{self.steps}' if self.steps else ''}"

    @property
    def time(self) -> str:
        """The time that is left, or else that has passed."""
        told = duration(self.spent if self.left is None else self.left)
        return told if self.left is None else f"ETA {told}"

    @property
    def pace(self) -> str:
        """Examples or steps a second."""
        return "" if self.speed is None else rate(self.speed, self.unit)


class Screen(Protocol):
    """Where progress is shown."""

    pause: float  # seconds between two drawings

    def draw(self, view: View) -> None:
        """Show where training is."""

    def line(self, text: str) -> None:
        """Write a line that stays."""

    def stopping(self) -> None:
        """Say that Ctrl-C was heard; called by a signal handler, amid anything."""

    def close(self) -> None:
        """Leave what is drawn as it stands, the cursor below it."""


def screen() -> Screen:
    """Return the screen that suits standard output."""
    if not sys.stdout.isatty():
        return Lines()
    if os.environ.get("TERM") != "dumb":
        try:
            from symdiff.training.rich_screen import RichScreen
        except ImportError:  # the extra [cli] is not installed
            return Bar()
        return RichScreen()
    return Bar()


class Lines:
    """Lines alone: for files, pipes and logs."""

    pause = float("inf")

    def draw(self, view: View) -> None:
        """Draw nothing: a file has no line that could be drawn over."""

    def line(self, text: str) -> None:
        """Write a line."""
        click.echo(text)

    def stopping(self) -> None:
        """Tell the person at the terminal, if there is one."""
        if sys.stderr.isatty():  # print may not be entered twice; this may
            os.write(2, f"\n{STOPPING}\n".encode())

    def close(self) -> None:
        """Do nothing."""


class Bar(Lines):
    """One live line of plain characters."""

    pause = 0.05

    def __init__(self) -> None:
        self._width = 0

    def draw(self, view: View) -> None:
        """Draw the bar as far as there is room; the numbers matter more."""
        parts = [view.label, view.place, view.time, view.pace]
        told = f"{shown(view.means)}{view.held_out}"
        text = f"{'  '.join(p for p in parts if p)}  {told}"
        room = shutil.get_terminal_size().columns - 1
        if len(text) > room - _LEAST - 3 and view.pace:
            text = f"{'  '.join(p for p in parts[:-1] if p)}  {told}"
        width = min(_BAR, room - len(text) - 3)
        filled = round(width * view.share)
        bar = f"[{'#' * filled}{'.' * (width - filled)}] "
        if width < _LEAST:
            bar = f"{100 * view.share:3.0f}% "
        line = f"{bar}{text}"[:room]
        click.echo(f"\r{line:<{min(self._width, room)}}", nl=False)
        self._width = len(line)

    def line(self, text: str) -> None:
        """Write a line in place of the live one, which is drawn anew below."""
        room = shutil.get_terminal_size().columns - 1
        click.echo(f"\r{'':<{min(self._width, room)}}\r", nl=False)
        self._width = 0
        click.echo(text)

    def close(self) -> None:
        """End the live line."""
        if self._width:
            click.echo()
        self._width = 0
