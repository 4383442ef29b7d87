"""The exact rewrites: each a named function whose docstring is its identity.

In: a tensor with simplified operands. Out: an equal tensor, or None where the rule does
not fit. Invariant: equal means equal to the last bit for every input, NaN and signed
zeros included, except that scaling by a power of two assumes no overflow or underflow,
and that products stand for a small power, with an error of a last place like its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sympy as sp

from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import broadcast_shapes
from symdiff.ops.elementwise import MUL, SQUARE
from symdiff.ops.index import ONE_HOT, SUBTRACT_ONE_HOT
from symdiff.ops.operands import (
    CONSTANT,
    call_elementwise,
    constant,
    is_literal,
    literal_value,
)
from symdiff.ops.shape import broadcast_to, reshape, transpose
from symdiff.rewrite.driver import Rule
from symdiff.rewrite.hoist import hoist_row_products

EXACT: dict[str, list[Rule]] = {}


def rule(*ops: str) -> Callable[[Rule], Rule]:
    """Register an exact rule for nodes of the given ops."""

    def register(function: Rule) -> Rule:
        for op in ops:
            EXACT.setdefault(op, []).append(function)
        return function

    return register


# --- reading patterns -----------------------------------------------------------------


def is_op(t: Tensor, name: str) -> bool:
    """Whether a tensor is the result of the named op."""
    return t.node.op.name == name


def number(t: Tensor) -> float | int | None:
    """Return the value of a literal number, or None."""
    value = literal_value(t)
    return value if isinstance(value, (int, float)) else None


def is_power_of_two(c: float) -> bool:
    """Whether multiplying by ``c`` only moves the exponent."""
    return c != 0 and math.isfinite(c) and abs(math.frexp(c)[0]) == 0.5


def scalar_constant(t: Tensor) -> float | int | None:
    """Return the value of a 0-d float or integer constant, broadcast or not."""
    while is_op(t, "broadcast_to"):
        (t,) = t.parents
    if t.node.op is not CONSTANT or t.ndim or t.dtype.is_bool:
        return None
    return t.node.attrs["value"].item()


# --- constants ------------------------------------------------------------------------


@rule("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "where",
      "greater", "greater_equal", "less", "less_equal", "equal",
      "not_equal")  # fmt: skip
def constant_operand(t: Tensor) -> Tensor | None:
    """op(x, broadcast(c)) = op(x, c), while another operand gives shape and dtype."""
    values = [None if is_literal(p) else scalar_constant(p) for p in t.parents]
    if all(v is None for v in values):
        return None
    keeps = [
        not is_literal(p) and v is None and p.shape == t.shape and p.dtype == t.dtype
        for p, v in zip(t.parents, values, strict=True)
    ]
    if is_op(t, "where"):
        keeps[0] = False
    elif t.dtype.is_bool:
        keeps = [
            not is_literal(p) and v is None
            for p, v in zip(t.parents, values, strict=True)
        ]
    if not any(keeps):
        return None
    start = 1 if is_op(t, "where") else 0
    operands = [
        p if v is None or i < start else v
        for i, (p, v) in enumerate(zip(t.parents, values, strict=True))
    ]
    return call_elementwise(t.node.op, *operands)


@rule("multiply")
def multiply_by_one(t: Tensor) -> Tensor | None:
    """x * 1 = x; x * -1 = -x."""
    for a, b in (t.parents, t.parents[::-1]):
        c = number(b)
        if c == 1 and a.dtype == t.dtype:
            return a
        if c == -1 and a.dtype == t.dtype:
            return -a
    return None


@rule("multiply")
def scaled_seed(t: Tensor) -> Tensor | None:
    """A scalar constant times a number is a constant, where one is a power of two.

    So the 1 that a gradient starts from is not carried along.
    """
    for a, b in (t.parents, t.parents[::-1]):
        c, d = number(a), scalar_constant(b)
        if c is None or d is None or b.ndim or not b.dtype.is_float:
            continue
        if is_power_of_two(c) or is_power_of_two(d):
            return constant(float(c * d))
    return None


@rule("divide")
def divide_by_one(t: Tensor) -> Tensor | None:
    """x / 1 = x; x / -1 = -x."""
    a, b = t.parents
    match number(b):
        case 1:
            return a
        case -1:
            return -a
    return None


@rule("power")
def first_power(t: Tensor) -> Tensor | None:
    """x ** 1 = x."""
    a, b = t.parents
    return a if number(b) == 1 and a.dtype == t.dtype else None


@rule("power")
def small_power(t: Tensor) -> Tensor | None:
    """x**3 = x x**2 and x**4 = (x**2)**2; NumPy's power takes a hundred times as long.

    They overflow and underflow where the power does.
    """
    base, exponent = t.parents
    if not base.dtype.is_float or number(exponent) not in (3, 4):
        return None
    squared = call_elementwise(SQUARE, base)
    if number(exponent) == 4:
        return call_elementwise(SQUARE, squared)
    return call_elementwise(MUL, base, squared)


@rule("subtract")
def subtract_zero(t: Tensor) -> Tensor | None:
    """x - 0 = x."""
    a, b = t.parents
    c = number(b)
    zero = c == 0 and math.copysign(1, c) > 0
    return a if zero and a.dtype == t.dtype else None


@rule("multiply")
def fold_powers_of_two(t: Tensor) -> Tensor | None:
    """(x * c) * d = x * (c d) where c or d is a power of two."""
    a, d = _literal_last(t)
    if d is None or not is_op(a, "multiply"):
        return None
    x, c = _literal_last(a)
    if c is None or not (is_power_of_two(c) or is_power_of_two(d)):
        return None
    return x * (c * d)


@rule("multiply")
def fold_halves(t: Tensor) -> Tensor | None:
    """(x / c) * d = x * (d / c) where c is a power of two; (x / 2N) * 2 = x / N.

    And (c / N) * d = (c d) / N for a constant c, where d is one.
    """
    a, d = _literal_last(t)
    if d is None or not is_op(a, "divide"):
        return None
    x, c = a.parents[0], literal_value(a.parents[1])
    value = None if a.ndim else scalar_constant(x)
    if isinstance(c, sp.Expr) and value is not None and is_power_of_two(d):
        scaled = constant(float(value * d))
        return scaled / c if scaled.dtype == x.dtype else None
    if isinstance(c, (int, float)) and is_power_of_two(c):
        return x * (d / c)
    if isinstance(c, sp.Expr) and is_power_of_two(d) and d == int(d):
        shorter = sp.expand(c / int(d))
        if all(n.is_Integer for n in shorter.as_coefficients_dict().values()):
            return x / shorter
    return None


def _literal_last(t: Tensor) -> tuple[Tensor, float | int | None]:
    """Return a product as (other operand, number)."""
    a, b = t.parents
    return (b, number(a)) if is_literal(a) else (a, number(b))


@rule("multiply")
def scale_the_scalar(t: Tensor) -> Tensor | None:
    """broadcast(s) * (c * x) = broadcast(s * c) * x where c is a power of two."""
    for s, other in (t.parents, t.parents[::-1]):
        if (
            not is_op(s, "broadcast_to")
            or s.parents[0].ndim
            or not is_op(other, "multiply")
        ):
            continue
        x, c = _literal_last(other)
        if c is not None and is_power_of_two(c) and not is_literal(x):
            return broadcast_to(s.parents[0] * c, x.shape) * x
    return None


# --- signs ----------------------------------------------------------------------------


@rule("negative")
def negative_constant(t: Tensor) -> Tensor | None:
    """-c is a constant, where c is a scalar one."""
    (a,) = t.parents
    c = scalar_constant(a)
    if c is None or a.ndim or not a.dtype.is_float:
        return None
    opposite = constant(-float(c))
    return opposite if opposite.dtype == t.dtype else None


@rule("negative")
def double_negative(t: Tensor) -> Tensor | None:
    """-(-x) = x; -(a - b) stays, because its zero has the other sign."""
    (a,) = t.parents
    return a.parents[0] if is_op(a, "negative") else None


@rule("add")
def add_negative(t: Tensor) -> Tensor | None:
    """a + (-b) = a - b; (-a) + b = b - a."""
    a, b = t.parents
    if is_op(b, "negative"):
        return a - b.parents[0]
    if is_op(a, "negative"):
        return b - a.parents[0]
    return None


@rule("add")
def add_negative_number(t: Tensor) -> Tensor | None:
    """x + (-c) = x - c, for a number c."""
    a, b = t.parents
    c = number(b) if is_literal(b) else None if b.ndim else scalar_constant(b)
    if c is None or not c < 0 or a.dtype != t.dtype or not t.dtype.is_float:
        return None
    return a - (-c) if is_literal(b) else a - constant(-float(c))


@rule("subtract")
def subtract_negative(t: Tensor) -> Tensor | None:
    """a - (-b) = a + b."""
    a, b = t.parents
    return a + b.parents[0] if is_op(b, "negative") else None


# --- views ----------------------------------------------------------------------------


@rule("broadcast_to")
def broadcast_twice(t: Tensor) -> Tensor | None:
    """broadcast(broadcast(x)) = broadcast(x); a broadcast to the same shape is x."""
    (a,) = t.parents
    if a.shape == t.shape:
        return a
    return broadcast_to(a.parents[0], t.shape) if is_op(a, "broadcast_to") else None


@rule("broadcast_to")
def broadcast_of_leading_axes(t: Tensor) -> Tensor | None:
    """broadcast(x[None, ...]) = broadcast(x): NumPy adds leading axes itself."""
    (a,) = t.parents
    if not is_op(a, "expand_dims"):
        return None
    axes = a.node.attrs["axes"]
    return (
        broadcast_to(a.parents[0], t.shape) if axes == tuple(range(len(axes))) else None
    )


@rule("reshape")
def reshape_twice(t: Tensor) -> Tensor | None:
    """reshape(reshape(x)) = reshape(x); a reshape to the same shape is x."""
    (a,) = t.parents
    if a.shape == t.shape:
        return a
    return reshape(a.parents[0], t.shape) if is_op(a, "reshape") else None


@rule("transpose")
def transpose_twice(t: Tensor) -> Tensor | None:
    """transpose(transpose(x)) = transpose(x), with the permutations composed."""
    (a,) = t.parents
    if not is_op(a, "transpose"):
        return None
    inner, outer = a.node.attrs["axes"], t.node.attrs["axes"]
    return transpose(a.parents[0], tuple(inner[i] for i in outer))


@rule("squeeze", "expand_dims")
def squeeze_of_expanded(t: Tensor) -> Tensor | None:
    """squeeze(expand_dims(x)) = x = expand_dims(squeeze(x)), for the same axes."""
    (a,) = t.parents
    names = {t.node.op.name, a.node.op.name}
    if (
        names == {"squeeze", "expand_dims"}
        and a.node.attrs["axes"] == t.node.attrs["axes"]
    ):
        return a.parents[0]
    return None


@rule("cast")
def cast_to_itself(t: Tensor) -> Tensor | None:
    """cast(x) = x where x has the dtype already."""
    (a,) = t.parents
    return a if a.dtype == t.dtype else None


@rule("stop_gradient")
def barrier_done(t: Tensor) -> Tensor | None:
    """stop_gradient(x) = x once every derivative has been taken."""
    return t.parents[0]


@rule("expand_dims", "squeeze", "reshape", "transpose")
def view_of_repeated_scalar(t: Tensor) -> Tensor | None:
    """view(broadcast(s)) = broadcast(s) for a scalar s and any change of shape."""
    (a,) = t.parents
    if is_op(a, "broadcast_to") and not a.parents[0].ndim:
        return broadcast_to(a.parents[0], t.shape)
    return None


# --- computing before broadcasting ----------------------------------------------------


def hoist_broadcast(t: Tensor) -> Tensor | None:
    """op(broadcast(a), broadcast(b)) = broadcast(op(a, b)) for elementwise op."""
    arrays = [p for p in t.parents if not is_literal(p)]
    if not arrays or not all(is_op(p, "broadcast_to") for p in arrays):
        return None
    small = broadcast_shapes(*(p.parents[0].shape for p in arrays))
    if len(small) == t.ndim and small == t.shape:
        return None
    operands = [p if is_literal(p) else p.parents[0] for p in t.parents]
    return broadcast_to(call_elementwise(t.node.op, *operands), t.shape)


# --- naming what NumPy has a better statement for -------------------------------------


@rule("subtract")
def subtract_one_hot(t: Tensor) -> Tensor | None:
    """x - one_hot(y) = x with 1 taken from element y of every row."""
    a, b = t.parents
    if b.node.op is not ONE_HOT or not b.dtype.is_float or a.shape != t.shape:
        return None
    return apply(SUBTRACT_ONE_HOT, a, b.parents[0])


# --- composite ops --------------------------------------------------------------------


def expand(t: Tensor) -> Tensor | None:
    """A composite op equals the graph its record expands to."""
    if t.node.op.expand is None:
        return None
    attrs = dict(t.node.attrs)
    result: Any = t.node.op.expand(*t.parents, **attrs)
    return result


def simplifications() -> dict[str, list[Rule]]:
    """Return the exact table, with the rules that hold for every elementwise op."""
    from symdiff.ops.define import OPS

    found = {name: list(rules) for name, rules in EXACT.items()}
    found["scan"] = [hoist_row_products]
    for name, op in OPS.items():
        if op.is_elementwise:
            found.setdefault(name, []).append(hoist_broadcast)
    return found


def bare_expansions() -> dict[str, list[Rule]]:
    """Return the expansion of composite ops alone: level 0 simplifies nothing."""
    from symdiff.ops.define import OPS

    return {name: [expand] for name, op in OPS.items() if op.expand is not None}


def expansions() -> dict[str, list[Rule]]:
    """Return the exact table together with the expansion of composite ops."""
    from symdiff.ops.define import OPS

    found = simplifications()
    for name, op in OPS.items():
        if op.expand is not None:
            found.setdefault(name, []).insert(0, expand)
    return found
