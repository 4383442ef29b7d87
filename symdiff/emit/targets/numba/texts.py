"""What an op is in a kernel: its text on numbers and short arrays, a function each.

In: a node. Out: its text over the record's placeholders, or None where the op stays
NumPy's, outside of kernels. Invariant: a text gives NumPy's value within rounding for
every operand, zeros, infinities, nan and the ends of the integers included, in the
width of its operands. Where Numba's function does not, the op has no entry here.
"""

from __future__ import annotations

from collections.abc import Callable

from symdiff.graph.node import Node
from symdiff.graph.types import BOOL, FLOAT, FLOAT32, FLOAT64, INT64, Shape
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.text import op_text

Rule = Callable[[Node], str | None]
KINDS = (FLOAT, FLOAT32, FLOAT64, INT64, BOOL)  # the element types that kernels have
_TEXTS: dict[str, Rule] = {}


def text_in_kernel(node: Node) -> str | None:
    """Return the text of a scalar in a kernel, or None if it cannot be in one."""
    rule = _TEXTS.get(node.op.name)
    return None if rule is None else rule(node)


def _register(*names: str) -> Callable[[Rule], Rule]:
    def keep(rule: Rule) -> Rule:
        _TEXTS.update(dict.fromkeys(names, rule))
        return rule

    return keep


@_register("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
@_register("stop_gradient", "after_steps")
def _own(node: Node) -> str:
    """Return the record's own text."""
    return op_text(node)


@_register("add", "subtract", "multiply", "negative")
def _of_numbers(node: Node) -> str | None:
    """Return the record's text; Numba makes integers of booleans."""
    return op_text(node) if all(not i.dtype.is_bool for i in node.inputs) else None


@_register("divide", "power", "sqrt", "root_of_squares", "hypot")
@_register("exp", "expm1", "exp2", "log", "log1p", "log2", "log10")
@_register("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2")
@_register("sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh")
@_register("logaddexp", "logaddexp2", "copysign", "fmod", "maximum", "minimum")
@_register("fmax", "fmin", "floor", "ceil", "rint", "trunc")
@_register("isnan", "isinf", "isfinite", "signbit")
def _of_floats(node: Node) -> str | None:
    """Return the record's text; of integers, Numba has other types and overflows."""
    return op_text(node) if _floats(node) else None


@_register("square")
def _square(node: Node) -> str | None:
    return "np.square(_0)" if _floats(node) else None


@_register("abs")
def _abs(node: Node) -> str | None:
    return None if node.dtype.is_bool else "np.abs(_0)"


@_register("sign")
def _sign(node: Node) -> str | None:
    """NumPy gives 0 for -0."""
    return "np.sign(_0) + _real(0)" if _runs_wide(node) else None


@_register("relu")
def _relu(node: Node) -> str | None:
    return "np.maximum(_0, _real(0))" if _runs_wide(node) else None


@_register("sigmoid")
def _sigmoid(node: Node) -> str | None:
    one = "_real(1)"
    return f"{one} / ({one} + np.exp(-_0))" if _runs_wide(node) else None


@_register("zeros_of")
def _zeros(node: Node) -> str | None:
    if node.shape:
        return "np.zeros_like(_0)"
    return "_real(0)" if _runs_wide(node) else None


@_register("clip")
def _clip(node: Node) -> str | None:
    return "np.minimum(np.maximum(_0, _1), _2)" if _floats(node) else None


@_register("clip_low")
def _clip_low(node: Node) -> str | None:
    return "np.maximum(_0, _1)" if _floats(node) else None


@_register("clip_high")
def _clip_high(node: Node) -> str | None:
    return "np.minimum(_0, _1)" if _floats(node) else None


@_register("mod")
def _mod(node: Node) -> str | None:
    """By other divisors Numba has other zeros, and the process may end."""
    return "np.remainder(_0, _1)" if _by_positive(node) else None


@_register("floor_divide")
def _floor_divide(node: Node) -> str | None:
    """Of floats, NumPy has nan where Numba has infinity."""
    whole = node.dtype == INT64 and _by_positive(node)
    return "_0 // _1" if whole else None


@_register("where")
def _where(node: Node) -> str:
    if node.shape:
        return op_text(node)
    return "_1 if _0 else _2"


@_register("logical_and")
def _and(node: Node) -> str:
    return op_text(node) if node.shape else "_0 and _1"


@_register("logical_or")
def _or(node: Node) -> str:
    return op_text(node) if node.shape else "_0 or _1"


@_register("logical_xor")
def _xor(node: Node) -> str:
    return "_0 != _1"


@_register("logical_not")
def _not(node: Node) -> str:
    return op_text(node) if node.shape else "not _0"


@_register("cast")
def _cast(node: Node) -> str | None:
    """Return the call of a type; what NumPy makes of a float as an integer varies."""
    source = node.inputs[0].dtype
    if node.shape:
        return op_text(node) if source.is_float and node.dtype == FLOAT else None
    if node.dtype == BOOL:
        return "_0 != 0"
    if node.dtype == INT64:
        return None if source.is_float else "np.int64(_0)"
    return "_real(_0)" if node.dtype == FLOAT else None


def _floats(node: Node) -> bool:
    """Whether every operand is a float, or a number beside one."""
    given = [i for i in node.inputs if i.op is not LITERAL]
    return bool(given) and all(i.dtype.is_float for i in given)


def _runs_wide(node: Node) -> bool:
    """Whether the operand has the run's element type."""
    return node.inputs[0].dtype == FLOAT


def _by_positive(node: Node) -> bool:
    """Whether a node divides by a number above 0."""
    by = node.inputs[1]
    value = by.attrs["value"] if by.op is LITERAL else 0
    return isinstance(value, (int, float)) and value > 0


@_register("slice", "squeeze", "transpose")
def _view(node: Node) -> str | None:
    """Return the record's text where lengths are known: Numba checks no index."""
    return op_text(node) if is_known(node.inputs[0].shape) else None


@_register("expand_dims")
def _expanded(node: Node) -> str | None:
    """Return the record's text; a number has no axes to put others beside."""
    return op_text(node) if node.inputs[0].shape else None


@_register("broadcast_to", "stack", "unslice")
def _new_array(node: Node) -> str | None:
    return op_text(node) if node.dtype.is_float else None


@_register("sum")
def _sum(node: Node) -> str | None:
    """Numba adds one by one, which is as good as NumPy's way for few elements."""
    return op_text(node) if node.dtype.is_float else None


def is_known(shape: Shape) -> bool:
    """Whether all lengths are numbers."""
    return all(isinstance(d, int) for d in shape)
