"""The order of a declaration, as paths of numbers.

In: tensors as they are made. Out: an `Order` for each. A `Part` of a declaration, such
as one side of a branch or what a rule builds in place of a tensor, takes one number in
the part around it and numbers the tensors made inside it. Invariant: what is made later
comes later, and everything made in a part lies between what was made before and after
it. The path alone tells whether a tensor belongs to a part.
"""

from __future__ import annotations

import itertools
from contextvars import ContextVar, Token

Order = tuple[int, ...]


class Part:
    """A part of a declaration; while it is open, new tensors belong to it."""

    __slots__ = ("_numbers", "_path", "_token")

    def __init__(self, path: Order) -> None:
        self._path = path
        self._numbers = itertools.count()

    def next(self) -> Order:
        """Return the order of the next tensor that is made in this part."""
        return (*self._path, next(self._numbers))

    def holds(self, order: Order) -> bool:
        """Whether a tensor of this order was made in this part."""
        return order[: len(self._path)] == self._path

    def __enter__(self) -> Part:
        self._token: Token[Part] = _open.set(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _open.reset(self._token)


_open: ContextVar[Part] = ContextVar("symdiff_part", default=Part(()))  # noqa: B039


def open_part() -> Part:
    """Return the part of the declaration in which tensors are made now."""
    return _open.get()


def part_here() -> Part:
    """Return a new part, which comes after all that has been made so far."""
    return Part(_open.get().next())
