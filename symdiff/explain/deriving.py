"""How a program's gradients come about: the chain rule, a node at a time.

In: a program before it is simplified. Out: a `Derivation`: every node of the forward
graph with its formula, local derivatives and cotangent, and each gradient as one
composed formula. Invariant: each contribution is what the node's own rule builds, by
the functions that code generation uses too; only exact rewrites simplify formulas.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symdiff.derive.reverse import active_nodes, hand_back, summed
from symdiff.emit.lower.comments import shape_comment
from symdiff.emit.modules.bodies import bare_unit
from symdiff.explain.derivation import Derivation, Entry, Gradient, Share
from symdiff.explain.formulas import Formula, listed, named, over_operands
from symdiff.explain.formulas import formula as formula_of
from symdiff.explain.local import Workbench
from symdiff.explain.symbols import apart, telling_apart
from symdiff.graph.node import Node
from symdiff.graph.origin import Site
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import CONSTANT, LITERAL, float_operand
from symdiff.ops.selecting.support import Seen
from symdiff.plan.program import Program

# A cotangent of at most so many characters is written into composed formulas: if it is
# read once, or more often.
INLINE, SHORT = 120, 24
TERMS, SOME = 12, 4  # terms of a sum that is written whole, and of a shortened one
WHERE = 8  # cotangents listed after a composed formula, at most


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


def derive(program: Program, base: str, backward: bool = True) -> Derivation:
    """Return the derivation of a program that is not differentiated yet.

    ``base`` is the folder that quoted file names are relative to. Without ``backward``
    the derivation has the forward graph alone.
    """
    deriver = _Deriver(program, base)
    with telling_apart(deriver.symbols):
        return deriver.derivation(backward)


def _cotangents(names: Mapping[Node, str]) -> dict[Node, str]:
    """Return names for the cotangents of values, none of which a value has."""
    taken = set(names.values())
    found = {}
    for node, name in names.items():
        count, back = 1, f"d_{name}"
        while back in taken:
            count += 1
            back = f"d_{name}_{count}"
        taken.add(back)
        found[node] = back
    return found


class _Deriver:
    def __init__(self, program: Program, base: str) -> None:
        self.program = program
        self.unit = bare_unit(program, base, 0)
        results = [t for _, t in program.results]
        roots = [*results, *(t for _, t in program.outputs)]
        self.order = tensor_topological(roots)
        self.readers: dict[Node, list[Node]] = {}
        for t in self.order:
            for i in t.node.inputs:
                self.readers.setdefault(i, []).append(t.node)
        self.silent = {
            t.node for t in self.order if is_silent(t.node, self.readers)
        } - {t.node for t in roots}
        self.shown = [t for t in self.order if t.node not in self.silent]
        self.unit.names.reserve(self.order)
        self.names = {t.node: self.unit.names.of(t) for t in self.shown}
        self.backs = _cotangents(self.names)
        of = {back: self.names[n] for n, back in self.backs.items()}
        self.symbols = apart(self.names.values(), of)
        self.bench = Workbench(self.names, self.backs)
        self.received: dict[Node, list[Share]] = {}
        self.handed: dict[Node, list[Share]] = {}
        self.composed: dict[Node, Tensor] = {}
        self.seeds = {t.node: s for t, s in self._seeded()}
        self.roles = self._roles()

    def _seeded(self) -> Iterable[tuple[Tensor, Tensor]]:
        smooth = [t for _, t in self.program.results if t.dtype.is_float]
        return zip(smooth, self.program.seeds, strict=True)

    # --- the sweep --------------------------------------------------------------------

    def _sweep(self) -> None:
        """Run the reverse sweep, with a leaf in place of each cotangent's formula."""
        smooth = [t for t, _ in self._seeded()]
        order = tensor_topological(smooth)
        wanted = {t.node for t in self.program.wrt}
        active = active_nodes(order, wanted)
        pending: dict[Node, list[Any]] = {}
        seen: Seen = {}
        for tensor in smooth:
            if tensor.node in active:
                pending.setdefault(tensor.node, []).append(self.seeds[tensor.node])
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
                        hand_back(tensor, total, active, pending, seen)

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
            if ct is self.seeds.get(node):
                continue
            users = self.bench.users_of(ct)
            user = users[0] if users else None
            if user is None:
                continue
            local = self._local(user, node)
            made = self.bench.simplified(ct)
            share = Share(
                self.names[node],
                self.names[user],
                local,
                formula_of(made.node, self.bench.terms),
                self._words(user),
                made,
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

    def derivation(self, backward: bool) -> Derivation:
        self.tensors = {t.node: t for t in self.order}
        self.terms = {n: named(name) for n, name in self.names.items()}
        if backward:
            self._sweep()
        results = tuple(self.names[t.node] for t, _ in self._seeded())
        return Derivation(
            self.program.name,
            tuple(self._entry(t) for t in self.shown),
            tuple(self._gradients()) if backward else (),
            results,
            self.unit,
            self.bench.by_name,
            self.bench.stands,
            self.symbols,
        )

    def _roles(self) -> dict[Node, str]:
        p = self.program
        groups = {
            "input": p.inputs,
            "target": p.targets,
            "parameter": p.params,
            "state": p.states,
            "draw": p.randoms,
        }
        return {t.node: role for role, group in groups.items() for t in group}

    def _entry(self, tensor: Tensor) -> Entry:
        node = tensor.node
        constant = node.op is CONSTANT
        role = self.roles.get(node, "constant" if constant else "")
        computed = not role
        several = isinstance(node.type, TupleType)
        operands = self._visible(node)
        readers = [self.names[r] for r in self._readers(node)]
        cotangent = self.bench.names.get(node)
        return Entry(
            self.names[node],
            node.op.name,
            role,
            str(node.type) if several else shape_comment(node),
            self.unit.resolver.statement(tensor) if computed else None,
            over_operands(node, self.terms) if computed or constant else None,
            tuple(dict.fromkeys(operands)),
            tuple(dict.fromkeys(readers)),
            self._words(node),
            tuple(self.handed.get(node, ())),
            tuple(self.received.get(node, ())),
            cotangent,
            node in self.seeds,
            tensor.scope,
            tensor,
        )

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

    # --- composed ---------------------------------------------------------------------

    def _gradients(self) -> Iterable[Gradient]:
        """Write each gradient in terms of forward values; the loss's cotangent is 1.

        A cotangent that is used once, or is short, is written where it is used; others
        keep their names.
        """
        uses: Counter[Node] = Counter()
        for shares in self.received.values():
            for share in shares:
                uses.update(self.bench.users_of_local(share.tensor))
        chosen: dict[Node, Tensor] = {}
        kept: dict[Node, Formula] = {}
        for tensor in reversed(self.order):
            node = tensor.node
            leaf = self.bench.leaf_of(node)
            if leaf is None:
                continue
            total = self._composed(node, chosen)
            if total is None:  # a result
                if node.shape == ():
                    chosen[leaf] = float_operand(1.0)
                continue
            brief = self._written(node, total, chosen)
            room = INLINE if uses[node] == 1 else SHORT
            if len(brief.text) <= room:
                chosen[leaf] = total
            else:
                kept[node] = brief
                self.composed[node] = total
        for variable in self.program.wrt:
            yield self._gradient(variable, chosen, kept)

    def _composed(self, node: Node, chosen: Mapping[Node, Tensor]) -> Tensor | None:
        """Return a value's cotangent with the cotangents of its readers written in."""
        terms = [s.tensor for s in self.received.get(node, [])]
        if node in self.seeds and (terms or node.op.leaf):
            terms.append(self._given(node))
        return self.bench.total(terms, chosen) if terms else None

    def _written(
        self, node: Node, total: Tensor, chosen: Mapping[Node, Tensor]
    ) -> Formula:
        """Return a value's composed cotangent as a formula; of a long sum, the start.

        A shorter sum is written from its total, in which simplifying may merge terms.
        """
        shares = self.received.get(node, [])
        if len(shares) <= TERMS:
            return formula_of(total.node, self.bench.terms)
        first = [self.bench.total([s.tensor], chosen) for s in shares[:SOME]]
        terms = [formula_of(t.node, self.bench.terms) for t in first]
        return listed(terms, len(shares))

    def _given(self, node: Node) -> Tensor:
        """Return the cotangent that a result is given: 1 for a scalar, else a name."""
        if node.shape == ():
            return float_operand(1.0)
        seed = self.seeds[node]
        self.bench.terms[seed.node] = named(f"given_{self.names[node]}")
        return seed

    def _gradient(
        self,
        variable: Tensor,
        chosen: Mapping[Node, Tensor],
        kept: Mapping[Node, Formula],
    ) -> Gradient:
        node = variable.node
        back = self.backs.get(node) or f"d_{self.unit.names.of(variable)}"
        total = self._composed(node, chosen)
        whole = Formula("0", "0")
        waiting: list[Node] = []
        tensors: dict[str, Tensor] = {}
        found: dict[Node, None] = {}
        if total is not None:
            whole = self._written(node, total, chosen)
            tensors[back] = total
            waiting = self.bench.users_of_local(total)
            while waiting and len(found) < WHERE:
                user = waiting.pop(0)
                if user in kept and user not in found:
                    found[user] = None
                    tensors[self.bench.names[user]] = self.composed[user]
                    waiting += self.bench.users_of_local(self.composed[user])
        where = tuple((self.bench.names[n], kept[n]) for n in found)
        shape = shape_comment(node)
        more = any(n in kept and n not in found for n in waiting)
        own = str(variable.name)
        return Gradient(own, back, shape, whole, where, more, tensors)
