"""Tracebacks of errors in notebooks, without the frames of symdiff itself.

In: an error that IPython is about to show. Out: its lines. Invariant: the error keeps
its traceback, so that a debugger sees all frames; outside of IPython nothing changes.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

from symdiff.graph.cells import running_shell

_PACKAGE = Path(__file__).parents[1]
_BETWEEN = ("numpy", "scipy", "sympy")  # they call symdiff on behalf of the user


def lines_of(error: BaseException) -> list[str]:
    """Return an error's traceback as IPython writes it, of the user's frames alone."""
    shell, shown = running_shell(), users_part(error.__traceback__)
    if shell is None:
        whole = traceback.format_exception(type(error), error, shown)
        return "".join(whole).splitlines()
    found = shell.InteractiveTB.structured_traceback(type(error), error, shown)
    return list(found)


def users_part(whole: TracebackType | None) -> TracebackType | None:
    """Return a traceback without internal frames; all of it if there are no others."""
    inside = tuple(f"{folder}{os.sep}" for folder in _folders())
    kept = []
    step = whole
    while step is not None:
        if not step.tb_frame.f_code.co_filename.startswith(inside):
            kept.append(step)
        step = step.tb_next
    found: TracebackType | None = None
    for step in reversed(kept):
        found = TracebackType(found, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return whole if found is None else found


def _folders() -> list[Path]:
    """Return the folders of symdiff and of the libraries that are loaded."""
    modules = [sys.modules.get(name) for name in _BETWEEN]
    files = [f for m in modules if (f := getattr(m, "__file__", None))]
    return [_PACKAGE, *(Path(f).parent for f in files)]
