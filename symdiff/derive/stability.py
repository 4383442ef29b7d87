"""Raw formulas replaced by stable nodes, before they are differentiated.

In: tensors as declared, and the variables of a derivative. Out: equal tensors in which
formulas that overflow, cancel or divide 0 by 0 are nodes that do not. Invariant: each
rule is an identity over the reals, given in its docstring. A rule never looks through a
variable, because its derivative is asked for.

Both ``sd.grad`` and the compiler differentiate the tensors that this module returns;
`interpret` computes the formulas as they were written.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.derive import exponentials, squares, written
from symdiff.derive.patterns import applied, joined
from symdiff.graph.body import rebuilding_within, substitute
from symdiff.graph.node import Node, topological
from symdiff.graph.order import Part
from symdiff.graph.origin import mark
from symdiff.graph.provenance import at_site
from symdiff.graph.rebuild import Rebuilding, remade
from symdiff.graph.tensor import Tensor, node_of
from symdiff.ops.core.leaf import BOUND

RULES = joined(exponentials.RULES, squares.RULES, written.RULES)


def better(old: Tensor, parents: Sequence[Tensor]) -> Tensor | None:
    """Return the stable node for an op of these operands, or None."""
    for apply_rule in RULES.get(old.node.op.name, ()):
        with at_site(old.site), Part(old.order) as inside:
            found = applied(apply_rule, old.node, parents)
        if found is None or found.type != old.type:
            continue
        if not inside.holds(found.order):  # an operand: it keeps its own name
            return found
        label, hint = found.label or old.label, found.hint or old.hint
        return mark(found, label=label, hint=hint, result=old.origin.result)
    return None


def stabilising() -> Rebuilding:
    """Return the `Rebuilding` that replaces every raw formula, also inside bodies."""
    return rebuilding_within(better)


def stabilise(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors with every raw formula replaced, inside bodies as well."""
    return stabilising()(tensors)


def stabilised(
    outputs: Sequence[Tensor], wrt: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Return outputs and variables of a derivative with raw formulas replaced.

    A bound leaf stands for each computed variable meanwhile, so that no rule looks
    through it.
    """
    inner = {t.node: t.node for t in wrt if not t.node.op.leaf}
    if not inner:
        return stabilise(outputs), list(wrt)
    # Where a derivative is differentiated again, a variable is stable already.
    for t, stable in zip(wrt, stabilise(wrt), strict=True):
        if not stable.node.op.leaf and stable.node not in topological(t.node.inputs):
            inner[stable.node] = t.node
    kept: dict[Node, Tensor] = {}  # leaf to the variable it stands for
    stands: dict[Node, Tensor] = {}

    def choose(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        variable = inner.get(old.node)
        if variable is None:
            return better(old, parents)
        if variable not in stands:
            made = better(old, parents)
            if made is None or made.node in topological([p.node for p in parents]):
                made = remade(old, parents, old.node.attrs, keep_order=False)
            attrs = {"name": "variable", "shape": made.shape, "dtype": made.dtype}
            # The leaf keeps the order: what rules build from it comes with its reader.
            leaf = Tensor(node_of(BOUND, (), attrs), (), order=old.order)
            stands[variable] = leaf
            kept[leaf.node] = made
        return stands[variable]

    found = rebuilding_within(choose)([*outputs, *wrt])
    settled: dict[Node, Tensor] = {}
    for leaf, made in kept.items():  # in the order of declaration
        (settled[leaf],) = substitute([made], settled)
    final = substitute(found, settled)
    return final[: len(outputs)], final[len(outputs) :]
