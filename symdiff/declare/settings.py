"""How a model is trained: `Training`, the settings that a spec may give.

In: numbers. Out: a checked description that `symdiff train` reads and its options
override. Invariant: settings that exist are ones that the generated ``fit`` accepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from symdiff.declare.numbers import number
from symdiff.graph.errors import DeclarationError
from symdiff.graph.provenance import checked_call, public

_ALWAYS = ("epochs", "batch_size", "seed", "shuffle")  # shown even at their defaults


@dataclass(frozen=True, repr=False)
class Training:
    """How ``symdiff train`` runs the generated ``fit``.

    Parameters
    ----------
    epochs : int
        Passes over the data.
    batch_size : int
        Rows a step.
    seed : int
        Of the initial weights, the order of rows, the split and the model's draws.
    shuffle : bool
        Whether every epoch has an order of its own (where it has several batches).
    accumulate : int
        Parts that each batch is worked through in, to save memory.
    validation_split : float
        Share of the training rows, drawn by seed, that is held out.
    patience : int, optional
        Epochs without improvement after which training ends, with the best weights
        brought back; None trains to the last epoch.
    monitor : str
        What improves: ``loss`` or a metric, with ``val_`` before it on held-out rows.
    mode : str, optional
        "min" or "max", which of them is better; a loss needs none.
    plateau : dict, optional
        ``{"factor": 0.1, "patience": 5}`` multiplies lr by factor after so many epochs
        without improvement (a learning rate of a group's own stays).

    Raises
    ------
    DeclarationError
        For values that make no sense.
    """

    epochs: int = 10
    batch_size: int = 32
    seed: int = 0
    shuffle: bool = True
    accumulate: int = 1
    validation_split: float = 0.0
    patience: int | None = None
    monitor: str = "val_loss"
    mode: str | None = None
    plateau: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        _check(self)

    def __repr__(self) -> str:
        shown = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if f.name in _ALWAYS or getattr(self, f.name) != f.default
        ]
        return f"Training({', '.join(shown)})"

    @property
    def watches(self) -> bool:
        """Whether anything depends on the monitor."""
        return self.patience is not None or self.plateau is not None


Training.__init__ = checked_call(Training.__init__)  # type: ignore[method-assign]


@public
def _check(training: Training) -> None:
    """Check the settings, and turn NumPy numbers into Python numbers."""

    def put(name: str, value: Any) -> None:
        object.__setattr__(training, name, value)

    for name, least in (("epochs", 0), ("batch_size", 1), ("seed", 0)):
        put(name, _whole(name, getattr(training, name), least))
    put("accumulate", _whole("accumulate", training.accumulate, 1))
    if training.patience is not None:
        put("patience", _whole("patience", training.patience, 1))
    if not isinstance(training.shuffle, bool | np.bool_):
        raise _wrong("shuffle", "must be True or False", training.shuffle)
    put("shuffle", bool(training.shuffle))
    split = number("Training(validation_split=)", training.validation_split)
    if not 0 <= split < 1:
        raise _wrong("validation_split", "must be 0 or more and below 1", split)
    put("validation_split", split)
    if not isinstance(training.monitor, str):
        raise _wrong(
            "monitor", "must be the name of a loss or metric", training.monitor
        )
    if training.mode not in (None, "min", "max"):
        raise _wrong("mode", "must be 'min' or 'max'", training.mode)
    if training.plateau is not None:
        put("plateau", _checked_plateau(training.plateau))
    if not training.watches and (training.mode or training.monitor != "val_loss"):
        raise DeclarationError(
            "Training: monitor and mode do nothing without patience or plateau; give "
            "one of these, or leave them out."
        )
    if training.watches and not training.mode and not training.monitor.endswith("loss"):
        raise DeclarationError(
            f"Training(monitor={training.monitor!r}) needs mode='min' or mode='max', "
            "to "
            "say which is better."
        )


def _checked_plateau(plateau: Any) -> dict[str, float]:
    if not isinstance(plateau, Mapping) or set(plateau) != {"factor", "patience"}:
        raise _wrong("plateau", 'must be {"factor": ..., "patience": ...}', plateau)
    factor = number("Training(plateau=)'s factor", plateau["factor"])
    if not 0 < factor < 1:
        raise _wrong("plateau", "needs a factor between 0 and 1", factor)
    return {"factor": factor, "patience": _whole("plateau", plateau["patience"], 1)}


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise _wrong(name, "must be an int", value)
    if value < least:
        raise _wrong(name, f"must be {least} or more", value)
    return int(value)


def _wrong(name: str, need: str, value: Any) -> DeclarationError:
    return DeclarationError(f"Training({name}=) {need}, got {value!r:.60}.")
