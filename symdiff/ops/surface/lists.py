"""Lists of traced numbers as tensors, as NumPy makes arrays of lists of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API
from symdiff.ops.surface import lenient


def holds_tensor(value: Any) -> bool:
    """Whether a value is a tensor, or a list that holds one."""
    if isinstance(value, (tuple, list)):
        return any(map(holds_tensor, value))
    return isinstance(value, Tensor)


def joined(value: Any) -> Any:
    """Return nested lists that hold tensors as one tensor; other values as they are."""
    if not isinstance(value, (tuple, list)) or not holds_tensor(value):
        return value
    parts = [joined(v) for v in value]
    shapes = {np.shape(p) if not isinstance(p, Tensor) else p.shape for p in parts}
    if len(shapes) > 1:
        shown = ", ".join(map(str, shapes))
        raise ShapeError(
            f"a list of parts of different shapes ({shown}) is no array; "
            "np.concatenate joins arrays of different lengths."
        )
    return lenient.call(API["stack"], parts)
