"""Optimisers that scale each element's step by its gradient's history.

In and out as in `symdiff.declare.update`. Each docstring has the formula and its
source; where lecture notes print another variant, an option has it and the docstring
states the difference.
"""

from __future__ import annotations

from typing import Any

from symdiff.declare.numbers import Hyper, in_use
from symdiff.declare.update import Optimizer, Slots
from symdiff.graph.origin import hinted
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API

Result = tuple[Tensor, Slots]


def _root(squares: Any, hyper: Any, eps_inside: bool) -> Any:
    """Return √(squares + ε), or √squares + ε."""
    if eps_inside:
        return API["sqrt"](squares + hyper["eps"])
    return API["sqrt"](squares) + hyper["eps"]


def _decayed(p: Any, g: Any, hyper: Any) -> Any:
    """Return the gradient of the loss plus weight_decay/2 · ‖p‖²."""
    return g + hyper["weight_decay"] * p if "weight_decay" in hyper else g


class AdaGrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients."""

    slots = ("total",)

    @public
    def __init__(
        self,
        lr: Hyper = 0.01,
        lr_decay: Hyper = 0.0,
        weight_decay: Hyper = 0.0,
        eps: Hyper = 1e-10,
        eps_inside: bool = False,
        **options: Any,
    ) -> None:
        self._require(lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay)
        hyper: dict[str, Hyper] = {"lr": lr, "eps": eps}
        if in_use("lr_decay", lr_decay, options):
            hyper["lr_decay"] = lr_decay
        if in_use("weight_decay", weight_decay, options):
            hyper["weight_decay"] = weight_decay
        super().__init__(**hyper, **options)
        self.eps_inside = bool(eps_inside)

    def update(self, p: Any, g: Any, slots: Any, hyper: Any, t: Any) -> Result:
        """G ← G + g²; p ← p − lr·g / (√G + ε).

        Duchi, Hazan & Singer, JMLR 2011, in PyTorch's form. ``eps_inside`` gives the
        lectures' √(G + ε). ``lr_decay`` divides lr by 1 + (t − 1)·lr_decay.
        """
        g = _decayed(p, g, hyper)
        total = hinted(slots["total"] + API["square"](g), "total")
        rate = hyper["lr"]
        if "lr_decay" in hyper:
            rate = rate / (1 + (t - 1) * hyper["lr_decay"])
        scale = _root(total, hyper, self.eps_inside)
        return p - rate * g / scale, {"total": total}


class Adadelta(Optimizer):
    """Steps in the unit of the parameters, from running squares of
    gradients and steps.
    """

    slots = ("square", "moved")

    @public
    def __init__(
        self, lr: Hyper = 1.0, rho: Hyper = 0.9, eps: Hyper = 1e-6, **options: Any
    ) -> None:
        self._require(lr=lr, rho=rho, eps=eps)
        super().__init__(lr=lr, rho=rho, eps=eps, **options)

    def update(self, p: Any, g: Any, slots: Any, hyper: Any, t: Any) -> Result:
        """E ← ρE + (1−ρ)g²; Δ = √(D + ε) / √(E + ε) · g;
        D ← ρD + (1−ρ)Δ²; p ← p − lr·Δ.

        Zeiler, arXiv:1212.5701, algorithm 1.
        """
        rho, eps = hyper["rho"], hyper["eps"]
        square = hinted(rho * slots["square"] + (1 - rho) * API["square"](g), "square")
        move = API["sqrt"](slots["moved"] + eps) / API["sqrt"](square + eps) * g
        move = hinted(move, "move")
        moved = hinted(rho * slots["moved"] + (1 - rho) * API["square"](move), "moved")
        return p - hyper["lr"] * move, {"square": square, "moved": moved}


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients.

    ``centered`` subtracts the square of their running mean below the root.
    """

    @public
    def __init__(
        self,
        lr: Hyper = 0.01,
        alpha: Hyper = 0.99,
        eps: Hyper = 1e-8,
        momentum: Hyper = 0.0,
        centered: bool = False,
        weight_decay: Hyper = 0.0,
        eps_inside: bool = False,
        **options: Any,
    ) -> None:
        self._require(
            lr=lr, alpha=alpha, momentum=momentum, eps=eps, weight_decay=weight_decay
        )
        hyper: dict[str, Hyper] = {"lr": lr, "alpha": alpha, "eps": eps}
        if in_use("momentum", momentum, options):
            hyper["momentum"] = momentum
        if in_use("weight_decay", weight_decay, options):
            hyper["weight_decay"] = weight_decay
        super().__init__(**hyper, **options)
        self.centered, self.eps_inside = bool(centered), bool(eps_inside)
        slots = (
            "square",
            *(["mean"] if centered else []),
            *(["velocity"] if "momentum" in hyper else []),
        )
        self.slots = slots

    def update(self, p: Any, g: Any, slots: Any, hyper: Any, t: Any) -> Result:
        """G ← αG + (1−α)g²; p ← p − lr·g / (√G + ε).

        Tieleman & Hinton, Neural Networks for Machine Learning, lecture 6.5, in
        PyTorch's form. ``centered`` subtracts the squared mean (Graves,
        arXiv:1308.0850, eq. 40); ``momentum`` μ steps along v ← μv + g/(√G + ε);
        ``eps_inside`` gives √(G + ε).
        """
        g = _decayed(p, g, hyper)
        alpha = hyper["alpha"]
        kept = {
            "square": hinted(
                alpha * slots["square"] + (1 - alpha) * API["square"](g), "square"
            )
        }
        spread = kept["square"]
        if self.centered:
            kept["mean"] = hinted(alpha * slots["mean"] + (1 - alpha) * g, "mean")
            # the variance of equal gradients is 0; rounding may make it negative
            spread = API["maximum"](spread - API["square"](kept["mean"]), 0.0)
        scaled = g / _root(spread, hyper, self.eps_inside)
        if "momentum" in hyper:
            scaled = hinted(hyper["momentum"] * slots["velocity"] + scaled, "velocity")
            kept["velocity"] = scaled
        return p - hyper["lr"] * scaled, kept


