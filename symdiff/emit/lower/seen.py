"""Which arrays a turn of a loop looks at through views that outlive a statement.

In: a body and its steps. Out: values whose arrays named values, or carries of the next
turn, may share. Invariant: an array that is none of these is written into unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symdiff.graph.body import Body
from symdiff.graph.node import Node
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import is_given
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.schedule import Step


def seen_carries(body: Body, carries: Iterable[int], steps: Sequence[Step]) -> set[int]:
    """Return the carries whose array something else may share, before or after."""
    named = [t.node for s in steps for t in (*s.tensors, *s.absorbed)]
    ends = {i: body.outputs[i].node for i in carries}
    shared = _viewed([*named, *ends.values()])
    found = set[int]()
    for i, new in ends.items():
        arrays = {body.params[i].node, new}
        same = any(other in arrays for j, other in ends.items() if j != i)
        if same or arrays & shared:
            found.add(i)
    return found


def _viewed(nodes: Iterable[Node]) -> set[Node]:
    """Return what values may be views of."""
    found, waiting = set[Node](), [*nodes]
    while waiting:
        node = waiting.pop()
        new = [i for i in node.inputs if i not in found] if _lends(node) else []
        found.update(new)
        waiting += new
    return found


def _lends(node: Node) -> bool:
    """Whether a value may be an operand, or a view of one."""
    if isinstance(node.type, TupleType) or node.op is ITEM:
        return True
    if is_given(node) or node.op.leaf:
        return False
    return node.op.view or node.op.facts.repeats or node.op.facts.lends(node)
