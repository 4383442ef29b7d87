"""``sd.optim``: optimisers as symbolic update equations, and schedules.

`Optimizer` (in `symdiff.declare.update`) says what one is; here are gradient descent
and its momentum forms, and the names of the adaptive ones.

Arguments that many share: ``lr`` is the learning rate, a number or a schedule;
``weight_decay`` λ adds λ·p to the gradient, except in AdamW and Lion, which shrink p
itself; ``momentum``, ``alpha``, ``rho``, ``beta1`` and ``beta2`` are decays of running
means, under the names that PyTorch gives them; ``eps`` is added to the denominator, or
with ``eps_inside`` below its root; ``nesterov`` looks ahead; ``lecture`` is the form
that lectures print, described in `SGD`. ``options`` are those of `Optimizer`.
"""

from __future__ import annotations

from typing import Any

from symdiff.declare import schedules
from symdiff.declare.adaptive import (
    Adadelta,
    AdaGrad,
    Adam,
    AdamW,
    AMSGrad,
    Lion,
    NAdam,
    RMSprop,
)
from symdiff.declare.numbers import Hyper, in_use
from symdiff.declare.schedules import Schedule
from symdiff.declare.update import Optimizer, Slots, hyper_leaves
from symdiff.graph.errors import DeclarationError
from symdiff.graph.origin import hinted
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor

__all__ = [
    "SGD",
    "AMSGrad",
    "AdaGrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "Lion",
    "Momentum",
    "NAdam",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "hyper_leaves",
    "schedules",
]


class SGD(Optimizer):
    """Stochastic gradient descent, p ← p − lr·g; with momentum μ, as `Momentum`.

    ``weight_decay`` λ adds λ·p to the gradient. ``lecture`` folds lr into the velocity,
    v ← μv + lr·g, p ← p − v: the same steps while lr is constant, but a new lr then
    acts on new gradients alone.
    """

    @public
    def __init__(
        self,
        lr: Hyper = 0.01,
        momentum: Hyper = 0.0,
        nesterov: bool = False,
        weight_decay: Hyper = 0.0,
        lecture: bool = False,
        **options: Any,
    ) -> None:
        self._require(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and not in_use("momentum", momentum, options):
            raise DeclarationError("nesterov=True needs momentum > 0, for example 0.9.")
        hyper: dict[str, Hyper] = {"lr": lr}
        if in_use("momentum", momentum, options):
            hyper["momentum"] = momentum
        if in_use("weight_decay", weight_decay, options):
            hyper["weight_decay"] = weight_decay
        super().__init__(**hyper, **options)
        self.nesterov, self.lecture = bool(nesterov), bool(lecture)
        self.slots = ("velocity",) if "momentum" in hyper else ()

    def update(
        self, p: Any, g: Any, slots: Any, hyper: Any, t: Any
    ) -> tuple[Tensor, Slots]:
        """v ← μ·v + g, then p ← p − lr·v (Nesterov: p − lr·(g + μ·v)).

        Sutskever et al., ICML 2013, in the form where lr multiplies the velocity.
        """
        if "weight_decay" in hyper:
            g = g + hyper["weight_decay"] * p
        if not self.slots:
            return p - hyper["lr"] * g, {}
        push = hyper["lr"] * g if self.lecture else g
        velocity = hinted(hyper["momentum"] * slots["velocity"] + push, "velocity")
        step = push + hyper["momentum"] * velocity if self.nesterov else velocity
        moved = step if self.lecture else hyper["lr"] * step
        return p - moved, {"velocity": velocity}


class Momentum(SGD):
    """Gradient descent with momentum (0.9 by default), heavy-ball or Nesterov's."""

    @public
    def __init__(
        self,
        lr: Hyper = 0.01,
        momentum: Hyper = 0.9,
        nesterov: bool = False,
        weight_decay: Hyper = 0.0,
        lecture: bool = False,
        **options: Any,
    ) -> None:
        if not momentum:
            raise DeclarationError(
                "Momentum needs momentum > 0; use sd.optim.SGD without."
            )
        super().__init__(lr, momentum, nesterov, weight_decay, lecture, **options)


class Nesterov(Momentum):
    """`Momentum` with Nesterov's step (Nesterov, 1983)."""

    @public
    def __init__(
        self,
        lr: Hyper = 0.01,
        momentum: Hyper = 0.9,
        weight_decay: Hyper = 0.0,
        lecture: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(lr, momentum, True, weight_decay, lecture, **options)