class Adam(Optimizer):
    """Adam: steps scaled by running moments of the gradient.

    Kingma & Ba, ICLR 2015, algorithm 1, with its defaults. The bias correction is the
    paper's 1 − βᵗ; lecture notes that print 1 − β have dropped the exponent.
    """

    slots: tuple[str, ...] = ("m", "v")

    @public
    def __init__(
        self,
        lr: Hyper = 1e-3,
        beta1: Hyper = 0.9,
        beta2: Hyper = 0.999,
        eps: Hyper = 1e-8,
        weight_decay: Hyper = 0.0,
        **options: Any,
    ) -> None:
        self._require(
            lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay
        )
        hyper: dict[str, Hyper] = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps}
        if in_use("weight_decay", weight_decay, options):
            hyper["weight_decay"] = weight_decay
        super().__init__(**hyper, **options)

    def update(self, p: Any, g: Any, slots: Any, hyper: Any, t: Any) -> Result:
        """m ← β₁·m + (1−β₁)·g; v ← β₂·v + (1−β₂)·g²; p ← p − lr·m̂ / (√v̂ + ε).

        m̂ = m / (1−β₁ᵗ) and v̂ = v / (1−β₂ᵗ) undo the start at zero. ``weight_decay`` λ
        adds λ·p to the gradient (L2); see `AdamW` for the decoupled form.
        """
        m, v = self._moments(_decayed(p, g, hyper), slots, hyper)
        return self._stepped(p, m, v, hyper, t), {"m": m, "v": v}

    def _moments(self, g: Any, slots: Any, hyper: Any) -> tuple[Any, Any]:
        beta1, beta2 = hyper["beta1"], hyper["beta2"]
        m = hinted(beta1 * slots["m"] + (1 - beta1) * g, "m")
        v = hinted(beta2 * slots["v"] + (1 - beta2) * API["square"](g), "v")
        return m, v

    def _stepped(self, p: Any, m: Any, v: Any, hyper: Any, t: Any) -> Any:
        rate = hinted(hyper["lr"] / (1 - hyper["beta1"] ** t), "rate")
        moved = hinted(rate * m, "rate_m")
        return p - moved / self._scale(v, hyper, t)

    def _scale(self, v: Any, hyper: Any, t: Any) -> Any:
        corrected = v / (1 - hyper["beta2"] ** t)
        return hinted(API["sqrt"](corrected) + hyper["eps"], "scale")


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter,
    ICLR 2019, algorithm 2).
    """

    @public
    def __init__(
        self,
        lr: Hyper = 1e-3,
        beta1: Hyper = 0.9,
        beta2: Hyper = 0.999,
        eps: Hyper = 1e-8,
        weight_decay: Hyper = 0.01,
        **options: Any,
    ) -> None:
        super().__init__(lr, beta1, beta2, eps, weight_decay, **options)

    def update(self, p: Any, g: Any, slots: Any, hyper: Any, t: Any) -> Result:
        """p ← p·(1 − lr·λ), then Adam's step on the gradient alone."""
        m, v = self._moments(g, slots, hyper)
        if "weight_decay" in hyper:
            p = p * (1 - hyper["lr"] * hyper["weight_decay"])
        return self._stepped(p, m, v, hyper, t), {"m": m, "v": v}


