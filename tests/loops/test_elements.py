"""What a turn adds to a few elements of a total is added to these alone.

Random loops read elements, rows and slices of parameters, at places that are fixed or
come with the turn. A reversed turn makes no array of zeros, and no copy, for that.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from lecturer.rows import ROWS
from loop_checks import check_text, module
from loop_models import MODELS

import symdiff as sd
from symdiff.emit.lower import scans
from symdiff.emit.lower.reading import read_names
from symdiff.emit.lower.totalled import Begun
from symdiff.emit.python import code as py

WHOLE = {"p": (5,), "W": (4, 3), "start": (3,)}
TURNS = 4


class Reading:
    """A random loop whose turns read parts of p and W, each with its own slope."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.disjoint = seed % 3 > 0  # each element is read in one place alone
        self.free = {"p": [*range(5)], "W": [*range(4)]}
        self.turned = seed % 2 == 0

    def place(self, name: str) -> int | None:
        if not self.disjoint:
            return self.rng.randrange(len(self.free[name]))
        picked = self.free[name]
        return picked.pop(self.rng.randrange(len(picked))) if picked else None

    def part(self, p: Any, W: Any, i: Any) -> Any:
        match self.rng.randrange(5):
            case 0 if (k := self.place("p")) is not None:
                return p[k]
            case 1 if (k := self.place("W")) is not None:
                return W[k]
            case 2 if (k := self.place("W")) is not None:
                return W[k, self.rng.randrange(3)]
            case 3 if (k := self.place("p")) is not None and not self.disjoint:
                return sd.sum(p[k:] * 0.5)
            case 4 if self.turned and not self.disjoint:
                return W[i]
        return 0.3

    def turn(self, p: Any, W: Any) -> Any:
        def turn(v: Any, row: Any) -> Any:
            x, i = row
            for _ in range(self.rng.randrange(1, 5)):
                scaled = self.part(p, W, i) * self.rng.choice((v, x, sd.tanh(v)))
                v = self.rng.choice((lambda a, b: a + b, lambda a, b: a - b))(v, scaled)
            return sd.tanh(v), None

        return turn

    def __call__(self, p: Any, W: Any, start: Any, x: Any, i: Any) -> Any:
        end, _ = sd.scan(self.turn(p, W), start, (x, i))
        return sd.sum(end * end) + 0.0 * (sd.sum(p) + sd.sum(W))


def leaves() -> list[Any]:
    T = sd.dim("T")
    weights = [sd.input(name, shape) for name, shape in WHOLE.items()]
    return [*weights, sd.input("x", (T, 3)), sd.input("i", (T,), "int64", high=4)]


def values(seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    floats = [rng.normal(size=s) for s in (*WHOLE.values(), (TURNS, 3))]
    return [*floats, rng.integers(0, 4, TURNS)]


def bodies(made: Any) -> Iterator[list[py.Stmt]]:
    """Yield the statements of each loop of backward."""
    lines = [*made.listed("backward").functions["backward"].lines]
    for x in lines:
        if isinstance(x.stmt, py.For):
            yield [*x.stmt.body]


def needless(body: list[py.Stmt]) -> list[str]:
    """Return arrays of zeros that are only stored into, then added to a total."""
    found = []
    for s in body:
        match s:
            case py.Assign(
                targets=(py.Name(id=name) as part,),
                value=py.Call(func=py.Attr(_, "zeros" | "copy")),
            ):
                readers = [r for r in body if r is not s and name in read_names(r)]
                stores = [r for r in readers if _stores(r, part)]
                rest = [r for r in readers if r not in stores]
                if stores and len(rest) == 1 and _takes(rest[0], part):
                    found.append(name)
    return found


def _stores(s: py.Stmt, part: py.Name) -> bool:
    """Whether a statement sets elements of an array, or is the first to add to some."""
    match s:
        case py.Assign(targets=(py.Index(value=base),)):
            return base == part
    return False


def _takes(s: py.Stmt, part: py.Name) -> bool:
    match s:
        case py.AugAssign(value=value) | py.Assign(value=value):
            return value == part
    return False


@pytest.mark.parametrize("seed", range(24))
def test_gradients(seed: int) -> None:
    given = leaves()
    feeds = [values(seed), values(seed + 100)]
    made = check_text([Reading(seed)(*given)], given, feeds, 1)
    assert not [name for body in bodies(made) for name in needless(body)]


@pytest.mark.parametrize("seed", range(24))
def test_no_bit_changes(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that makes whole arrays and adds these gives the same numbers."""

    def gradients(dtype: str) -> list[Any]:
        given = leaves()
        made = sd.compile(sd.Function("f", given, [Reading(seed)(*given)]), optimize=1)
        backward, arrays = module(made["backward"]), values(seed)
        arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
        _, residuals = backward.forward_with_residuals(*arrays)
        return [a.tobytes() for a in backward.backward(residuals, -0.75)]

    for dtype in ("float64", "float32"):
        short = gradients(dtype)
        with monkeypatch.context() as whole:
            whole.setattr(scans, "Begun", lambda *_: Begun())
            whole.setattr(scans, "changed_alone", lambda *_: set())
            assert gradients(dtype) == short


def test_infinities_and_signed_zeros_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """0 that is added to an element changes none, since a total is never -0."""

    def texts() -> Any:
        p, x = sd.input("p", (3,)), sd.input("x", (sd.dim("T"),))
        end, _ = sd.scan(lambda v, r: (v * p[0] - p[2] * r, None), sd.constant(1.0), x)
        made = sd.compile(sd.Function("f", [p, x], [end]), optimize=1)
        return module(made["backward"])

    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e308, -1e308]
    short = texts()
    monkeypatch.setattr(scans, "Begun", lambda *_: Begun())
    whole = texts()
    with np.errstate(all="ignore"):
        for a in special:
            for b in special:
                p, x = np.array([a, 1.0, b]), np.array([b, -0.0, a])
                _, residuals = short.forward_with_residuals(p, x)
                for seed in (1.0, -0.0):
                    d_p, d_x = short.backward(residuals, seed)
                    wanted_p, wanted_x = whole.backward(residuals, seed)
                    np.testing.assert_array_equal(d_p, wanted_p)
                    assert (np.signbit(d_p) == np.signbit(wanted_p))[
                        ~np.isnan(d_p)
                    ].all()
                    np.testing.assert_array_equal(d_x, wanted_x)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.by_hand.stem)
def test_lectures_add_to_elements(row: Any) -> None:
    made = sd.compile(row.model(), optimize=1)
    assert not [name for body in bodies(made) for name in needless(body)]


@pytest.mark.parametrize("name", MODELS)
def test_models_add_to_elements(name: str) -> None:
    made = sd.compile(MODELS[name](), optimize=1)
    assert not [n for body in bodies(made) for n in needless(body)]


def test_a_row_that_comes_with_the_turn_is_added_in_its_place() -> None:
    """An embedding in a loop costs a row a turn, not a copy of the table."""
    given = leaves()
    _, W, start, x, i = given
    end, _ = sd.scan(lambda v, r: (sd.tanh(v * W[r[1]] + r[0]), None), start, (x, i))
    made = check_text([sd.sum(end)], given, [values(3)], 1)
    text = made["backward"]
    assert "d_W[i[t]] += " in text
    assert ".copy()" not in text.split("def backward")[1].split("\ndef ")[0]
