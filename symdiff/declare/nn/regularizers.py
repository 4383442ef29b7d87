"""Penalties on parameters.

In: a tensor or containers of them, as `sd.params(z, "*.W")` gives. Out: a scalar to add
to the loss. Invariant: sums over elements, not halved and not averaged, so a factor
means the same whatever the sizes.

What acts on an update rather than on the loss is an option of the optimiser: decoupled
decay is ``sd.optim.AdamW``'s ``weight_decay``, and ``max_norm`` bounds the norm of each
unit's weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdiff.declare.leaves import flatten
from symdiff.graph.errors import DeclarationError
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.ops.surface.operators import API


@public
def l1(tensors: Any) -> Tensor:
    """Σ|p| over every element of a tensor or of a list of tensors."""
    return _penalty("l1", API["abs"], tensors)


@public
def l2(tensors: Any) -> Tensor:
    """Σp² over every element of a tensor or of a list of tensors (not halved)."""
    return _penalty("l2", API["square"], tensors)


@public
def elastic_net(tensors: Any, l1: float = 1e-4, l2: float = 1e-4) -> Tensor:
    """l1·Σ|p| + l2·Σp² (Zou & Hastie, JRSS B 2005, eq. 3)."""
    absolute = _penalty("elastic_net", API["abs"], tensors)
    squares = _penalty("elastic_net", API["square"], tensors)
    return l1 * absolute + l2 * squares


def _penalty(name: str, function: Callable[[Any], Any], tensors: Any) -> Tensor:
    found = flatten(tensors)
    if not found:
        raise DeclarationError(f"{name} of an empty list; pass at least one tensor.")
    total: Any = None
    for t in found:
        term = API["sum"](function(t))
        total = term if total is None else total + term
    return total
