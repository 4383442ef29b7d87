"""What the turns of a loop add up, statement by statement.

In: the body of a loop. Out: `Totals`, sums that are only added to a carry and that have
terms of several statements of the user. Invariant: nothing else reads the carry, the
sum or its parts, so that each term may be added where it is computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from symdiff.graph.body import Body
from symdiff.graph.node import Node, topological
from symdiff.graph.origin import FAN_OUT
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import is_given
from symdiff.ops.core.text import COPIED, op_text
from symdiff.ops.core.tuples import ITEM
from symdiff.ops.indexing.adding import ADD_AT

Group = Callable[[Tensor], Hashable]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums that need no name, and their terms, each of which is a step.

    ``news`` are carries after a value was added that others read as well: they are
    steps, too. ``under`` are values next to which some of these stand, ``of`` values in
    whose statements ``news`` do: in ``z = x @ W + b`` what is added for b is d_z.
    """

    sums: set[Node] = field(default_factory=set)
    terms: set[Node] = field(default_factory=set)
    news: set[Node] = field(default_factory=set)
    under: dict[Node, Node] = field(default_factory=dict)
    of: dict[Node, Tensor] = field(default_factory=dict)


NONE = Totals()


def totals_of(body: Body, wanted: Sequence[int], carries: int, group: Group) -> Totals:
    """Return what is added to carries in a body of which some results are wanted."""
    reads = _reads([body.outputs[i].node for i in wanted])
    found, told = Totals(), dict[Node, Tensor]()
    for i in wanted:
        new = body.outputs[i].node
        added = _added(new, body.params[i].node, reads) if i < carries else None
        if added is None:
            continue
        if reads[added] > 1:
            if _is_computed(added):
                found.news.add(new)
                told = told or {t.node: t for t in tensor_topological(body.outputs)}
                found.of.update((new, x) for x in _reading(told[added], body.params[i]))
                found.under[new] = added
            continue
        told = told or {t.node: t for t in tensor_topological(body.outputs)}
        sums, terms = _parts(added, reads)
        under = {n: _under(n, told) for n in terms}
        alone = len({*terms}) == len(terms) and all(map(_is_computed, terms))
        if not alone:
            continue
        if len({group(told[n]) for n in under.values()}) == 1:
            if new.op.infix == "-":  # else the sum is a step of its own
                found.terms.add(added)
        else:
            found.sums.update(sums)
            found.terms.update(terms)
            found.under.update(under)
    return found


def adds_to(new: Node, leaf: Node) -> bool:
    """Whether a carry's new value is the old one, and what is added to it."""
    adds = new.op is ADD_AT or new.op.infix in ("+", "-")
    return adds and leaf in new.inputs[:1]


def changed_alone(body: Body, wanted: Sequence[int], carries: int) -> set[Node]:
    """Return the leaves of carries that only a change of some elements reads.

    Nothing else reads what they become, so that the change may be made in their place.
    """
    results = [body.outputs[i].node for i in wanted]
    reads = _reads(results)
    pairs = ((body.params[i].node, body.outputs[i].node) for i in wanted if i < carries)
    return {
        leaf
        for leaf, new in pairs
        if leaf in new.inputs[:1] and reads[leaf] == reads[new] == 1
        if not isinstance(new.type, TupleType) and not is_given(new)
        if op_text(new).startswith(COPIED)
    }


def _reads(results: Sequence[Node]) -> Counter[Node]:
    """Return how often a body reads each value, and hands it on."""
    reads = Counter(results)
    for node in topological(results):
        reads.update(node.inputs)
    return reads


def _added(new: Node, leaf: Node, reads: Counter[Node]) -> Node | None:
    """Return what is added to (or taken from) a carry that nothing else reads."""
    if isinstance(new.type, TupleType) or new.op.infix not in ("+", "-"):
        return None
    if len(new.inputs) < 2:
        return None
    first, added = new.inputs
    alone = first is leaf and reads[leaf] == reads[new] == 1
    return added if alone and added.type == new.type else None


def _reading(cotangent: Tensor, total: Tensor) -> list[Tensor]:
    """Return, of the values that share a cotangent, the one that reads the total's.

    Where that is a row of the loop, which has no operands here, it is the one whose
    cotangents were added up, or else the last one.
    """
    own = {m for _, x in total.cotangent_of for m in (x.node, *x.origin.marks)}
    shared = [x for _, x in cotangent.cotangent_of if not own & _marks_of(x)]
    for value in shared:
        operands = list(value.parents)
        for t in operands:
            if t.node.op.facts.repeats or t.node.op.view:
                operands += t.parents
        if any(own & _marks_of(t) for t in operands):
            return [value]
    if cotangent.site.rule == FAN_OUT and cotangent.site.primal is not None:
        return [cotangent.site.primal]
    return sorted(shared, key=lambda x: x.origin.number)[-1:]


def _marks_of(tensor: Tensor) -> set[object]:
    return {tensor.node, *tensor.origin.marks}


def _parts(added: Node, reads: Counter[Node]) -> tuple[list[Node], list[Node]]:
    """Return the sums that a sum is made of, and its terms."""
    sums, terms, waiting = list[Node](), list[Node](), [added]
    while waiting:
        node = waiting.pop()
        inner = node.op.infix in ("+", "-") and len(node.inputs) == 2
        if inner and reads[node] == 1 and all(i.type == node.type for i in node.inputs):
            sums.append(node)
            waiting += reversed(node.inputs)
        else:
            terms.append(node)
    return sums, terms


def _is_computed(node: Node) -> bool:
    """Whether the body has a statement that computes a value."""
    made = not (node.op.leaf or is_given(node) or node.op is ITEM)
    return made and not (node.op.view or node.op.facts.repeats)


def _under(term: Node, told: Mapping[Node, Tensor]) -> Node:
    """Return the value whose statement a term stands under: in general its own.

    A view such as `C.T` is one value for all statements that read it: what is handed
    back through it belongs to the cotangent that is handed back.
    """
    primal = told[term].site.primal
    if primal is None or not primal.node.op.view:
        return term
    for node in term.inputs:
        while node.op.view:
            (node,) = node.inputs
        if node in told and told[node].cotangent_of and node.inputs:
            return node
    return term
