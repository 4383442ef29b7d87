"""Moving products of a loop's rows out of the loop.

In: a scan. Out: an equal scan whose rows have been multiplied beforehand, all steps at
once. Invariant: a product of a row and an operand from outside is always replaced by
the same bound leaf, so that two runs of one loop can still be merged.
"""

from __future__ import annotations

import weakref

from symdiff.graph.body import Body, substitute
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.closure import bound
from symdiff.ops.linalg.matmul import MATMUL, matmul
from symdiff.ops.shape.views import swapaxes

_rows: weakref.WeakKeyDictionary[Node, Tensor] = weakref.WeakKeyDictionary()


def hoist_row_products(t: Tensor) -> Tensor | None:
    """scan(.. row @ W ..) = scan(.. product_row ..) over xs @ W, computed once."""
    body: Body = t.node.attrs["body"]
    spec = LoopSpec.of(t.node.attrs)
    place = {p.node: i for i, p in enumerate(body.params)}
    found = [node for node in body.nodes if _is_row_product(node, place, spec)]
    if not found:
        return None
    leaves, sequences = [], []
    for node in found:
        if node not in _rows:
            _rows[node] = bound(node.tensor_type, "product")
        leaves.append(_rows[node])
        a, b = (t.parents[place[i]] for i in node.inputs)
        if place[node.inputs[0]] in spec.rows:
            sequences.append(matmul(a, b))
        else:  # W @ row, where rows are vectors
            sequences.append(matmul(b, swapaxes(a, 0, 1)))
    replaced = dict(zip(found, leaves, strict=True))
    outputs = substitute(body.outputs, replaced)
    at = spec.rows.stop
    params = (*body.params[:at], *leaves, *body.params[at:])
    operands = (*t.parents[:at], *sequences, *t.parents[at:])
    longer = Body(params, tuple(outputs))
    rows = len(spec.rows) + len(leaves)
    attrs = {**t.node.attrs, "body": longer, "sequences": rows}
    return apply(t.node.op, *operands, **attrs)


def _is_row_product(node: Node, place: dict[Node, int], spec: LoopSpec) -> bool:
    """Whether a node is row @ W, or W @ row of a vector, with W from outside."""
    if node.op is not MATMUL or any(i not in place for i in node.inputs):
        return False
    a, b = node.inputs
    row_a, row_b = (place[i] in spec.rows for i in (a, b))
    outside_a, outside_b = (place[i] in spec.consts for i in (a, b))
    if row_a and outside_b:
        return len(b.shape) == 2 and len(a.shape) <= 2
    return row_b and outside_a and len(a.shape) == 2 and len(b.shape) == 1
