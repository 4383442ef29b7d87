"""Random programs: one description that symdiff, NumPy and JAX all run.

In: a tape of integers. Out: a `Program` of a scalar result, with operands. Invariant:
each step is a function of a namespace of NumPy's names and of values, so the systems
compared share the description of a program and nothing else; a shorter tape, or smaller
numbers on it, make a simpler program, which is what lets hypothesis shrink a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from random_namespaces import Complex, Symbolic

LENGTHS = (1, 2, 3)
BOUND = 30.0  # a value that grows beyond it is passed through tanh
REFUSED = 1e4  # a step that grows beyond it is left out

Step = Callable[..., Any]


class Tape:
    """Choices read from a list of integers; 0 once it has run out."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = list(numbers)
        self.position = 0

    def choose(self, options: Any) -> Any:
        """Return one of the options (of range(n) for an int)."""
        options = range(options) if isinstance(options, int) else options
        at = self.position
        self.position += 1
        number = self.numbers[at] if at < len(self.numbers) else 0
        return options[number % len(options)]

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""
        return self.position >= len(self.numbers)


@dataclass
class Program:
    """Steps over a growing list of values; the first values are the operands."""

    operands: list[np.ndarray]
    steps: list[tuple[str, Step, tuple[int, ...]]] = field(default_factory=list)

    def run(self, xp: Any, operands: Sequence[Any]) -> Any:
        """Return the scalar result in the namespace ``xp``."""
        values = list(operands)
        for _, step, sources in self.steps:
            values.append(step(xp, *(values[i] for i in sources)))
        return values[-1]

    def __repr__(self) -> str:
        n = len(self.operands)
        lines = [f"v{i}: {a.shape}" for i, a in enumerate(self.operands)]
        for i, (name, _, sources) in enumerate(self.steps):
            lines.append(f"v{n + i} = {name}({', '.join(f'v{s}' for s in sources)})")
        return "\n".join(lines)


# --- steps ------------------------------------------------------------------------


def _unary(name: str, function: Step) -> Callable[[Tape, list[Any]], Any]:
    def make(tape: Tape, values: list[Any]) -> Any:
        return name, function, (_source(tape, values),)

    return make


def _source(tape: Tape, values: list[Any]) -> int:
    """Choose a value, the latest first: chains, with fan-out now and then."""
    return len(values) - 1 - tape.choose(len(values))


def _with_axes(tape: Tape, values: list[Any]) -> int | None:
    """Choose a value that has axes."""
    i = _source(tape, values)
    return i if np.ndim(values[i]) else None


UNARY: dict[str, Step] = {
    "sin": lambda xp, x: xp.sin(x),
    "tanh": lambda xp, x: xp.tanh(x),
    "exp": lambda xp, x: xp.exp(x * 0.5),
    "log1p": lambda xp, x: xp.log1p(xp.square(x)),
    "sqrt": lambda xp, x: xp.sqrt(1 + x * x),
    "cube": lambda xp, x: x**3,
    "reciprocal": lambda xp, x: 1 / (2 + xp.cos(x)),
    "negative": lambda xp, x: -x,
    "arctan": lambda xp, x: xp.arctan(x),
    "arcsinh": lambda xp, x: xp.arcsinh(x),
    "clip": lambda xp, x: xp.clip(x, -0.6, 0.9),
    "affine": lambda xp, x: 2.5 * x - 1,
    "abs": lambda xp, x: xp.abs(x),
    "expm1": lambda xp, x: xp.expm1(xp.minimum(x, 1.5)),
    "clamp": lambda xp, x: xp.maximum(x, -0.25),
    "mask": lambda xp, x: xp.where(xp.above(x, 0.1), x * x, 0.5 * x),
    "log of masked": lambda xp, x: xp.where(
        xp.above(x, 0.2), xp.log(xp.where(xp.above(x, 0.2), x, 1.0)), 0.0
    ),
    "transpose": lambda xp, x: xp.transpose(x),
    "ravel": lambda xp, x: xp.reshape(x, (-1,)),
    "expand last": lambda xp, x: xp.expand_dims(x, -1),
    "expand first": lambda xp, x: xp.expand_dims(x, 0),
}
BINARY: dict[str, Step] = {
    "add": lambda xp, a, b: a + b,
    "subtract": lambda xp, a, b: a - b,
    "multiply": lambda xp, a, b: a * b,
    "divide": lambda xp, a, b: a / (1.5 + b * b),
    "power": lambda xp, a, b: xp.sqrt(1 + a * a) ** b,
    "hypot": lambda xp, a, b: xp.hypot(a, 1 + b * b),
    "logaddexp": lambda xp, a, b: xp.logaddexp(a, b),
    "maximum": lambda xp, a, b: xp.maximum(a, b),
    "minimum": lambda xp, a, b: xp.minimum(a, b),
    "where": lambda xp, a, b: xp.where(xp.above(a, 0.0) & (b * 0 == 0), a, b),
}


