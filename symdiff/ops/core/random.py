"""Random leaves: one keyed draw each.

In: a shape. Out: a leaf whose value is a function of the run's key and of the leaf's
place among the random leaves of what is compiled. Invariant: a leaf is drawn once, so
forward and backward see one mask, and two leaves never share one. In the body of a loop
one draw would serve every step, so drawing is refused there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError
from symdiff.graph.provenance import capture, locate
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, as_shape
from symdiff.ops.core.closure import IN_LOOP
from symdiff.ops.core.draws import DRAWS
from symdiff.ops.core.leaf import RANDOM
from symdiff.ops.core.operands import api


@api("random.uniform")
def uniform(shape: Any = (), low: Any = 0.0, high: Any = 1.0) -> Tensor:
    """Independent draws from [low, high), of 24 random bits each."""
    drawn = _leaf("uniform", shape)
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        if not low < high:
            raise DeclarationError(
                f"uniform needs low < high, got {low!r} and {high!r}."
            )
        if (low, high) == (0, 1):
            return drawn
        scaled = drawn * (high - low)
        return scaled if low == 0 else low + scaled
    return low + drawn * (high - low)


@api("random.normal")
def normal(shape: Any = (), mean: Any = 0.0, std: Any = 1.0) -> Tensor:
    """Independent normal draws with ``mean`` and standard deviation ``std``."""
    drawn = _leaf("normal", shape)
    if not isinstance(std, (int, float)) or std != 1:
        drawn = drawn * std
    return drawn if isinstance(mean, (int, float)) and mean == 0 else mean + drawn


@api("random.bernoulli")
def bernoulli(p: Any, shape: Any = ()) -> Tensor:
    """Booleans, true with probability ``p`` (a number or a tensor that broadcasts)."""
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise DeclarationError(f"bernoulli needs 0 <= p <= 1, got {p!r}.")
    return _leaf("uniform", shape) < p


def _leaf(kind: str, shape: Any) -> Any:
    if IN_LOOP.get():
        refused = DeclarationError(
            "random numbers (or dropout) in the body of a loop would be drawn once and "
            "used in every step: draw them before the loop with a first axis of steps, "
            "such as sd.random.normal((T, ...)), and give them to sd.scan or sd.map "
            "among xs, or, where all steps are to share one draw, draw that before the "
            "loop."
        )
        raise locate(refused, capture())
    return apply(RANDOM, name="", shape=as_shape(shape), dtype=FLOAT, kind=kind)


def draw(
    kind: str, key: int, site: int, shape: tuple[int, ...], dtype: Any
) -> np.ndarray:
    """Return the value of a random leaf: what generated code computes for it."""
    return DRAWS[kind](key, site, shape, dtype)
