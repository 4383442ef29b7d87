"""What is known of a node's values is asked for while graphs grow: never all anew."""

from __future__ import annotations

import cProfile
import pstats

import pytest

import symdiff as sd
from symdiff.ops.selecting.finiteness import may_be_infinite, sign_of


def calls(steps: int) -> int:
    """Return how many calls it takes to ask at every step of a recursion."""
    h = sd.input("x", ())
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(steps):
        h = sd.exp(h) / (1.0 + h * h)
        sign_of(h.node)
        may_be_infinite(h.node, 0)
    profile.disable()
    return pstats.Stats(profile).total_calls  # type: ignore[attr-defined]


def test_asking_at_every_step_takes_as_long_as_the_steps() -> None:
    calls(10)  # what is made once
    few, many = calls(60), calls(240)
    assert many < 5 * few


@pytest.mark.parametrize("steps", [1, 3_000])
def test_signs_at_any_depth(steps: int) -> None:
    h = sd.input("x", ())
    for _ in range(steps):
        h = sd.exp(h) * 0.5
    assert sign_of(h.node) == 1
    assert sign_of((h - 1.0).node) == 0
