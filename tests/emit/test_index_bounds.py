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


_N = sd.dim("N")
_ROWS = {
    "element": lambda x: x[1],
    "take": lambda x: sd.take(x, [1], axis=0),
    "take of a number": lambda x: sd.take(x, 1, axis=0),
    "take from the end": lambda x: sd.take(x, [-2], axis=0),
    "list": lambda x: x[[1]],
    "two lists": lambda x: x[[0, 1], [0, 1]],
    "beside a list": lambda x: x[1, [0, 1]],
    "from the end beside a list": lambda x: x[-2, [0, 1]],
    "flat": lambda x: sd.take(x, [2]),
    "along an axis": lambda x: sd.take_along_axis(x, np.array([[0, 1]]), axis=0),
    "set": lambda x: x.at(1).set(2.0),
    "add": lambda x: x.at(1).add(2.0),
    "set a slice": lambda x: x.at((slice(0, 2),)).set(2.0),
    "set a list": lambda x: x.at([1]).set(2.0),
    "add to a list": lambda x: x.at([1]).add(2.0),
    "set beside a list": lambda x: x.at((1, [0, 1])).set(2.0),
}


@pytest.mark.parametrize("name", _ROWS)
def test_a_constant_index_is_held_to_a_length_known_at_run_time(name: str) -> None:
    x = sd.input("x", (_N, 2))
    f = forward("rows", [x], _ROWS[name](x))
    for length in (0, 1):
        with pytest.raises(ValueError, match="of an axis of length"):
            f(np.ones((length, 2)))
    f(np.ones((2, 2)))


def test_an_index_of_nothing_needs_no_elements() -> None:
    x = sd.input("x", (_N, 2))
    assert forward("none", [x], x[[]])(np.ones((0, 2))).shape == (0, 2)
