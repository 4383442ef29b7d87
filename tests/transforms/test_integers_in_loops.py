"""In a plain function, a loop that starts from an integer computes integers.

As under NumPy, and for as long as its steps do: floats would round what is above 2**53,
and above 2**24 in a call with float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.transforms import grad, jit

N = np.array([2**60 + 1, 20_000_001, -7])


def by_hand(body: Callable[[Any, Any], Any], init: Any, xs: Any) -> Any:
    carry, ys = init, []
    for x in xs:
        carry, y = body(carry, x)
        ys.append(y)
    if isinstance(ys[0], tuple):
        return carry, tuple(map(np.array, zip(*ys, strict=True)))
    return carry, np.array(ys)


def congruent(seed: Any) -> Any:
    return (seed * 1_103_515_245 + 12_345) % 2**31


SCANS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda scan, n: scan(lambda c, r: (c + r, c), 0, n),
    "NumPy's number": lambda scan, n: scan(lambda c, r: (c + r, c), np.int64(5), n),
    "congruent numbers": lambda scan, n: scan(lambda c, r: (congruent(c), c), 42, n),
    "counter": lambda scan, n: scan(
        lambda c, r: ((c[0] + 1, c[1] * 0.5 + r), c), (0, 1.0), n
    ),
    "turns to floats": lambda scan, n: scan(lambda c, r: (c + r * 0.5, c), 0, n),
    "one of two turns": lambda scan, n: scan(
        lambda c, r: ((c[0] + r, c[1] + r * 0.5), c), (0, 0), n
    ),
    "root": lambda scan, n: scan(lambda c, r: (np.sqrt(c + r % 9), c), 1, n),
    "number for each step": lambda scan, n: scan(lambda c, r: (c, 2**60 + 1), 0, n),
}


@pytest.mark.parametrize("wide", [np.float32, np.float64])
@pytest.mark.parametrize("use", SCANS.values(), ids=SCANS)
def test_scans_start_from_integers(use: Callable[[Any, Any], Any], wide: Any) -> None:
    one = np.ones(1, wide)  # the floats of the call are as wide
    found = jit(lambda n, x: (use(sd.scan, n), x))(N, one)[0]
    compare(found, use(by_hand, N), wide)


def compare(got: Any, expected: Any, wide: Any) -> None:
    if isinstance(expected, tuple):
        for g, e in zip(got, expected, strict=True):
            compare(g, e, wide)
        return
    kind = np.asarray(expected).dtype.kind
    assert np.asarray(got).dtype.kind == kind
    if kind == "i":
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_while_loops_count_in_integers() -> None:
    start = 2**24
    found = jit(
        lambda x: sd.while_loop(
            lambda c: (c[0] < start + 3) & (c[2] < 9),
            lambda c: (c[0] + 1, c[1] * 2, c[2] + 1),
            (start, x[0], 0),
        )
    )(np.ones(1, np.float32))
    assert [int(v) for v in found] == [start + 3, 8, 3]
    assert found[0].dtype == np.int64


def test_map_stacks_integers() -> None:
    found = jit(lambda x: (sd.map(lambda r: 20_000_001, x), x))(np.ones(2, np.float32))
    assert found[0].tolist() == [20_000_001] * 2


def test_slopes_of_floats_beside_counters() -> None:
    def total(x: Any) -> Any:
        return sd.scan(lambda c, r: ((c[0] + 1, c[1] + c[0] * r), None), (1, 0), x)[0][
            1
        ]

    np.testing.assert_array_equal(grad(total)(np.ones(3)), [1.0, 2.0, 3.0])


def test_bodies_that_keep_their_types_are_seen_once() -> None:
    seen = []

    def body(c: Any, r: Any) -> Any:
        seen.append(c.dtype.kind)
        return c + 1, None

    jit(lambda x: sd.scan(body, 0, x))(np.ones(3))
    assert seen == ["i"]
