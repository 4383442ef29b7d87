"""How a student's numbers relate to the right ones: by a factor, an order, a sum.

In: the gradients that a student's code gave at several cases. Out: a `Relation` that
holds at every one of them, or none. Invariant: the derived backward is run with one
value scaled, or the arrays themselves are compared; nothing is guessed from one case.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from symdiff.grading.hypotheses import Gradients, Search, close
from symdiff.grading.reference import DerivedStatement

Array = np.ndarray
Found = Mapping[int, Gradients]


@dataclass(frozen=True)
class Relation:
    """How numbers relate to the right ones, and the statement where it begins."""

    cause: str
    statement: DerivedStatement
    values: dict[str, str]
    factor: float = 1.0  # at the first case


def relation(search: Search, found: Found, wrong: set[str]) -> Relation | None:
    """Return how a student's gradients relate to the right ones, if it is known."""
    return _factor(search, found, wrong) or _order(search, found, wrong)


# --- a factor -------------------------------------------------------------------------


def _factor(search: Search, found: Found, wrong: set[str]) -> Relation | None:
    """Look for a value, or a term of one, that is wrong by a factor."""
    for s in search.reference.statements:
        reached = search.flows.get(s.target, set())
        if s.looped or not wrong <= reached or not s.target.startswith("d_"):
            continue
        node = s.node
        if not isinstance(node, ast.Assign):
            continue
        places: list[tuple[ast.AST, str]] = [(node, "value")]
        if isinstance(node.value, ast.BinOp) and isinstance(
            node.value.op, (ast.Add, ast.Sub)
        ):
            places += [(node.value, "left"), (node.value, "right")]
        for parent, name in places:
            factors = _fit(search, parent, name, found, wrong)
            if factors is None:
                continue
            told = _as_formula(search, factors, s)
            if told is not None:
                cause, values = told
                first = factors.get(min(found), 1.0) if name == "value" else 1.0
                return Relation(cause, s, values, first)
    return None


def _fit(
    search: Search, parent: ast.AST, name: str, found: Found, wrong: set[str]
) -> dict[int, float] | None:
    """Return, for each case, the factor that explains the gradients there."""
    held = getattr(parent, name)
    setattr(parent, name, ast.BinOp(held, ast.Mult(), ast.Name("_scale", ast.Load())))
    try:
        function = search.reference.build()
    finally:
        setattr(parent, name, held)

    def at(c: float, i: int) -> dict[str, Array] | None:
        function.__globals__["_scale"] = c
        both = search.called(function, i)
        return None if both is None else both[0]

    factors: dict[int, float] = {}
    for i, given in found.items():
        none, one = at(0.0, i), at(1.0, i)
        if none is None or one is None:
            return None
        if any(given[n].shape != one[n].shape for n in wrong):
            return None
        step = np.concatenate([(one[n] - none[n]).ravel() for n in wrong])
        gone = np.concatenate([(given[n] - none[n]).ravel() for n in wrong])
        size = float(step @ step)
        if not np.all(np.isfinite(gone)) or not np.isfinite(size):
            return None
        c = float(step @ gone) / size if size > 0 else 1.0
        again = at(c, i)
        slack = search.cases[i].slack
        if again is None or not all(close(again[n], given[n], slack[n]) for n in given):
            return None
        if size > 0:
            factors[i] = c
    return factors or None


def _as_formula(
    search: Search, factors: Mapping[int, float], s: DerivedStatement
) -> tuple[str, dict[str, str]] | None:
    """Return a cause and its words for a factor, in terms of lengths if possible."""
    cases = search.cases
    for text, part in _parts(search, factors):
        rest = [c / part[i] for i, c in factors.items()]
        if max(rest) - min(rest) > 1e-6 * max(map(abs, rest)):
            continue
        number = _number(rest[0])
        shown = f"{number} * {text}" if text and number != "1" else text or number
        if text.startswith("1/") and number != "1":
            shown = (
                f"{number}{text[1:]}" if "/" not in number else f"{number} / {text[2:]}"
            )
        if abs(rest[0]) < 1e-12:
            return "zero", {}
        whole = 1 / rest[0] if text.startswith("1/") else 0.0
        if ".sum(" in s.source and abs(whole - round(whole)) < 1e-6 and whole > 0.5:
            return "mean instead of sum", {}
        if text in cases[0].sizes and number == "1":
            return "missing mean", {"n": text}
        return "factor", {"c": shown}
    return None


def _parts(
    search: Search, factors: Mapping[int, float]
) -> Iterator[tuple[str, dict[int, float]]]:
    """Yield what a factor may contain besides a constant: a length, or d_loss."""
    cases = search.cases
    yield "", dict.fromkeys(factors, 1.0)
    for name in cases[0].sizes:
        sizes = {i: float(cases[i].sizes[name]) for i in factors}
        yield name, sizes
        yield f"1/{name}", {i: 1 / n for i, n in sizes.items()}
    if search.reference.is_model:
        weights = {i: float(cases[i].seeds[0]) for i in factors}
        yield "1/d_loss", {i: 1 / w for i, w in weights.items()}
        yield "d_loss", weights


def _number(value: float) -> str:
    """Return a number as a fraction of small integers, if it is one."""
    near = Fraction(value).limit_denominator(10_000)
    if abs(float(near) - value) < 1e-6 * abs(value) and abs(near.numerator) < 10_000:
        return str(near)
    return f"{value:.6g}"


# --- order and sums -------------------------------------------------------------------


def _order(search: Search, found: Found, wrong: set[str]) -> Relation | None:
    """Look for one array that is transposed, flipped, reshaped or not summed."""
    if len(wrong) != 1:
        return None
    (name,) = wrong
    s = search.reference.statement_of(name)
    if s is None:
        return None
    pairs = [
        (g[name], search.cases[i].gradients[name], search.cases[i].slack[name])
        for i, g in found.items()
    ]
    for cause, change in _changes(*pairs[0][:2]):
        try:
            if all(close(change(mine), right, slack) for mine, right, slack in pairs):
                return Relation(cause, s, {})
        except ValueError:
            continue
    return None


def _changes(
    mine: Array, right: Array
) -> Iterator[tuple[str, Callable[[Array], Array]]]:
    """Yield changes that may make a wrong array right, each with its cause."""
    if 1 < mine.ndim <= 5:
        for axes in itertools.permutations(range(mine.ndim)):
            if axes != tuple(range(mine.ndim)):
                yield "transposed", lambda a, axes=axes: a.transpose(axes)  # type: ignore[misc]
    for count in range(1, mine.ndim + 1):
        for axes in itertools.combinations(range(mine.ndim), count):
            yield "flipped", lambda a, axes=axes: np.flip(a, axes)  # type: ignore[misc]
            yield "not summed", lambda a, axes=axes: a.sum(axis=axes)  # type: ignore[misc]
    if mine.shape != right.shape and mine.size == right.size:
        yield "broadcast", lambda a: a.reshape(right.shape)
