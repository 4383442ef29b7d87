"""The names of `numpy.fft`, whose functions take symbolic tensors too."""

from __future__ import annotations

from typing import Any

import numpy

from symdiff.numpy.members import member, public_names

__all__ = public_names(numpy.fft)


def __getattr__(name: str) -> Any:
    """Return the name of `numpy.fft`."""
    found = globals()[name] = member(numpy.fft, name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
