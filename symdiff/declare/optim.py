"""Optimisers as symbolic update equations.

In: a parameter, its gradient, the optimiser's slots and hyperparameters, all as
tensors. Out: the new parameter and the new slots, as graph. Invariant: an update uses
public functions only and no Python control flow on values, so the training step is
differentiated, optimised and printed like the rest of the model. Declare one's own by
subclassing `Optimizer`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT
from symdiff.ops.leaf import HYPER
from symdiff.ops.operands import API

__all__ = ["SGD", "Adam", "Momentum", "Optimizer", "hyper_leaves"]

Slots = dict[str, Tensor]


class Optimizer:
    """A rule that turns a parameter and its gradient into the next parameter.

    A subclass passes its hyperparameters to ``super().__init__(lr=..., ...)``, lists in
    ``slots`` the arrays it keeps for each parameter (they start at zero), and defines
    ``update``. ``hyper`` may be changed while training, so `update` must not turn its
    values into Python numbers.
    """

    slots: tuple[str, ...] = ()

    @public
    def __init__(self, **hyper: float) -> None:
        self.hyper: dict[str, float] = {}
        for name, value in hyper.items():
            if not name.isidentifier() or name == "t":
                raise DeclarationError(
                    f"hyperparameter {name!r} must be an identifier other than t, the "
                    "step."
                )
            self.hyper[name] = _number(f"{type(self).__name__}({name}=)", value)

    def update(
        self,
        p: Tensor,
        g: Tensor,
        slots: Mapping[str, Tensor],
        hyper: Mapping[str, Tensor],
        t: Tensor,
    ) -> tuple[Tensor, Slots]:
        """Return the new parameter and the new slots.

        Parameters
        ----------
        p, g : parameter and gradient, of one shape (a flat vector when planned)
        slots : by name, each of p's shape
        hyper : by name, 0-d
        t : number of this step, counted from 1, 0-d float
        """
        raise NotImplementedError(f"{type(self).__name__} must define update.")

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v!r}" for k, v in self.hyper.items())
        return f"{type(self).__name__}({shown})"


def _number(what: str, value: Any) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise DeclarationError(f"{what} must be a number, got {value!r:.60}.")
    if not math.isfinite(value):
        raise DeclarationError(f"{what} must be finite, got {value!r}.")
    return float(value)


def _require(
    name: str, value: float, low: float, high: float, *, open_low: bool
) -> None:
    """Check ``low <= value < high`` (``low < value`` where open)."""
    number = _number(name, value)
    if not (low < number or (number == low and not open_low)) or number >= high:
        sign, limit = (
            "<" if open_low else "<=",
            "" if high == math.inf else f" < {high:g}",
        )
        raise DeclarationError(f"needs {low:g} {sign} {name}{limit}, got {value!r}.")


def hyper_leaves(optimizer: Optimizer) -> tuple[dict[str, Tensor], Tensor]:
    """Return fresh 0-d leaves for the hyperparameters, and for the step ``t``."""
    leaf = {
        name: apply(HYPER, name=name, shape=(), dtype=FLOAT) for name in optimizer.hyper
    }
    return leaf, apply(HYPER, name="t", shape=(), dtype=FLOAT)


class SGD(Optimizer):
    """Stochastic gradient descent, p ← p − lr·g; with momentum μ, as `Momentum`.

    ``weight_decay`` λ adds λ·p to the gradient.
    """

    @public
    def __init__(
        self,
        lr: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        _require("lr", lr, 0, math.inf, open_low=False)
        _require("momentum", momentum, 0, 1, open_low=False)
        _require("weight_decay", weight_decay, 0, math.inf, open_low=False)
        if nesterov and not momentum:
            raise DeclarationError("nesterov=True needs momentum > 0, for example 0.9.")
        hyper = {"lr": lr}
        if momentum:
            hyper["momentum"] = momentum
        if weight_decay:
            hyper["weight_decay"] = weight_decay
        super().__init__(**hyper)
        self.nesterov = bool(nesterov)
        self.slots = ("velocity",) if momentum else ()

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
        velocity = hyper["momentum"] * slots["velocity"] + g
        velocity.hint = "velocity"
        step = g + hyper["momentum"] * velocity if self.nesterov else velocity
        return p - hyper["lr"] * step, {"velocity": velocity}


class Momentum(SGD):
    """Gradient descent with momentum (0.9 by default), heavy-ball or Nesterov's."""

    @public
    def __init__(
        self,
        lr: float = 0.01,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        if not momentum:
            raise DeclarationError(
                "Momentum needs momentum > 0; use sd.optim.SGD without."
            )
        super().__init__(lr, momentum, nesterov, weight_decay)


class Adam(Optimizer):
    """Adam: steps scaled by running moments of the gradient.

    Kingma & Ba, ICLR 2015, algorithm 1, with its defaults.
    """

    slots = ("m", "v")

    @public
    def __init__(
        self,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
    ) -> None:
        _require("lr", lr, 0, math.inf, open_low=False)
        _require("beta1", beta1, 0, 1, open_low=False)
        _require("beta2", beta2, 0, 1, open_low=False)
        _require("eps", eps, 0, math.inf, open_low=False)
        super().__init__(lr=lr, beta1=beta1, beta2=beta2, eps=eps)

    def update(
        self, p: Any, g: Any, slots: Any, hyper: Any, t: Any
    ) -> tuple[Tensor, Slots]:
        """m ← β₁·m + (1−β₁)·g; v ← β₂·v + (1−β₂)·g²; p ← p − lr·m̂ / (√v̂ + ε).

        m̂ = m / (1−β₁ᵗ) and v̂ = v / (1−β₂ᵗ) undo the start at zero; the factors are
        0-d.
        """
        lr, beta1, beta2 = hyper["lr"], hyper["beta1"], hyper["beta2"]
        m = beta1 * slots["m"] + (1 - beta1) * g
        m.hint = "m"
        v = beta2 * slots["v"] + (1 - beta2) * API["square"](g)
        v.hint = "v"
        rate = lr / (1 - beta1**t)
        rate.hint = "rate"
        scale = API["sqrt"](v / (1 - beta2**t)) + hyper["eps"]
        scale.hint = "scale"
        return p - rate * m / scale, {"m": m, "v": v}
