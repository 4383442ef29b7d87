"""Random loops whose carries forget, exchange, delay, add up and are stacked.

What a turn computes may be read in the turn, in the next one, after the loop, or in
each step of the loop backwards: the generated code against the graph's own evaluation.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from loop_checks import module

import symdiff as sd


class RandomLoop:
    """A random loop over rows of x, with up to four carries, of scalars or vectors."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.shape: tuple[int, ...] = () if self.rng.random() < 0.5 else (2,)
        self.count = self.rng.randrange(1, 5)
        self.deep = self.rng.random() < 0.3

    def term(self, pool: list[Any], depth: int = 2) -> Any:
        if depth == 0 or self.rng.random() < 0.25:
            return self.rng.choice(pool)
        x = self.term(pool, depth - 1)
        if self.rng.random() < 0.4:
            return self.rng.choice((sd.tanh, sd.sin, lambda v: v * v, lambda v: -v))(x)
        y = self.term(pool, depth - 1)
        if self.rng.random() < 0.12:
            return sd.cond(sd.sum(x) > 0.5, lambda: (x - y) * 0.5, lambda: x)
        return self.rng.choice(
            (
                lambda: x + y,
                lambda: x - y,
                lambda: x * y,
                lambda: x / (2 + y * y),
                lambda: x / (x / (1.5 + sd.tanh(y))),
            )
        )()

    def next(
        self, old: Any, carries: tuple[Any, ...], new: list[Any], pool: Any
    ) -> Any:
        match self.rng.randrange(6):
            case 0:
                return self.term(pool)  # forgets what it was
            case 1:
                return self.rng.choice(carries)  # is exchanged, delayed, or as it was
            case 2 if new:
                return old + new[-1]  # adds up a carry that was just computed
            case 3 if new:
                return new[-1]  # the same twice
            case 4:
                return old + self.term(pool)
        return 0.5 * old + self.term([*pool, *carries], 1)

    def step(self, outside: list[Any]) -> Any:
        def step(carries: tuple[Any, ...], row: Any) -> Any:
            pool = [*outside, row, *carries[:1]]
            if self.deep:
                pool.append(self.inner(row, carries[-1]))
            new: list[Any] = []
            for old in carries:
                new.append(self.next(old, carries, new, pool))
            kept = [self.rng.choice([*new, *carries]) for _ in range(2)]
            return tuple(new), kept

        return step

    def inner(self, row: Any, last: Any) -> Any:
        """Return what a loop inside a turn makes of a row and an old carry."""
        if self.rng.random() < 0.5:
            (end, kept), seen = sd.scan(
                lambda c, _: ((self.term([c[0], row]), c[0]), c[1]),
                (row, last),
                None,
                length=2,
            )
            return self.rng.choice((end, kept, seen[0]))
        end, kept, _ = sd.while_loop(
            lambda c: (c[2] < 3) & (sd.sum(c[0] * c[0]) < 9),
            lambda c: (self.term([c[0], c[1], row]), c[0], c[2] + 1),
            (row, last, 0),
        )
        return end - kept

    def __call__(self, x: Any, a: Any) -> Any:
        start = tuple(self.rng.choice((a, 0.5 * a, x[0])) for _ in range(self.count))
        ends, kept = sd.scan(self.step([a]), start, x, reverse=self.rng.random() < 0.3)
        read = [e for e in ends if self.rng.random() < 0.7] or [ends[-1]]
        y = sum(sd.sum(sd.sin(e) * (i + 1)) for i, e in enumerate(read))
        if self.rng.random() < 0.5:
            y = y + sd.sum(kept[0] * 0.3)
        return y


@pytest.mark.parametrize("seed", range(60))
def test_the_text_keeps_every_carry(seed: int) -> None:
    loop = RandomLoop(seed)
    x = sd.input("x", (sd.dim("N"), *loop.shape))
    a = sd.input("a", loop.shape)
    y = loop(x, a) + 0.0 * sd.sum(x[0]) + 0.0 * sd.sum(a)
    slopes = sd.grad(y, [x, a])
    rng = np.random.default_rng(seed)
    given = {
        "x": rng.uniform(0.3, 1, (5, *loop.shape)),
        "a": rng.uniform(0.3, 1, loop.shape),
    }
    wanted = sd.interpret([y, *slopes], given)

    together = sd.compile(
        sd.Function("together", [x, a], [y, *slopes]), only=("forward",)
    )
    for f, w in zip(
        module(together["forward"]).forward(*given.values()), wanted, strict=True
    ):
        np.testing.assert_allclose(f, w, rtol=1e-9, atol=1e-12)
    apart = module(sd.compile(sd.Function("apart", [x, a], [y]))["backward"])
    value, residuals = apart.forward_with_residuals(*given.values())
    np.testing.assert_allclose(value, wanted[0], rtol=1e-9)
    for f, w in zip(apart.backward(residuals), wanted[1:], strict=True):
        np.testing.assert_allclose(f, w, rtol=1e-9, atol=1e-12)
