"""The one place that knows which modules define ops: all of this package.

In: nothing. Out: `OPS` and `API` filled. Invariant: a file added to `symdiff/ops` is
found without being named anywhere, and in an order that does not depend on the file
system.
"""

from __future__ import annotations

import importlib
import pkgutil

import symdiff.ops

# Imported last and by name: it attaches what the others export.
_LAST = {"catalog", "operators"}


def load() -> None:
    """Import every module of ops, so that their records and functions are
    registered.
    """
    names = (module.name for module in pkgutil.iter_modules(symdiff.ops.__path__))
    for name in sorted(set(names) - _LAST):
        importlib.import_module(f"symdiff.ops.{name}")
