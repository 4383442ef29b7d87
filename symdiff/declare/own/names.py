"""The names of the records of the user's own ops.

In: the user's name, and what the op computes. Out: the name of its record. Invariant:
different content has a different name, and no built-in op can be replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from symdiff.graph.errors import DeclarationError
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API
from symdiff.ops.core.record import OPS


def record_name(name: Any, content: str) -> str:
    """Return the name of a record: the user's and a digest of what it computes."""
    if not isinstance(name, str) or not name.isidentifier():
        raise DeclarationError(f"op name {name!r} is not an identifier.")
    if name in OPS or name in API:
        raise DeclarationError(
            f"{name!r} is an op of symdiff's own; choose another name, for example "
            f"my_{name}."
        )
    return f"{name}@{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def published(
    call: Callable[..., Tensor], name: str, doc: str
) -> Callable[..., Tensor]:
    """Return a function as the user finds it: its name, its text for `help`."""
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{doc}."
    return public(call)
