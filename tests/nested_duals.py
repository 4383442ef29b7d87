"""Nested dual numbers: what the derivatives in `tests/nested_programs.py` must be.

In: a program and numbers. Out: its value. Every derivative has a tag of its own, and a
number carries one tangent per tag, so that derivatives inside derivatives are never
mistaken for one another. Nothing here is shared with symdiff.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from nested_programs import Derived, weight

_tags = itertools.count()


class Dual:
    """``primal + tangent * e`` with e**2 = 0; e is that of the derivative ``tag``."""

    def __init__(self, tag: int, primal: Any, tangent: Any) -> None:
        self.tag, self.primal, self.tangent = tag, primal, tangent

    def __add__(self, other: Any) -> Any:
        return _combined(self, other, lambda a, b: a + b, lambda a, b: (1.0, 1.0))

    def __sub__(self, other: Any) -> Any:
        return _combined(self, other, lambda a, b: a - b, lambda a, b: (1.0, -1.0))

    def __mul__(self, other: Any) -> Any:
        return _combined(self, other, lambda a, b: a * b, lambda a, b: (b, a))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Any:
        return -1.0 * self + other

    def __lt__(self, other: Any) -> bool:
        return plain(self) < plain(other)


def _parts(value: Any, tag: int) -> tuple[Any, Any]:
    if isinstance(value, Dual) and value.tag == tag:
        return value.primal, value.tangent
    return value, 0.0


def _combined(a: Any, b: Any, f: Any, partials: Any) -> Any:
    """Return f(a, b), differentiated by the innermost derivative of the two."""
    tag = max(v.tag for v in (a, b) if isinstance(v, Dual))
    (p, dp), (q, dq) = _parts(a, tag), _parts(b, tag)
    by_p, by_q = partials(p, q)
    return Dual(tag, f(p, q), by_p * dp + by_q * dq)


def plain(value: Any) -> float:
    """Return a number without its tangents."""
    while isinstance(value, Dual):
        value = value.primal
    return float(value)


def _call(f: Callable[[float], float], slope: Callable[[Any], Any]) -> Any:
    def called(x: Any) -> Any:
        if not isinstance(x, Dual):
            return f(x)
        return Dual(x.tag, called(x.primal), slope(x.primal) * x.tangent)

    return called


def slope_of(f: Callable[[Any], list[Any]], x: Any) -> list[Any]:
    """Return df/dx of every result."""
    tag = next(_tags)
    return [_parts(y, tag)[1] for y in f(Dual(tag, x, 1.0))]


def rows_by(f: Any, at: list[Any]) -> list[list[Any]]:
    """Return the derivatives of every result (inside) by every argument (outside)."""

    def along(i: int) -> Any:
        return slope_of(lambda v: f(*at[:i], v, *at[i + 1 :]), at[i])

    return [along(i) for i in range(len(at))]


class Duals:
    """The operations of programs, on numbers and dual numbers."""

    sin = staticmethod(_call(math.sin, lambda x: Duals.cos(x)))
    cos = staticmethod(_call(math.cos, lambda x: -1.0 * Duals.sin(x)))
    tanh = staticmethod(_call(math.tanh, lambda x: 1.0 - Duals.tanh(x) * Duals.tanh(x)))

    def choose(self, test: Any, then: Any, otherwise: Any) -> Any:
        """Return one side."""
        return then() if plain(test) > 0 else otherwise()

    def fold(self, step: Any, carry: Any, rows: Any) -> Any:
        """Return the last carry and the sum of what each step gave."""
        total = 0.0
        for row in rows:
            carry, y = step(carry, row)
            total = total + y
        return carry, total

    def repeat(self, test: Any, body: Any, carry: Any) -> Any:
        """Repeat while the test holds."""
        while test(carry):
            carry = body(carry)
        return carry

    def derive(self, e: Derived, f: Any, at: list[Any], vector: list[Any]) -> Any:
        """Return the weighted sum of what a transform returns."""
        match e.kind:
            case "jit":
                return _sum(weight(j) * y for j, y in enumerate(f(*at)))
            case "hessian" | "hvp":
                return self._second(e, f, at, vector)
        by = rows_by(f, at)
        rows, columns = range(len(e.bodies)), range(len(at))
        match e.kind:
            case "grad":
                return _sum(weight(i) * by[i][0] for i in columns)
            case "value_and_grad":
                slopes = _sum(weight(i) * by[i][0] for i in columns)
                return 0.5 * f(*at)[0] + slopes
            case "elementwise_grad":
                return _sum(weight(i) * by[i][j] for i in columns for j in rows)
            case "vjp":
                return _sum(
                    weight(i) * (vector[j] * by[i][j]) for i in columns for j in rows
                )
            case "jvp":
                return _sum(
                    weight(j) * (vector[i] * by[i][j]) for i in columns for j in rows
                )
        return _sum(weight(j, i) * by[i][j] for i in columns for j in rows)

    def _second(self, e: Derived, f: Any, at: list[Any], vector: list[Any]) -> Any:
        def gradient(*values: Any) -> list[Any]:
            return [slopes[0] for slopes in rows_by(f, list(values))]

        by = rows_by(gradient, at)
        places = [(i, k) for i in range(len(at)) for k in range(len(at))]
        if e.kind == "hvp":
            return _sum(weight(i) * (by[k][i] * vector[k]) for i, k in places)
        return _sum(weight(i, k) * by[k][i] for i, k in places)


def _sum(terms: Any) -> Any:
    total: Any = 0.0
    for term in terms:
        total = total + term
    return total
