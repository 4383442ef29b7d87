"""The width of a float: the one it is declared in, or the one that a run has.

In: what an array is declared, by name. Out: NumPy's dtype. Invariant: a width that is
declared holds whatever the other floats have; only the float of either width follows
them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from symdiff.graph.asked import NEUTRAL
from symdiff.graph.types import FLOAT32, FLOAT64, DType


def numpy_dtype(declared: str, neutral: str = "float64") -> np.dtype[Any]:
    """Return the dtype of what is ``declared`` so in a run of ``neutral`` floats."""
    return np.dtype(neutral if declared == NEUTRAL else declared)


def is_declared(kind: object) -> bool:
    """Whether a type is a float of a width of its own."""
    return isinstance(kind, DType) and kind in (FLOAT32, FLOAT64)


def any_declared(leaves: Iterable[Any]) -> bool:
    """Whether the width of any of some tensors, or nodes, is declared."""
    return any(is_declared(leaf.dtype) for leaf in leaves)
