"""Forward mode: one sweep from inputs to outputs, with a tangent beside each primal.

In: tensors and tangents of the variables. Out: the tangents of the outputs, as graph.
Invariant: a primal node's forward rule is applied once; None stands for a zero tangent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from symdiff.derive.reverse import check_wrt, fit_tangent, require_variables
from symdiff.derive.stability import stabilised
from symdiff.derive.sums import add_all
from symdiff.derive.zeros import selected_jvp
from symdiff.graph.errors import DerivativeError
from symdiff.graph.node import Node
from symdiff.graph.origin import Site, mark
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import api, as_tensor
from symdiff.ops.core.record import Jvp
from symdiff.ops.core.tuples import ITEM
from symdiff.ops.selecting.support import Seen
from symdiff.ops.shape.broadcasting import zeros_like


def forward_sweep(
    outputs: Sequence[Tensor], wrt: Sequence[Tensor], tangents: Sequence[Tensor]
) -> list[Tensor | None]:
    """Return the tangent of each output; None where it does not depend on ``wrt``."""
    given: dict[Node, Any] = {}
    for variable, tangent in zip(wrt, tangents, strict=True):
        given[variable.node] = add_all([given.get(variable.node), tangent])
    known: dict[Node, Any] = {}
    seen: Seen = {}
    for tensor in tensor_topological(outputs):
        with at_site(
            Site(
                (),
                tensor.scope,
                primal=tensor,
                rule=tensor.node.op.rule_of(tensor.node),
            )
        ):
            moved = _moved(tensor, known, seen)
            if tensor.node in given:  # a variable may depend on another one
                moved = add_all([given[tensor.node], moved])
        if moved is not None:
            known[tensor.node] = moved
            if isinstance(moved, Tensor) and not tensor.node.op.leaf:
                mark(moved, cotangent_of=(*moved.cotangent_of, ("t", tensor)))
    return [known.get(o.node) for o in outputs]


def _moved(tensor: Tensor, known: dict[Node, Any], seen: Seen) -> Any:
    """Return a node's tangent from those of its operands; None is zero."""
    node = tensor.node
    if node.op.jvp is None:
        return None
    if node.op is ITEM:
        moved = known.get(node.inputs[0])
        return None if moved is None else moved[node.attrs["index"]]
    incoming = [known.get(i) for i in node.inputs]
    if all(t is None for t in incoming) or not _carries(node):
        return None
    rule: Jvp = node.op.jvp
    if node.op.is_elementwise:
        rule = partial(selected_jvp, seen=seen)
    if node.op.facts.sweeps:
        rule = partial(rule, sweep=forward_sweep)
    return rule(incoming, tensor, tensor.parents, node.attrs)


def _carries(node: Node) -> bool:
    """Whether the node has a float result."""
    if isinstance(node.type, TupleType):
        return any(t.dtype.is_float for t in node.type.items)
    return node.type.dtype.is_float


@api("jvp")
def jvp(y: Any, wrt: Any, tangents: Any) -> Any:
    """Jacobian-vector product: the tangent of ``y`` for ``tangents`` of ``wrt``.

    ``y`` may be a tensor or a list (the result has the same form); ``wrt`` and
    ``tangents`` are a tensor each, or lists of equal length and shapes. If a variable
    depends on another one, its tangent is the sum of its own and of the one that it
    gets from the other, as `vjp` counts both paths.
    """
    outputs = [as_tensor(t) for t in (y if isinstance(y, (list, tuple)) else [y])]
    variables = check_wrt(wrt)
    given = list(tangents) if isinstance(tangents, (list, tuple)) else [tangents]
    if len(given) != len(variables):
        raise DerivativeError(
            f"{len(variables)} variables need as many tangents, got {len(given)}."
        )
    moves = [fit_tangent(t, v) for t, v in zip(given, variables, strict=True)]
    require_variables(outputs, variables)
    stable, places = stabilised(outputs, variables)
    found = forward_sweep(stable, places, moves)
    result = [
        zeros_like(o) if t is None else t for t, o in zip(found, outputs, strict=True)
    ]
    return result if isinstance(y, (list, tuple)) else result[0]
