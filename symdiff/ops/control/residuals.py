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
    inner = [n for n in topological([t.node for t in derived]) if n not in forward]
    wanted = dict.fromkeys(
        [*(i for n in inner for i in n.inputs), *(t.node for t in derived)]
    )
    lengths = _own_lengths(forward)
    found: dict[Node, None] = {}
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
