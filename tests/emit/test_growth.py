"""No function of the compiler is called more often than in proportion to the graph."""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from collections.abc import Callable

import pytest

import symdiff as sd

MANY = 2_000  # calls: what is called less often may have a share that is there once


def layers(count: int) -> sd.Function:
    """Layers with shared weights, whose cotangent is a long total."""
    x, W = sd.input("x", (sd.dim("N"), 4)), sd.input("W", (4, 4))
    h = x
    for _ in range(count):
        h = sd.tanh(h @ W)
    return sd.Function("chain", [x, W], [sd.sum(h)])


def scalars(count: int) -> sd.Function:
    """A recursion that reads its argument in every turn."""
    x = u = v = sd.input("x", ())
    for _ in range(count):
        u = u * 0.999 + v * 0.5
        v = v - u * x
    return sd.Function("chain", [x], [u])


def calls(function: sd.Function) -> Counter[tuple[str, int, str]]:
    """Return how often each function is called while one is compiled."""
    profile = cProfile.Profile()
    profile.enable()
    sd.compile(function, optimize=1)
    profile.disable()
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    return Counter({where: told[1] for where, told in stats.items()})


@pytest.mark.parametrize("declared", [layers, scalars])
def test_calls_grow_with_the_graph(declared: Callable[[int], sd.Function]) -> None:
    sd.compile(declared(5), optimize=1)  # what is made once
    few, many = calls(declared(50)), calls(declared(200))
    grown = {k: (few[k], n) for k, n in many.items() if n > max(MANY, 6 * few[k])}
    assert not grown
