"""Which declared values a node of the generated program belongs to.

In: a derivation, its values' tensors after each pass, and the program that code is
generated from. Out: `Owners`. Invariant: values went through the same passes as the
program, so each is found again whatever it was rewritten to; a node that a pass has
added belongs to the values that read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from symdiff.emit.lower.source import primal_site
from symdiff.explain.derivation import Derivation
from symdiff.graph.body import Body
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.control.branches import COND
from symdiff.ops.core.operands import is_given
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.program import Program

Found = dict[int, None]  # numbers of entries, in order


@dataclass(frozen=True)
class Related:
    """The values and cotangents that a statement computes, and the rules it applies.

    All are numbers of entries; ``rules`` are the entries whose rules built the
    statement's nodes.
    """

    values: tuple[int, ...] = ()
    cotangents: tuple[int, ...] = ()
    rules: tuple[int, ...] = ()


@dataclass
class Owners:
    """Entries by node, for the tensors of their values after every pass."""

    derivation: Derivation
    program: Program
    forms: Sequence[Mapping[int, Tensor]]  # of the entries, after each pass
    tensors: dict[Node, Tensor] = field(default_factory=dict)
    _forms: dict[Node, Found] = field(default_factory=dict)
    _read_for: dict[Node, Found] = field(default_factory=dict)
    _inside: dict[Node, Node] = field(default_factory=dict)  # a body's node, its loop
    _declared: dict[Node, Node] = field(default_factory=dict)  # as `_inside`, declared
    _operands: dict[Node, Node] = field(default_factory=dict)  # of a body's variables
    _by_site: dict[tuple[object, str], Found] = field(default_factory=dict)

    _numbers: dict[str, int] = field(default_factory=dict)
    _places: dict[Node, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        entries = self.derivation.entries
        self._numbers = {e.name: i for i, e in enumerate(entries)}
        self._places = {e.tensor.node: i for i, e in enumerate(entries)}
        tensors = self.program.tensors
        self.tensors = {**self.program.output_tensors, **tensors}
        self._note(enumerate(e.tensor for e in entries))
        for e in entries:
            for body in (
                v for v in e.tensor.node.attrs.values() if isinstance(v, Body)
            ):
                self._declared.update(dict.fromkeys(body.nodes, e.tensor.node))
        for form in self.forms:
            self._note(form.items())
        self._spread()
        for i, e in enumerate(entries):
            key = (primal_site(e.tensor).frames, e.tensor.node.op.name)
            self._by_site.setdefault(key, {})[i] = None
        for node in self.tensors:
            for value in node.attrs.values():
                if isinstance(value, Body):
                    self._enter(value, node)

    def _note(self, form: Iterable[tuple[int, Tensor]]) -> None:
        for i, tensor in form:
            self._forms.setdefault(tensor.node, {})[i] = None
            if tensor.node.op is not ITEM:
                continue
            # also note the loop whose result it is, which may have been merged
            first = self.derivation.entries[i].tensor.parents
            for k in (self._places.get(p.node) for p in first):
                if k is not None:
                    self._forms.setdefault(tensor.node.inputs[0], {})[k] = None

    def _enter(self, body: Body, loop: Node) -> None:
        inputs = loop.inputs[1:] if loop.op is COND else loop.inputs
        for variable, source in zip(body.params, inputs, strict=False):
            self._operands.setdefault(variable.node, source)
        waiting = [(body, loop)]
        while waiting:
            inner, owner = waiting.pop()
            for node in (*inner.nodes, *(p.node for p in inner.params)):
                self._inside.setdefault(node, owner)
                held = [v for v in node.attrs.values() if isinstance(v, Body)]
                waiting += [(b, owner) for b in held]

    def _spread(self) -> None:
        """Let each node without a value of its own belong to those of its readers.

        If some readers come from the same statement of the user, only these count.
        """
        readers: dict[Node, list[Tensor]] = {}
        for tensor in self.tensors.values():
            for i in tensor.node.inputs:
                readers.setdefault(i, []).append(tensor)
        for tensor in sorted(
            self.tensors.values(), key=lambda t: t.order, reverse=True
        ):
            node = tensor.node
            if node in self._forms or tensor.site.primal is not None:
                continue
            near = readers.get(node, [])
            forward = [t for t in near if t.site.primal is None] or near
            same = [t for t in forward if t.site.frames == tensor.site.frames]
            found: Found = {}
            for reader in same or forward:
                if reader.site.primal is None:
                    found |= self._values(reader.node)
                else:
                    found |= self._rules(reader)
            if found:
                self._read_for[node] = found

    def _values(self, node: Node) -> Found:
        return self._forms.get(node) or self._read_for.get(node) or {}

    def _rules(self, tensor: Tensor) -> Found:
        """Return the entries whose rule built a derivative.

        If the operation has no entry, as a broadcast that NumPy does, its rule belongs
        to the operation that reads it. The rule of an operation in the body of a branch
        or loop belongs to the branch or loop.
        """
        primal = tensor.site.primal
        seen: set[Node] = set()
        while primal is not None and primal.node not in seen:
            seen.add(primal.node)
            owner = self._declared.get(primal.node, primal.node)
            found = self._values(primal.node) or self._values(owner)
            if found:
                return found
            primal = primal.site.primal
        return {}

    def loop_of(self, node: Node) -> Node | None:
        """Return the loop or branch that a node is computed in, or is a result of."""
        if node in self._inside:
            return self._inside[node]
        if node.op is ITEM and node.inputs[0].op.facts.sweeps:
            return node.inputs[0]
        return node if node.op.facts.sweeps else None

    def operand(self, node: Node) -> Node:
        """Return the start of a loop's variable or carry; any other node as it is."""
        if node in self._operands:
            return self._operands[node]
        loop = self.loop_of(node)
        if loop is None or node.op is not ITEM:
            return node
        carries, index = loop.attrs.get("carries", 0), node.attrs["index"]
        return loop.inputs[index] if index < carries else node

    def of_loop(self, loop: Node) -> Related:
        """Return the items that the statements of a loop belong to."""
        tensor = self.tensors.get(loop)
        if tensor is None:
            return Related()
        key = (primal_site(tensor).frames, loop.op.name)
        found = self._forms.get(loop) or self._by_site.get(key, {})
        if not self.is_derivative(loop):
            return Related(tuple(found))
        return Related((), (), tuple(found or self._rules(tensor)))

    def is_derivative(self, node: Node) -> bool:
        """Whether a node belongs to the backward pass alone."""
        tensor = self.tensors.get(node)
        if tensor is None:
            loop = self._inside.get(node)
            return loop is not None and self.is_derivative(loop)
        return tensor.site.primal is not None and node not in self._forms

    def cotangent(self, node: Node) -> tuple[int, ...]:
        """Return the entries whose whole cotangent a node computes."""
        tensor = self.tensors.get(node)
        found: Found = {}
        for prefix, primal in () if tensor is None else tensor.cotangent_of:
            if prefix == "d":
                found |= self._forms.get(primal.node, {})
        for variable, gradient in zip(
            self.program.wrt, self.program.gradients, strict=True
        ):
            if gradient.node is node:
                found |= self._forms.get(variable.node, {})
        return tuple(found)

    def part(self, nodes: Sequence[Node]) -> Related:
        """Return the items that a statement which computes nodes belongs to."""
        values: Found = {}
        cotangents: Found = {}
        rules: Found = {}
        for node in nodes:
            node = self._inside.get(node, node) if node not in self.tensors else node
            tensor = self.tensors.get(node)
            if tensor is None:
                continue
            cotangents |= dict.fromkeys(self.cotangent(node))
            if node not in self._forms and _is_number(node):
                continue
            loop = self.loop_of(node)
            if loop is not None and node not in self._forms:
                made = self.of_loop(loop)
                values |= dict.fromkeys(made.values)
                rules |= dict.fromkeys(made.rules)
            elif node in self._forms or tensor.site.primal is None:
                values |= self._values(node)
            else:
                rules |= self._rules(tensor)
        if not (values or cotangents or rules):  # a number, such as a slope of zero
            made_by = [self.tensors[n] for n in nodes if n in self.tensors]
            for tensor in made_by:
                rules |= self._rules(tensor)
        return Related(
            tuple(values), tuple(cotangents), self._handing(cotangents, rules)
        )

    def _handing(self, cotangents: Found, rules: Found) -> tuple[int, ...]:
        """Return those of the rules that contribute to the cotangents.

        Two derivatives may share a node; each gets only the rules that lead to it.
        """
        if not cotangents:
            return tuple(rules)
        kept: Found = {}
        waiting = list(cotangents)
        while waiting:
            for share in self.derivation.entries[waiting.pop()].received:
                user = self._numbers[share.user]
                if user in rules and user not in kept:
                    kept[user] = None
                    waiting.append(user)
        return tuple(kept or rules)


def _is_number(node: Node) -> bool:
    """Whether a node is a literal or constant, stretched or not."""
    while node.op.facts.repeats:
        node = node.inputs[0]
    return is_given(node)
