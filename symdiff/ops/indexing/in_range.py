"""Computed indices, checked at run time against the axis that they index.

In: computed integers whose range is not known. Out: the same integers. Invariant: an
integer below 0, which NumPy would count from the end, or beyond the axis raises a
ValueError that says what was computed and from which arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import DTypeError
from symdiff.graph.types import Dim, TensorType
from symdiff.ops.core import interval
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.helpers import helper
from symdiff.ops.core.record import primitive
from symdiff.ops.core.text import dim_text


@helper
def _in_range(indices, length, name):  # type: ignore[no-untyped-def]
    """Return computed indices; raise where NumPy would count one from the end."""
    outside = np.extract((indices < 0) | (indices >= length), indices)
    if outside.size:
        words = f"expected values >= 0 and < {length}, got {outside[0]}"
        raise ValueError(f"{name}: {words}")
    return indices


def _infer(indices: TensorType, *, length: Dim, name: str) -> TensorType:
    if not indices.dtype.is_integer:
        raise DTypeError(f"indices must be integers, got {indices.dtype}")
    return indices


def _evaluate(indices: Any, *, length: int, name: str) -> Any:
    return _in_range(np.asarray(indices), length, name)


IN_RANGE = primitive(
    "in_range",
    _infer,
    _evaluate,
    vjp=None,
    jvp=None,
    text=lambda node: (
        f"_help_in_range(_0, {dim_text(node.attrs['length'])}, {node.attrs['name']!r})"
    ),
    latex="{0}",
    view=True,
    facts=Facts(interval=interval.below_length),
)
