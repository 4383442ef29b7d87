"""Random programs of integers: no value lies outside the interval derived for it.

An interval that is too narrow drops a check at run time, and -1 then means the last
element in silence; so computed indices are also compiled and run, in range and out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdiff as sd
from symdiff.graph.interpret import evaluate
from symdiff.graph.node import Node, topological
from symdiff.ops.core.interval import Interval
from symdiff.ops.core.record import OPS
from symdiff.rewrite.index_ranges import Known, at_entry, fill

N, M = sd.dim("N"), sd.dim("M")
DTYPES = ("int8", "uint8", "int16", "int32", "uint32", "int64", "uint64")
LENGTHS = ((0, 1), (1, 0), (1, 1), (2, 1), (1, 3), (5, 4))
Form = Callable[..., Any]

# --- what is computed from integers ---------------------------------------------------


def _counted(a: Any, limit: int) -> Any:
    """Count from a's largest element up while below a limit."""
    start = sd.max(sd.concatenate([sd.reshape(a, (-1,)), sd.zeros((1,), a.dtype)]))
    return sd.while_loop(lambda n: n < limit, lambda n: n + 3, start)


def _running(a: Any) -> Any:
    """Carry a sum along the rows, and return each row's."""
    zero = sd.zeros((), a.dtype)
    _, rows = sd.scan(lambda c, r: (c + r, c - r), zero, sd.reshape(a, (-1,)))
    return sd.reshape(rows, a.shape)


