"""Sums of what differentiation makes: signs and divisors leave them, sums join.

In: a sum, or a quotient of one, that a rule of differentiation made. Out: an equal
tensor with fewer operations on fewer elements, or None. Invariant: the value changes by
rounding alone, and a sum that is 0 may have the other sign; infinities and NaN stay
where they were, but a sum of the largest numbers may overflow before it is divided.
Formulas that the user wrote are left as they are.
"""

from __future__ import annotations

from typing import Any

from symdiff.derive.patterns import Rules, is_plain_sum
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import dims_equal, product
from symdiff.ops.core.operands import literal_value
from symdiff.ops.core.signs import POSITIVE
from symdiff.ops.elementwise.arithmetic import ADD, DIV, MUL, NEG, SUB
from symdiff.ops.indexing.adding import add_at, adds_plainly
from symdiff.ops.indexing.gather import SCATTER_ADD
from symdiff.ops.linalg.matmul import MATMUL
from symdiff.ops.reduce.sums import MEAN, REDUCE_SUM, reduce_sum
from symdiff.ops.selecting.finiteness import sign_of
from symdiff.ops.shape.broadcasting import BROADCAST_TO, broadcast_to
from symdiff.ops.shape.views import TRANSPOSE, expand_dims, squeeze
from symdiff.rewrite.driver import is_read_once
from symdiff.rewrite.patterns import is_op
from symdiff.rewrite.signs import unsigned

RULES = Rules()


def _is_derived_sum(t: Tensor) -> bool:
    derived = t.site.primal is not None
    return derived and is_plain_sum(t) and t.parents[0].dtype.is_float


@RULES.of(REDUCE_SUM)
def negative_of_sum(t: Tensor) -> Tensor | None:
    """sum(-x) = -sum(x); a product or quotient may have the sign."""
    if not _is_derived_sum(t) or not is_read_once(t.parents[0]):
        return None
    opposite = unsigned(t.parents[0])
    return None if opposite is None else -apply(REDUCE_SUM, opposite, **t.node.attrs)


@RULES.of(REDUCE_SUM)
def sum_of_sum(t: Tensor) -> Tensor | None:
    """sum(sum(x, a), b) = sum(x, a and b), where nothing else reads the inner sum."""
    (inner,) = t.parents
    if not (_is_derived_sum(t) and is_plain_sum(inner) and is_read_once(inner)):
        return None
    (x,) = inner.parents
    first, keeps = inner.node.attrs["axes"], inner.node.attrs["keepdims"]
    left = range(x.ndim) if keeps else [i for i in range(x.ndim) if i not in first]
    second = tuple(left[i] for i in t.node.attrs["axes"])
    axes = tuple(sorted({*first, *second}))
    if t.node.attrs["keepdims"] == keeps:
        return reduce_sum(x, axes, keeps)
    if t.node.attrs["keepdims"]:
        return None
    rest = [i for i in range(x.ndim) if i not in second]  # the axes of t
    ones = tuple(at for at, i in enumerate(rest) if i in first)
    return expand_dims(reduce_sum(x, axes), ones) if ones else reduce_sum(x, axes)


@RULES.of(REDUCE_SUM)
def sum_of_turned(t: Tensor) -> Tensor | None:
    """sum(transpose(x), a) = sum(x, those axes of x), where the others keep an order.

    NumPy then sums in the order in which x lies in memory.
    """
    (turned,) = t.parents
    if not (_is_derived_sum(t) and is_op(turned, TRANSPOSE)):
        return None
    order, axes = turned.node.attrs["axes"], t.node.attrs["axes"]
    left = [axis for i, axis in enumerate(order) if i not in axes]
    if t.node.attrs["keepdims"] or left != sorted(left):
        return None
    return reduce_sum(turned.parents[0], tuple(sorted(order[i] for i in axes)))


@RULES.of(REDUCE_SUM)
def sum_of_quotient(t: Tensor) -> Tensor | None:
    """sum(x / s) = sum(x) / s for s > 0 that is the same for all summands."""
    (ratio,) = t.parents
    if not (_is_derived_sum(t) and is_op(ratio, DIV) and is_read_once(ratio)):
        return None
    x, divisor = ratio.parents
    if x.dtype != t.dtype or divisor.dtype != t.dtype or x.shape != ratio.shape:
        return None
    if not is_op(divisor, BROADCAST_TO) or sign_of(divisor.node) < POSITIVE:
        return None
    total = apply(REDUCE_SUM, x, **t.node.attrs)
    s = _along(divisor, t)
    return None if s is None else total / s


