"""The value after the last step of a loop that takes at least one.

In: a carry at its end, and the number of steps. Out: the same. Invariant: it stands for
the last row of a stack, so the generated code checks that there is one.
"""

from __future__ import annotations

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim, TensorType, require_nonempty
from symdiff.ops.core import rows, signs
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import same


def _infer(t: TensorType, *, length: Dim) -> TensorType:
    require_nonempty(length, "the last step of a loop")
    return t


def _row(node: Node) -> str:
    """Return the name of what the loop ends with: the last row of a stack, or first."""
    loop = node.inputs[0].inputs[:1]
    reverse = bool(loop) and loop[0].attrs.get("reverse")
    return "{0}_first" if reverse else "{0}_last"


AFTER_STEPS = multilinear(
    "after_steps",
    _infer,
    lambda x, *, length: x,
    transposes={0: lambda ct, inputs, attrs: ct},
    text="_0",
    view=True,
    facts=Facts(layout=same, rows=rows.unchanged, sign=signs.of_operand, row=_row),
    latex=lambda node, operands, writer: operands[0],
)


def after_steps(x: Tensor, length: Dim) -> Tensor:
    """Return ``x``, the end of a loop of ``length`` steps, of which there must be one.

    Without a step it would be what the loop starts from.
    """
    if isinstance(length, int) and length > 0:
        return x
    return apply(AFTER_STEPS, x, length=length)
