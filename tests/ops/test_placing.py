"""Parts placed into zeros: which of them are set, and which are added."""

from __future__ import annotations

import random

import numpy as np

import symdiff as sd
from symdiff.ops.indexing.bounds import FEW, untouched
from symdiff.ops.indexing.slices import place_slices

SHAPE = (4, 5)


def entry(rng: random.Random, length: int) -> object:
    match rng.randrange(5):
        case 0 | 1:
            return rng.randrange(length)
        case 2:
            return slice(None, None, rng.choice([None, -1, 2]))
        case 3:
            return slice(rng.randrange(length), None)
    start = rng.randrange(length)
    return slice(start, rng.randint(start, length))


def test_what_is_called_untouched_is() -> None:
    rng = random.Random(0)
    seen = {True: 0, False: 0}
    for _ in range(3000):
        count = rng.randint(1, 6)
        indices = [tuple(entry(rng, n) for n in SHAPE) for _ in range(count)]
        taken = np.zeros(SHAPE, int)
        for index, new in zip(indices, untouched(indices), strict=True):
            seen[new] += 1
            assert not (new and taken[index].any()), indices
            if all(isinstance(e, int) for e in index) and not new:
                points = [i for i in indices if all(isinstance(e, int) for e in i)]
                assert taken[index] or len(points) < len(indices)
            taken[index] += 1
    assert min(seen.values()) > 1000


def test_ranges_beside_each_other_are_set() -> None:
    halves = [(slice(None, 2), slice(None)), (slice(2, None), slice(None))]
    rows = [(i, slice(None)) for i in range(4)]
    assert untouched(halves) == [True, True]
    assert untouched(rows) == [True] * 4
    assert untouched([*halves, (1, 3)]) == [True, True, False]


def test_many_parts_are_told_apart_in_linear_time() -> None:
    points = [(i % 7, i) for i in range(20_000)]
    assert all(untouched(points))
    stripes = [(slice(i, i + 1),) for i in range(20_000)]
    assert untouched(stripes)[: FEW + 1] == [True] * (FEW + 1)


def test_the_text_adds_only_where_something_is() -> None:
    parts = [sd.input(f"p{i}", n) for i, n in enumerate([2, 3, 2])]
    indices = [(slice(0, 2),), (slice(2, 5),), (slice(1, 3),)]
    found = place_slices(parts, (6,), indices)
    compiled = sd.compile(sd.Function("placed", parts, found), only=("forward",))
    text = compiled["forward"]
    assert "[0:2] = p0" in text
    assert "[2:5] = p1" in text
    assert "[1:3] += p2" in text
    values = [np.arange(1.0, n + 1) for n in (2, 3, 2)]
    got = compiled.load().forward.forward(*values)
    np.testing.assert_array_equal(got, [1, 3, 3, 2, 3, 0])
