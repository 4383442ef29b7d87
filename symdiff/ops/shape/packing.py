"""A copy in C order of what lies otherwise in memory, for plans that read it often."""

from __future__ import annotations

from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import filled
from symdiff.ops.core.outforms import OutForm

PACKED = multilinear(
    "packed",
    lambda t: t,
    lambda x: x.copy(),
    transposes={0: lambda ct, inputs, attrs: ct},
    text="_0.copy()",
    facts=Facts(
        layout=filled,
        out_form=lambda node: OutForm("np.copyto(_out, _0)"),
    ),
)


def packed(x: Tensor) -> Tensor:
    """The same elements, one after another in memory."""
    return apply(PACKED, x)
