"""The modules of a generated package that `symdiff train` calls.

In: the package's train.py. Out: the module beside it that has the loop. Invariant: what
training does is what the package does by itself.
"""

from __future__ import annotations

import importlib
from typing import Any


def loop_of(train: Any) -> Any:
    """Return _fit.py of the package of a train.py."""
    return importlib.import_module("._fit", train.__package__)
