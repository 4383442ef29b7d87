"""Random programs that the rules of reordering fit, rewritten whole, with gradients.

Each rule alone is in test_reordering.py; here they work on what others have made.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.node import topological
from symdiff.graph.tensor import Tensor
from symdiff.rewrite.driver import rewriting
from symdiff.rewrite.reordering import reorderings

N = sd.dim("N")
SHAPES: dict[str, tuple[Any, ...]] = {
    "x": (N, 3),
    "y": (N, 3),
    "tall": (300, 3),
    "row": (3,),
    "column": (N, 1),
    "A": (3, 3),
    "c": (),
    "d": (),
}
SEEDS = 60


class Drawn:
    """A random loss over the leaves: products, quotients, sums, transposes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.leaves = {name: sd.input(name, s) for name, s in SHAPES.items()}

    def number(self) -> Any:
        c, d = self.leaves["c"], self.leaves["d"]
        return self.rng.choice((2.0, 0.5, -3.0, c, d, c * d, c / d, 1 - c))

    def array(self, depth: int) -> Tensor:
        """Return an array of shape (N, 3)."""
        if not depth:
            return self.leaves[self.rng.choice("xy")]
        a = self.array(depth - 1)
        match self.rng.randrange(11):
            case 0:
                return a * self.number()
            case 1:
                return self.number() * a / self.number()
            case 2:
                return a * self.array(depth - 1)
            case 3:
                return a / (1.5 + self.array(depth - 1) ** 2)
            case 4:
                return a + self.leaves["row"] * self.array(depth - 1)
            case 5:
                return a - self.leaves["column"]
            case 6:
                return (a @ self.leaves["A"]) * self.number()
            case 7:
                return sd.transpose(sd.tanh(sd.transpose(a)) * self.number())
            case 8:
                return -a * self.leaves["row"] + a * self.array(depth - 1)
            case 9:
                return a * sd.expand_dims(sd.max(a, axis=1), 1)
        return sd.sqrt(a * a / (2 + self.number() ** 2)) + self.number()

    def far(self) -> Tensor:
        """Return squared distances of the points of a long array to those of A."""
        gaps = self.leaves["tall"][:, None] - self.leaves["A"]
        return sd.sum(gaps**2, axis=2) / self.number()

    def loss(self) -> Tensor:
        a, b = self.array(3), self.array(2)
        wide = self.far()
        return self.rng.choice(
            (
                lambda: sd.sum(a * b),
                lambda: sd.mean(a**2) + sd.sum(sd.sum(b, axis=0) * self.number()),
                lambda: sd.sum(sd.sum(a @ sd.transpose(b), axis=1) ** 2),
                lambda: sd.sum(sd.min(wide, axis=1)) + sd.mean(a * self.number()),
                lambda: sd.sum(sd.sqrt(1 + sd.sum(a * b, axis=1) ** 2)),
                lambda: sd.sum(sd.mean(wide * 0.5, axis=0) ** 2) - sd.sum(b[:, None]),
            )
        )()


def roots_of(seed: int) -> tuple[Drawn, list[Tensor]]:
    drawn = Drawn(seed)
    loss = drawn.loss() + sum(0.0 * sd.sum(leaf) for leaf in drawn.leaves.values())
    return drawn, [loss, *sd.grad(loss, list(drawn.leaves.values()))]


@pytest.mark.parametrize("width", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_program_keeps_its_values(seed: int, width: Any) -> None:
    drawn, roots = roots_of(seed)
    found = rewriting(roots, reorderings(), bodies=False)(roots)
    rng = np.random.default_rng(seed)
    feed = {}
    for leaf in drawn.leaves.values():
        shape = tuple(7 if n == N else n for n in leaf.shape)
        feed[leaf] = np.asarray(
            rng.uniform(0.3, 1.5, shape) * rng.choice((-1, 1)), width
        )
    values, wanted = sd.interpret(found, feed), sd.interpret(roots, feed)
    tolerance = {np.float64: 1e-12, np.float32: 1e-4}[width]
    for value, expected in zip(values, wanted, strict=True):
        assert (value.shape, value.dtype) == (expected.shape, width)
        largest = max(1, np.abs(expected).max())
        assert np.abs(value - expected).max() <= tolerance * largest


def test_most_of_them_are_rewritten() -> None:
    changed = 0
    for seed in range(SEEDS):
        _, roots = roots_of(seed)
        found = rewriting(roots, reorderings(), bodies=False)(roots)
        before, after = (topological([t.node for t in ts]) for ts in (roots, found))
        changed += [n.op.name for n in before] != [n.op.name for n in after]
    assert changed > 0.9 * SEEDS
