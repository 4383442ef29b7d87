"""A carry that goes on in its own array, while others are views of it.

What a turn hands on, or names, may be a part of a carry as it was or as it becomes: the
array is written into only where nobody looks at it through a view.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from loop_checks import check_text

import symdiff as sd

VIEWS = {
    "part": lambda b: b[0],
    "slice": lambda b: b[1:4, 0],
    "turned": lambda b: sd.swapaxes(b, 0, 1)[0][:3],
    "reshaped": lambda b: sd.reshape(b, (12,))[2:5],
    "computed": lambda b: sd.sin(b[0]),
}


class Viewing:
    """A random loop: b adds up, v is a view of b before or after, and both are read."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.changes = seed % 2

    def changed(self, b: Any, x: Any, k: Any, v: Any) -> Any:
        added = self.rng.choice((x, x * 0.5, x * v, sd.sin(v)))
        if self.rng.random() < 0.4:
            return b.at[k].add(added) if self.changes else b.at[k].set(added)
        return self.rng.choice((lambda: b + added, lambda: b - added))()

    def step(self, state: Any, row: Any) -> Any:
        (b, v, u), (x, k) = state, row
        view = VIEWS[self.rng.choice([*VIEWS])]
        early = view(b)
        new = self.changed(b, x, k, v)
        late = view(new)
        following = self.rng.choice((early, late, v + x))
        other = self.rng.choice((u, following, early, x))
        read = self.rng.choice(
            (
                lambda: sd.tanh(new) * v,
                lambda: new[0] * early,
                lambda: v * 2 + u,
                lambda: late * v,
                lambda: early + late,
            )
        )()
        return (new, following, other), read

    def __call__(self, x: Any, k: Any) -> list[Any]:
        start = (sd.zeros((4, 3)), sd.zeros(3), sd.zeros(3))
        (b, v, u), seen = sd.scan(self.step, start, (x, k))
        return [b, v, u, seen]


@pytest.mark.parametrize("seed", range(48))
def test_what_is_seen_through_a_view_stays(seed: int) -> None:
    T = sd.dim("T")
    x, k = sd.input("x", (T, 3)), sd.input("k", (T,), "int64", high=4)
    rng = np.random.default_rng(seed)
    feeds = [
        [rng.normal(size=(size, 3)), rng.integers(0, 4, size)] for size in (5, 1, 2)
    ]
    check_text(Viewing(seed)(x, k), [x, k], feeds, 1)
