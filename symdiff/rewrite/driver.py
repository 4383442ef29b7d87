"""The rewriting driver: applies small named rules until none fits.

In: tensors and a list of rules. Out: new tensors of equal value, and where each old one
went. Invariant: a rule sees simplified operands, its result is simplified in turn, and
a replacement inherits the site and the names of what it replaces. Work is proportional
to the graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from symdiff.graph.body import Body
from symdiff.graph.node import Node, topological
from symdiff.graph.origin import give
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor, apply, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.rewrite.bodies import with_bodies

Rule = Callable[[Tensor], Tensor | None]
Table = Mapping[str, Sequence[Rule]]


# The nodes that one reader alone has, in the graph that is being rewritten.
_once: ContextVar[set[Node] | None] = ContextVar("once", default=None)


def is_read_once(t: Tensor) -> bool:
    """Whether nobody but the node that a rule looks at reads a tensor.

    A rule that computes something else in its place leaves nothing computed twice.
    """
    once = _once.get()
    return once is None or t.node in once


def rewrite(
    outputs: Sequence[Tensor], rules: Table, read: Sequence[Tensor] | None = None
) -> list[Tensor]:
    """Return tensors equal to ``outputs`` on which no rule fits any more.

    ``read`` are those that somebody reads (by default, all); the others are followed
    to what becomes of them.
    """
    done: dict[Node, Tensor] = {}
    bodies: dict[str, Body] = {}
    order = tensor_topological(outputs)
    before = _once.set(_single_readers(outputs if read is None else read))
    try:
        for tensor in order:
            _settle(tensor, done, rules, bodies)
    finally:
        _once.reset(before)
    return [done[t.node] for t in outputs]


def _single_readers(outputs: Sequence[Tensor]) -> set[Node]:
    readers = Counter(t.node for t in outputs)
    for node in topological([t.node for t in outputs]):
        readers.update(set(node.inputs))
    return {node for node, count in readers.items() if count == 1}


def _settle(
    tensor: Tensor, done: dict[Node, Tensor], rules: Table, bodies: dict[str, Body]
) -> None:
    """Simplify one tensor whose operands may still be rough."""
    stack = [tensor]
    replaced: dict[
        Tensor, Tensor
    ] = {}  # a tensor waiting for the one that a rule made of it
    while stack:
        current = stack[-1]
        if current.node in done:
            stack.pop()
            continue
        if current in replaced:
            done[current.node] = inherit(done[replaced[current].node], current)
            _hand_on(current.node, done[current.node].node)
            stack.pop()
            continue
        waiting = [p for p in current.parents if p.node not in done]
        if waiting:
            stack.extend(waiting)
            continue
        parents = [done[p.node] for p in current.parents]
        attrs = current.node.attrs
        if isinstance(current.node.type, TupleType):
            attrs = with_bodies(attrs, lambda outs: rewrite(outs, rules), bodies)
        rebuilt = with_parents(current, parents, attrs)
        _hand_on(current.node, rebuilt.node)
        better = _first(rebuilt, rules)
        if better is None or better.node is current.node:
            done[rebuilt.node] = done[current.node] = rebuilt
            stack.pop()
        else:
            replaced[current] = better
            stack.append(better)


def _hand_on(old: Node, new: Node) -> None:
    """Let a node that takes the place of another be read as often as that was."""
    once = _once.get()
    if once is not None and old in once:
        once.add(new)


def _first(tensor: Tensor, rules: Table) -> Tensor | None:
    fitting = rules.get(tensor.node.op.name)
    if not fitting:
        return None
    with at_site(tensor.site):
        for rule in fitting:
            better = rule(tensor)
            if better is not None and better.node is not tensor.node:
                return better
    return None


def with_parents(
    tensor: Tensor, parents: Sequence[Tensor], attrs: Mapping[str, Any]
) -> Tensor:
    """Return the same declaration over other operands."""
    node = tensor.node
    same = all(p.node is i for p, i in zip(parents, node.inputs, strict=True))
    with at_site(tensor.site):
        if attrs is node.attrs and same:
            made = Tensor(node, tuple(parents))
        else:
            made = apply(node.op, *parents, **attrs)
    return inherit(made, tensor)


def inherit(new: Tensor, old: Tensor) -> Tensor:
    """Give a replacement the names of what it replaces, where it has none of its
    own.
    """
    return give(new, new.origin.or_else(old.origin, old.node.op.hint or None))
