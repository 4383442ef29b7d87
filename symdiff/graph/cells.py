"""Cells of notebooks: the places in them as the user sees them, ``In [3]``.

In: the file name that a cell's code was compiled with. Out: the cell's name. Invariant:
IPython is asked only where it runs already; without it the name alone tells.
"""

from __future__ import annotations

import re
import sys
from pathlib import PurePath
from typing import Any

# IPython's own names for the code of a cell, those of ipykernel, and of VS Code.
_NUMBERED = re.compile(r"<?(?:.*[\\/])?ipython-input-(\d+)-\w+(?:\.py)?>?")
_TEMPORARY = re.compile(
    r".*[\\/]ipykernel_\d+[\\/]\w+\.py|<?(?:.*[\\/])?ipython-input-\w+(?:\.py)?>?"
    r"|vscode-notebook-cell:.*"
)
UNNUMBERED = "In [ ]"


def cell_of(filename: str) -> str:
    """Return ``In [3]`` for the code of a notebook's cell, nothing for other code."""
    if "ipy" not in filename and "notebook" not in filename and running_shell() is None:
        return ""  # which is what nearly all are asked for
    if (found := _NUMBERED.fullmatch(filename)) is not None:
        return f"In [{found[1]}]"
    number = _number_of(filename)
    if number:
        return f"In [{number}]"
    return UNNUMBERED if _TEMPORARY.fullmatch(filename) else ""


def name_of(filename: str) -> str:
    """Return the name of a cell, else the last part of a path."""
    return cell_of(filename) or PurePath(filename).name


def running_shell() -> Any:
    """Return the IPython shell that runs, None where there is none."""
    ipython = sys.modules.get("IPython")
    try:
        return None if ipython is None else ipython.get_ipython()
    except Exception:  # IPython is being loaded, or it is another module of that name
        return None


def _number_of(filename: str) -> str:
    """Return the number that the shell that runs knows a cell by."""
    shell = running_shell()
    try:
        label = None if shell is None else shell.compile.format_code_name(filename)
        found = None if label is None else re.fullmatch(r"In\s?\[(\d+)\]", label[1])
    except Exception:  # an earlier IPython
        return ""
    return "" if found is None else found[1]
