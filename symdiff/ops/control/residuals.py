"""What a loop's forward pass must stack for its backward pass.

In: a body and the cotangents derived from it. Out: the residuals: values of the body
that the transposed body reads. Invariant: rows of sequences and operands from outside
are available in both passes and are never stacked. A view is taken again from its base,
and an array whose length differs from step to step (the carries of an inner while loop)
is computed again from its operands. In a loop without carries everything elementwise
and every product is computed again as well: the rows are available, and a map over
components keeps only arrays of one component's size, in reverse mode too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy as sp

from symdiff.graph.body import Body
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import is_given


def body_residuals(
    body: Body,
    derived: Sequence[Tensor],
    seeds: Sequence[Tensor],
    carries: int,
) -> list[Tensor]:
    """Return the carries and inner values of ``body`` that ``derived`` reads."""
    forward = set(topological([t.node for t in body.outputs]))
    at_hand = {p.node for p in body.params[carries:]}
    carried = {p.node for p in body.params[:carries]}
    tensors = {
        t.node: t for t in tensor_topological([*derived, *body.outputs, *body.params])
    }
    ends = [t.node for t in derived]
    lengths = _own_lengths(forward)
    known = forward | at_hand | carried
    whole = _composites(ends, known, lengths) if carries else set()
    inner = [n for n in topological(ends, {*whole}) if n not in forward]
    wanted = dict.fromkeys([*(i for n in inner for i in n.inputs), *ends])
    found: dict[Node, None] = {n: None for n in wanted if n in whole}
    waiting = [n for n in wanted if n in forward or n in carried]
    seen = set(waiting)
    while waiting:
        for root in _roots(waiting.pop(), at_hand):
            again = not carries and _is_quick(root)
            if not again and not _varies(root, lengths):
                found[root] = None
                continue
            waiting += [i for i in root.inputs if i not in seen]
            seen.update(root.inputs)
    order = [n for n in tensors if n in found]
    return [tensors[n] for n in order]


def _composites(
    ends: Sequence[Node], known: set[Node], lengths: set[sp.Symbol]
) -> set[Node]:
    """Return the composite values that only the derivative has, but not of cotangents.

    Softmax, the slope of logsumexp, is stacked in place of its operand: both have one
    size, and the forward pass has most of it at hand.
    """
    ready: set[Node] = set()
    found = set()
    for node in topological(ends):
        if node in known or not node.inputs:
            continue
        if all(i in known or i in ready or is_given(i) for i in node.inputs):
            ready.add(node)
            alike = len(node.inputs) == 1 and node.type == node.inputs[0].type
            composite = node.op.expand is not None and not node.op.is_elementwise
            if alike and composite and not _varies(node, lengths):
                found.add(node)
    return found


def _own_lengths(nodes: Iterable[Node]) -> set[sp.Symbol]:
    """Return the trip counts of inner loops: lengths that may change at every step."""
    steps = (n.attrs.get("steps") for n in nodes)
    return {s for s in steps if s is not None}


def _varies(node: Node, lengths: set[sp.Symbol]) -> bool:
    """Whether a value cannot be stacked: several results, or a length of its own."""
    if isinstance(node.type, TupleType):
        return True
    return bool(lengths) and any(
        d.free_symbols & lengths for d in node.shape if isinstance(d, sp.Expr)
    )


def _is_quick(node: Node) -> bool:
    """Whether a value is computed again in a loop without carries, not stacked."""
    return bool(node.op.is_elementwise or node.op.linear_in)


def _roots(node: Node, at_hand: set[Node]) -> list[Node]:
    """Return the node to stack for a value: itself or its base; none if available."""
    while (
        node.op.view and node.inputs and not isinstance(node.inputs[0].type, TupleType)
    ):
        node = node.inputs[0]
    if node in at_hand or is_given(node):
        return []
    return [node]