# Shapes stay (N, M): what has fewer elements is broadcast back.
ALONE: dict[str, Form] = {
    "-a": lambda a, k: -a,
    "abs": lambda a, k: abs(a),
    "a + k": lambda a, k: a + k,
    "k - a": lambda a, k: k - a,
    "a * k": lambda a, k: a * k,
    "a // k": lambda a, k: a // k,
    "k // a": lambda a, k: k // a,
    "a % k": lambda a, k: a % k,
    "k % a": lambda a, k: k % a,
    "fmod": lambda a, k: sd.fmod(a, k),
    "square": lambda a, k: sd.square(a),
    "power": lambda a, k: a ** abs(k),
    "sign": lambda a, k: sd.sign(a),
    "clip": lambda a, k: sd.clip(a, k, k + 3),
    "clip low": lambda a, k: sd.clip(a, k, None),
    "clip high": lambda a, k: sd.clip(a, None, k),
    "relu": lambda a, k: sd.maximum(a, 0),
    "maximum": lambda a, k: sd.maximum(a, k),
    "minimum": lambda a, k: sd.minimum(a, k),
    "minimum of lengths": lambda a, k: sd.minimum(a, N) + M,
    "a % N": lambda a, k: a % N,
    "a * N": lambda a, k: a * N,
    "where a > k": lambda a, k: sd.where(a > k, a, 0),
    "where a <= k": lambda a, k: sd.where(a <= k, a, k),
    "where a != k": lambda a, k: sd.where(a != k, a, 0),
    "where a == k": lambda a, k: sd.where(a == k, a, 1),
    "where k < a < N": lambda a, k: sd.where((k < a) & (a < N), a, 0),
    "where not": lambda a, k: sd.where(~((a < k) | (a >= N)), a, k),
    "where of a part": lambda a, k: sd.where(a > k, a + 1, a - 1),
    "a > k": lambda a, k: sd.cast(a > k, "int8"),
    "booleans": lambda a, k: (a > k) * a,
    "flip": lambda a, k: a[::-1],
    "slice": lambda a, k: _back(a[:, :1] if k > 0 else a[:1]),
    "transpose": lambda a, k: sd.transpose(sd.transpose(a) + k),
    "reshape": lambda a, k: sd.reshape(sd.reshape(a, (-1,)), (N, M)),
    "roll": lambda a, k: sd.roll(a, k, 0),
    "tril": lambda a, k: sd.tril(a, k),
    "triu": lambda a, k: sd.triu(a, k),
    "pad": lambda a, k: sd.pad(a, ((1, 0), (0, 0)), constant_values=k)[1:] + 0,
    "pad edge": lambda a, k: _back(sd.pad(_one_more(a, k), 1, "wrap")[:1, :1]),
    "unslice": lambda a, k: sd.pad(a, ((0, 2), (1, 1)))[2:, :-2],
    "squeeze": lambda a, k: sd.broadcast_to(sd.squeeze(a[:, None], 1), (N, M)),
    "sum": lambda a, k: _back(sd.sum(a, 0, keepdims=True)),
    "sum of narrow": lambda a, k: _back(sd.sum(a, 1, keepdims=True, dtype=a.dtype)),
    "prod": lambda a, k: _back(sd.prod(a)),
    "cumsum": lambda a, k: sd.cumsum(a, 0),
    "cumprod": lambda a, k: sd.cumprod(a, 1),
    "max": lambda a, k: _back(sd.max(a, 0, keepdims=True, initial=k)),
    "max of some": lambda a, k: _back(sd.max(_one_more(a, k), 0, keepdims=True)),
    "min": lambda a, k: _back(sd.min(_one_more(a, k))),
    "argmax": lambda a, k: _back(sd.argmax(_one_more(a, k), 0)),
    "argmin": lambda a, k: _back(sd.argmin(_one_more(a, k))),
    "argsort": lambda a, k: sd.argsort(a, 0),
    "sort": lambda a, k: sd.sort(a, 1),
    "extremes": lambda a, k: sd.cummax(sd.cummin(a, 0), 1),
    "searchsorted": lambda a, k: sd.searchsorted(np.arange(4), a),
    "concatenate": lambda a, k: sd.concatenate([a, sd.full((2, M), k, "int64")])[2:],
    "stack": lambda a, k: sd.max(sd.stack([a, a + k]), 0),
    "one_hot": lambda a, k: _back(sd.one_hot(_zeros(a, 1), 9, "int64")[:, 2:3]),
    "arange": lambda a, k: a + sd.arange(M),
    "arange from k": lambda a, k: a + sd.arange(k, k + 9)[:1],
    "diag": lambda a, k: _back(sd.diag(sd.diagonal(sd.pad(a, 2))[:2])[:1, 1:]),
    "take": lambda a, k: sd.take(_one_more(a, k), sd.arange(N) % 2 * 0, axis=0),
    "take by a": lambda a, k: _one_more(a, k)[_zeros(a, N)],
    "gather": lambda a, k: _one_more(a, k)[(_back(_zeros(a, 1)),) * 2],
    "pick": lambda a, k: _back(sd.pick(_one_more(a, k).T, _zeros(a, M))),
    "along": lambda a, k: sd.take_along_axis(a, sd.argsort(a, 0), 0),
    "set": lambda a, k: _one_more(a, k).at(0).set(k)[:-1],
    "add at": lambda a, k: _one_more(a, k).at(np.array([0, 0])).add(a.dtype and 3)[:-1],
    "max at": lambda a, k: _one_more(a, k).at(np.array([0, 0])).max(k)[:-1],
    "int8": lambda a, k: sd.cast(a, "int8"),
    "uint8": lambda a, k: sd.cast(a, "uint8"),
    "int32": lambda a, k: sd.cast(a, "int32"),
    "uint32": lambda a, k: sd.cast(a, "uint32"),
    "int64": lambda a, k: sd.cast(a, "int64"),
    "of floats": lambda a, k: sd.cast(sd.cast(a % 100, "float") * 0.5, "int64"),
    "stopped": lambda a, k: sd.stop_gradient(a),
    "counted": lambda a, k: _back(_counted(sd.minimum(a, 100), 100 + k)),
    "running": lambda a, k: _running(a),
    "cond": lambda a, k: sd.cond(k > 0, lambda v: v + 1, lambda v: -v, a),
    "diff": lambda a, k: _back(sd.diff(_one_more(a, k), axis=0)[:1]) ,
    "round": lambda a, k: sd.round(a),
    "repeat": lambda a, k: sd.repeat(a, 2, axis=0)[:: 2],
    "tile": lambda a, k: sd.tile(a, (2, 1))[:: 2],
}  # fmt: skip
BETWEEN: dict[str, Form] = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a // b": lambda a, b: a // b,
    "a % b": lambda a, b: a % b,
    "maximum": lambda a, b: sd.maximum(a, b),
    "minimum": lambda a, b: sd.minimum(a, b),
    "where": lambda a, b: sd.where(a > 1, a, b),
    "where b": lambda a, b: sd.where(b < 3, a, b),
    "clip": lambda a, b: sd.clip(a, b, b),
    "matmul": lambda a, b: _back(sd.sum(a @ sd.transpose(b), 1, keepdims=True)),
    "einsum": lambda a, b: sd.einsum("ij,ij->ij", a, b),
    "concatenate": lambda a, b: sd.concatenate([a, b])[::2],
}


def _back(a: Any) -> Any:
    return sd.broadcast_to(a, (N, M))


def _zeros(a: Any, length: Any) -> Any:
    """Indices that no rule tells anything of."""
    return sd.broadcast_to(sd.cast(sd.sum(a) * 0, "int64"), (length,))


def _one_more(a: Any, k: int) -> Any:
    """A row more, so that there is one."""
    return sd.concatenate([a, sd.full((1, M), abs(k), a.dtype)])


