"""How objects of this room reach displays and reports that higher rooms implement.

In: a tensor, a model or a `Compilation`. Out: how a notebook shows it, or the report on
it. Invariant: showing an object never raises, and loads nothing before it is asked for.
`symdiff.__init__`, which may import every room, registers the implementations in
`DOORS`; no room imports one that comes after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# By what is asked for: "html", "latex", "report", "explorer".
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
