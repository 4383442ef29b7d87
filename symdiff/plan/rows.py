"""Words for what becomes of a value when a batch is worked through in parts.

In: the arguments of a model. Out: which dim counts their rows. A value is `Whole` (the
same in every part), `Rows` (a part's value is the part's rows), `Sums` (parts add up,
each weighted) or `Mixed`; a tuple has one of them for each item. Invariant: nothing
here is guessed; `symdiff.plan.parts` derives it op by op.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim
from symdiff.ops.core.leaf import BOUND, PARAM, RANDOM


@dataclass(frozen=True)
class Whole:
    """A value that no row enters."""


@dataclass(frozen=True)
class Rows:
    """A value with rows along an axis of length outer * rows * inner."""

    axis: int
    outer: Dim = 1
    inner: Dim = 1


@dataclass(frozen=True)
class Sums:
    """The sum over parts of ``by`` times the part's value, divided by the whole's.

    ``by`` is a node that data alone determine: the number of rows, or what a weighted
    mean divides by. None: the parts simply add up. ``more`` says that something no row
    enters has been added, so that the weights must add up to 1.
    """

    by: Node | None = None
    more: bool = False


@dataclass(frozen=True)
class Mixed:
    """A value that the parts' values do not determine, and the op that made it so."""

    node: Node
    why: str


Part = Whole | Rows | Sums | Mixed
Parts = Part | tuple[Part, ...]
WHOLE = Whole()


def row_dim(arguments: Sequence[Tensor]) -> Dim | None:
    """Return the dim that counts rows, None where there is none.

    It is a symbol that leads some argument; of several the one that most arguments
    have. Where no length is symbolic it is the first length, if all share it.
    """
    have = Counter(d for t in arguments for d in {*t.shape} if isinstance(d, sp.Symbol))
    leading = [t.shape[0] if t.ndim else None for t in arguments]
    symbols = [d for d in leading if isinstance(d, sp.Symbol)]
    if symbols:
        return max(symbols, key=lambda d: have[d])  # the first of equals
    if have or not leading or len({*leading}) != 1:
        return None
    return leading[0]


def row_axes(arguments: Sequence[Tensor], rows: Dim | None) -> dict[Node, int]:
    """Return the axis of rows of each argument that has rows."""
    if rows is None:
        return {}
    if isinstance(rows, int):
        return {t.node: 0 for t in arguments}
    return {
        t.node: t.shape.index(rows)
        for t in arguments
        if [d for d in t.shape if rows in sp.sympify(d).free_symbols] == [rows]
    }


def by_data_alone(node: Node) -> bool:
    """Whether a value needs neither parameters nor draws."""
    return all(n.op not in (PARAM, RANDOM, BOUND) for n in topological([node]))


def same_rows(parts: Sequence[Any]) -> Rows | None:
    """Return the rows that operands of one shape share; None where they do not."""
    rows = {p for p in parts if isinstance(p, Rows)}
    known = all(isinstance(p, Whole | Rows) for p in parts)
    return rows.pop() if known and len(rows) == 1 else None


def moved(part: Rows, axis: int) -> Rows:
    """Return rows at another axis."""
    return replace(part, axis=axis)