# Of floats alone; and what only derivatives, rewrites and checks are made of.
WITHOUT_LINE = {
    *("cbrt", "divide", "expm1", "floor", "log10", "log2", "log_sigmoid", "logaddexp2"),
    *("relu", "sigmoid_cross_entropy", "by_mode", "place", "place_diagonal"),
    *("take_diagonal", "window_place", "windows", "in_range", "gelu", "silu"),
    "after_steps",
}
TOLD = ("moved", "rearranged", "joined", "in place", "placed apart")

# --- programs -------------------------------------------------------------------------


@dataclass
class Program:
    """Integers of shape (N, M) from inputs between bounds."""

    inputs: list[Any]
    bounds: list[tuple[Any, Any]]
    values: list[Any]
    words: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        shown = [
            f"{t.dtype} {b}" for t, b in zip(self.inputs, self.bounds, strict=True)
        ]
        return "; ".join(shown + self.words)


def _input(rng: np.random.Generator, name: str) -> tuple[Any, tuple[Any, Any]]:
    dtype = str(rng.choice(DTYPES))
    least = 0 if dtype.startswith("u") else int(rng.choice([-100, -3, -1, 0, 1]))
    bounds: list[tuple[Any, Any]] = [
        *[(None, None), (least, None), (None, 5), (least, least + 7), (0, N), (0, M)],
        *[(least, N), (0, 2**62 if "64" in dtype else 120)],
    ]
    low, high = bounds[rng.integers(len(bounds))]
    return sd.input(name, (N, M), dtype, low=low, high=high), (low, high)


REFUSED = (sd.ShapeError, sd.DTypeError, OverflowError, TypeError)


def _program(seed: int, steps: int) -> Program:
    rng = np.random.default_rng(seed)
    made = [_input(rng, name) for name in ("y", "z")]
    inputs, bounds = [t for t, _ in made], [b for _, b in made]
    program = Program(inputs, bounds, list(inputs))
    while len(program.words) < steps:
        # the latest first: chains
        last = len(program.values) - 1
        i, j = (max(last - int(rng.geometric(0.6)) + 1, 0) for _ in range(2))
        alone = rng.random() < 0.75
        table: dict[str, Form] = ALONE if alone else BETWEEN
        name = str(rng.choice(sorted(table)))
        k = int(rng.choice([-7, -2, -1, 0, 1, 2, 3, 5, 100]))
        if program.values[i].dtype.kind == "u":  # NumPy has no -1 beside these
            k = abs(k)
        other = k if alone else program.values[j]
        try:
            value = table[name](program.values[i], other)
        except REFUSED:  # as -1 beside an unsigned dtype, and what gives floats
            continue
        if value.dtype.is_integer and value.shape == (N, M):
            program.values.append(value)
            program.words.append(
                f"v{last + 1} = {name}(v{i}, {k if alone else f'v{j}'})"
            )
    return program


def _data(rng: np.random.Generator, program: Program, n: int, m: int) -> list[Any]:
    """Return arguments between their bounds, extremes and what wraps among them."""
    found = []
    for t, bounds in zip(program.inputs, program.bounds, strict=True):
        room = np.iinfo(t.dtype.name)
        low, high = (_number(b, n, m) for b in bounds)
        least = int(room.min if low is None else low)
        most = int(room.max if high is None else high - 1)
        third = (most - least) // 3
        chosen = [least, most, least + 2 * third + 1, most - third, *range(-3, 9)]
        fine = [v for v in chosen if least <= v <= most] or [0]
        picked = [fine[i] for i in rng.integers(len(fine), size=n * m)]
        found.append(np.array(picked, t.dtype.name).reshape(n, m))
    return found


def _allowed(program: Program, n: int, m: int) -> bool:
    """Whether there is a number between the bounds."""
    at = {N: n, M: m}
    for low, high in program.bounds:
        if isinstance(high, sp.Expr) and n * m and int(high.subs(at)) <= (low or 0):
            return False
    return True


def _number(end: Any, n: int, m: int) -> Any:
    return int(end.subs({N: n, M: m})) if isinstance(end, sp.Expr) else end


def _holds(interval: Interval, value: Any, n: int, m: int) -> bool:
    low, high = (_number(e, n, m) for e in (interval.low, interval.high))
    numbers = [int(v) for v in np.asarray(value).ravel()]
    return all(
        ((low is None or low <= v) and (high is None or v <= high))
        or v in interval.besides
        for v in numbers
    )


def _intervals(program: Program) -> Known:
    known: Known = {t.node: at_entry(t.node, None) for t in program.inputs}
    fill([t.node for t in program.values], known)
    return known


