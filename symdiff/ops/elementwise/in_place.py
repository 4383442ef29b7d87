"""How powers and choices are written into memory that exists already.

In: a node. Out: its `OutForm`, or None. Invariant: as in `symdiff.ops.core.outforms`,
the bits are those of the op's own text.
"""

from __future__ import annotations

import math

from symdiff.graph.node import Node
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.outforms import OutForm, of_call
from symdiff.ops.core.signs import never_negative

# The ufunc that NumPy's `x ** c` calls instead of power.
_POWERS = {1: "positive", -1: "reciprocal", 2: "square", 0.5: "sqrt"}
# The form of a general choice: its result may overwrite either branch.
_EITHER = OutForm(
    "np.copyto(_out, _2)\nnp.copyto(_out, _1, where=_0)",
    {
        1: "np.copyto(_out, _2, where=np.logical_not(_0))",
        2: "np.copyto(_out, _1, where=_0)",
    },
)


def power_out(node: Node) -> OutForm | None:
    """The ufunc for the exponents that ``x ** c`` treats specially, else np.power."""
    if not node.dtype.is_float:
        return None
    raised = node.inputs[1]
    while raised.op.view and raised.inputs:
        raised = raised.inputs[0]
    if raised.shape:
        return of_call("np.power(_0, _1, out=_out)", True)
    exponent = raised.attrs["value"] if raised.op is LITERAL else 0
    if not isinstance(exponent, (int, float)) or exponent == 0:
        return None
    known = _POWERS.get(exponent)
    call = f"np.{known}(_0, out=_out)" if known else "np.power(_0, _1, out=_out)"
    return of_call(call, True)


def where_out(node: Node) -> OutForm | None:
    """How a choice is written several times faster than as a masked copy, if it can be.

    where(c, x, 0) and where(c, 0, x) are x's bits times 1 or 0, as integers of the same
    width, ``_bits``: exact for every x, infinite and NaN too. where(c, 1, e) is the
    larger of e and c for an e from 0 to 1, or NaN.
    """
    if _is(node.inputs[1], 1) and _within_one(node.inputs[2]):
        larger = "np.maximum(_2, _0, out=_out)"
        return OutForm(larger, {2: larger})
    for kept, dropped in ((1, 2), (2, 1)):
        x = node.inputs[kept]
        if not _is(node.inputs[dropped], 0) or node.dtype.name != "float":
            continue
        if x.op is LITERAL or x.op.facts.repeats or x.dtype != node.dtype:
            return _EITHER
        mask = "_0" if kept == 1 else "np.logical_not(_0)"
        bits = f"np.multiply(_{kept}.view(_bits), {mask}, out=_out.view(_bits))"
        return OutForm(bits, {kept: bits})
    return _EITHER


def _is(node: Node, number: int) -> bool:
    """Whether a node is that literal; a 0 is one whose bits are all 0."""
    value = node.attrs["value"] if node.op is LITERAL else None
    if not isinstance(value, (int, float)):
        return False
    return value == number and math.copysign(1, value) > 0


def _within_one(node: Node) -> bool:
    """Whether a float is exp(-s) for an s that is never negative."""
    if node.op.name != "exp" or node.inputs[0].op.name != "negative":
        return False
    rule = node.inputs[0].inputs[0].op.facts.sign
    return rule is never_negative and node.dtype.is_float
