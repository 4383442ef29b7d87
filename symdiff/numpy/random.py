"""The names of `numpy.random`, which are NumPy's own: draws are made outside of traces.

A traced function that draws is refused, as its draws would be those of the first call.
"""

from __future__ import annotations

from typing import Any

import numpy

from symdiff.numpy.members import own_member, public_names

__all__ = public_names(numpy.random)


def __getattr__(name: str) -> Any:
    """Return the name of `numpy.random`."""
    return own_member(numpy.random, name)


def __dir__() -> list[str]:
    return sorted(__all__)
