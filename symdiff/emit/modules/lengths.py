"""Lengths for the dims of a model, for every command that draws data.

In: dims, the constraints that the emitted checks will test, and lengths that are asked
for. Out: a length for each, or `LengthError`, which names the constraint that cannot be
met and what to pass. Invariant: if the preferred lengths meet the constraints, they are
the answer; otherwise the first dims keep theirs as far as possible.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from symdiff.graph.errors import DerivativeError
from symdiff.graph.node import topological
from symdiff.graph.types import Constraint
from symdiff.plan.constraints import constraints_of
from symdiff.plan.program import Program

WISHES = (5, 3, 4, 6, 7, 2)  # preferred lengths at random points, in turn
FAR = 4096  # the longest length that is tried
STEPS = 400_000  # lengths that are tried in all


Lengths = Mapping[sp.Symbol, int]


class LengthError(DerivativeError):
    """No lengths were found that meet the constraints on a model's dims."""


def dims_of(program: Program) -> list[sp.Symbol]:
    """Return the symbols in the shapes of a program's leaves, in order."""
    symbols: dict[sp.Symbol, None] = {}
    for leaf in program.leaves:
        for d in leaf.shape:
            if isinstance(d, sp.Expr):
                symbols.update((s, None) for s in sorted(d.free_symbols, key=str))
    return list(symbols)


def lengths(program: Program) -> dict[str, int]:
    """Return a length for every dim of a program, by name.

    Raises `LengthError` where none are found that meet the checks.
    """
    dims = dims_of(program)
    if not dims:
        return {}
    found = constraints_of(topological([t.node for t in program.roots()]))
    for leaf in program.leaves:
        found += [Constraint(d, None) for d in leaf.shape if isinstance(d, sp.Expr)]
    return meeting(dims, [c for c in found if _free(c) <= set(dims)])


def meeting(
    dims: Sequence[sp.Symbol],
    asked: Sequence[Constraint],
    given: Mapping[str, int] | None = None,
    wishes: Sequence[int] = WISHES,
) -> dict[str, int]:
    """Return lengths of dims, by name, that meet constraints.

    ``given`` are lengths that are asked for, ``wishes`` the preferred ones of the
    others, in turn. Raises `LengthError` where none are found.
    """
    each = {(c.left, c.right): c for c in asked}
    checks = [_Check.of(c) for c in each.values()]
    fixed = {s: int(given[str(s)]) for s in dims if given and str(s) in given}
    broken = [c for c in checks if c.symbols <= fixed.keys() and not c.holds(fixed)]
    if broken:
        raise _unmet(broken, fixed)
    wanted = {s: wishes[i % len(wishes)] for i, s in enumerate(dims)}
    free = [s for s in dims if s not in fixed]
    found = _LengthSearch(checks, wanted).extended(fixed, free)
    if found is None:
        raise _unmet([c for c in checks if c.symbols & set(free)], fixed)
    return {str(s): found[s] for s in dims}


def _unmet(checks: Sequence[_Check], fixed: Mapping[sp.Symbol, int]) -> LengthError:
    several = [c for c in checks if not c.plain] or checks
    told = " and ".join(dict.fromkeys(c.words for c in several))
    at = ", ".join(f"{s} = {n}" for s, n in fixed.items())
    return LengthError(
        f"the model asks for {told}, and no lengths up to {FAR:,} meet that"
        f"{f' with {at}' if at else ''}. Give lengths that do, or arrays of your own."
    )


def _free(c: Constraint) -> set[sp.Basic]:
    sides = [d for d in (c.left, c.right) if isinstance(d, sp.Expr)]
    return {s for d in sides for s in d.free_symbols}


@dataclass(frozen=True)
class _Check:
    """A constraint as a function of lengths."""

    symbols: frozenset[sp.Symbol]
    value: Callable[[Lengths], bool]
    words: str
    plain: bool  # a check that an axis is not empty

    @classmethod
    def of(cls, c: Constraint) -> _Check:
        left, right = sp.sympify(c.left), sp.sympify(1 if c.right is None else c.right)
        symbols = left.free_symbols | right.free_symbols
        relation = ">=" if c.right is None else "=="
        sides = _function(left), _function(right)
        wide = c.right is None

        def value(at: Lengths) -> bool:
            a, b = (side(at) for side in sides)
            return a >= b if wide else a == b

        words = f"{left} {relation} {right}"
        return cls(frozenset(symbols), value, words, wide and left.is_Symbol)

    def holds(self, at: Mapping[sp.Symbol, int]) -> bool:
        try:
            return self.value(at)
        except ArithmeticError:
            return False


_ROUND: dict[type[sp.Basic], Callable[..., Any]] = {
    sp.floor: math.floor,
    sp.ceiling: math.ceil,
    sp.Max: max,
    sp.Min: min,
    sp.Mod: operator.mod,
}


def _function(e: sp.Expr) -> Callable[[Lengths], Any]:
    """Return an expression in dims as a function of their lengths, without ``eval``."""
    if isinstance(e, sp.Symbol):
        return lambda at: at[e]
    if isinstance(e, sp.Rational):
        number = int(e) if e.is_Integer else Fraction(int(e.p), int(e.q))
        return lambda at: number
    parts = [_function(a) for a in e.args]
    if isinstance(e, sp.Add):
        return lambda at: sum(p(at) for p in parts)
    if isinstance(e, sp.Mul):
        return lambda at: math.prod(p(at) for p in parts)
    if isinstance(e, sp.Pow) and e.exp.is_Integer:
        power = int(e.exp)
        return lambda at: Fraction(parts[0](at)) ** power
    rounded = _ROUND.get(type(e))
    if rounded is not None:
        return lambda at: rounded(*(p(at) for p in parts))
    return lambda at: e.subs(dict(at))


@dataclass
class _LengthSearch:
    """A depth-first search that tries lengths near the preferred ones first."""

    checks: Sequence[_Check]
    wanted: Mapping[sp.Symbol, int]
    left: int = STEPS

    def extended(
        self, fixed: Mapping[sp.Symbol, int], free: Sequence[sp.Symbol]
    ) -> dict[sp.Symbol, int] | None:
        """Return lengths of all dims, or None where there are none."""
        if not free:
            return dict(fixed)
        first, rest = free[0], free[1:]
        known = {*fixed, first}
        mine = [c for c in self.checks if first in c.symbols and c.symbols <= known]
        for length in _near(self.wanted[first]):
            self.left -= 1
            if self.left < 0:
                return None
            at = {**fixed, first: length}
            if all(c.holds(at) for c in mine):
                found = self.extended(at, rest)
                if found is not None:
                    return found
        return None


def _near(wish: int) -> Iterable[int]:
    """Return the lengths to try: the wish first, then 1, 2, ..., and 0 last."""
    yield wish
    for n in range(1, FAR + 1):
        if n != wish:
            yield n
    yield 0
