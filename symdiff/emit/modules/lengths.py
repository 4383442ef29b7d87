"""Lengths for the dims of a model, for every command that draws data.

In: dims, the constraints that the emitted checks will test, and lengths that are asked
for. Out: a length for each, or `LengthError`, which names the constraint that cannot be
met and what to pass. Invariant: if the preferred lengths meet the constraints, they are
the answer; otherwise the first dims keep theirs as far as possible.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from symdiff.graph.errors import DerivativeError
from symdiff.graph.node import topological
from symdiff.graph.types import Constraint, Dim, TensorType
from symdiff.plan.constraints import constraints_of
from symdiff.plan.program import Program

WISHES = (5, 3, 4, 6, 7, 2)  # preferred lengths at random points, in turn
FAR = 4096  # the longest length that is tried
STEPS = 400_000  # lengths that are tried in all
TURNS = 3  # checks take that many points, each with lengths of its own
NEAR, FEW_STEPS = 256, 2000  # the same for lengths that are to differ from others
MANY = 32  # symbolic axes that are kept apart


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


def lengths(program: Program) -> list[dict[str, int]]:
    """Return lengths for the dims of a program by name, one set for each turn.

    Where it can be, they differ from all other axes and from turn to turn, so that a
    wrong length in generated code shows. Raises `LengthError` where none are found
    that meet the checks.
    """
    dims = dims_of(program)
    if not dims:
        return []
    order = topological([t.node for t in program.roots()])
    asked = constraints_of(order)
    for leaf in program.leaves:
        asked += [Constraint(d, None) for d in leaf.shape if isinstance(d, sp.Expr)]
    asked = [c for c in asked if _free(c) <= set(dims)]
    declared = [d for leaf in program.leaves for d in leaf.shape]
    shapes = [n.shape for n in order if isinstance(n.type, TensorType)]
    inner = {d for shape in shapes for d in shape if isinstance(d, int)}
    apart = [[*declared, *sorted(inner)], declared]
    found: list[dict[str, int]] = []
    for _ in range(TURNS):
        found.append(meeting(dims, asked, apart=apart, earlier=found))
    return found


def meeting(
    dims: Sequence[sp.Symbol],
    asked: Sequence[Constraint],
    given: Mapping[str, int] | None = None,
    wishes: Sequence[int] = WISHES,
    apart: Sequence[Sequence[Dim]] = (),
    earlier: Sequence[Mapping[str, int]] = (),
) -> dict[str, int]:
    """Return lengths of dims, by name, that meet constraints.

    ``given`` are lengths that are asked for, ``wishes`` the preferred ones of the
    others, in turn. Of each list of axes in ``apart``, no two are to have one length;
    the first list that allows that counts, and lengths that were found ``earlier`` are
    taken last. Raises `LengthError` where none are found.
    """
    each = {(c.left, c.right): c for c in asked}
    checks = [_Check.of(c) for c in each.values()]
    fixed = {s: int(given[str(s)]) for s in dims if given and str(s) in given}
    broken = [c for c in checks if c.symbols <= fixed.keys() and not c.holds(fixed)]
    if broken:
        raise _unmet(broken, fixed)
    free = [s for s in dims if s not in fixed]
    wanted = {s: wishes[i % len(wishes)] for i, s in enumerate(dims)}
    axes = [d for d in apart[0] if isinstance(d, int)] if apart else []
    used = {s: [*(at[str(s)] for at in earlier), *axes] for s in dims}

    def choices(s: sp.Symbol) -> Iterable[int]:
        first = _from(wanted[s], used[s]) if apart else ()
        return itertools.chain(first, _near(wanted[s]))

    found = None
    for others in apart:
        differ = [*checks, *_differing(others)]
        search = _LengthSearch(differ, lambda s: _from(wanted[s], used[s]), FEW_STEPS)
        found = found or search.extended(fixed, free)
    found = found or _LengthSearch(checks, choices).extended(fixed, free)
    if found is None:
        raise _unmet([c for c in checks if c.symbols & set(free)], fixed)
    return {str(s): found[s] for s in dims}


def _differing(axes: Iterable[Dim]) -> Iterator[_Check]:
    """Yield what keeps lengths that are to be found apart from those of other axes."""
    numbers = {1, *(d for d in axes if isinstance(d, int))}
    formulas = list(dict.fromkeys(d for d in axes if not isinstance(d, int)))[:MANY]
    for i, formula in enumerate(formulas):
        yield _Check.none_of(formula, numbers)
        yield from (_Check.unequal(formula, other) for other in formulas[i + 1 :])


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

    @classmethod
    def none_of(cls, length: sp.Expr, numbers: Container[int]) -> _Check:
        """Return the check that a length is none of some numbers."""
        side, symbols = _function(length), frozenset(length.free_symbols)
        return cls(symbols, lambda at: side(at) not in numbers, f"{length}", False)

    @classmethod
    def unequal(cls, left: sp.Expr, right: sp.Expr) -> _Check:
        """Return the check that two lengths are not the same."""
        a, b = _function(left), _function(right)
        symbols = frozenset(left.free_symbols | right.free_symbols)
        return cls(symbols, lambda at: a(at) != b(at), f"{left} != {right}", False)

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
    choices: Callable[[sp.Symbol], Iterable[int]]
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
        for length in self.choices(first):
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


def _from(wish: int, used: Sequence[int]) -> Iterable[int]:
    """Return lengths from the wish on, then shorter ones, then those that are used."""
    longer = range(wish, max(wish, NEAR) + 1)
    shorter = range(min(wish, NEAR) - 1, 1, -1)
    return [*(n for n in (*longer, *shorter) if n not in used), *dict.fromkeys(used)]
