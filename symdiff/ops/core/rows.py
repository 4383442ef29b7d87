"""What becomes of a value when a batch is computed in parts, as facts of ops.

In: a node and the classes of its operands. Out: the node's class. A value is `Whole`
(the same in every part), `Rows` (a part's value is the part's rows), `Sums` (a weighted
sum over the parts) or `Mixed`; a tuple has a class for each item. A rule returns None
where the op mixes rows; an op without a rule counts as one that does. Invariant: a rule
is never wrong: tests compare each with what its op computes for the table of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.types import Dim


@lru_cache(maxsize=4096)
def per(a: Dim, b: Dim) -> sp.Expr:
    """Return a / b, reduced."""
    return sp.cancel(sp.sympify(a) / sp.sympify(b))


@dataclass(frozen=True)
class Whole:
    """A value that depends on no row."""


@dataclass(frozen=True)
class Rows:
    """A value with rows along an axis of length outer * rows * inner."""

    axis: int
    outer: Dim = 1
    inner: Dim = 1


@dataclass(frozen=True)
class Sums:
    """The sum over parts of ``by`` times the part's value, divided by the whole's.

    ``by`` is a node that data alone determine: the number of rows, or the divisor of a
    weighted mean; where it is a mean itself, ``counted`` says that it counts times the
    number of rows. If it is None, the parts simply add up. ``more`` says that a value
    that depends on no row has been added, so that the weights must add up to 1.
    """

    by: Node | None = None
    more: bool = False
    counted: bool = False

    def weighs_as(self, other: Sums) -> bool:
        """Whether the parts of both have the same weights."""
        return self.by is other.by and self.counted == other.counted


@dataclass(frozen=True)
class Mixed:
    """A value that the parts' values do not determine, and the op that made it so."""

    node: Node
    why: str


Part = Whole | Rows | Sums | Mixed
Parts = Part | tuple[Part, ...]
WHOLE = Whole()


class Batch(Protocol):
    """What a rule may ask about the batch, and the dim that is its number of rows."""

    @property
    def rows(self) -> Any:
        """The number of rows, as a symbol."""

    @property
    def count(self) -> Node:
        """The number of rows, as a node."""

    def has_rows(self, value: Any) -> bool:
        """Whether an attribute or a shape mentions the number of rows."""

    def is_count(self, node: Node) -> bool:
        """Whether a number is proportional to the number of rows."""

    def place(self, shape: Sequence[Dim], before: Dim, after: Dim) -> Rows | None:
        """Return the rows in a shape, given the number of elements before and after."""

    def classes(
        self, roots: Sequence[Node], given: Mapping[Node, Parts]
    ) -> dict[Node, Parts]:
        """Return the class of every node below the roots."""


# The classes of operands are `Any`: most rules test them with `isinstance`.
RowRule = Callable[[Batch, Node, Sequence[Any]], "Parts | None"]
FULL = slice(None)


def same_rows(parts: Sequence[Any]) -> Rows | None:
    """Return the rows that operands of one shape share; None where they do not."""
    rows = {p for p in parts if isinstance(p, Rows)}
    known = all(isinstance(p, Whole | Rows) for p in parts)
    return rows.pop() if known and len(rows) == 1 else None


def moved(part: Rows, axis: int) -> Rows:
    """Return rows at another axis."""
    return replace(part, axis=axis)


# --- rules of many ops ----------------------------------------------------------------


def each(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """An elementwise op: the result has rows where its operands have them."""
    return same_rows(parts)


def unchanged(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """The class of the first operand, also where it is a sum over rows."""
    found: Part = parts[0]
    return found


def along(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """An op that acts along the axes it names leaves rows along others alone."""
    rows = same_rows(parts)
    if rows is None or rows.axis in _named_axes(node):
        return None
    return _dropped(rows, node)


def summed(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """A sum, over rows or over other axes."""
    return _reduced(node, parts, Sums())


def averaged(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """A mean, over rows or over other axes."""
    return _reduced(node, parts, Sums(s.count))


def matrices(s: Batch, node: Node, parts: Sequence[Any]) -> Parts | None:
    """An op on the matrices of the last two axes."""
    rows = same_rows(parts)
    if rows is None or any(rows.axis >= len(i.shape) - 2 for i in node.inputs):
        return None
    several = getattr(node.type, "items", None)
    return rows if several is None else (rows,) * len(several)


def leading(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """An op on the last axis of x, with something for each of its vectors."""
    rows = same_rows(parts)
    if rows is None or s.has_rows(max((i.shape for i in node.inputs), key=len)[-1]):
        return None
    return rows


def looked_up(operand: int) -> RowRule:
    """Each row's value is looked up in tables that depend on no row."""

    def rule(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
        found = parts[operand]
        others = [p for i, p in enumerate(parts) if i != operand]
        known = isinstance(found, Rows) and all(p == WHOLE for p in others)
        return found if known else None

    return rule


def labelled(terms: Sequence[str], output: str, parts: Sequence[Any]) -> Part | None:
    """Return the class of a sum of products over labelled axes."""
    rows = [p for p in parts if isinstance(p, Rows)]
    if not rows or not all(isinstance(p, Rows | Whole) for p in parts):
        return None
    labels = {
        (term[p.axis], p.outer, p.inner)
        for term, p in zip(terms, parts, strict=True)
        if isinstance(p, Rows)
    }
    if len(labels) != 1 or any(t.count(c) > 1 for t in terms for c in t):
        return None
    ((label, outer, inner),) = labels
    if label in output:
        return Rows(output.index(label), outer, inner)
    return Sums()


def _reduced(node: Node, parts: Sequence[Any], total: Sums) -> Part | None:
    rows = same_rows(parts)
    if rows is None:
        return None
    return total if rows.axis in _named_axes(node) else _dropped(rows, node)


def _named_axes(node: Node) -> tuple[int, ...]:
    if "axes" in node.attrs:
        axes = node.attrs["axes"]
        return axes if isinstance(axes, tuple) else (axes,)
    axis = node.attrs["axis"]
    return tuple(range(len(node.inputs[0].shape))) if axis is None else (axis,)


def _dropped(rows: Rows, node: Node) -> Rows:
    """Return rows after a reduction over other axes."""
    if len(node.shape) == len(node.inputs[0].shape):
        return rows
    gone = sum(a < rows.axis for a in _named_axes(node))
    return moved(rows, rows.axis - gone)
