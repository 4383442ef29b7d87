"""Which values the forward function computes, which the backward, and the residuals.

In: the primal results, the derived results, and the leaves that only the backward
function receives. Out: a `Partition`. Invariant: a value that the forward function has
is never computed again, but for views, and a derived value is moved forward only where
this makes fewer residuals.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from symdiff.graph.node import Node, topological, users
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import is_given
from symdiff.ops.core.text import op_text
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.layout import regrouped


@dataclass(frozen=True, slots=True)
class Partition:
    """The two halves of a differentiated program.

    ``residuals`` are the forward values that the backward half reads, in forward order.
    """

    forward: tuple[Node, ...]
    backward: tuple[Node, ...]
    residuals: tuple[Node, ...]


def partition(
    primals: Sequence[Node],
    derived: Sequence[Node],
    seeds: Iterable[Node],
    shared: Iterable[Node],
) -> Partition:
    """Split the nodes of ``primals`` and ``derived`` in two.

    ``seeds`` are the cotangent leaves of the backward function; ``shared`` are leaves
    that both functions receive anyway (parameters), which are never residuals.
    """
    seeds, shared = set(seeds), set(shared)
    done: set[Node] = set()
    everything = topological(primals, done)
    forward = set(everything) - seeds
    everything += topological(derived, done)
    # Of a node with several results the items are residuals: the tuple has no name.
    forward |= {n for n in everything if n.op is ITEM and n.inputs[0] in forward}
    # An argument on which no value depends may give the shape of a zero gradient.
    forward |= {n for n in everything if n.op.leaf and n not in seeds}
    late = _descendants(everything, seeds)
    backward = [n for n in everything if n not in forward and n not in seeds]
    movable = [n for n in backward if n not in late and not _is_fixed(n)]
    if movable:
        _pull_forward(movable, forward, users(everything), shared, set(derived))
        backward = [n for n in backward if n not in forward]
    residuals = _boundary(backward, derived, forward, shared)
    order = [n for n in everything if n in forward]
    return Partition(tuple(order), tuple(backward), tuple(residuals))


def _descendants(order: Sequence[Node], roots: set[Node]) -> set[Node]:
    found = set(roots)
    for node in order:
        if any(i in found for i in node.inputs):
            found.add(node)
    return found


def _is_fixed(node: Node) -> bool:
    """Whether a node is no value that a function could hand to another."""
    return is_given(node) or isinstance(node.type, TupleType)


def _pull_forward(
    movable: Sequence[Node],
    forward: set[Node],
    readers: dict[Node, list[Node]],
    shared: set[Node],
    kept: set[Node],
) -> None:
    """Move a value forward where it replaces two or more residuals.

    Softmax probabilities, for example, replace the exponentials and their sum.
    """
    for node in movable:
        sources = {i for i in node.inputs if not is_given(i) and i not in shared}
        if not sources or not _all_views_forward(sources, forward):
            continue
        roots = {_root(i, forward) for i in sources}
        relieved = {
            r
            for r in roots
            if not r.op.leaf
            and _only_read_through(r, node, readers, forward)
            and r not in kept
        }
        if len(relieved) >= 2:
            forward.add(node)
            for i in sources:
                _add_chain(i, forward)


def _all_views_forward(sources: set[Node], forward: set[Node]) -> bool:
    return all(_root(i, forward) in forward for i in sources)


def _root(node: Node, forward: set[Node]) -> Node:
    """Return the forward value below a chain of views."""
    while node not in forward and is_view(node):
        node = node.inputs[0]
    return node


def is_view(node: Node) -> bool:
    """Whether a node is a view of its first operand."""
    return node.op.view and bool(node.inputs)


def _add_chain(node: Node, forward: set[Node]) -> None:
    while node not in forward:
        forward.add(node)
        node = node.inputs[0]


def _only_read_through(
    root: Node, reader: Node, readers: dict[Node, list[Node]], forward: set[Node]
) -> bool:
    """Whether outside the forward half only ``reader`` reads a value or its views."""
    waiting = [root]
    while waiting:
        current = waiting.pop()
        for user in readers.get(current, ()):
            if user is reader or user in forward:
                continue
            if is_view(user):
                waiting.append(user)
            else:
                return False
    return True


def _boundary(
    backward: Sequence[Node],
    derived: Sequence[Node],
    forward: set[Node],
    shared: set[Node],
) -> list[Node]:
    """Return the forward values that backward nodes, or the derived results, read.

    A view is no residual: its base is one, and the view is taken again. But one that
    the forward half had to copy is: the copy would be made again. And so is one that
    takes two calls, if nothing else of its base is read.
    """
    copies = regrouped([n for n in topological([*forward]) if n in forward], ())
    wanted = dict.fromkeys([*(i for n in backward for i in n.inputs), *derived])
    views: dict[Node, list[Node]] = {}  # what is read of each value
    for node in wanted:
        if node not in forward or node in shared:
            continue
        base = node
        while is_view(base) and base not in shared and base not in copies:
            base = base.inputs[0]
        if base not in shared and not is_given(base):
            views.setdefault(base, []).append(node)
    found = {_held(base, read, copies): None for base, read in views.items()}
    return [n for n in topological(found) if n in found]


def _held(base: Node, read: Sequence[Node], copies: Collection[Node]) -> Node:
    """Return the value, or the view of it, that is a residual."""
    if len(read) > 1 or base.op.leaf:
        return base
    (node,) = read
    calls, current = 0, node
    while current is not base:
        calls += "(" in op_text(current)
        current = current.inputs[0]
    return node if calls > 1 else base
