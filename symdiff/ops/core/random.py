"""Random leaves: one keyed draw each.

In: a shape. Out: a leaf whose value is a function of the run's key and of the leaf's
place among the random leaves of what is compiled. Invariant: a leaf is drawn once, so
forward and backward see one mask, and two leaves never share one. In the body of a loop
one draw would serve every step, so drawing is refused there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.provenance import capture, locate
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, Shape, as_shape, broadcast_shapes
from symdiff.ops.core.closure import IN_LOOP
from symdiff.ops.core.draws import DRAWS
from symdiff.ops.core.leaf import RANDOM
from symdiff.ops.core.operands import api, as_tensor


@api("random.uniform")
def uniform(shape: Any = None, low: Any = 0.0, high: Any = 1.0) -> Tensor:
    """Independent draws from [low, high), of 24 random bits each.

    ``low`` and ``high`` are numbers or tensors that broadcast to ``shape``; without a
    shape there is one draw for each element of what they broadcast to. Where they are
    not 0 and 1, rounding may give ``high`` itself: in float32 once in some ten million.
    """
    drawn = _leaf("uniform", shape, low=low, high=high)
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        if not low < high:
            raise DeclarationError(
                f"uniform needs low < high, got {low!r} and {high!r}."
            )
        if (low, high) == (0, 1):
            return drawn
        scaled = drawn * (high - low)
        return scaled if low == 0 else low + scaled
    low, high = as_tensor(low), as_tensor(high)
    return low + drawn * (high - low)


@api("random.normal")
def normal(shape: Any = None, mean: Any = 0.0, std: Any = 1.0) -> Tensor:
    """Independent normal draws with ``mean`` and standard deviation ``std``.

    They are numbers or tensors that broadcast to ``shape``; without a shape there is
    one draw for each element of what they broadcast to.
    """
    drawn = _leaf("normal", shape, mean=mean, std=std)
    if not isinstance(std, (int, float)) or std != 1:
        drawn = drawn * as_tensor(std)
    number = isinstance(mean, (int, float))
    return drawn if number and mean == 0 else as_tensor(mean) + drawn


@api("random.bernoulli")
def bernoulli(p: Any, shape: Any = None) -> Tensor:
    """Booleans, each true with probability ``p``, independently.

    ``p`` is a number or a tensor that broadcasts to ``shape``; without a shape there is
    one draw for each of its elements.
    """
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise DeclarationError(f"bernoulli needs 0 <= p <= 1, got {p!r}.")
    return _leaf("uniform", shape, p=p) < as_tensor(p)


def _shape_of(shape: Any, given: Mapping[str, Any]) -> Shape:
    """Return the shape of a draw, which covers each argument element by element."""
    shapes = {name: as_tensor(value).shape for name, value in given.items()}
    if shape is None:
        return broadcast_shapes(*shapes.values())
    own = as_shape(shape)
    for name, other in shapes.items():
        with suppress(ShapeError):
            if broadcast_shapes(own, other) == own:
                continue
        raise DeclarationError(
            f"{name} has shape ({', '.join(map(str, other))}), which does not "
            f"broadcast to the draws' ({', '.join(map(str, own))}): its elements "
            f"would share a draw. Leave the shape out for a draw for each of them."
        )
    return own


def _leaf(kind: str, shape: Any, **given: Any) -> Any:
    if IN_LOOP.get():
        refused = DeclarationError(
            "random numbers (or dropout) in the body of a loop would be drawn once and "
            "used in every step: draw them before the loop with a first axis of steps, "
            "such as sd.random.normal((T, ...)), and give them to sd.scan or sd.map "
            "among xs, or, where all steps are to share one draw, draw that before the "
            "loop."
        )
        raise locate(refused, capture())
    size = _shape_of(shape, given)
    return apply(RANDOM, name="", shape=size, dtype=FLOAT, kind=kind)


def draw(
    kind: str, key: int, site: int, shape: tuple[int, ...], dtype: Any
) -> np.ndarray:
    """Return the value of a random leaf: what generated code computes for it."""
    return DRAWS[kind](key, site, shape, dtype)
