"""The chain rule on one graph, a node at a time: of a program, or of a loop's body.

In: a `Graph` with names. Out: a `Derivation`. Invariant: each contribution is what the
node's own rule builds, by the functions that code generation uses too; only exact
rewrites simplify formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from symdiff.derive.reverse import active_nodes, hand_back, summed
from symdiff.emit.lower.comments import shape_comment
from symdiff.emit.modules.bodies import Unit
from symdiff.explain.composing import Composer
from symdiff.explain.derivation import Derivation, Entry, Gradient, Opened, Share
from symdiff.explain.formulas import Formula, Term, over_operands, shown
from symdiff.explain.formulas import formula as formula_of
from symdiff.explain.local import Workbench
from symdiff.graph.body import bodies_of
from symdiff.graph.node import Node
from symdiff.graph.origin import Site
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.tuples import ITEM
from symdiff.ops.selecting.support import Seen

GIVEN = "given (1 for a gradient)"


def readers_of(order: Iterable[Tensor]) -> dict[Node, list[Node]]:
    """Return the nodes that read each node."""
    readers: dict[Node, list[Node]] = {}
    for t in order:
        for i in t.node.inputs:
            readers.setdefault(i, []).append(t.node)
    return readers


def is_silent(node: Node, readers: Mapping[Node, Sequence[Node]]) -> bool:
    """Whether a node has no line of its own: literals, and what NumPy broadcasts."""
    if node.op is LITERAL:
        return True
    if node.op is CONSTANT and node.attrs["value"].size == 1:
        return True
    if not node.op.facts.repeats:
        return False
    found = readers.get(node, ())
    return bool(found) and all(r.op.is_elementwise for r in found)


class Seed(NamedTuple):
    """The cotangent that a result is given, in words.

    Where the result has others, it is a contribution ``of`` somebody.
    """

    result: Tensor
    cotangent: Tensor
    words: str = GIVEN
    of: str = ""


@dataclass(frozen=True)
class Graph:
    """What is derived: values with names, results with cotangents, variables.

    ``terms`` say how values are written, ``indices`` are those of the loops around.
    """

    name: str
    order: Sequence[Tensor]
    seeds: Sequence[Seed]
    wrt: Sequence[Tensor]
    names: Mapping[Node, str]
    backs: Mapping[Node, str]
    terms: Mapping[Node, Term]
    roles: Mapping[Node, str]
    unit: Unit
    symbols: dict[str, str]
    written: Mapping[Node, Term] = field(default_factory=dict)  # of cotangents
    indices: tuple[str, ...] = ()


class Opening(NamedTuple):
    """A loop or branch from inside.

    ``shares`` are its contributions to operands, by place, ``results`` its results and
    ``call`` itself as terms.
    """

    opened: Opened
    shares: Mapping[int, Term]
    results: Sequence[Term]
    call: Term


# (the graph around, a loop or branch, cotangents of its results, which operands need
# one) -> what is inside
Opener = Callable[[Graph, Tensor, Sequence[Tensor | None], Sequence[bool]], Opening]


class Sweep:
    """The derivation of a graph under construction."""

    def __init__(self, graph: Graph, opener: Opener) -> None:
        """Take a graph, and what looks into loops."""
        self.graph, self.names, self.order = graph, graph.names, graph.order
        self.readers = readers_of(self.order)
        self.silent = {t.node for t in self.order if t.node not in self.names}
        self.tensors = {t.node: t for t in self.order}
        self.bench = Workbench(self.names, graph.backs, graph.terms)
        self.bench.terms.update(graph.written)
        self.received: dict[Node, list[Share]] = {}
        self.handed: dict[Node, list[Share]] = {}
        self.openings: dict[Node, Opening] = {}
        self._opener = opener
        self._of = {s.cotangent.node: s.of for s in graph.seeds}
        self._given = {s.result.node: s for s in graph.seeds if not s.of}

    # --- the sweep --------------------------------------------------------------------

    def back(self) -> None:
        """Run the reverse sweep, with a leaf in place of each cotangent's formula."""
        order = tensor_topological([s.result for s in self.graph.seeds])
        active = active_nodes(order, {t.node for t in self.graph.wrt})
        pending: dict[Node, list[Any]] = {}
        seen: Seen = {}
        for seed in self.graph.seeds:
            if seed.result.node in active:
                pending.setdefault(seed.result.node, []).append(seed.cotangent)
        for tensor in reversed(order):
            node = tensor.node
            contributions = pending.pop(node, None)
            if contributions is None:
                continue
            with at_site(
                Site((), tensor.scope, primal=tensor, rule=node.op.rule_of(node))
            ):
                for total in self._totals(tensor, contributions):
                    if any(i in active for i in node.inputs):
                        self._hand(tensor, total, active, pending, seen)

    def _hand(
        self,
        tensor: Tensor,
        total: Any,
        active: set[Node],
        pending: dict[Node, list[Any]],
        seen: Seen,
    ) -> None:
        """Hand back; the contributions of a loop get leaves that stand for them."""
        inputs = tensor.node.inputs
        if not bodies_of(tensor.node.attrs):
            hand_back(tensor, total, active, pending, seen)
            return
        before = {i: len(pending.get(i, ())) for i in inputs}
        hand_back(tensor, total, active, pending, seen)
        made = self._opened(tensor, total, [i in active for i in inputs])
        user = self._user(tensor.node, total)
        for source, start in before.items():
            found = pending.get(source, [])
            places = [p for p in made.shares if inputs[p] is source]
            for at, place in zip(range(start, len(found)), places, strict=True):
                found[at] = self.bench.lend(
                    found[at], user, made.shares[place], tensor.node, place
                )

    def _opened(
        self, tensor: Tensor, totals: Sequence[Tensor | None], needs: Sequence[bool]
    ) -> Opening:
        made = self._opener(self.graph, tensor, totals, needs)
        self.openings[tensor.node] = made
        return made

    def _user(self, node: Node, totals: Sequence[Tensor | None]) -> Node:
        """Return the first result of a loop that has a cotangent."""
        items = {r.attrs["index"]: r for r in self.readers[node] if r.op is ITEM}
        return next(items[i] for i, t in enumerate(totals) if t is not None)

    def _totals(self, tensor: Tensor, contributions: list[Any]) -> list[Any]:
        """Return the cotangent of a value; of a silent node, each contribution."""
        if tensor.node in self.silent:
            return contributions
        total = summed(tensor.node, contributions)
        if not isinstance(total, Tensor):
            return [total]
        self._receive(tensor, contributions[::-1])
        return [self.bench.cotangent(tensor.node, total)]

    def _receive(self, tensor: Tensor, contributions: Sequence[Tensor]) -> None:
        """Note the contributions of its readers to a value's cotangent."""
        node = tensor.node
        for ct in contributions:
            if of := self._of.get(ct.node):
                made = formula_of(ct.node, self.bench.terms)
                share = Share(self.names[node], of, None, made, "", ct)
                self.received.setdefault(node, []).append(share)
                continue
            users = self.bench.users_of(ct)
            user = users[0] if users else None
            if ct.node in self._of or user is None:
                continue
            local = self._local(user, node)
            found = self.bench.simplified(ct)
            share = Share(
                self.names[node],
                self.names[user],
                local,
                formula_of(found.node, self.bench.terms),
                self._words(user),
                found,
            )
            self.received.setdefault(node, []).append(share)
            self.handed.setdefault(user, []).append(share)

    def _local(self, user: Node, source: Node) -> Formula | None:
        """Return the partial derivative of an elementwise operation by an operand."""
        if not user.op.is_elementwise or user not in self.tensors:
            return None
        places = [
            i
            for i, n in enumerate(user.inputs)
            if n is source or (n in self.silent and source in n.inputs)
        ]
        if len(places) != 1:
            return None
        partial = self.bench.partial(self.tensors[user], places[0])
        return None if partial is None else formula_of(partial.node, self.bench.terms)

    def _words(self, user: Node) -> str:
        words = user.op.rule_of(user) or user.op.facts.chain
        if "{0}" in words and user.inputs:
            words = words.format(self.names.get(user.inputs[0], "it"))
        return words

    # --- the result -------------------------------------------------------------------

    def derivation(self, results: Sequence[str], gradients: Iterable[Gradient]) -> Any:
        """Return the derivation, with formulas of gradients that `composed` makes."""
        for tensor in self.order:
            attrs = tensor.node.attrs
            if tensor.node not in self.openings and bodies_of(attrs):
                none = [None] * len(tensor.node.type.items)
                self._opened(tensor, none, [False] * len(tensor.node.inputs))
        visible = [t for t in self.order if t.node not in self.silent]
        return Derivation(
            self.graph.name,
            tuple(self._entry(t) for t in visible),
            tuple(gradients),
            tuple(results),
            self.graph.unit,
            self.bench.by_name,
            self.bench.stands,
            self.graph.symbols,
            {self.names[n]: o.opened for n, o in self.openings.items()},
            self.bench.lent,
        )

    def composed(
        self, variables: Iterable[tuple[Tensor, str, str]], ones: bool
    ) -> Iterable[Gradient]:
        """Yield gradients as one formula each; ``ones``: of a scalar result."""
        given = {n: s.cotangent for n, s in self._given.items()}
        composer = Composer(self.bench, self.received, given, self.names, ones)
        composer.compose(self.order)
        yield from composer.gradients(
            (t, own, back, shape_comment(t.node)) for t, own, back in variables
        )

    def _entry(self, tensor: Tensor) -> Entry:
        node = tensor.node
        constant = node.op is CONSTANT
        role = self.graph.roles.get(node, "constant" if constant else "")
        computed = not role
        several = isinstance(node.type, TupleType)
        operands = self._visible(node)
        readers = [self.names[r] for r in self._readers(node)]
        resolver = self.graph.unit.resolver
        return Entry(
            self.names[node],
            node.op.name,
            role,
            str(node.type) if several else shape_comment(node),
            resolver.statement(tensor) if computed else None,
            self._formula(node) if computed or constant else None,
            tuple(dict.fromkeys(operands)),
            tuple(dict.fromkeys(readers)),
            self._words(node),
            tuple(self.handed.get(node, ())),
            tuple(self.received.get(node, ())),
            self.bench.names.get(node),
            self._given[node].words if node in self._given else "",
            tensor.scope,
            tensor,
        )

    def _formula(self, node: Node) -> Formula:
        """Return what a value is computed by; a loop and its results in short."""
        if node in self.openings:
            return shown(self.openings[node].call)
        if node.op is ITEM and node.inputs[0] in self.openings:
            return shown(self.openings[node.inputs[0]].results[node.attrs["index"]])
        return over_operands(node, self.graph.terms)

    def _visible(self, node: Node) -> list[str]:
        """Return the names that a node reads, directly or through silent nodes."""
        found: list[str] = []
        stack = list(reversed(node.inputs))
        while stack:
            n = stack.pop()
            if n in self.names:
                found.append(self.names[n])
            else:
                stack.extend(reversed(n.inputs))
        return found

    def _readers(self, node: Node) -> list[Node]:
        found: list[Node] = []
        for reader in self.readers.get(node, ()):
            found += [reader] if reader in self.names else self._readers(reader)
        return found
