"""The exact rewrites of arithmetic: numbers, powers of two, small powers.

In: a tensor with simplified operands. Out: an equal tensor, or None where the rule does
not fit. Invariant: equal means equal to the last bit for every input, NaN and signed
zeros included, with three exceptions. Scaling by a power of two assumes no overflow or
underflow; a small power becomes products, with an error in the last place like its own;
and BLAS sums the elements of a matrix product in an order of its own.
"""

from __future__ import annotations

import math

import sympy as sp

from symdiff.derive.patterns import Rules
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import (
    CONSTANT,
    LITERAL,
    call_elementwise,
    constant,
    is_literal,
    literal_value,
)
from symdiff.ops.elementwise.arithmetic import ADD, DIV, MUL, POWER, SQUARE, SUB
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.comparisons import (
    EQUAL,
    GREATER,
    GREATER_EQUAL,
    LESS,
    LESS_EQUAL,
    NOT_EQUAL,
    WHERE,
)
from symdiff.ops.elementwise.kinks import MAXIMUM, MINIMUM
from symdiff.ops.linalg.matmul import MATMUL, matmul
from symdiff.ops.shape.broadcasting import BROADCAST_TO, broadcast_to
from symdiff.ops.shape.views import TRANSPOSE, transpose
from symdiff.rewrite.driver import is_read_once
from symdiff.rewrite.patterns import (
    is_op,
    is_power_of_two,
    literal_last,
    number,
    scalar_constant,
)

RULES = Rules()

# --- constants ------------------------------------------------------------------------


@RULES.of(
    *(ADD, SUB, MUL, DIV, POWER, MAXIMUM, MINIMUM, WHERE),
    *(GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, EQUAL, NOT_EQUAL),
    beside=(CONSTANT, BROADCAST_TO),
)
def constant_operand(t: Tensor) -> Tensor | None:
    """op(x, broadcast(c)) = op(x, c), if another operand has the shape and dtype."""
    values = [None if is_literal(p) else scalar_constant(p) for p in t.parents]
    if all(v is None for v in values):
        return None
    keeps = [
        not is_literal(p) and v is None and p.shape == t.shape and p.dtype == t.dtype
        for p, v in zip(t.parents, values, strict=True)
    ]
    if is_op(t, WHERE):
        keeps[0] = False
    elif t.dtype.is_bool:
        keeps = [
            not is_literal(p) and v is None
            for p, v in zip(t.parents, values, strict=True)
        ]
    if not any(keeps):
        return None
    start = 1 if is_op(t, WHERE) else 0
    operands = [
        p if v is None or i < start else v
        for i, (p, v) in enumerate(zip(t.parents, values, strict=True))
    ]
    return call_elementwise(t.node.op, *operands)


@RULES.of(MUL, beside=(LITERAL,))
def multiply_by_one(t: Tensor) -> Tensor | None:
    """x * 1 = x; x * -1 = -x."""
    for a, b in (t.parents, t.parents[::-1]):
        c = number(b)
        if c == 1 and a.dtype == t.dtype:
            return a
        unsigned = a.dtype.name.startswith("uint")  # -1 is none of these: NumPy raises
        if c == -1 and a.dtype == t.dtype and not unsigned:
            return -a
    return None


@RULES.of(MUL, beside=(LITERAL,))
def scaled_seed(t: Tensor) -> Tensor | None:
    """A scalar constant times a number is a constant, where one is a power of two.

    This removes the 1 that a gradient starts from.
    """
    for a, b in (t.parents, t.parents[::-1]):
        c, d = number(a), scalar_constant(b)
        if c is None or d is None or b.ndim or not b.dtype.is_float:
            continue
        if is_power_of_two(c) or is_power_of_two(d):
            return constant(float(c * d))
    return None


@RULES.of(DIV, beside=(LITERAL,))
def divide_by_one(t: Tensor) -> Tensor | None:
    """x / 1 = x; x / -1 = -x."""
    a, b = t.parents
    match number(b):
        case 1:
            return a
        case -1:
            return -a
    return None


@RULES.of(DIV, beside=(LITERAL,))
def divide_by_power_of_two(t: Tensor) -> Tensor | None:
    """(x c) / d = x (c / d) where d is a power of two."""
    a, b = t.parents
    d = number(b)
    if d is None or not is_power_of_two(d) or not is_op(a, MUL):
        return None
    x, c = literal_last(a)
    return None if c is None or x.dtype != t.dtype else x * (c / d)


@RULES.of(POWER, beside=(LITERAL,))
def first_power(t: Tensor) -> Tensor | None:
    """x ** 1 = x."""
    a, b = t.parents
    return a if number(b) == 1 and a.dtype == t.dtype else None


@RULES.of(POWER, beside=(LITERAL,))
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


@RULES.of(SUB, beside=(LITERAL,))
def subtract_zero(t: Tensor) -> Tensor | None:
    """x - 0 = x."""
    a, b = t.parents
    c = number(b)
    zero = c == 0 and math.copysign(1, c) > 0
    return a if zero and a.dtype == t.dtype else None


@RULES.of(MUL, beside=(LITERAL,))
def fold_powers_of_two(t: Tensor) -> Tensor | None:
    """(x * c) * d = x * (c d) where c or d is a power of two."""
    a, d = literal_last(t)
    if d is None or not is_op(a, MUL) or not a.dtype.is_float:
        return None
    x, c = literal_last(a)
    if c is None or not (is_power_of_two(c) or is_power_of_two(d)):
        return None
    return x * (c * d)


