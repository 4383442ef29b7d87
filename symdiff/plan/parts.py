"""Whether a result can be put together from parts of a batch, derived op by op.

In: results, the dim of rows, and the axis it has in each argument. Out: for every
result how it is composed of the parts' values, or why it is not. Invariant: each answer
follows from the ops between arguments and result; where no rule applies, it is `Mixed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdiff.graph.body import Body
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim, TupleType, as_dim, product
from symdiff.ops.core.leaf import RANDOM
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.rows import WHOLE, Mixed, Part, Parts, Rows, Sums, each, per

STATISTIC = "it takes rows of a batch together"
DRAWN = "its draws are those of a whole batch"


def parts_of(
    roots: Sequence[Tensor], rows: sp.Symbol, axes: Mapping[Node, int]
) -> list[Part]:
    """Return the class of each scalar result, given the row axis of each argument."""
    split = Split(rows)
    given: dict[Node, Parts] = {leaf: Rows(axis) for leaf, axis in axes.items()}
    found = split.classes([t.node for t in roots], given)
    return [split.judged(t.node, found[t.node]) for t in roots]


@dataclass(frozen=True)
class Split:
    """The classification of values for one dim of rows: a `Batch`, as rules use it."""

    rows: sp.Symbol

    @property
    def count(self) -> Node:
        """The number of rows, as a node."""
        return apply(LITERAL, value=self.rows).node

    def judged(self, node: Node, part: Parts) -> Part:
        """Return a result's class: `Mixed` with the reason if parts do not give it."""
        if isinstance(part, tuple | Rows):
            return Mixed(node, "it is no mean or sum over rows")
        if isinstance(part, Sums) and part.by is None and part.more:
            why = "it adds to a sum over rows what no row enters, as a penalty"
            return Mixed(node, f"{why}; take a mean over rows instead")
        return part

    def has_rows(self, value: Any) -> bool:
        """Whether an attribute or a shape mentions the dim of rows."""
        match value:
            case sp.Basic():
                return self.rows in value.free_symbols
            case tuple() | list():
                return any(map(self.has_rows, value))
            case slice():
                return self.has_rows((value.start, value.stop, value.step))
            case Body():
                return any(self.mentions(n) for n in value.nodes)
        return False

    def mentions(self, node: Node) -> bool:
        """Whether a node's own attributes or shapes mention the dim of rows."""
        types = node.type.items if isinstance(node.type, TupleType) else (node.type,)
        shapes = tuple(t.shape for t in types)
        return self.has_rows((shapes, tuple(node.attrs.values())))

    def classes(
        self, roots: Sequence[Node], given: Mapping[Node, Parts]
    ) -> dict[Node, Parts]:
        """Return the class of every node below the roots."""
        found: dict[Node, Parts] = dict(given)
        for node in topological(roots):
            if node not in found:
                found[node] = self.class_of(node, [found[i] for i in node.inputs])
        return found

    def class_of(self, node: Node, parts: Sequence[Any]) -> Parts:
        """Return a node's class from those of its operands."""
        rule = node.op.facts.rows or (each if node.op.is_elementwise else None)
        found: Parts | None = None
        if all(p == WHOLE for p in parts) and not self.mentions(node):
            found = WHOLE
            if isinstance(node.type, TupleType):
                return (WHOLE,) * len(node.type.items)
        elif rule is not None:
            found = rule(self, node, parts)
        if found is None and any(isinstance(p, Sums) for p in parts):
            found = self.linear(node, parts)
        if found is not None:
            return found
        before = [p for p in parts if isinstance(p, Mixed)]
        why = DRAWN if node.op is RANDOM else STATISTIC
        return before[0] if before else Mixed(node, why)

    def linear(self, node: Node, parts: Sequence[Any]) -> Part | None:
        """Return the class of an op that is linear in one sum over rows, or None."""
        if self.mentions(node):
            return None
        sums = [i for i, p in enumerate(parts) if isinstance(p, Sums)]
        others = [p for i, p in enumerate(parts) if i not in sums]
        alone = len(sums) == 1 and all(p == WHOLE for p in others)
        if not alone or sums[0] not in node.op.linear_in:
            return None
        found: Sums = parts[sums[0]]
        return found

    def place(self, shape: Sequence[Dim], before: Dim, after: Dim) -> Rows | None:
        """Return the rows in a shape, given the number of elements before and after."""
        at = [i for i, d in enumerate(shape) if self.has_rows(d)]
        if len(at) != 1:
            return None
        (axis,) = at
        outer = _quotient(before, product(shape[:axis]))
        inner = _quotient(after, product(shape[axis + 1 :]))
        if outer is None or inner is None:
            return None
        fits = sp.expand(outer * self.rows * inner - shape[axis]) == 0
        return Rows(axis, outer, inner) if fits else None

    def is_count(self, node: Node) -> bool:
        """Whether a number is proportional to the number of rows."""
        if node.op is not LITERAL or not self.has_rows(node.attrs["value"]):
            return False
        each = sp.expand(node.attrs["value"] / self.rows)
        return self.rows not in each.free_symbols


def _quotient(a: Dim, b: Dim) -> Dim | None:
    """Return a / b where it is a whole number of elements, else None."""
    if b == 0:
        return None
    found = per(a, b)
    if found.is_Integer or (found.is_integer and found.is_polynomial()):
        return as_dim(found)
    return None
