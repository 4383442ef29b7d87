"""Places where a traced function finds a value that somebody else may exchange."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff import transforms as T  # noqa: N812 - as autograd's users would

X = np.array([1.5, 2.5, 3.5])

# A place: a function of x that reads a value there, and what puts a value there.
Place = tuple[Callable[[Any], Any], Callable[[Any], Any]]


class Box:
    """Holds a value; each place has one of its own."""

    def __init__(self, k: Any) -> None:
        self.k = k


def apply(x: Any, v: Any) -> Any:
    """Use a value: a function by calling it."""
    return v(x) if callable(v) else np.sum(x * v)


def putter(box: Box) -> Callable[[Any], Any]:
    """Return what exchanges the value in a box."""
    return lambda new: setattr(box, "k", new)


VALUES: dict[str, list[Any]] = {
    "number": [2.0, 3.0, 2.0, 5],
    "array": [np.ones(3), np.arange(3.0), np.ones(3), np.array([1, 2, 3])],
    "function": [np.sum, lambda x: np.sum(x**2), lambda x: x[0] * 4.0],
}
# The outer function is closed over, or handed over among the arguments.
GIVEN: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "closed over": lambda f: T.jit(lambda x: f(x)),
    "given": lambda f: functools.partial(T.jit(lambda x, g: g(x)), g=f),
}


def read_anew(
    place: Callable[[Any], Place],
    kind: str,
    transform: Callable[[Callable[[Any], Any]], Callable[[Any], Any]],
) -> None:
    """Hold the compiled function to NumPy after each change of what the place holds."""
    first, *others = VALUES[kind]
    f, put = place(first)
    compiled = transform(f)
    _agree(compiled, f)
    for new in others:
        put(new)
        _agree(compiled, f)


def _agree(compiled: Callable[[Any], Any], f: Callable[[Any], Any]) -> None:
    for _ in range(2):
        np.testing.assert_allclose(compiled(X), f(X))