@RULES.of(MUL, beside=(LITERAL,))
def fold_halves(t: Tensor) -> Tensor | None:
    """(x / c) * d = x * (d / c) where c is a power of two; (x / 2N) * 2 = x / N.

    Where d is one, (c / N) * d = (c d) / N for a constant c, and (x c / y) * d =
    x (c d) / y.
    """
    a, d = literal_last(t)
    if d is None or not is_op(a, DIV):
        return None
    x, c = a.parents[0], literal_value(a.parents[1])
    value = None if a.ndim else scalar_constant(x)
    if isinstance(c, sp.Expr) and value is not None and is_power_of_two(d):
        scaled = constant(float(value * d))
        return scaled / c if scaled.dtype == x.dtype else None
    if isinstance(c, (int, float)) and is_power_of_two(c):
        return x * (d / c)
    top = _scaled(x, d)
    if top is not None:
        return top / a.parents[1]
    if isinstance(c, sp.Expr) and is_power_of_two(d) and d == int(d):
        shorter = sp.expand(c / int(d))
        if all(n.is_Integer for n in shorter.as_coefficients_dict().values()):
            own = t if a.site.primal is None else a
            with at_site(own.site):  # the quotient is a mean's, say; the factor is t's
                return x / shorter
    return None


def _scaled(t: Tensor, d: float) -> Tensor | None:
    """Return (x c) d as x (c d), where d is a power of two."""
    if not (is_power_of_two(d) and is_op(t, MUL) and t.dtype.is_float):
        return None
    x, c = literal_last(t)
    return None if c is None else x * (c * d)


@RULES.of(ADD)
def add_itself(t: Tensor) -> Tensor | None:
    """x + x = x * 2, which the product rule gives for x * x."""
    a, b = t.parents
    return a * 2 if a.node is b.node and t.dtype.is_float else None


@RULES.of(MUL, beside=(BROADCAST_TO,))
def scale_the_scalar(t: Tensor) -> Tensor | None:
    """broadcast(s) * (c * x) = broadcast(s * c) * x where c is a power of two."""
    for s, other in (t.parents, t.parents[::-1]):
        if not is_op(s, BROADCAST_TO) or s.parents[0].ndim or not is_op(other, MUL):
            continue
        x, c = literal_last(other)
        floats = s.dtype.is_float and other.dtype.is_float
        if floats and c is not None and is_power_of_two(c) and not is_literal(x):
            return broadcast_to(s.parents[0] * c, x.shape) * x
    return None


@RULES.of(MUL, beside=(LITERAL,))
def scale_the_factor(t: Tensor) -> Tensor | None:
    """(broadcast(s) * x) * c = broadcast(s * c) * x where c is a power of two."""
    a, c = literal_last(t)
    if c is None or not is_power_of_two(c) or not is_op(a, MUL):
        return None
    for s, x in (a.parents, a.parents[::-1]):
        if not s.dtype.is_float:
            continue
        if is_op(s, BROADCAST_TO) and not s.parents[0].ndim and not is_literal(x):
            return broadcast_to(s.parents[0] * c, t.shape) * x
    return None


# --- masks ----------------------------------------------------------------------------


@RULES.of(WHERE, beside=(WHERE,))
def where_of_where(t: Tensor) -> Tensor | None:
    """where(m, where(m, a, b), c) = where(m, a, c), and so for the other branch."""
    m, a, b = t.parents
    inside = [is_op(p, WHERE) and p.parents[0].node is m.node for p in (a, b)]
    if not any(inside):
        return None
    taken = a.parents[1] if inside[0] else a
    left = b.parents[2] if inside[1] else b
    found = call_elementwise(t.node.op, m, taken, left)
    return found if (found.shape, found.dtype) == (t.shape, t.dtype) else None


@RULES.of(WHERE)
def where_of_one_and_zero(t: Tensor) -> Tensor | None:
    """where(m, 1, 0) is m as numbers."""
    m, a, b = t.parents
    one, zero = (number(p) if is_literal(p) else scalar_constant(p) for p in (a, b))
    plain = zero == 0 and math.copysign(1, zero) > 0
    if one != 1 or not plain or m.shape != t.shape or not t.dtype.is_float:
        return None
    return cast(m, t.dtype)


# --- products of matrices -------------------------------------------------------------


@RULES.of(TRANSPOSE)
def transpose_of_product(t: Tensor) -> Tensor | None:
    """(a.T b).T = b.T a, where nothing else reads the product."""
    (product,) = t.parents
    return _turned_product(product) if _turns_matrices(t) else None


@RULES.of(TRANSPOSE)
def transpose_of_sum(t: Tensor) -> Tensor | None:
    """(a.T b + c.T d).T = b.T a + d.T c, where nothing else reads the sum."""
    (total,) = t.parents
    if total.node.op not in (ADD, SUB) or not _turns_matrices(t):
        return None
    if not is_read_once(total):
        return None
    terms = [_turned_product(p) for p in total.parents]
    if any(term is None for term in terms):
        return None
    return call_elementwise(total.node.op, *terms)


def _turned_product(t: Tensor) -> Tensor | None:
    """Return the transpose of a product a.T b that nothing else reads."""
    if not (is_op(t, MATMUL) and t.ndim > 1 and is_read_once(t)):
        return None
    a, b = t.parents
    if not (is_op(a, TRANSPOSE) and _turns_matrices(a)) or a.ndim != b.ndim:
        return None
    with at_site(t.site):  # the rule is that of the product, not that of its view
        return matmul(transpose(b, a.node.attrs["axes"]), a.parents[0])


def _turns_matrices(t: Tensor) -> bool:
    """Whether a transpose swaps the last two axes and no others."""
    axes = t.node.attrs["axes"]
    n = len(axes)
    return n >= 2 and axes == (*range(n - 2), n - 1, n - 2)
