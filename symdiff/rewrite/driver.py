"""The rewriting driver: applies small named rules until none fits.

In: tensors and a table of rules by op. Out: new tensors of equal value, and a map from
each old one to the new. Invariant: a rule sees simplified operands, its result is
simplified in turn, and a replacement inherits the site and the names of the tensor that
it replaces. Work is proportional to the graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar

from symdiff.derive.patterns import may_fit
from symdiff.graph.body import Body, with_bodies
from symdiff.graph.node import Node, topological
from symdiff.graph.provenance import at_site
from symdiff.graph.rebuild import Rebuilding, remade
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.ops.core.record import Op

Rule = Callable[[Tensor], Tensor | None]
Table = Mapping[str, Sequence[Rule]]
MOST_OPERANDS = 3  # of nodes whose rules are chosen by their operands


# Of the body of a loop that is being rewritten: how many nodes it has of each op.
_counts: ContextVar[Mapping[Op, int] | None] = ContextVar("counts", default=None)
# The nodes that have a single reader in the graph that is being rewritten.
_once: ContextVar[set[Node] | None] = ContextVar("once", default=None)


def is_read_once(t: Tensor) -> bool:
    """Whether only the node that a rule looks at reads a tensor.

    If so, a rule may replace the tensor without computing anything twice.
    """
    once = _once.get()
    return once is None or t.node in once


def count_inside(op: Op) -> int:
    """Return how many nodes of an op the body of a loop has; none outside of loops."""
    counts = _counts.get()
    return 0 if counts is None else counts.get(op, 0)


def rewrite(outputs: Sequence[Tensor], rules: Table) -> list[Tensor]:
    """Return tensors equal to ``outputs`` on which no rule fits any more."""
    return rewriting(outputs, rules)(outputs)


def rewriting(
    outputs: Sequence[Tensor],
    rules: Table,
    *,
    inside: bool = False,
    bodies: bool = True,
) -> Rebuilding:
    """Return the `Rebuilding` that rewrites tensors.

    ``outputs`` are the tensors that are read, from which readers are counted;
    ``inside`` says that they are those of the body of a loop or branch, ``bodies`` that
    bodies are rewritten too.
    """
    known, once = _readers(outputs)
    counts = Counter(node.op for node in known) if inside else None
    made_bodies: dict[str, Body] = {}
    fitting = _Fitting(rules)

    def remake(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor:
        attrs = old.node.attrs
        if bodies and isinstance(old.node.type, TupleType):
            attrs = with_bodies(attrs, rewritten, made_bodies)
        return remade(old, parents, attrs, keep_order=False)

    def rewritten(outs: Sequence[Tensor]) -> list[Tensor]:
        return rewriting(outs, rules, inside=True)(outs)

    def improve(old: Tensor, made: Tensor) -> Tensor | None:
        _hand_on(once, old, made)
        known.add(made.node)
        better = _first(made, fitting(made.node), once, counts)
        if better is not None:
            _hand_on(once, made, better)
            _count_new(known, once, better.node)
        return better

    return Rebuilding(remake, improve, by_node=True)


def _readers(outputs: Sequence[Tensor]) -> tuple[set[Node], set[Node]]:
    """Return all nodes, and those that have a single reader."""
    readers = Counter(t.node for t in outputs)
    for node in topological([t.node for t in outputs]):
        readers.update(set(node.inputs))
    return set(readers), {node for node, count in readers.items() if count == 1}


def _count_new(known: set[Node], once: set[Node], made: Node) -> None:
    """Count the readers of the nodes that a rule has made below a replacement."""
    readers: Counter[Node] = Counter()
    known.add(made)
    stack = [made]
    while stack:
        for operand in set(stack.pop().inputs):
            if operand not in known or operand in readers:
                if operand not in readers:
                    stack.append(operand)
                    known.add(operand)
                readers[operand] += 1
    once.update(node for node, count in readers.items() if count == 1)


def _hand_on(once: set[Node], old: Tensor, new: Tensor) -> None:
    """Count the readers of a replacement as those of the tensor that it replaces."""
    if old.node in once:
        once.add(new.node)


class _Fitting:
    """The rules that may fit a node, by its op and those of its operands."""

    def __init__(self, rules: Table) -> None:
        self._rules = rules
        self._known: dict[tuple[Op, ...], tuple[Rule, ...]] = {}

    def __call__(self, node: Node) -> Sequence[Rule]:
        rules = self._rules.get(node.op.name, ())
        if not rules or len(node.inputs) > MOST_OPERANDS:
            return rules
        ops = (node.op, *[i.op for i in node.inputs])
        found = self._known.get(ops)
        if found is None:
            found = tuple(r for r in rules if may_fit(r, ops[1:]))
            self._known[ops] = found
        return found


def _first(
    tensor: Tensor,
    fitting: Sequence[Rule],
    once: set[Node],
    counts: Mapping[Op, int] | None,
) -> Tensor | None:
    """Return what the first rule that fits makes of a tensor."""
    if not fitting:
        return None
    before, outer = _once.set(once), _counts.set(counts)
    try:
        with at_site(tensor.site):
            for rule in fitting:
                better = rule(tensor)
                if better is not None and better.node is not tensor.node:
                    return better
    finally:
        _once.reset(before)
        _counts.reset(outer)
    return None
