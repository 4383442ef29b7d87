"""What does not depend on the steps of a loop is computed before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.tuples import item
from symdiff.rewrite.hoist import hoist_numbers, rows_of_one_value

T = sd.dim("T")
x = sd.input("x", (T, 2))
row = sd.input("row", (2,))
s = sd.input("s", ())


def _loop(*rows: sd.Tensor) -> sd.Tensor:
    """Return the node of a loop over rows, which reads s from outside."""

    def step(c: Any, at: Any) -> Any:
        for r in at:
            c = c * 0.5 + sd.sin(r) * s
        return c, c * at[0]

    return sd.scan(step, row, tuple(rows))[0].parents[0]


def _same(given: sd.Tensor, found: sd.Tensor | None) -> None:
    assert isinstance(found, Tensor)
    assert found.type == given.type
    rng = np.random.default_rng(0)
    for length in (3, 1, 0):
        point = {x: rng.normal(size=(length, 2)), row: rng.normal(size=2), s: 1.7}
        wanted = sd.interpret([item(given, 0), item(given, 1)], point)
        got = sd.interpret([item(found, 0), item(found, 1)], point)
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("same", [row, s], ids=["row", "number"])
def test_equal_rows_are_one_value(same: sd.Tensor) -> None:
    given = _loop(x, sd.broadcast_to(same, (T, 2)))
    found = rows_of_one_value(given)
    _same(given, found)
    assert found is not None
    assert (given.node.attrs["sequences"], found.node.attrs["sequences"]) == (2, 1)


def test_rows_that_differ_stay_rows() -> None:
    assert rows_of_one_value(_loop(x, x * 2)) is None


def test_numbers_from_outside_are_computed_once() -> None:
    def step(c: Any, r: Any) -> Any:
        half = sd.stop_gradient(s) / 2
        return c * half + r, half * r

    made = sd.scan(step, row, x)[0].parents[0]
    assert hoist_numbers(made) is None  # declaring the loop has done so
    found = rows_of_one_value(_scaled())
    assert found is not None
    hoisted = hoist_numbers(found)
    _same(found, hoisted)
    assert hoisted is not None
    assert hoist_numbers(hoisted) is None
    names = [n.op.name for n in hoisted.node.attrs["body"].nodes]
    assert "divide" not in names


def _scaled() -> sd.Tensor:
    """Return a loop in which a row that is one number is divided by two."""

    def step(c: Any, at: Any) -> Any:
        r, number = at
        return c * (number / 2) + r, (number / 2) * r

    return sd.scan(step, row, (x, sd.broadcast_to(s, (T,))))[0].parents[0]
