"""Moving out of a loop what does not depend on its steps, and products of its rows.

In: a scan. Out: an equal scan whose rows have been multiplied beforehand, all steps at
once, and that reads one value in place of equal rows. Invariant: a value of the body is
always replaced by the same bound leaf, so that two runs of one loop can still be
merged.
"""

from __future__ import annotations

import weakref
from collections.abc import Container

from symdiff.graph.body import Body, substitute
from symdiff.graph.counted import is_counted
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.origin import give, mark
from symdiff.graph.tensor import Tensor, apply, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.closure import bound
from symdiff.ops.core.operands import is_given
from symdiff.ops.linalg.matmul import MATMUL, matmul
from symdiff.ops.shape.broadcasting import BROADCAST_TO, broadcast_to
from symdiff.ops.shape.views import squeeze, swapaxes
from symdiff.rewrite.patterns import is_op

_leaves: weakref.WeakKeyDictionary[Node, Tensor] = weakref.WeakKeyDictionary()


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
        name = "_".join(str(i.attrs["name"]) for i in node.inputs)
        leaves.append(_leaf_of(node, name))
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


def _leaf_of(node: Node, name: str) -> Tensor:
    """Return the bound leaf that stands for a value of a body."""
    if node not in _leaves:
        _leaves[node] = bound(node.tensor_type, name)
    return _leaves[node]


def rows_of_one_value(t: Tensor) -> Tensor | None:
    """scan(.. row ..) over broadcast(x) = scan(.. x ..), where all rows are x."""
    spec, length = LoopSpec.of(t.node.attrs), t.node.attrs["length"]
    equal = {i: x for i in spec.rows if (x := _row_of(t.parents[i])) is not None}
    if not equal or is_counted(length):  # rows may be what tells how many steps
        return None
    kept = [i for i in range(len(t.parents)) if i not in equal]
    params = t.node.attrs["body"].params
    body = Body(
        (*(params[i] for i in kept), *(params[i] for i in equal)),
        t.node.attrs["body"].outputs,
    )
    rows = len(spec.rows) - len(equal)
    attrs = {**t.node.attrs, "body": body, "sequences": rows}
    return apply(t.node.op, *(t.parents[i] for i in kept), *equal.values(), **attrs)


def _row_of(sequence: Tensor) -> Tensor | None:
    """Return what every row of a sequence is, if they are repeated."""
    if not is_op(sequence, BROADCAST_TO):
        return None
    (x,) = sequence.parents
    if x.ndim == sequence.ndim:
        if x.shape[0] != 1:
            return None
        x = squeeze(x, (0,))
    return broadcast_to(x, sequence.shape[1:])


def hoist_numbers(t: Tensor) -> Tensor | None:
    """scan(.. f(x) ..) = scan(.. y ..) for y = f(x), a number from outside the loop."""
    body: Body = t.node.attrs["body"]
    spec = LoopSpec.of(t.node.attrs)
    outer = {body.params[i].node: t.parents[i] for i in spec.consts}
    found = _numbers_from(body, outer)
    if not found:
        return None
    tensors = {n.node: n for n in tensor_topological(body.outputs)}
    leaves = [_leaf_of(node, "number") for node in found]
    values = substitute([tensors[node] for node in found], outer)
    for leaf, value in zip(leaves, values, strict=True):
        mark(value, cotangent_of=())
        give(leaf, value.origin.of_same_name(leaf.site))
    outputs = substitute(body.outputs, dict(zip(found, leaves, strict=True)))
    longer = Body((*body.params, *leaves), tuple(outputs))
    return apply(t.node.op, *t.parents, *values, **{**t.node.attrs, "body": longer})


def _numbers_from(body: Body, outer: Container[Node]) -> list[Node]:
    """Return the largest elementwise formulas over numbers from outside."""
    made: dict[Node, None] = {}
    inner: set[Node] = set()
    for node in body.nodes:
        if isinstance(node.type, TupleType) or node.shape or not node.op.is_elementwise:
            continue
        if all(i in outer or i in made or is_given(i) for i in node.inputs):
            made[node] = None
            inner.update(i for i in node.inputs if i in made)
    return [node for node in made if node not in inner]


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
