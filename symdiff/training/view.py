"""What a screen shows of a run, and what a screen is.

In: where training is, what it finds, how fast it goes. Out: a `View`, frozen, with its
numbers as words. Invariant: a screen draws views and knows nothing of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from symdiff.training.wording import duration, rate

STOPPING = "stopping after this step; Ctrl-C again stops at once"


@dataclass(frozen=True)
class View:
    """What a screen shows: where training is, what it finds, how fast it goes.

    ``done`` epochs of ``epochs`` are done, with the fraction of the present one, and
    ``step`` of its ``steps`` steps (None: not known yet). ``left`` is in seconds, or
    None as long as it cannot be estimated; ``speed`` is in ``unit`` (examples or steps)
    a second.
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
        """Say that Ctrl-C was heard; called by a signal handler, at any moment."""

    def close(self) -> None:
        """Leave what is drawn as it stands, the cursor below it."""
