"""Checks of an optimiser's arguments: numbers within bounds, and name patterns.

In: values of the user's. Out: the same, as numbers and maps. Invariant: a value that
does not fit is a `DeclarationError` that says what would.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from symdiff.declare.schedules import Schedule
from symdiff.graph.errors import DeclarationError

Hyper = float | Schedule  # what users give for a hyperparameter


def patterns(value: Any) -> Iterable[str]:
    listed = isinstance(value, (list, tuple, set, frozenset, type(None)))
    patterns = list(value or ()) if listed else [value]
    if not all(isinstance(p, str) for p in patterns):
        raise DeclarationError("frozen= is a name pattern, or a list of them.")
    return patterns


def bounds(value: Any) -> dict[str, float]:
    """Return ``max_norm=`` as a map from name pattern to bound."""
    found = (
        value if isinstance(value, Mapping) else {} if value is None else {"*": value}
    )
    for pattern, bound in found.items():
        if not isinstance(pattern, str):
            raise DeclarationError(
                "max_norm= is a number, or maps name patterns to some."
            )
        require(f"max_norm[{pattern!r}]", bound, 0, math.inf, open_low=True)
    return {pattern: float(bound) for pattern, bound in found.items()}


def number(what: str, value: Any) -> float:
    """Return a finite number; raise `DeclarationError` for anything else."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise DeclarationError(f"{what} must be a number, got {value!r:.60}.")
    try:
        found = float(value)
    except OverflowError:
        raise DeclarationError(f"{what} is too large for a float.") from None
    if not math.isfinite(found):
        raise DeclarationError(f"{what} must be finite, got {value!r}.")
    return found


def require(name: str, value: Any, low: float, high: float, *, open_low: bool) -> None:
    """Check ``low <= value < high`` (``low < value`` if ``open_low``).

    Of a schedule its base is checked.
    """
    found = number(name, value.base if isinstance(value, Schedule) else value)
    if not (low < found or (found == low and not open_low)) or found >= high:
        sign = "<" if open_low else "<="
        limit = "" if high == math.inf else f" < {high:g}"
        raise DeclarationError(f"needs {low:g} {sign} {name}{limit}, got {value!r}.")


def in_use(name: str, value: Hyper, options: Mapping[str, Any]) -> bool:
    """Whether a hyperparameter that may be left out is set, here or in a group."""
    groups = options.get("groups") or {}
    own = groups.values() if isinstance(groups, Mapping) else ()
    return bool(value) or any(name in v for v in own if isinstance(v, Mapping))
