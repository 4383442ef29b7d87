"""Random NumPy programs that mix floats, integers, booleans and Python scalars.

In: a seed. Out: a `Mixed` program: a function of float arrays, written against NumPy
alone, and operands. Invariant: every operation stays smooth almost everywhere in what
its floats are, or drops them on purpose (comparisons, sorting orders, counts).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Value = Any
Step = Callable[[list[Value]], Value]
SHAPES = ((3,), (2, 3), (3, 3), (1, 3))


@dataclass(frozen=True)
class Mixed:
    """A program: its steps add values to a list that begins with the operands."""

    seed: int
    operands: tuple[np.ndarray, ...]
    steps: tuple[tuple[str, Step], ...]

    def __call__(self, *operands: Value) -> Value:
        """Return the scalar result: the float values, summed, each made bounded."""
        values = list(operands)
        for _, step in self.steps:
            values.append(step(values))
        total = 0.0
        for v in values:
            if _kind(v) == "f":
                total = total + np.sum(np.tanh(v * 0.3))
        return total

    def __repr__(self) -> str:
        return f"seed {self.seed}: {', '.join(name for name, _ in self.steps)}"


def _kind(value: Value) -> str:
    return "f" if isinstance(value, float) else str(value.dtype)[0].replace("u", "i")


def _places(values: Sequence[Value], kinds: str, least: int = 0) -> list[int]:
    return [
        i
        for i, v in enumerate(values)
        if _kind(v) in kinds and len(np.shape(v)) >= least
    ]


FLOATS: dict[str, Callable[[Value], Value]] = {
    "sin": np.sin,
    "tanh": np.tanh,
    "square": lambda x: x**2,
    "exp": lambda x: np.exp(np.tanh(x)),
    "abs": np.abs,
    "cumsum": lambda x: np.cumsum(x, axis=-1),
    "sort": lambda x: np.sort(x, axis=-1),
    "flip": lambda x: x[..., ::-1],
    "mean": lambda x: x - np.mean(x),
    "max": lambda x: x * np.max(x, axis=-1, keepdims=True),
    "clip": lambda x: np.clip(x, -0.7, 0.9),
    "transpose": lambda x: x.T,
}
DROPS: dict[str, Callable[[Value], Value]] = {
    "positive": lambda x: x > 0.1,
    "argsort": lambda x: np.argsort(x, axis=-1),
    "argmax": lambda x: np.argmax(x, axis=-1),
    "floor": lambda x: np.floor(x).astype(np.int64),
    "sign": lambda x: np.sign(x).astype(np.int64),
    "count": lambda x: np.sum(x > 0, axis=-1),
}
INTEGERS: dict[str, Callable[[Value], Value]] = {
    "negate": lambda n: -n,
    "double": lambda n: 2 * n,
    "remainder": lambda n: n % 3,
    "sum": lambda n: np.sum(n, axis=-1),
    "as_float": lambda n: n * 0.5,
    "divide": lambda n: n / 4,
    "power": lambda n: n**2,
    "even": lambda n: n % 2 == 0,
}
BOOLEANS: dict[str, Callable[[Value], Value]] = {
    "not": lambda b: ~b,
    "where_ints": lambda b: np.where(b, 1, 0),
    "where_floats": lambda b: np.where(b, 1.5, -0.5),
    "count": lambda b: np.sum(b, axis=-1),
    "any": lambda b: np.any(b, axis=-1),
    "as_float": lambda b: b * 2.0,
}
PAIRS: dict[str, Callable[[Value, Value], Value]] = {
    "add": lambda a, b: a + b,
    "multiply": lambda a, b: a * b,
    "subtract": lambda a, b: a - b,
    "where": lambda a, b: np.where(a > b, a, b * 0.5),
    "maximum": np.maximum,
    "hypot": lambda a, b: np.sqrt(a * a + b * b + 1),
}


def _one(table: dict[str, Callable[[Value], Value]], kinds: str) -> Any:
    def make(rng: random.Random, values: Sequence[Value]) -> tuple[str, Step] | None:
        places = _places(values, kinds, least=1)
        if not places:
            return None
        at, name = rng.choice(places), rng.choice(list(table))
        return name, lambda vs: table[name](vs[at])

    return make


def _pair(rng: random.Random, values: Sequence[Value]) -> tuple[str, Step] | None:
    floats, others = _places(values, "f"), _places(values, "fib")
    a, b, name = rng.choice(floats), rng.choice(others), rng.choice(list(PAIRS))
    if rng.random() < 0.5 and _kind(values[b]) != "b":
        return f"{name} (turned)", lambda vs: PAIRS[name](vs[b], vs[a])
    return name, lambda vs: PAIRS[name](vs[a], vs[b])


def _read(rng: random.Random, values: Sequence[Value]) -> tuple[str, Step] | None:
    """Read a float array by an array of integers that lies within it."""
    floats, indices = _places(values, "f", 1), _places(values, "i")
    if not indices:
        return None
    a, i = rng.choice(floats), rng.choice(indices)
    return "read", lambda vs: vs[a][vs[i] % vs[a].shape[0]]


def _scalar(rng: random.Random, values: Sequence[Value]) -> tuple[str, Step] | None:
    a = rng.choice(_places(values, "fi"))
    number = rng.choice([2, -1, 3.0, 0.25, True])
    return f"times {number!r}", lambda vs: vs[a] * number


MAKERS = (
    *([_one(FLOATS, "f")] * 3),
    _one(DROPS, "f"),
    _one(INTEGERS, "i"),
    _one(BOOLEANS, "b"),
    *([_pair] * 3),
    _read,
    _scalar,
)


def mixed_program(seed: int, length: int = 9) -> Mixed:
    """Return the program of a seed; steps whose shapes do not fit are left out."""
    rng = random.Random(seed)
    draw = np.random.default_rng(seed)
    shapes = [rng.choice(SHAPES) for _ in range(2)]
    operands = tuple(draw.uniform(-1.5, 1.5, shape) for shape in (*shapes, ()))
    values: list[Value] = list(operands)
    steps: list[tuple[str, Step]] = []
    while len(steps) < length:
        made = rng.choice(MAKERS)(rng, values)
        if made is None:
            continue
        try:
            value = np.asarray(made[1](values))
        except (ValueError, IndexError, TypeError):
            continue
        small = value.size <= 27 and bool(np.all(np.abs(value.astype(float)) < 1e6))
        if small and value.ndim <= 3:
            steps.append(made)
            values.append(value)
    return Mixed(seed, operands, tuple(steps))
