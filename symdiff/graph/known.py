"""The values of tensors that no leaf reaches: they are known where they are declared.

In: a tensor, such as ``sd.zeros(3)`` or what was computed of it. Out: its array, or
None where an argument, a parameter, a draw or a symbolic length has a part in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import SymdiffError
from symdiff.graph.interpret import interpret
from symdiff.graph.memory import current
from symdiff.graph.order import part_here
from symdiff.graph.tensor import Tensor


def known(tensor: Tensor) -> Any:
    """Return the value of a tensor that depends on nothing, in double precision."""
    value = current(tensor)
    waiting, seen = [value.node], {value.node}
    while waiting:
        node = waiting.pop()
        if node.op.leaf:
            return None
        fresh = [n for n in node.inputs if n not in seen]
        seen.update(fresh)
        waiting += fresh
    try:
        with part_here():
            return np.asarray(interpret(value, {}))
    except (SymdiffError, KeyError):  # a symbolic length
        return None
