"""Which epoch's weights a run saves: those of patience, or of an interrupted run.

In: the history of a run, and the state after each of its epochs. Out: words for the
epoch, and the weights brought back. Invariant: the epoch that is named is the one whose
weights the state holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.declare.settings import Training


class BestEpoch:
    """The parameters after the best epoch, which an interrupted run saves.

    With ``patience`` fit restores the best ones itself. Without, a whole run saves its
    last parameters; an interrupted one may have become worse, and saves these.
    """

    def __init__(self, training: Training, validated: bool) -> None:
        self.monitor = training.monitor
        self.sign = -1 if training.mode == "max" else 1
        self.watching = validated and training.patience is None
        self.value = np.inf
        self.epoch = 0
        self.params: dict[str, np.ndarray] = {}

    def look(self, record: Mapping[str, float], state: Any) -> None:
        """Keep a copy of the parameters if the epoch is the best so far."""
        if not self.watching or self.monitor not in record:
            return
        value = self.sign * record[self.monitor]
        if value < self.value:
            self.value, self.epoch = value, int(record["epoch"]) + 1
            self.params = {name: a.copy() for name, a in state.params.items()}

    def brought_back(self, state: Any) -> str:
        """Put the best parameters into the state; return words for their epoch."""
        for name, array in self.params.items():
            state.params[name][...] = array
        value = f"{self.sign * self.value:.4g}"
        which = f"epoch {self.epoch}, the best by {self.monitor} ({value})"
        return which if self.params else ""


def best_epoch(
    training: Training, history: Sequence[Mapping[str, float]], forgot: int
) -> str:
    """Return words for the epoch whose weights ``patience`` restored, or ''.

    It did not watch the first epochs that it ``forgot``.
    """
    if training.patience is None or not history:
        return ""
    sign = -1 if training.mode == "max" else 1
    values = [sign * r[training.monitor] for r in history[forgot:]]
    if not any(np.isfinite(values)):
        return ""
    best = forgot + int(np.nanargmin(values))
    value = history[best][training.monitor]
    return f"epoch {best + 1}, the best by {training.monitor} ({value:.4g})"
