"""The width of a float: as declared, or that of the run.

In: the name of a declared dtype. Out: NumPy's dtype. Invariant: a declared width holds
whatever the width of the other floats is; only plain ``float`` follows the run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from symdiff.graph.asked import NEUTRAL
from symdiff.graph.types import DType


def numpy_dtype(declared: str, neutral: str = "float64") -> np.dtype[Any]:
    """Return the dtype of a declaration when plain ``float`` means ``neutral``."""
    return np.dtype(neutral if declared == NEUTRAL else declared)


def is_declared(kind: object) -> bool:
    """Whether a type is a float of a declared width: float32 or float64."""
    return isinstance(kind, DType) and kind.name in ("float32", "float64")


def any_declared(leaves: Iterable[Any]) -> bool:
    """Whether any of these tensors or nodes has a declared float width."""
    return any(is_declared(leaf.dtype) for leaf in leaves)
