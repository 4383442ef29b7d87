"""Iterators that a traced function reads: one that runs on by itself is refused."""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from transforms.captured_places import X

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would


def numbers() -> Iterator[float]:
    value = 0.0
    while True:
        value += 1.0
        yield value


RUNNING: dict[str, Callable[[], Iterator[Any]]] = {
    "a generator": numbers,
    "an expression": lambda: (v for v in (1.0, 2.0)),
    "count": itertools.count,
    "cycle": lambda: itertools.cycle([1.0, 2.0]),
    "of a list": lambda: iter([1.0, 2.0, 3.0, 4.0, 5.0]),
    "zip": lambda: zip([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], strict=True),
    "map": lambda: map(float, [1, 2, 3]),
}


@pytest.mark.parametrize("kind", RUNNING)
@pytest.mark.parametrize("held", ["bare", "attribute", "list", "class", "argument"])
def test_an_iterator_that_advances_is_refused(kind: str, held: str) -> None:
    it = RUNNING[kind]()
    box = types.SimpleNamespace(stream=it)
    inside = [it]
    own = type("Own", (), {"stream": it})
    read = {
        "bare": lambda x: x * np.sum(next(it)),
        "attribute": lambda x: x * np.sum(next(box.stream)),
        "list": lambda x: x * np.sum(next(inside[0])),
        "class": lambda x: x * np.sum(next(own.stream)),
        "argument": lambda x, i=None: x * np.sum(next(i)),
    }[held]
    given = (X, it) if held == "argument" else (X,)
    with pytest.raises(sd.TracingError, match="iterator"):
        T.jit(read)(*given)


def test_an_iterator_made_inside_stays() -> None:
    compiled = T.jit(lambda x: sum(x * v for v in itertools.chain([1.0], [2.0])))
    np.testing.assert_allclose(compiled(X), 3 * X)


def test_state_that_a_function_counts_up_is_read_anew() -> None:
    """An iterator of the user's: each call traces, and gives its own number."""

    class Steps:
        def __init__(self) -> None:
            self.n = 0.0

        def __next__(self) -> float:
            self.n += 1.0
            return self.n

    mine, numpys = Steps(), Steps()
    compiled = T.jit(lambda x: x * next(mine))
    for _ in range(3):
        np.testing.assert_allclose(compiled(X), X * next(numpys))
