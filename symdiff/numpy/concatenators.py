"""``np.r_`` and ``np.c_`` of tensors: arrays joined by what stands in brackets."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API
from symdiff.ops.surface import lenient
from symdiff.ops.surface.lists import joined
from symdiff.ops.surface.made import is_symbolic, made


class Concatenator:
    """Joins arrays, numbers and ranges along an axis, as ``np.r_[a, 0, 1:5]``.

    ``axis`` is the one they are joined along, ``ndim`` how many axes each part has at
    least, ``place`` where the axes of a smaller part stand among them (-1: last).
    """

    def __init__(self, theirs: Any, axis: int, ndim: int, place: int) -> None:
        self._theirs = theirs
        self._defaults = (axis, ndim, place)

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not any(_symbolic(p) for p in parts):
            return made(self._theirs[key], ())
        axis, ndim, place = self._defaults
        if isinstance(parts[0], str):
            axis, ndim, place = self._directive(parts[0])
            parts = parts[1:]
        found = [_part(p, ndim, place) for p in parts]
        return lenient.call(API["concatenate"], found, axis)

    def _directive(self, text: str) -> tuple[int, int, int]:
        """Read ``"axis"``, ``"axis,ndim"`` or ``"axis,ndim,place"``."""
        try:
            numbers = [int(n) for n in text.split(",")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 3:
            raise DeclarationError(
                f"the directive {text!r} of np.r_ or np.c_ is not one for tensors: "
                'write integers, as in np.r_["0,2", a, b].'
            )
        return (*numbers, *self._defaults[len(numbers) :])  # type: ignore[return-value]

    def __len__(self) -> int:
        return 0


def _symbolic(part: Any) -> bool:
    if isinstance(part, slice):
        return any(map(is_symbolic, (part.start, part.stop, part.step)))
    return is_symbolic(part)


def _part(value: Any, ndim: int, place: int) -> Any:
    """Return one part as an array of at least ``ndim`` axes, numbers too."""
    if isinstance(value, slice):
        found = _range(value) if _symbolic(value) else np.r_[value]
    else:
        found = joined(value)
    shape = found.shape if isinstance(found, Tensor) else np.shape(found)
    missing = max(ndim, 1) - len(shape)
    if missing <= 0:
        return found
    before = missing if place == -1 or not shape else place % (missing + 1)
    return API["reshape"](found, (*(1,) * before, *shape, *(1,) * (missing - before)))


def _range(value: slice) -> Any:
    """Return ``start:stop:nj`` of tensors as n evenly spaced numbers."""
    if not isinstance(value.step, complex):
        raise DeclarationError(
            "a range with a traced bound has a length that depends on values; write "
            "start:stop:nj for n numbers, or np.linspace."
        )
    start = 0 if value.start is None else value.start
    return API["linspace"](start, value.stop, int(abs(value.step)))


r_ = Concatenator(np.r_, 0, 1, -1)
c_ = Concatenator(np.c_, -1, 2, 0)
