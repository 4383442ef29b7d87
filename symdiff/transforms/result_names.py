"""What the results of transforms are called in generated code: ``d_x``, ``value``.

In: the names of a function's arguments. Out: names in containers of the results' form.
Invariant: these are functions of the module, so objects that hold them are pickled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.declare.trees import Path
from symdiff.transforms.points import Argnum, positions


def placed(prefixes: Any, path: Path) -> Path:
    """Return the path of a result with its prefix, such as ``d_x`` or ``value``."""
    if isinstance(prefixes, str):
        return (prefixes, *path)
    if prefixes and path:
        return placed(prefixes[int(path[0])], path[1:])
    return path


def named(argnum: Argnum, names: Sequence[str]) -> Any:
    """Return the names of gradients: ``d_x``."""
    chosen = [f"d_{names[i]}" for i in positions(argnum, len(names))]
    return chosen[0] if isinstance(argnum, (int, np.integer)) else chosen


def named_before(argnum: Argnum, names: Sequence[str]) -> Any:
    """Return the names of gradients where a vector follows the arguments."""
    return named(argnum, names[:-1])


def named_with_aux(argnum: Argnum, names: Sequence[str]) -> Any:
    return (named(argnum, names), "aux")


def named_with_value(argnum: Argnum, has_aux: bool, names: Sequence[str]) -> Any:
    return (("value", "aux") if has_aux else "value", named(argnum, names))
