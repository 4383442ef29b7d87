"""A student's file before it is run: whether it can be read, and what it imports.

In: a path, or the text of a file. Out: sentences. Invariant: nothing of it is executed.
"""

from __future__ import annotations

import ast
import stat
from pathlib import Path

DERIVING = ("symdiff", "jax", "torch", "autograd", "tensorflow", "sympy", "casadi")
LONGEST = 1_000_000  # bytes of a file that is graded


def unread(file: Path) -> str:
    """Return words for why a file is not read."""
    try:
        about = file.stat()
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    if not stat.S_ISREG(about.st_mode):
        return "it is no regular file"
    if about.st_size > LONGEST:
        return f"it has more than {LONGEST:,} bytes"
    return "it may not be read"


def imports_noted(text: str) -> list[str]:
    """Return notes on imported packages that can derive gradients."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    used = sorted(found & set(DERIVING))
    return [f"it imports {', '.join(used)}, which can derive gradients"] if used else []
