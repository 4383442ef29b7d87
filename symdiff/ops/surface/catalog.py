"""The one place that knows which modules define ops: all of this package.

In: nothing. Out: `OPS` and `API` filled. Invariant: a file added below `symdiff/ops`
is found without being named anywhere, in an order independent of the file system.
"""

from __future__ import annotations

import importlib
import pkgutil

import symdiff.ops

# Imported last and by name: it attaches what the others export.
_LAST = {"symdiff.ops.surface.catalog", "symdiff.ops.surface.operators"}


def load() -> None:
    """Import every module of ops, which registers its records and functions."""
    found = pkgutil.walk_packages(symdiff.ops.__path__, "symdiff.ops.")
    for name in sorted({m.name for m in found if not m.ispkg} - _LAST):
        importlib.import_module(name)
