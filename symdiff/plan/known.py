"""Values of a body that are known before it runs, because its seed is the number 1.

In: nodes in order, and leaves whose values are Python numbers. Out: further nodes that
are numbers, and nodes that are one of their operands. Invariant: numbers are computed
with Python's floats, as the generated code computes them; x * 1.0 and x / 1.0 are x to
the bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from symdiff.graph.node import Node
from symdiff.ops.core.operands import LITERAL


def known_numbers(
    order: Sequence[Node], leaves: Mapping[Node, float]
) -> tuple[dict[Node, float], dict[Node, Node]]:
    """Return the nodes whose value is a known number, and those equal to an operand."""
    numbers: dict[Node, float] = dict(leaves)
    same: dict[Node, Node] = {}
    for node in order:
        compute = node.op.facts.python
        if compute is not None and not node.shape:
            values = [_number(i, numbers) for i in node.inputs]
            found = None if None in values else _computed(compute, values)
            if found is not None:
                numbers[node] = found
                continue
        kept = _unchanged(node, numbers)
        if kept is not None:
            same[node] = kept
    return numbers, same


def _number(node: Node, numbers: Mapping[Node, float]) -> float | int | None:
    """Return the value of a node if it is a known number, broadcast or not."""
    while node.op.facts.repeats:
        node = node.inputs[0]
    if node.op is LITERAL:
        value = node.attrs["value"]
        return value if isinstance(value, (int, float)) else None
    return numbers.get(node)


def _computed(
    compute: Callable[..., float], values: Sequence[float | int | None]
) -> float | None:
    try:
        found = compute(*values)
    except ArithmeticError:
        return None
    return found if math.isfinite(found) else None


def _unchanged(node: Node, numbers: Mapping[Node, float]) -> Node | None:
    """Return the operand that multiplying or dividing by 1 leaves as it is."""
    for unit in node.op.facts.units:
        x, one = node.inputs[1 - unit], node.inputs[unit]
        fits = x.op is not LITERAL and x.shape == node.shape and x.dtype == node.dtype
        if fits and x not in numbers and _number(one, numbers) == 1:
            return x
    return None
