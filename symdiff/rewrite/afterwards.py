"""Totals of products that a loop need not add up: one product after it gives them.

In: a program's tensors. Out: a map to tensors that read such a product in place of the
total. Invariant: both factors are rows or stacks that exist anyway, so nothing more is
kept; the sum is the same but for its order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from symdiff.graph.body import Body
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.origin import give
from symdiff.graph.provenance import at_site
from symdiff.graph.rebuild import Became, rebuilding
from symdiff.graph.tensor import Tensor
from symdiff.ops.control.scan import SCAN
from symdiff.ops.core.operands import CONSTANT
from symdiff.ops.core.tuples import ITEM, item
from symdiff.ops.elementwise.arithmetic import ADD
from symdiff.ops.linalg.contraction import tensordot
from symdiff.ops.linalg.matmul import MATMUL
from symdiff.ops.shape.broadcasting import BROADCAST_TO
from symdiff.ops.shape.views import TRANSPOSE


def summing_afterwards(nodes: Iterable[Node]) -> Became:
    """Return the map of a program with these nodes, which is ``list`` if it is none.

    total = 0; total += a_t.T @ b_t in every step = the product of the stacks of a and b
    over steps and rows.
    """
    read: dict[Node, set[int]] = {}  # of loops, which results are read
    for node in nodes:
        if node.op is ITEM and node.inputs[0].op is SCAN:
            read.setdefault(node.inputs[0], set()).add(node.attrs["index"])
    wanted = {
        (loop, i): pair
        for loop, results in read.items()
        for i in results
        if (pair := _factors(loop, i, results)) is not None
    }

    def choose(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        if old.node.op is not ITEM:
            return None
        pair = wanted.get((old.node.inputs[0], old.node.attrs["index"]))
        if pair is None:
            return None
        (loop,) = parents
        total = loop.node.attrs["body"].outputs[old.node.attrs["index"]]
        with at_site(total.parents[1].site):  # of the term, which has the rule
            a, b = (_rows(loop, place) for place in pair)
            made = tensordot(a, b, ([0, 1], [0, 1]))
        if made.type != old.type:
            return None
        return give(made, made.origin.or_else(old.origin))

    return rebuilding(choose) if wanted else list


def _rows(loop: Tensor, place: int) -> Tensor:
    """Return what is read as rows, or, for a negative place, a stack of the loop."""
    return loop.parents[place] if place >= 0 else item(loop, -place)


def _factors(loop: Node, i: int, read: Iterable[int]) -> tuple[int, int] | None:
    """Return the places of the factors whose products a carry adds up, as `_rows`."""
    body: Body = loop.attrs["body"]
    spec = LoopSpec.of(loop.attrs)
    if i >= len(spec.carries) or not _is_zeros(loop.inputs[i]):
        return None
    new, leaf = body.outputs[i].node, body.params[i].node
    if new.op is not ADD or new.inputs[0] is not leaf:
        return None
    if sum(n.inputs.count(leaf) for n in body.nodes) > 1:
        return None
    term = new.inputs[1]
    if term.op is not MATMUL or any(len(n.shape) != 2 for n in term.inputs):
        return None
    turned, b = term.inputs
    if turned.op is not TRANSPOSE:
        return None
    places = {body.params[k].node: k for k in spec.rows}
    stacks = {body.outputs[k].node: -k for k in read if k >= len(spec.carries)}
    return _pair(turned.inputs[0], b, places | stacks)


def _pair(a: Node, b: Node, places: Mapping[Node, int]) -> tuple[int, int] | None:
    return (places[a], places[b]) if a in places and b in places else None


def _is_zeros(start: Node) -> bool:
    while start.op is BROADCAST_TO:
        (start,) = start.inputs
    return start.op is CONSTANT and not start.attrs["value"].any()
