"""What a person sees while a model trains: one live line, or a line an epoch.

In: the settings of a run, and what each step and epoch found. Out: lines on standard
output. Invariant: on a terminal the live line never wraps, and elsewhere (a file, a
pipe) nothing is ever drawn over.
"""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Mapping

import click

from symdiff.declare.settings import Training

_BAR, _LEAST = 24, 6  # characters of the progress bar
_PAUSE = 0.05  # seconds between two drawings of it
_SHORT = {"validation": "val"}  # where room is short
_WEIGHT = 0.9  # of what is known already, in the running means that are drawn


def shown(found: Mapping[str, float]) -> str:
    """Return named numbers in one line."""
    return "  ".join(f"{name} {_number(value)}" for name, value in found.items())


def _number(value: float) -> str:
    small = value != 0 and math.isfinite(value) and not 1e-3 <= abs(value) < 1e5
    return f"{value:.3e}" if small else f"{value:.4f}"


def duration(seconds: float) -> str:
    """Return a time as 0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """Loss, metrics and the time that is left, for epochs ``first``, first + 1, ...

    ``steps`` is the number of steps in an epoch; None is learnt from the first one.
    """

    def __init__(self, training: Training, steps: int | None, first: int = 0) -> None:
        self._training, self._steps, self._first = training, steps, first
        self._live = sys.stdout.isatty()
        self._means: dict[str, float] = {}
        self._start = self._drawn = time.monotonic()
        self._held_out, self._width = "", 0
        self.epoch, self.done = first, 0

    def step(self, epoch: int, step: int, found: Mapping[str, float]) -> None:
        """Take note of a step's loss and metrics."""
        self.epoch, self.done = epoch, step + 1
        if not self._live:
            return
        for name, value in found.items():
            known = self._means.get(name, value)
            weight = _WEIGHT if math.isfinite(known) else 0.0
            self._means[name] = weight * known + (1 - weight) * value
        if time.monotonic() - self._drawn > _PAUSE:
            self._draw(self._means)

    def after_epoch(
        self, record: Mapping[str, float], watched: str | None, note: str = ""
    ) -> None:
        """Show an epoch's means, those of the rows called ``watched``, and a note."""
        self._steps, self.done = self.done, 0
        own = {k: v for k, v in record.items() if k != "epoch" and k[:4] != "val_"}
        held = {k[4:]: v for k, v in record.items() if k[:4] == "val_"}
        told = f": {shown(held)}" if watched and held else ""
        self._held_out = f"  {_SHORT.get(watched or '', watched)}{told}" if told else ""
        self._means = dict(own)
        line = f"{self._label(int(record['epoch']))}  {shown(own)}"
        line += f"  {watched}{told}{note}" if told else note
        if not self._live:
            click.echo(line)
            return
        self.epoch = int(record["epoch"]) + 1
        if note:
            self._clear()
            click.echo(line)
        self._draw(own)

    def close(self) -> None:
        """Leave the live line, as it stands, behind."""
        if self._live and self._width:
            click.echo()

    def _label(self, epoch: int) -> str:
        epochs = self._training.epochs
        return f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}"

    def _draw(self, means: Mapping[str, float]) -> None:
        self._drawn = time.monotonic()
        epochs = self._training.epochs
        share = self.done / self._steps if self._steps else 0.0
        done, total = self.epoch + share, max(epochs, 1)
        current = min(self.epoch, epochs - 1) if self.done else max(self.epoch - 1, 0)
        parts = [self._label(current)]
        if self.done and (not self._steps or self._steps > 1):
            parts.append(f"step {self.done}{f'/{self._steps}' if self._steps else ''}")
        spent = self._drawn - self._start
        if done > self._first and self._steps and done < total:
            parts.append(
                f"ETA {duration(spent / (done - self._first) * (total - done))}"
            )
        else:
            parts.append(duration(spent))
        text = f"{'  '.join(parts)}  {shown(means)}{self._held_out}"
        room = shutil.get_terminal_size().columns - 1
        width = min(_BAR, room - len(text) - 3)
        filled = min(round(width * done / total), width)
        bar = f"[{'#' * filled}{'.' * (width - filled)}] "
        if width < _LEAST:  # the numbers matter more than the bar
            bar = f"{min(100 * done / total, 100):3.0f}% "
        line = f"{bar}{text}"[:room]
        click.echo(f"\r{line:<{min(self._width, room)}}", nl=False)
        self._width = len(line)

    def _clear(self) -> None:
        room = shutil.get_terminal_size().columns - 1
        click.echo(f"\r{'':<{min(self._width, room)}}\r", nl=False)
        self._width = 0
