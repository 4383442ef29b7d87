"""What a workload is: a model, its data, and the ways to do its step.

A workload's file makes one `Case` at given sizes. Everybody computes the same step from
the same parameters: the loss and its gradients for one batch, then the update. Only the
generated step is symdiff's; the others are as good as their authors' manuals make them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

import symdiff as sd

Arrays = Mapping[str, np.ndarray]
Batch = tuple[np.ndarray, ...]
# (parameters, batch) to the loss and the gradients
LossAndGrads = Callable[[Arrays, Batch], tuple[float, dict[str, np.ndarray]]]
# (library, parameters, batch) to the loss, in the library's own arrays
Loss = Callable[[Any, Mapping[str, Any], tuple[Any, ...]], Any]


class Contender(Protocol):
    """One way to do the step, with parameters and memory of its own."""

    def step(self) -> float:
        """Do one update and return the loss before it."""

    def gradients(self) -> Arrays:
        """Return the gradients at the present parameters, by symdiff's names."""

    def params(self) -> Arrays:
        """Return the present parameters, by symdiff's names and shapes."""


class Rule(Protocol):
    """An optimiser in all the forms in which it is needed."""

    def declared(self) -> sd.optim.Optimizer:
        """Return symdiff's."""

    def plain(self, params: dict[str, np.ndarray]) -> Callable[[Arrays], None]:
        """Return a function that updates a dict of arrays, as people write it."""

    def flat(
        self, p: np.ndarray, g: np.ndarray, scale: float = 1.0
    ) -> Callable[[], None]:
        """Return a function that updates a vector in place, allocating nothing.

        ``g`` holds ``scale`` times the gradient.
        """

    def torch(self, params: list[Any]) -> Any:
        """Return PyTorch's."""

    def jax(self, numpy: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Return (params -> slots) and (params, grads, slots -> params, slots)."""


@dataclass(frozen=True)
class Case:
    """A workload at one size.

    ``best`` makes the hand-tuned contender. ``torch`` and ``jax`` are losses over the
    library that is their first argument; ``autograd`` likewise, where the loss is
    written in plain NumPy. Parameters in ``turned`` are transposed where PyTorch holds
    them. ``others`` makes more contenders by name; what they import
    need not be installed.
    """

    name: str
    title: str
    declare: Callable[[], sd.Model]
    batch: Batch
    rule: Rule
    best: Callable[[Arrays, Batch], Contender]
    plain: LossAndGrads
    torch: Loss | None = None
    jax: Loss | None = None
    autograd: Loss | None = None
    others: Mapping[str, Callable[[Arrays, Batch], Contender]] = field(
        default_factory=dict
    )
    turned: tuple[str, ...] = ()
    dtype: str = "float32"
    heavy: bool = False  # left out of quick runs
