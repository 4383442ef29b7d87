"""One rule at a time: a node's contributions as graphs that end at its neighbours.

In: contributions that a rule built, over the whole forward graph. Out: the same cut off
at every named value, and simplified. Invariant: a stand-in leaf takes the place of each
named value and of each cotangent, so the work is proportional to the size of the rule.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from symdiff.derive.sums import add_all
from symdiff.explain.derivation import Lent
from symdiff.explain.formulas import Term, named
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TupleType
from symdiff.ops.core.leaf import input_like
from symdiff.ops.core.operands import broadcast_operands, float_operand
from symdiff.ops.core.rules import apply_partial
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.rules import simplifications


class Workbench:
    """Stand-ins for named values and their cotangents, with their terms."""

    def __init__(
        self,
        primals: Mapping[Node, str],
        backs: Mapping[Node, str],
        told: Mapping[Node, Term],
    ) -> None:
        """Take the names of values, those of their cotangents, and values as terms."""
        self._primals, self._backs, self._told = primals, backs, told
        self._stand_ins: dict[Node, Tensor] = {}
        self._cotangents: dict[Node, Tensor] = {}  # a node to its cotangent's leaf
        self._users: dict[Node, Node] = {}  # a cotangent's leaf to its node
        self._rules = simplifications()
        self.terms: dict[Node, Term] = {}
        self.names: dict[Node, str] = {}
        self.by_name: dict[str, Tensor] = {}
        self.stands: dict[Node, str] = {}  # a stand-in's node to the value's name
        self.lent: dict[Node, Lent] = {}  # a leaf to the contribution it stands for

    def cotangent(self, node: Node, total: Tensor) -> Tensor:
        """Return the leaf that stands for a value's cotangent from here on."""
        name = self._backs[node]
        made = input_like(name, total)
        self._cotangents[node] = made
        self._users[made.node] = node
        self.terms[made.node] = named(name)
        self.names[node] = name
        self.by_name[name] = made
        return made

    def lend(
        self, contribution: Tensor, user: Node, term: Term, loop: Node, place: int
    ) -> Tensor:
        """Return a leaf that stands for a contribution of a loop, written as a term."""
        made = input_like(f"part {len(self.lent)}", contribution)
        self.lent[made.node] = Lent(self.simplified(contribution), loop, place)
        self._users[made.node] = user
        self.terms[made.node] = term
        return made

    def leaf_of(self, node: Node) -> Node | None:
        """Return the leaf of a value's cotangent."""
        found = self._cotangents.get(node)
        return None if found is None else found.node

    def users_of(self, contribution: Tensor) -> list[Node]:
        """Return the values whose cotangent a contribution reads."""
        return self._found(contribution, self._primals)

    def users_of_local(self, contribution: Tensor) -> list[Node]:
        """Return the same for a contribution that has been cut off already."""
        return self._found(contribution, ())

    def _found(self, contribution: Tensor, stop: Collection[Node]) -> list[Node]:
        found: dict[Node, None] = {}
        stack, seen = [contribution.node], {contribution.node}
        while stack:
            node = stack.pop()
            if node in self._users:
                found[self._users[node]] = None
                continue
            for i in node.inputs:
                if i not in seen and i not in stop:
                    seen.add(i)
                    stack.append(i)
        return list(found)

    # --- cutting off ------------------------------------------------------------------

    def simplified(self, contribution: Tensor) -> Tensor:
        """Return a contribution over stand-ins, simplified."""
        return rewrite([self._cut(contribution, {})], self._rules)[0]

    def total(self, local: Sequence[Tensor], chosen: Mapping[Node, Tensor]) -> Tensor:
        """Return the sum of contributions, with ``chosen`` in place of leaves."""
        terms = [self._cut(t, chosen) for t in local]
        total = add_all(terms)
        assert total is not None
        return rewrite([total], self._rules)[0]

    def partial(self, tensor: Tensor, place: int) -> Tensor | None:
        """Return the derivative of an elementwise operation by one of its operands."""
        operands = [self._stand_in(p) for p in tensor.parents]
        output = apply(tensor.node.op, *operands, **tensor.node.attrs)
        if output.node not in self.terms:
            self.terms[output.node] = self._told[tensor.node]
        one = broadcast_operands(float_operand(1.0), output)[0]
        made = apply_partial(tensor.node.op, place, one, output, operands)
        if made is None:
            return None
        stand = self._stand_in(tensor)
        found = rewrite([self._cut(made, {output.node: stand})], self._rules)[0]
        while found.node.op.facts.repeats:
            (found,) = found.parents
        return found

    def _stand_in(self, tensor: Tensor) -> Tensor:
        """Return the leaf that stands for a named value; cut others further down."""
        node = tensor.node
        if node not in self._primals or isinstance(node.type, TupleType):
            return self._cut(tensor, {})
        if node not in self._stand_ins:
            made = input_like(self._primals[node], tensor)
            self._stand_ins[node] = made
            self.terms[made.node] = self._told[node]
            self.stands[made.node] = self._primals[node]
        return self._stand_ins[node]

    def _cut(self, top: Tensor, chosen: Mapping[Node, Tensor]) -> Tensor:
        """Return a graph rebuilt over stand-ins, without recursion."""
        done: dict[Node, Tensor] = {}
        stack = [top]
        while stack:
            tensor = stack[-1]
            node = tensor.node
            if node in done:
                stack.pop()
            elif node in chosen:
                done[node] = chosen[node]
            elif node in self.stands or node in self._users:
                done[node] = tensor
            elif node in self._primals and not isinstance(node.type, TupleType):
                done[node] = self._stand_in(tensor)
            elif node.op.leaf or not tensor.parents:
                done[node] = tensor
            else:
                waiting = [p for p in tensor.parents if p.node not in done]
                if waiting:
                    stack += waiting
                else:
                    parents = [done[p.node] for p in tensor.parents]
                    done[node] = apply(node.op, *parents, **node.attrs)
        return done[top.node]
