"""How objects of this room reach displays and reports that higher rooms implement.

In: a tensor, a model or a `Compilation`. Out: how a notebook shows it, or the report on
it. Invariant: showing an object never raises, and loads nothing before it is asked for.
`symdiff.__init__`, which may import every room, registers the implementations in
`DOORS`; no room imports one that comes after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# By what is asked for: "html", "latex", "text", "report", "explorer".
DOORS: dict[str, Callable[..., Any]] = {}


class Displayed:
    """Shows itself in notebooks."""

    __slots__ = ()

    def __init_subclass__(cls, **given: Any) -> None:
        """Let every class show itself: IPython prefers its own repr to a base's."""
        super().__init_subclass__(**given)
        cls._repr_pretty_ = Displayed._repr_pretty_  # type: ignore[method-assign]

    def _repr_html_(self) -> str | None:
        return _shown("html", self)

    def _repr_latex_(self) -> str | None:
        return _shown("latex", self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Write the equations for a terminal; the repr within lists."""
        nested = cycle or len(getattr(printer, "stack", ())) > 1
        printer.text((None if nested else _shown("text", self)) or repr(self))


def _shown(form: str, thing: object) -> str | None:
    try:
        found = DOORS[form](thing)
    except Exception:  # a notebook shows the repr instead
        return None
    return found if isinstance(found, str) else None
