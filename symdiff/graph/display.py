"""What notebooks ask of an object: how it is shown.

In: a tensor, a model, or what was compiled. Out: HTML or LaTeX, or None, where a plain
`repr` says as much. Invariant: showing an object never raises, and loads nothing before
it is asked for. What is shown is the matter of a front door, which stands above all
rooms: it is looked up by its name.
"""

from __future__ import annotations

from importlib import import_module

_DOOR = "symdiff.showing"


class Displayed:
    """Shows itself in notebooks."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        return _shown("html", self)

    def _repr_latex_(self) -> str | None:
        return _shown("latex", self)


def _shown(form: str, thing: object) -> str | None:
    try:
        found = getattr(import_module(_DOOR), form)(thing)
    except Exception:  # a notebook shows the repr instead
        return None
    return found if isinstance(found, str) else None