def _binary(tape: Tape, values: list[Any]) -> Any:
    name = tape.choose(list(BINARY))
    i, j = _source(tape, values), _source(tape, values)
    try:
        shape = np.broadcast_shapes(np.shape(values[i]), np.shape(values[j]))
    except ValueError:
        return None
    return (name, BINARY[name], (i, j)) if len(shape) <= 4 else None


def _reduction(tape: Tape, values: list[Any]) -> Any:
    i = _with_axes(tape, values)
    if i is None:
        return None
    axis = tape.choose(np.ndim(values[i]))
    keepdims = bool(tape.choose(2))
    name = tape.choose(["sum", "mean", "max", "min", "prod", "softmax", "logsumexp"])

    def step(xp: Any, x: Any) -> Any:
        if name in ("max", "min"):
            found = getattr(xp, name)(x, axis=axis)
            return xp.expand_dims(found, axis) if keepdims else found
        if name == "prod":
            found = xp.prod(x, axis=axis)
            return xp.expand_dims(found, axis) if keepdims else found
        if name in ("sum", "mean"):
            return getattr(xp, name)(x, axis=axis, keepdims=keepdims)
        if isinstance(xp, Symbolic):
            return getattr(xp, name)(x, axis=axis)
        e = xp.exp(x)  # the raw formula; values are bounded
        if name == "softmax":
            return e / xp.sum(e, axis=axis, keepdims=True)
        return xp.log(xp.sum(e, axis=axis))

    return f"{name}[axis={axis}, keepdims={keepdims}]", step, (i,)


def _along(tape: Tape, values: list[Any]) -> Any:
    """Choose a function of one axis that keeps the shape."""
    i = _with_axes(tape, values)
    if i is None:
        return None
    axis = tape.choose(np.ndim(values[i]))
    name = tape.choose(["cumsum", "cumprod", "sort", "written", "recur"])
    if name == "recur":
        return name, lambda xp, x: xp.recur(x), (i,)
    if name == "written":
        at = tape.choose(np.shape(values[i])[0])
        return f"{name}[{at}]", lambda xp, x: xp.written(x, at, x[0] * x[-1]), (i,)
    return f"{name}[{axis}]", lambda xp, x: getattr(xp, name)(x, axis=axis), (i,)


def _slice(tape: Tape, values: list[Any]) -> Any:
    i = _with_axes(tape, values)
    if i is None:
        return None
    index = tuple(
        tape.choose(
            [slice(None), slice(None, None, -1), slice(1, None), slice(None, -1), 0, -1]
            if length > 1
            else [slice(None), 0, slice(0, 1)]
        )
        for length in np.shape(values[i])
    )
    if tape.choose(3) == 1:
        index = (None, *index)
    return f"getitem{index}", lambda xp, x: xp.read(x, index), (i,)