def _nodes(program: Program) -> list[Node]:
    return [
        n
        for n in topological([t.node for t in program.values])
        if getattr(n.type, "dtype", None) is not None
        and (n.dtype.is_integer or n.dtype.is_bool)
    ]


def _values(program: Program, arrays: Sequence[Any]) -> dict[Node, Any] | None:
    """Return the value of every node, as NumPy computes it; None where it refuses."""
    feed = {t.node: a for t, a in zip(program.inputs, arrays, strict=True)}
    try:
        with np.errstate(all="ignore"):
            return evaluate([t.node for t in program.values], feed)
    except (ValueError, OverflowError):  # the least of nothing; -1 beside unsigned
        return None


def _check(program: Program, seed: int) -> int:
    """Return at how many lengths it could be checked."""
    rng, known = np.random.default_rng(seed), _intervals(program)
    count = 0
    for n, m in LENGTHS:
        if not _allowed(program, n, m):
            continue
        arrays = _data(rng, program, n, m)
        values = _values(program, arrays)
        if values is None:
            continue
        count += 1
        for node in _nodes(program):
            assert _holds(known[node], values[node], n, m), (
                f"{program}\n{node} of {[values[i] for i in node.inputs]} is "
                f"{values[node]}, not in {known[node]}"
            )
    return count


@pytest.mark.parametrize("part", range(8))
def test_every_value_lies_in_the_interval_derived_for_it(part: int) -> None:
    seeds = range(part * 40, part * 40 + 40)
    assert sum(_check(_program(seed, 6), seed) for seed in seeds) > 100


# --- compiled -------------------------------------------------------------------------

K = 3


def _read(x: Any, i: Any) -> Any:
    return x[i]


def _one_hot(x: Any, i: Any) -> Any:
    return sd.one_hot(i, K) @ x


def _added(x: Any, i: Any) -> Any:
    return x.at(i).add(1.0)


@pytest.mark.parametrize("use", [_read, _one_hot, _added])
@pytest.mark.parametrize("part", range(3))
def test_what_is_computed_indexes_in_range_or_raises(use: Form, part: int) -> None:
    """Refused is what is out of range, and no more than that."""
    x, right, wrong = sd.input("x", (K,)), 0, 0
    for seed in range(1000 * part, 1000 * part + 60):
        program = _program(seed, 1 + seed % 4)
        index = program.values[-1]
        function = sd.Function("f", [x, *program.inputs], {"out": use(x, index)})
        module = sd.compile(function, optimize=seed % 3, single_file=True).load()
        rng = np.random.default_rng(seed)
        for n, m in [*LENGTHS, *[(1, 1)] * 6]:
            if not _allowed(program, n, m):
                continue
            arrays = _data(rng, program, n, m)
            values = _values(program, arrays)
            if values is None:
                continue
            indices = values[index.node]
            fine = bool(((indices >= 0) & (indices < K)).all())
            refused = _refused(module.forward, np.ones(K), *arrays)
            if refused is None:
                continue
            assert refused is not fine, (program, arrays, indices)
            right, wrong = right + fine, wrong + (not fine)
    assert min(right, wrong) > 5


def _refused(forward: Any, *arrays: Any) -> bool | None:
    """Whether an index is refused; None where a length is."""
    try:
        with np.errstate(all="ignore"):
            forward(*arrays)
    except (ValueError, IndexError) as error:
        return None if re.search("needs ([NM] >=|at least one)", str(error)) else True
    return False


def test_a_condition_may_compare_with_a_length() -> None:
    x, y = sd.input("x", (N,)), sd.input("y", (M,), "int64")
    for kept in ((y >= 0) & (y < N), (y > -1) & (y <= N - 1), ~((y < 0) | (y >= N))):
        made = sd.compile(sd.Function("f", [x, y], x[sd.where(kept, y, 0)]))
        assert "in_range" not in made.files["f/forward.py"]


def test_every_op_that_tells_an_interval_occurs() -> None:
    """The table above has a line for each rule; what has a rule of its own is read."""
    seen = {n.op.name for seed in range(400) for n in _nodes(_program(seed, 8))}
    told = {
        name
        for name, op in OPS.items()
        if "@" not in name  # no op of a user's, as another test may have made
        and (op.facts.interval or op.view or op.facts.zeros in TOLD or _is_formula(op))
    }
    assert told - seen <= WITHOUT_LINE, sorted(told - seen - WITHOUT_LINE)


def _is_formula(op: Any) -> bool:
    parts = (sp.Add, sp.Mul, sp.Max, sp.Min, sp.Abs, sp.floor)
    return isinstance(op.expression, parts)
