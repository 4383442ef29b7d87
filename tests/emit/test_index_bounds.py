"""Integer inputs that index are range-checked at the entry of generated functions."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

N = sd.dim("N")


def forward(name: str, inputs: list[Any], value: Any) -> Callable[..., Any]:
    """Return the generated forward function of one value."""
    function = sd.Function(name, inputs, {"y": value})
    module = sd.compile(function, only=("forward",)).load()
    return importlib.import_module(f"{module.__name__}.forward").forward  # type: ignore[no-any-return]


def rows_and_columns() -> Callable[..., Any]:
    """q[i, j] over a symbolic and a known axis."""
    q = sd.input("q", (N, 6))
    i, j = (sd.input(name, (3,), dtype="int64") for name in "ij")
    return forward("rows_and_columns", [q, i, j], q[i, j])


@pytest.mark.parametrize(
    ("i", "j", "words"),
    [
        ([0, 1, -1], [0, 1, 2], "i: expected values >= 0"),
        ([0, 1, 3], [0, -1, 5], "j: expected values >= 0"),
        ([0, 1, 3], [0, 1, 6], "j: expected values < 6"),
        ([0, 1, 4], [0, 1, 2], "index 4 is out of bounds for axis 0"),
    ],
)
def test_an_index_out_of_range_is_an_error(
    i: list[int], j: list[int], words: str
) -> None:
    with pytest.raises((ValueError, IndexError)) as caught:
        rows_and_columns()(np.ones((4, 6)), np.array(i), np.array(j))
    assert words in str(caught.value)


def test_an_index_in_range_is_read() -> None:
    q = np.arange(24.0).reshape(4, 6)
    found = rows_and_columns()(q, np.array([0, 1, 3]), np.array([0, 1, 5]))
    np.testing.assert_array_equal(found, [0, 7, 23])


def test_integers_that_are_indexed_are_not_bounded() -> None:
    q, i = sd.input("q", (6,), dtype="int64"), sd.input("i", (3,), dtype="int64")
    found = forward("indexed", [q, i], sd.take(q, i))(
        np.arange(6) * 100 - 5, np.array([0, 1, 5])
    )
    np.testing.assert_array_equal(found, [-5, 95, 495])
