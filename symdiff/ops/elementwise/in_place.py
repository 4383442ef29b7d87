"""How powers and choices are written into memory that exists already.

In: a node. Out: its `OutForm`, or None. Invariant: as in `symdiff.ops.core.outforms`,
the bits are those of the op's own text.
"""

from __future__ import annotations

import math

from symdiff.graph.node import Node
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.outforms import OutForm, of_call

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
    """where(c, x, 0) and where(c, 0, x) as x's bits times 1 or 0, as integers.

    This is exact for every x, infinite and NaN too, and several times faster than the
    masked copy that all other choices use. ``_bits`` is an integer type of the same
    width as the float.
    """
    for kept, dropped in ((1, 2), (2, 1)):
        x = node.inputs[kept]
        if not _is_zero(node.inputs[dropped]) or node.dtype.name != "float":
            continue
        if x.op is LITERAL or x.op.facts.repeats or x.dtype != node.dtype:
            return _EITHER
        mask = "_0" if kept == 1 else "np.logical_not(_0)"
        bits = f"np.multiply(_{kept}.view(_bits), {mask}, out=_out.view(_bits))"
        return OutForm(bits, {kept: bits})
    return _EITHER


def _is_zero(node: Node) -> bool:
    """Whether a node is the literal 0 whose bits are all 0."""
    value = node.attrs["value"] if node.op is LITERAL else None
    if not isinstance(value, (int, float)):
        return False
    return value == 0 and math.copysign(1, value) > 0
