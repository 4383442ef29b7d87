"""Schedules: hyperparameters as formulas of the step.

In: a base value and the numbers of a curve. Out: a `Schedule`, whose ``factor(t)``
multiplies the base at step t = 1, 2, … Invariant: a factor is graph, so it is printed
in the compiled step and needs nothing at run time; the base stays in ``state.hyper``
and may be changed there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from symdiff.graph.errors import DeclarationError
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API

__all__ = [
    "Schedule",
    "constant",
    "cosine",
    "exponential",
    "one_cycle",
    "step",
    "warmup",
]


@dataclass(frozen=True)
class Schedule:
    """A base value times a factor that depends on the step."""

    base: float
    factor: Callable[[Any], Any] = field(repr=False)
    name: str = "schedule"

    def __repr__(self) -> str:
        return f"{self.name}({self.base!r})"


def _positive(what: str, value: Any, *, whole: bool = True) -> float:
    ok = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not ok or not math.isfinite(value) or value <= 0:
        raise DeclarationError(f"{what} must be positive, got {value!r}.")
    if whole and int(value) != value:
        raise DeclarationError(
            f"{what} must be a whole number of steps, got {value!r}."
        )
    return float(value)


@public
def constant(base: float) -> Schedule:
    """The base at every step."""
    return Schedule(base, lambda t: 1.0 + 0.0 * t, "constant")


@public
def step(base: float, every: int, gamma: float = 0.1) -> Schedule:
    """base · gamma^⌊(t − 1) / every⌋: multiplied by gamma after every so many steps."""
    n = _positive("every", every)
    rate = _positive("gamma", gamma, whole=False)
    return Schedule(base, lambda t: rate ** API["floor"]((t - 1) / n), "step")


@public
def exponential(base: float, gamma: float) -> Schedule:
    """base · gamma^(t − 1)."""
    rate = _positive("gamma", gamma, whole=False)
    return Schedule(base, lambda t: rate ** (t - 1), "exponential")


@public
def cosine(
    base: float, steps: int, warmup_steps: int = 0, final: float = 0.0
) -> Schedule:
    """Half a cosine from the base to final · base, over ``steps`` steps.

    The first ``warmup_steps`` rise linearly to the base.

    Loshchilov & Hutter, SGDR, ICLR 2017, eq. 5, without restarts. The first step after
    these ``steps`` has the final value, and so have all that follow.
    """
    total = _positive("steps", steps)
    warm = 0.0 if not warmup_steps else _positive("warmup_steps", warmup_steps)
    if warm >= total:
        raise DeclarationError("warmup_steps must be smaller than steps.")

    def factor(t: Tensor) -> Any:
        done = API["minimum"](API["maximum"]((t - 1 - warm) / (total - warm), 0.0), 1.0)
        curve = final + (1 - final) * 0.5 * (1 + API["cos"](math.pi * done))
        return API["minimum"](t / warm, 1.0) * curve if warm else curve

    return Schedule(base, factor, "cosine")


@public
def warmup(base: float | Schedule, steps: int) -> Schedule:
    """Linear from base / steps to the base (or to another schedule) over ``steps``."""
    n = _positive("steps", steps)
    if isinstance(base, Schedule):
        inner = base
        return Schedule(
            inner.base,
            lambda t: API["minimum"](t / n, 1.0) * inner.factor(t),
            f"warmup of {inner.name}",
        )
    return Schedule(base, lambda t: API["minimum"](t / n, 1.0), "warmup")


@public
def one_cycle(
    base: float, steps: int, up: float = 0.3, start: float = 0.04, final: float = 4e-6
) -> Schedule:
    """Cosine from start · base up to the base, then down to final · base.

    Smith & Topin, 2018; ``up`` is the share of ``steps`` that rises, and the defaults
    are PyTorch's OneCycleLR.
    """
    total = _positive("steps", steps)
    peak = float(up) * total
    if not 0 < up < 1 or peak <= 1:
        raise DeclarationError(
            f"up must lie between 1 / steps and 1, got {up!r} of {steps} steps."
        )

    def factor(t: Tensor) -> Any:
        def anneal(a: float, b: float, share: Any) -> Any:
            part = API["minimum"](API["maximum"](share, 0.0), 1.0)
            return b + (a - b) * 0.5 * (1 + API["cos"](math.pi * part))

        rising = anneal(start, 1.0, (t - 1) / (peak - 1))
        falling = anneal(1.0, final, (t - peak) / (total - peak))
        return API["where"](t - 1 <= peak - 1, rising, falling)

    return Schedule(base, factor, "one_cycle")


@public
def piecewise(
    base: float, boundaries: Sequence[int], factors: Sequence[float]
) -> Schedule:
    """base · factors[i] after step boundaries[i − 1]; boundaries increase."""
    edges = [_positive("a boundary", b) for b in boundaries]
    if edges != sorted(edges) or len(factors) != len(edges) + 1:
        raise DeclarationError(
            "piecewise needs increasing boundaries and one factor more than boundaries."
        )

    def factor(t: Tensor) -> Any:
        result: Any = float(factors[0]) + 0.0 * t
        for edge, value in zip(edges, factors[1:], strict=True):
            result = API["where"](t > edge, float(value), result)
        return result

    return Schedule(base, factor, "piecewise")
