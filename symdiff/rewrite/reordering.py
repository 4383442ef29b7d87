"""Rules that change rounding, for what the planned step computes.

In: a tensor of the training half. Out: an equal tensor of fewer or cheaper calls, or
None. Invariant: equal means equal in exact arithmetic, with the same dtype and shape;
sums may be added up in another order and factors multiplied in another. No rule here is
applied to the readable functions.
"""

from __future__ import annotations

from symdiff.derive.patterns import Rules, is_plain_sum, joined
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import product
from symdiff.ops.core.leaf import PARAM
from symdiff.ops.core.operands import call_elementwise, literal, literal_value
from symdiff.ops.core.record import OPS
from symdiff.ops.elementwise.arithmetic import MUL, POWER, SQUARE
from symdiff.ops.linalg.matmul import MATMUL, matmul
from symdiff.ops.reduce.sums import MEAN, REDUCE_SUM, reduce_sum
from symdiff.ops.shape.broadcasting import BROADCAST_TO, ones
from symdiff.ops.shape.views import expand_dims, reshape, squeeze
from symdiff.rewrite import factors, turning
from symdiff.rewrite.driver import Rule, is_read_once
from symdiff.rewrite.patterns import is_op
from symdiff.rewrite.views import RULES as EXACT

RULES = Rules()


@RULES.of(POWER)
def power_of_two(t: Tensor) -> Tensor | None:
    """x**2 is square(x), which has no second name here."""
    base, exponent = t.parents
    if not base.ndim or not base.dtype.is_float or literal_value(exponent) != 2:
        return None
    return call_elementwise(SQUARE, base)


@RULES.of(REDUCE_SUM)
def sum_of_matrix_product(t: Tensor) -> Tensor | None:
    """sum(a @ b, axis=-1) = a @ sum(b, axis=-1), and sum(a, axis=-2) @ b for rows."""
    (product,) = t.parents
    if not _is_float_sum(t) or not is_op(product, MATMUL) or not is_read_once(product):
        return None
    (a, b), axes, n = product.parents, t.node.attrs["axes"], product.ndim
    if t.node.attrs["keepdims"] or not a.ndim == b.ndim == n >= 2:
        return None
    if axes == (n - 1,):
        return squeeze(matmul(a, reduce_sum(b, axes, keepdims=True)), axes)
    if axes == (n - 2,):
        return squeeze(matmul(reduce_sum(a, axes, keepdims=True), b), axes)
    return None


@RULES.of(REDUCE_SUM, MEAN)
def sum_of_products(t: Tensor) -> Tensor | None:
    """sum(x * y) = dot(x, y) over all axes, sum(x**2) = dot(x, x); of means a share."""
    (x,) = t.parents
    square, every = is_op(x, SQUARE), t.node.attrs["axes"] == tuple(range(x.ndim))
    if not x.ndim or not every or not is_read_once(x) or t.node.attrs["keepdims"]:
        return None
    if x.dtype.name != "float" or not (square or is_op(x, MUL)):
        return None
    pair = x.parents * 2 if square else x.parents
    if not all(p.type == x.type and _is_flat(p) for p in pair):
        return None
    total = matmul(*(reshape(p, (product(x.shape),)) for p in pair))
    if is_op(t, REDUCE_SUM):
        return total
    count = product(x.shape)
    return total / literal(count, (count, "a mean"))


def _is_flat(t: Tensor) -> bool:
    """Whether the elements lie one after another, so that a vector is a view of them.

    So do parameters, which are views of one vector, and what is computed.
    """
    if t.ndim == 1:
        return not is_op(t, BROADCAST_TO)
    return is_op(t, PARAM) or (t.node.op.is_elementwise or is_op(t, MATMUL))


@RULES.of(REDUCE_SUM)
def sum_over_rows(t: Tensor) -> Tensor | None:
    """sum(x, axis=0) = ones @ x for a matrix x: one call of BLAS."""
    (x,) = t.parents
    if not _is_float_sum(t) or x.ndim != 2 or t.node.attrs["axes"] != (0,):
        return None
    total = matmul(ones(x.shape[:1]), x)
    return expand_dims(total, 0) if t.node.attrs["keepdims"] else total


@RULES.of(REDUCE_SUM)
def sum_over_columns(t: Tensor) -> Tensor | None:
    """sum(x, axis=-1) = x @ ones, of the rows of x as one matrix."""
    (x,) = t.parents
    if not _is_float_sum(t) or x.ndim < 2 or t.node.attrs["axes"] != (x.ndim - 1,):
        return None
    if x.ndim > 2 and (x.node.op.view or not x.node.op.is_elementwise):
        return None
    if x.ndim == 2 and t.node.attrs["keepdims"]:
        return matmul(x, ones((x.shape[1], 1)))
    rows = x if x.ndim == 2 else reshape(x, (product(x.shape[:-1]), x.shape[-1]))
    total = matmul(rows, ones(x.shape[-1:]))
    return total if total.shape == t.shape else reshape(total, t.shape)


def _is_float_sum(t: Tensor) -> bool:
    return is_plain_sum(t) and t.parents[0].dtype.name == "float"


def reorderings() -> dict[str, list[Rule]]:
    """Return the table of the rules that the planned step is rewritten with."""
    found = joined(factors.RULES, turning.RULES, RULES, EXACT)
    for name, op in OPS.items():
        if op.is_elementwise:
            own = [turning.elementwise_of_turned, turning.elementwise_of_spread]
            found[name] = [*own, *found.get(name, ())]
    return found
