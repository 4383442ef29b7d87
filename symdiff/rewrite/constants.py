"""One constant for a product: the numbers of a chain of factors are multiplied.

In: a product or quotient that a rule of differentiation made. Out: an equal one with
fewer numbers, or None. Invariant: the value changes by rounding alone. Infinities and
NaN stay where they were, for only finite numbers other than 0 and of ordinary size are
moved, `SMALL` to `LARGE`: what is scaled by more may be scaled for its range. Formulas
that the user wrote are left as they are, unless the numbers are powers of two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from symdiff.derive.patterns import Rules
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import as_tensor, call_elementwise
from symdiff.ops.elementwise.arithmetic import DIV, MUL, NEG
from symdiff.ops.shape.broadcasting import BROADCAST_TO, broadcast_to
from symdiff.rewrite.driver import is_read_once
from symdiff.rewrite.patterns import number

RULES = Rules()
SMALL, LARGE = 2.0**-20, 2.0**20
FACTORS = 24  # of a chain that are looked at

Path = tuple[int, ...]  # which operand to go to, from the whole product on


@dataclass(frozen=True)
class _Number:
    """A number in a chain, where it is, and how many axes what it scales has."""

    value: float
    path: Path
    divides: bool
    ndim: int


@RULES.of(MUL, DIV)
def one_constant(t: Tensor) -> Tensor | None:
    """(x c) (y d) = (c d x) y, and so for quotients, where the rest is smallest."""
    if t.site.primal is None or not t.dtype.is_float:
        return None
    found = list(_numbers(t))
    if len(found) < 2 or not all(SMALL <= abs(n.value) <= LARGE for n in found):
        return None
    above = prod(n.value for n in found if not n.divides)
    below = prod(n.value for n in found if n.divides)
    kept = _placed(found, above, below)
    made = None if kept is None else _rebuilt(t, kept, {n.path for n in found})
    return made if made is not None and made.type == t.type else None


def _numbers(t: Tensor) -> Iterator[_Number]:
    """Yield the numbers among the factors of ``t`` that nothing else reads."""
    stack: list[tuple[Tensor, Path, bool]] = [(t, (), False)]
    for _ in range(FACTORS):
        if not stack:
            return
        at, path, divides = stack.pop()
        for i, factor in enumerate(at.parents):
            below = divides != (at.node.op is DIV and i == 1)
            value = number(factor)
            if value is not None:
                other = at.parents[1 - i] if len(at.parents) == 2 else factor
                yield _Number(value, (*path, i), below, _axes(other))
            elif _continues(factor, t) and is_read_once(factor):
                stack.append((factor, (*path, i), below))


def _continues(factor: Tensor, t: Tensor) -> bool:
    """Whether a factor of ``t`` is a product without a name of its own."""
    if factor.node.op not in (MUL, DIV, NEG, BROADCAST_TO) or factor.dtype != t.dtype:
        return False
    named = any(p.label for _, p in factor.cotangent_of)
    return not named and factor.site.location == t.site.location


def _axes(t: Tensor) -> int:
    while t.node.op is BROADCAST_TO:
        (t,) = t.parents
    return t.ndim


def _placed(
    found: list[_Number], above: float, below: float
) -> dict[Path, float] | None:
    """Return where which number stays, if they become fewer."""
    ratio = Fraction(above) / Fraction(below)
    places = sorted(found, key=lambda n: (n.ndim, n.divides, len(n.path)))
    if ratio == 1:
        return {}
    for place in places:
        wanted = 1 / ratio if place.divides else ratio
        exact = float(wanted) if Fraction(float(wanted)) == wanted else None
        if exact is not None and SMALL <= abs(exact) <= LARGE:
            return {place.path: exact}
    if len(found) < 3:
        return None
    kept = {}
    for divides, value in ((False, above), (True, below)):
        if not SMALL <= abs(value) <= LARGE:
            return None
        if value != 1:
            kept[next(n.path for n in places if n.divides is divides)] = value
    return kept if len(kept) < len(found) else None


def _rebuilt(
    t: Tensor, kept: dict[Path, float], gone: set[Path], path: Path = ()
) -> Tensor | None:
    """Return a chain with other numbers; None for one that is a factor 1."""
    if path in kept:
        value = kept[path]
        return as_tensor(int(value) if value == int(value) else value)
    if path in gone:
        return None
    if not any(p[: len(path)] == path for p in gone):
        return t
    parts = [_rebuilt(p, kept, gone, (*path, i)) for i, p in enumerate(t.parents)]
    with at_site(t.site):  # each part is still made by its own rule
        return _with_parts(t, parts)


def _with_parts(t: Tensor, parts: list[Tensor | None]) -> Tensor | None:
    if t.node.op is BROADCAST_TO:
        return None if parts[0] is None else broadcast_to(parts[0], t.shape)
    left = [p for p in parts if p is not None]
    if len(left) == len(parts):
        return call_elementwise(t.node.op, *left)
    if t.node.op is DIV and parts[0] is None:  # 1 / y remains
        return None if parts[1] is None else call_elementwise(DIV, 1, parts[1])
    return left[0] if left else None
