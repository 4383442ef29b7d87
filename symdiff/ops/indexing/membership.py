"""Which set, class or interval elements are in: `isin`, `bincount` and `digitize`."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import INT64
from symdiff.ops.core.operands import api, as_tensor, float_operand, known_values
from symdiff.ops.elementwise.arithmetic import as_float
from symdiff.ops.elementwise.comparisons import equal, greater_equal, logical_not, where
from symdiff.ops.indexing.gather import scatter_add
from symdiff.ops.indexing.sorting import searchsorted
from symdiff.ops.indexing.taking import at_axis, label_operand
from symdiff.ops.reduce.sums import any_
from symdiff.ops.shape.broadcasting import full
from symdiff.ops.shape.views import expand_dims, ravel


@api("isin")
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each element is one of ``test_elements``, or none if ``invert``."""
    x, tests = float_operand(element), ravel(float_operand(test_elements))
    found = any_(equal(expand_dims(x, x.ndim), tests), -1)
    return logical_not(found) if invert else found


@api("bincount")
def bincount(x: Any, weights: Any = None, minlength: Any = 0) -> Tensor:
    """How often each of 0, 1, 2, ... is in the integer vector ``x``.

    With ``weights`` their sums, which are differentiable. Unless x is a constant, there
    are ``minlength`` classes, and the generated code raises for integers beyond them.
    """
    if not isinstance(minlength, (int, np.integer)) or minlength < 0:
        raise DeclarationError(
            "bincount needs minlength to be an integer of 0 or more, got "
            f"{minlength!r}."
        )
    length = int(minlength)
    tensor = as_tensor(x)
    if tensor.ndim != 1:
        raise ShapeError(f"bincount needs a vector of integers, got {tensor.type}.")
    value = known_values(x)
    if value is not None:
        length = max(length, int(value.max()) + 1 if value.size else 0)
    elif not length:
        raise ShapeError(
            "the length of bincount's result depends on values, which the generated "
            "code's shapes cannot; give the number of classes as minlength=."
        )
    labels = label_operand(tensor, length)
    if weights is None:
        counted = full(tensor.shape, 1, INT64)
    else:
        counted = as_float(float_operand(weights))
        if counted.ndim != 1 or not may_agree(counted.shape[0], tensor.shape[0]):
            raise ShapeError(
                f"bincount needs a weight for each of {tensor.shape[0]} integers, got "
                f"shape {counted.shape}."
            )
    return scatter_add(counted, [labels], (length,), at_axis(0))


@api("digitize")
def digitize(x: Any, bins: Any, right: bool = False) -> Tensor:
    """The number of the bin that each element is in, as int64.

    ``bins`` are the edges, a vector that ascends or descends. An element on an edge is
    in the bin above it or, if ``right``, below it.
    """
    edges, side = as_tensor(bins), "left" if right else "right"
    if edges.ndim != 1:
        raise ShapeError(f"digitize needs a vector of bins, got shape {edges.shape}.")
    value = known_values(bins)
    if value is None:
        up = greater_equal(edges[-1], edges[0])
        return where(up, searchsorted(edges, x, side), _down(edges, x, side))
    steps = np.diff(value)
    if (steps >= 0).all():
        return searchsorted(edges, x, side)
    if not (steps <= 0).all():
        raise DeclarationError("digitize needs bins that ascend or descend.")
    return _down(edges, x, side)


def _down(edges: Tensor, x: Any, side: str) -> Any:
    """Return places in a row that descends: what is not above, from its other end."""
    return edges.shape[0] - searchsorted(edges[::-1], x, side)
