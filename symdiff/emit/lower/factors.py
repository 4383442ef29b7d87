"""By which factor of a product a line differentiates, where others do by the other one.

In: a product, and what the line reads. Out: the factor that the line does not read.
Invariant: the product has cotangents by both of its factors, in the function's body or
in a loop of it, so that the formula alone would fit two lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from symdiff.emit.lower.context import Context
from symdiff.emit.lower.primals import (
    Formulas,
    Within,
    cotangents_of,
    marks_of,
    only_turns,
    operands_of_view,
    same_elements,
)
from symdiff.emit.lower.uses import MORE
from symdiff.graph.body import bodies_of
from symdiff.graph.origin import FAN_OUT
from symdiff.graph.tensor import Tensor, tensor_topological


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor of a product: what it is called, and formulas of the product.

    ``brief`` are formulas of the product that leave one factor out, ``briefest`` is
    one that leaves out both.
    """

    name: str
    brief: tuple[str, ...]
    briefest: str


def factor_of(
    primal: Tensor,
    line: Tensor,
    within: Within,
    read: Iterable[Tensor],
    formulas: Formulas,
    context: Context,
) -> Factor | None:
    """Return the factor by which a ``line`` differentiates, if lines do by both.

    The product is the value itself, or the last one of its operands that the line
    differentiates too.
    """
    product = _last_product(primal, within)
    if product is None:
        return None
    products = context.outermost.once(_products)
    groups = [products.get(m, ()) for m in product.origin.marks]
    if len({t for group in groups for t in group}) < 2:
        return None
    factors = [(f, *operands_of_view(f)) for f in product.parents]
    place = _place(factors, marks_of(cotangents_of(line)), marks_of(read))
    if place is None:
        return None
    shown = [formulas.operand(f) for f in product.parents]
    named = (formulas.name(t) for t in same_elements(product.parents[place]))
    name = next((n for n in named if n), shown[place])
    if not name:
        return None
    text = str(product.node.op.text).replace("_0", "{}").replace("_1", "{}")
    brief = []
    for left_out in (place, 1 - place):  # it is named by itself
        terms = [MORE if i == left_out else e for i, e in enumerate(shown)]
        if all(terms) and terms[place] != name:
            brief.append(text.format(*terms))
    return Factor(name, tuple(brief), text.format(MORE, MORE))


def _place(
    factors: Sequence[Sequence[Tensor]], wanted: Set[object], read: Set[object]
) -> int | None:
    """Return which factor a line is for: that it is the cotangent of.

    Of a term, which is no cotangent itself, it is the factor that it does not read.
    """
    for marks, told in ((wanted, True), (read, False)):
        places = [i for i, f in enumerate(factors) if bool(marks_of(f) & marks) is told]
        if len(places) == 1:
            return places[0]
    return None


def _last_product(primal: Tensor, within: Within) -> Tensor | None:
    """Return the product that a line differentiates last, but for layouts of a factor.

    None if it is no product, or if the line goes on along several ways.
    """
    last = primal
    while inner := [*within.get(primal, ())]:
        if len(inner) > 1:
            return None
        (primal,) = inner
        if not (only_turns(primal.node.op) or primal.node.op.facts.repeats):
            last = primal
    return last if _is_product(last) else None


def _products(context: Context) -> dict[object, list[Tensor]]:
    """Return the products that rules made, by the marks of what these are rules of.

    Others are left out: all sums of a long total are of the rule of its first term.
    """
    found: dict[object, list[Tensor]] = {}
    waiting = [*context.tensors.values()]
    while waiting:
        t = waiting.pop()
        several = _is_product(t) or len(t.node.op.linear_in) > 1
        if several and t.site.primal is not None and t.site.rule != FAN_OUT:
            for told in t.site.primal.origin.marks:
                found.setdefault(told, []).append(t)
        for body in bodies_of(t.node.attrs):
            waiting += tensor_topological(body.outputs)
    return found


def _is_product(tensor: Tensor) -> bool:
    return tensor.node.op.text in ("_0 * _1", "_0 @ _1")
