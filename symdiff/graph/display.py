"""What an object of a lower room is asked that only a higher room can answer.

In: a tensor, a model, or what was compiled. Out: how a notebook shows it, or the report
on it. Invariant: showing an object never raises, and loads nothing before it is asked
for. The package's front, which knows every room, says in `DOORS` who answers; no room
imports one above it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# What is asked: "html", "latex", "report", "explorer". Filled by `symdiff.__init__`.
DOORS: dict[str, Callable[..., Any]] = {}


class Displayed:
    """Shows itself in notebooks."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        return _shown("html", self)

    def _repr_latex_(self) -> str | None:
        return _shown("latex", self)


def _shown(form: str, thing: object) -> str | None:
    try:
        found = DOORS[form](thing)
    except Exception:  # a notebook shows the repr instead
        return None
    return found if isinstance(found, str) else None