class AMSGrad(Adam):
    """Adam whose scale never shrinks (Reddi, Kale & Kumar, ICLR 2018, algorithm 2)."""

    slots: tuple[str, ...] = ("m", "v", "largest")

    def update(self, p: Any, g: Any, slots: Any, hyper: Any, t: Any) -> Result:
        """v̄ ← max(v̄, v) takes v's place in the scale; the correction is PyTorch's."""
        m, v = self._moments(_decayed(p, g, hyper), slots, hyper)
        largest = hinted(API["maximum"](slots["largest"], v), "largest")
        rate = hinted(hyper["lr"] / (1 - hyper["beta1"] ** t), "rate")
        scale = self._scale(largest, hyper, t)
        moved = hinted(rate * m, "rate_m")
        return p - moved / scale, {"m": m, "v": v, "largest": largest}


class NAdam(Adam):
    """Adam with Nesterov's momentum (Dozat, ICLR workshop 2016), in PyTorch's form.

    ``momentum_decay`` ψ lets the momentum grow, β₁·(1 − ½·0.96^(t·ψ)).
    """

    slots: tuple[str, ...] = ("m", "v", "turned")

    @public
    def __init__(
        self,
        lr: Hyper = 2e-3,
        beta1: Hyper = 0.9,
        beta2: Hyper = 0.999,
        eps: Hyper = 1e-8,
        weight_decay: Hyper = 0.0,
        momentum_decay: Hyper = 4e-3,
        **options: Any,
    ) -> None:
        self._require(momentum_decay=momentum_decay)
        options["momentum_decay"] = momentum_decay
        super().__init__(lr, beta1, beta2, eps, weight_decay, **options)

    def update(self, p: Any, g: Any, slots: Any, hyper: Any, t: Any) -> Result:
        """μₜ = β₁(1 − ½·0.96^(tψ)); p ← p − lr·((1−μₜ)g/(1−∏μ) + μₜ₊₁m/(1−∏μ·μₜ₊₁)) /
        (√v̂ + ε).

        The slot ``turned`` keeps 1 − ∏μ, which starts at 0 as slots do.
        """
        g = _decayed(p, g, hyper)
        m, v = self._moments(g, slots, hyper)

        def mu(step: Any) -> Any:
            return hyper["beta1"] * (1 - 0.5 * 0.96 ** (step * hyper["momentum_decay"]))

        now, following = hinted(mu(t), "mu"), hinted(mu(t + 1), "mu_next")
        product = hinted((1 - slots["turned"]) * now, "product")
        turned = hinted(1 - product, "turned")
        scale = self._scale(v, hyper, t)
        ahead = (1 - now) / turned * g + following / (1 - product * following) * m
        return p - hyper["lr"] * ahead / scale, {"m": m, "v": v, "turned": turned}


class Lion(Optimizer):
    """Steps along the sign of a momentum (Chen et al., NeurIPS 2023, algorithm 2)."""

    slots = ("m",)

    @public
    def __init__(
        self,
        lr: Hyper = 1e-4,
        beta1: Hyper = 0.9,
        beta2: Hyper = 0.99,
        weight_decay: Hyper = 0.0,
        **options: Any,
    ) -> None:
        self._require(lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay)
        hyper: dict[str, Hyper] = {"lr": lr, "beta1": beta1, "beta2": beta2}
        if in_use("weight_decay", weight_decay, options):
            hyper["weight_decay"] = weight_decay
        super().__init__(**hyper, **options)

    def update(self, p: Any, g: Any, slots: Any, hyper: Any, t: Any) -> Result:
        """c = β₁m + (1−β₁)g; p ← p − lr·(sign(c) + λp); m ← β₂m + (1−β₂)g."""
        beta1, beta2 = hyper["beta1"], hyper["beta2"]
        direction = API["sign"](beta1 * slots["m"] + (1 - beta1) * g)
        if "weight_decay" in hyper:
            direction = direction + hyper["weight_decay"] * p
        m = hinted(beta2 * slots["m"] + (1 - beta2) * g, "m")
        return p - hyper["lr"] * direction, {"m": m}
