"""What a person sees while a model trains, whatever it is drawn on.

In: the settings of a run, and the results of each step and epoch. Out: views for a
`Screen`, and lines that stay. Invariant: where output is no terminal, there is one line
an epoch, and nothing is drawn over.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from symdiff.declare.settings import Training
from symdiff.training.screen import screen
from symdiff.training.view import Screen, View
from symdiff.training.wording import shown

_SHORT = {"validation": "val"}  # where room is short
_WEIGHT = 0.9  # decay of the running means that are drawn
_LONG = 2.0  # seconds after which an epoch's line stays on a terminal too


class Progress:
    """Loss, metrics, speed and the time that is left, from epoch ``first`` on.

    ``rows`` and ``steps`` are the numbers of examples and steps in an epoch, or None
    where the data is a function, whose steps are learnt from the first epoch.
    """

    def __init__(
        self,
        training: Training,
        steps: int | None,
        first: int = 0,
        rows: int | None = None,
        drawn_on: Screen | None = None,
    ) -> None:
        self._training, self._steps, self._first = training, steps, first
        self._rows = rows
        self._screen = screen() if drawn_on is None else drawn_on
        self._live = self._screen.pause < math.inf
        self._means: dict[str, float] = {}
        now = time.monotonic()
        self._start = self._drawn = self._kept = self._epoch_start = now
        self._speed: float | None = None
        self._held_out = ""
        self.epoch, self.done = first, 0
        self.taken = 0  # steps of this run, whatever a checkpoint had done before

    def step(self, epoch: int, step: int, found: Mapping[str, float]) -> None:
        """Take note of a step's loss and metrics."""
        self.epoch, self.done = epoch, step + 1
        self.taken += 1
        if not self._live:
            return
        for name, value in found.items():
            known = self._means.get(name, value)
            weight = _WEIGHT if math.isfinite(known) else 0.0
            self._means[name] = weight * known + (1 - weight) * value
        if time.monotonic() - self._drawn > self._screen.pause:
            self._draw(self._means)

    def after_epoch(
        self, record: Mapping[str, float], watched: str | None, note: str = ""
    ) -> None:
        """Show an epoch's means, those of the split named ``watched``, and a note."""
        self._steps, self.done = self.done, 0
        own = {k: v for k, v in record.items() if k != "epoch" and k[:4] != "val_"}
        held = {k[4:]: v for k, v in record.items() if k[:4] == "val_"}
        told = f": {shown(held)}" if watched and held else ""
        self._held_out = f"  {_SHORT.get(watched or '', watched)}{told}" if told else ""
        self._means = dict(own)
        line = f"{self._label(int(record['epoch']))}  {shown(own)}"
        line += f"  {watched}{told}{note}" if told else note
        if not self._live:
            self._screen.line(line)
            return
        self.epoch = int(record["epoch"]) + 1
        now = time.monotonic()
        if note or now - self._kept > _LONG:
            self._kept = now
            self._screen.line(line)
        self._draw(own)
        self._epoch_start = time.monotonic()

    def note(self, text: str) -> None:
        """Write a line that stays."""
        self._screen.line(text)

    def stopping(self) -> None:
        """Say that Ctrl-C was heard."""
        self._screen.stopping()

    def close(self) -> None:
        """End drawing, and leave the last drawing on the screen."""
        self._screen.close()

    def _label(self, epoch: int) -> str:
        epochs = self._training.epochs
        return f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}"

    def _draw(self, means: Mapping[str, float]) -> None:
        now = self._drawn = time.monotonic()
        epochs = self._training.epochs
        done = self.epoch + (self.done / self._steps if self._steps else 0.0)
        current = min(self.epoch, epochs - 1) if self.done else max(self.epoch - 1, 0)
        spent, left = now - self._start, None
        if self._first < done < epochs and self._steps:
            left = spent / (done - self._first) * (epochs - done)
        if self.done and now > self._epoch_start:
            each = self._rows / self._steps if self._rows and self._steps else 1.0
            self._speed = each * self.done / (now - self._epoch_start)
        self._screen.draw(
            View(
                label=self._label(current),
                done=done,
                epochs=epochs,
                step=self.done,
                steps=self._steps,
                spent=spent,
                left=left,
                speed=self._speed,
                unit="examples" if self._rows else "steps",
                means=dict(means),
                held_out=self._held_out,
            )
        )