def _along(spread: Tensor, total: Tensor) -> Tensor | None:
    """Return what is spread over all summands of ``total``, in its shape."""
    (s,) = spread.parents
    axes, keeps = total.node.attrs["axes"], total.node.attrs["keepdims"]
    ahead = spread.ndim - s.ndim
    if not all(i < ahead or s.shape[i - ahead] == 1 for i in axes):
        return None
    gone = tuple(i - ahead for i in axes if i >= ahead)
    if gone and not keeps:
        s = squeeze(s, gone)
    return s if s.shape == total.shape else broadcast_to(s, total.shape)


@RULES.of(ADD, SUB, beside=(SCATTER_ADD,))
def sum_with_placed(t: Tensor) -> Tensor | None:
    """x ± (zeros with v added at [i]) = x with v added, or subtracted, at [i]."""
    if t.site.primal is None or not t.dtype.is_float:
        return None
    pairs = [t.parents] if is_op(t, SUB) else [t.parents, t.parents[::-1]]
    for x, placed in pairs:
        if not is_op(placed, SCATTER_ADD) or x.node.op in (SCATTER_ADD, BROADCAST_TO):
            continue
        alike = x.type == placed.type == t.type
        if not (alike and is_read_once(placed) and adds_plainly(placed.node)):
            continue
        value, minus = placed.parents[0], is_op(t, SUB)
        opposite = unsigned(value)
        if opposite is not None:
            value, minus = opposite, not minus
        with at_site(placed.site):  # it stands under the statement that reads there
            return add_at(x, placed, value, minus)
    return None


@RULES.of(ADD, SUB, beside=(MATMUL,))
def sum_with_negative_product(t: Tensor) -> Tensor | None:
    """a + (-x) @ y = a - x @ y, and so for x @ (-y) and for differences."""
    if t.site.primal is None or not t.dtype.is_float:
        return None
    a, b = t.parents
    opposite = _opposite_product(b)
    if opposite is not None:
        return a + opposite if is_op(t, SUB) else a - opposite
    opposite = _opposite_product(a) if is_op(t, ADD) else None
    return None if opposite is None else b - opposite


def _opposite_product(t: Tensor) -> Tensor | None:
    """Return -t, where t is a product of matrices, one of which is a negative."""
    if not (is_op(t, MATMUL) and is_read_once(t)):
        return None
    for i, factor in enumerate(t.parents):
        if is_op(factor, NEG):
            factors = [*t.parents[:i], *factor.parents, *t.parents[i + 1 :]]
            with at_site(t.site):
                return apply(MATMUL, *factors)
    return None


@RULES.of(DIV, beside=(REDUCE_SUM, NEG))
def mean_of_sum(t: Tensor) -> Tensor | None:
    """sum(x) / n = mean(x) for the number n of summands; -sum(x) / n = -mean(x)."""
    total, count = t.parents
    if is_op(total, NEG) and is_read_once(total):
        found = _mean(total.parents[0], literal_value(count))
        return None if found is None else -found
    return _mean(total, literal_value(count))


@RULES.of(MUL, beside=(REDUCE_SUM, NEG))
def mean_of_scaled_sum(t: Tensor) -> Tensor | None:
    """sum(x) * c = mean(x) where c = 1 / n, for the known number n of summands."""
    for total, factor in (t.parents, t.parents[::-1]):
        c = literal_value(factor)
        negative = is_op(total, NEG) and is_read_once(total)
        inner = total.parents[0] if negative else total
        if not isinstance(c, float) or not is_op(inner, REDUCE_SUM):
            continue
        n = product([inner.parents[0].shape[a] for a in inner.node.attrs["axes"]])
        if not isinstance(n, int) or n < 2 or c != 1 / n:
            continue
        found = _mean(inner, n)
        return -found if negative and found is not None else found
    return None


def _mean(total: Tensor, n: Any) -> Tensor | None:
    if n is None or isinstance(n, float) or not _is_derived_sum(total):
        return None
    (x,), axes = total.parents, total.node.attrs["axes"]
    summands = product([x.shape[a] for a in axes])
    if not is_read_once(total) or not dims_equal(n, summands):
        return None
    return apply(MEAN, x, axes=axes, keepdims=total.node.attrs["keepdims"])
