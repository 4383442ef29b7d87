"""Gradients as one formula each, in terms of forward values.

In: the contributions that add up to each cotangent. Out: `Gradient`s. Invariant: a
cotangent that is used once, or is short, is written where it is used; others keep their
names, and are listed after the formula.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from symdiff.explain.derivation import Gradient, Share
from symdiff.explain.formulas import Formula, listed, named
from symdiff.explain.formulas import formula as formula_of
from symdiff.explain.local import Workbench
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import float_operand

# A cotangent of at most so many characters is written into composed formulas: if it is
# read once, or more often.
INLINE, SHORT = 120, 24
TERMS, SOME = 12, 4  # terms of a sum that is written whole, and of a shortened one
WHERE = 8  # cotangents listed after a composed formula, at most


class Composer:
    """The cotangents of a graph, written into each other.

    ``given`` are the cotangents that results are given, by their nodes; with ``ones``,
    that of a scalar is 1. ``named_as`` are the names of cotangents.
    """

    def __init__(
        self,
        bench: Workbench,
        received: Mapping[Node, Sequence[Share]],
        given: Mapping[Node, Tensor],
        names: Mapping[Node, str],
        ones: bool,
    ) -> None:
        """Take what has been derived; ``names`` are those of forward values."""
        self._bench = bench
        self._received = received
        self._given_at = given
        self._names = names
        self._ones = ones
        self._chosen: dict[Node, Tensor] = {}
        self._kept: dict[Node, Formula] = {}
        self._composed_at: dict[Node, Tensor] = {}

    def compose(self, order: Sequence[Tensor]) -> None:
        """Write the cotangents of values in this order, from the last on."""
        uses: Counter[Node] = Counter()
        for shares in self._received.values():
            for share in shares:
                uses.update(self._bench.users_of_local(share.tensor))
        for tensor in reversed(order):
            node = tensor.node
            leaf = self._bench.leaf_of(node)
            if leaf is None:
                continue
            total = self._composed(node)
            if total is None:  # a result
                if node.shape == () and self._ones:
                    self._chosen[leaf] = float_operand(1.0)
                continue
            brief = self._written(node, total)
            room = INLINE if uses[node] == 1 else SHORT
            if len(brief.text) <= room:
                self._chosen[leaf] = total
            else:
                self._kept[node] = brief
                self._composed_at[node] = total

    def _composed(self, node: Node) -> Tensor | None:
        """Return a value's cotangent with the cotangents of its readers written in."""
        terms = [s.tensor for s in self._received.get(node, [])]
        if node in self._given_at and (terms or node.op.leaf):
            terms.append(self._given(node))
        return self._bench.total(terms, self._chosen) if terms else None

    def _written(self, node: Node, total: Tensor) -> Formula:
        """Return a value's composed cotangent as a formula; of a long sum, the start.

        A shorter sum is written from its total, in which simplifying may merge terms.
        """
        shares = self._received.get(node, [])
        if len(shares) <= TERMS:
            return formula_of(total.node, self._bench.terms)
        first = [self._bench.total([s.tensor], self._chosen) for s in shares[:SOME]]
        terms = [formula_of(t.node, self._bench.terms) for t in first]
        return listed(terms, len(shares))

    def _given(self, node: Node) -> Tensor:
        """Return the cotangent that a result is given: 1 for a scalar, else a name."""
        if node.shape == () and self._ones:
            return float_operand(1.0)
        seed = self._given_at[node]
        self._bench.terms.setdefault(seed.node, named(f"given_{self._names[node]}"))
        return seed

    def gradients(
        self, variables: Iterable[tuple[Tensor, str, str, str]]
    ) -> Iterable[Gradient]:
        """Yield the gradient by each variable: its tensor, names and type."""
        for variable, own, back, shape in variables:
            yield self._gradient(variable.node, own, back, shape)

    def _gradient(self, node: Node, own: str, back: str, shape: str) -> Gradient:
        total = self._composed(node)
        whole = Formula("0", "0")
        waiting: list[Node] = []
        tensors: dict[str, Tensor] = {}
        found: dict[Node, None] = {}
        if total is not None:
            whole = self._written(node, total)
            tensors[back] = total
            waiting = self._bench.users_of_local(total)
            while waiting and len(found) < WHERE:
                user = waiting.pop(0)
                if user in self._kept and user not in found:
                    found[user] = None
                    composed = self._composed_at[user]
                    tensors[self._bench.names[user]] = composed
                    waiting += self._bench.users_of_local(composed)
        where = tuple((self._bench.names[n], self._kept[n]) for n in found)
        more = any(n in self._kept and n not in found for n in waiting)
        return Gradient(own, back, shape, whole, where, more, tensors)