def _take(tape: Tape, values: list[Any]) -> Any:
    i = _with_axes(tape, values)
    if i is None:
        return None
    axis = tape.choose(np.ndim(values[i]))
    length = np.shape(values[i])[axis]
    index = np.array([tape.choose(length) for _ in range(tape.choose(LENGTHS))])
    return (
        f"take[{index.tolist()}, axis={axis}]",
        lambda xp, x: xp.take(x, index, axis=axis),
        (i,),
    )


def _join(tape: Tape, values: list[Any]) -> Any:
    i = _with_axes(tape, values)
    if i is None:
        return None
    axis = tape.choose(np.ndim(values[i]))
    other = tape.choose(2)
    if other:
        return "stack", lambda xp, x: xp.stack([x, x * x], axis=axis), (i,)
    return (
        f"concatenate[{axis}]",
        lambda xp, x: xp.concatenate([x, 0.5 * x], axis=axis),
        (i,),
    )


def _pack(tape: Tape, values: list[Any]) -> Any:
    """Numbers of one array, read more than once and put into rows."""
    i = _with_axes(tape, values)
    if i is None:
        return None
    first, last = (0,) * np.ndim(values[i]), (-1,) * np.ndim(values[i])
    nested = tape.choose(2)

    def step(xp: Any, x: Any) -> Any:
        a, b = xp.read(x, first), xp.read(x, last)
        row = xp.stack([a, a * b, 0.5 * b], axis=0)
        return xp.stack([row, xp.stack([b, a, a], axis=0)], axis=0) if nested else row

    return f"pack[{nested}]", step, (i,)


def _matmul(tape: Tape, values: list[Any]) -> Any:
    i, j = _with_axes(tape, values), _with_axes(tape, values)
    if i is None or j is None:
        return None
    try:
        np.matmul(values[i], values[j])
    except ValueError:
        if np.shape(values[i])[-1] != np.shape(values[j])[-1]:
            return None
        return (
            "a @ b.T" if np.ndim(values[j]) > 1 else "a @ b",
            lambda xp, a, b: a @ (xp.swapaxes(b, -1, -2) if len(b.shape) > 1 else b),
            (i, j),
        )
    return "matmul", lambda xp, a, b: a @ b, (i, j)


MAKERS = [
    *(_unary(name, function) for name, function in UNARY.items()),
    *[_binary] * 8,
    *[_reduction] * 4,
    *[_slice] * 3,
    *[_along] * 4,
    *[_take] * 2,
    _join,
    _pack,
    *[_matmul] * 4,
]


# --- programs ---------------------------------------------------------------------


def program(numbers: Sequence[int]) -> Program:
    """Return the program that a tape describes."""
    tape = Tape(numbers)
    longest = 1 + tape.choose(14)
    rng = np.random.default_rng(tape.choose(1 << 16))
    shapes = [
        tuple(tape.choose(LENGTHS) for _ in range(tape.choose(4)))
        for _ in range(1 + tape.choose(3))
    ]
    made = Program([rng.normal(size=s) for s in shapes])
    values: list[Any] = list(made.operands)
    complex_ = Complex()
    while len(made.steps) < longest and not tape.finished:
        found = tape.choose(MAKERS)(tape, values)
        if found is None:
            continue
        _append(made, values, found, complex_)
    _append(
        made, values, ("sum", lambda xp, x: xp.sum(x), (len(values) - 1,)), complex_
    )
    return made


def _append(made: Program, values: list[Any], found: Any, xp: Any) -> None:
    """Add a step, and a tanh after it if its value has grown too large."""
    _, step, sources = found
    try:
        value = np.asarray(step(xp, *(values[i] for i in sources)))
    except (ValueError, IndexError):
        return  # a combination that NumPy refuses
    if value.size > 200 or value.ndim > 4 or not np.all(np.abs(value) < REFUSED):
        return
    made.steps.append(found)
    values.append(value)
    if not np.all(np.abs(value) < BOUND):
        values.append(np.tanh(value))
        made.steps.append(("tanh", UNARY["tanh"], (len(values) - 2,)))
