"""How the progress of a run is drawn: lines alone, a live bar, or a bar by rich.

In: a `View`, what is known at one moment. Out: characters on the terminal. Invariant: a
live line never wraps, other lines stay above it, and the cursor is left below it;
without rich only colour is missing.
"""

from __future__ import annotations

import os
import shutil
import sys

import click

from symdiff.training.view import STOPPING, Screen, View
from symdiff.training.wording import shown

_BAR, _LEAST = 24, 6  # characters of the progress bar


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
        """Draw nothing: a file has no live line."""

    def line(self, text: str) -> None:
        """Write a line."""
        click.echo(text)

    def stopping(self) -> None:
        """Tell the person at the terminal, if there is one."""
        if sys.stderr.isatty():  # a signal handler may call os.write, but not print
            os.write(2, f"\n{STOPPING}\n".encode())

    def close(self) -> None:
        """Do nothing."""


class Bar(Lines):
    """One live line of plain characters."""

    pause = 0.05

    def __init__(self) -> None:
        self._width = 0

    def draw(self, view: View) -> None:
        """Draw the numbers, and the bar if there is room for it."""
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
