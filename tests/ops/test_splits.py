"""Splits of axes of unknown length: equal parts, places to cut at, or why not."""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd

N = sd.dim("N")
SPLITS = ["split", "array_split", "hsplit", "vsplit", "dsplit"]


@pytest.mark.parametrize("name", SPLITS)
@pytest.mark.parametrize("length", [N, 2 * N, 3 * N + 1], ids=str)
def test_a_length_that_may_not_divide_says_so_and_what_to_do(name, length):
    x = sd.input("x", (length, length, length))
    with pytest.raises(sd.ShapeError) as caught:
        getattr(sd, name)(x, 3)
    said = str(caught.value)
    assert "known only when the function runs" in said
    assert "Declare the axis as 3 * sd.dim(...)" in said
    assert "as [2, 5]" in said


@pytest.mark.parametrize("name", SPLITS)
def test_both_remedies_do(name):
    array = np.arange(216.0).reshape(6, 6, 6)
    for sections, length in ((3, 3 * N), ([2, 5], N)):
        x = sd.input("x", (length, length, length))
        parts = getattr(sd, name)(x, sections)
        wanted = getattr(np, name)(array, sections)
        got = sd.interpret(parts, {x: array})
        for a, b in zip(got, wanted, strict=True):
            assert np.array_equal(a, b)
