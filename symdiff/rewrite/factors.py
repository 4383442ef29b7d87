"""Factors of products: numbers merged, and put where there is least to multiply.

In: a product, quotient or negative of floats. Out: an equal one that takes fewer
operations on fewer elements, or None. Invariant: the factors are the same, multiplied
in another order; a factor that others read is not taken apart.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from symdiff.derive.patterns import Rules, is_plain_sum
from symdiff.graph.node import Node, topological
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim, Shape
from symdiff.ops.core.leaf import HYPER
from symdiff.ops.core.operands import as_tensor, call_elementwise, is_literal
from symdiff.ops.elementwise.arithmetic import ADD, DIV, MUL, NEG, SQRT, SUB
from symdiff.ops.reduce.sums import REDUCE_SUM
from symdiff.ops.shape.broadcasting import BROADCAST_TO
from symdiff.ops.shape.views import EXPAND_DIMS, SQUEEZE
from symdiff.rewrite.driver import is_read_once
from symdiff.rewrite.patterns import is_op

RULES = Rules()
DEPTH = 8  # operations of a product that are looked at
USUAL = 64  # elements that a symbolic length is taken for


@dataclass(slots=True)
class _Product:
    """Numbers and arrays that are multiplied, or divided by, and what that costs."""

    numbers: list[tuple[Tensor, bool]] = field(default_factory=list)  # True: divided by
    arrays: list[tuple[Tensor, bool]] = field(default_factory=list)
    cost: float = 0


def size(shape: Shape) -> float:
    """Return the number of elements, symbolic lengths taken for a usual one."""
    return math.prod(map(_length, shape))


def _length(d: Dim) -> int:
    return d if isinstance(d, int) else USUAL


@RULES.of(MUL, DIV, NEG)
def product_of_small_first(t: Tensor) -> Tensor | None:
    """(c * x) * (d * y) = (c * d * x) * y, for numbers c and d and the smaller x."""
    if not t.ndim or not t.dtype.is_float:
        return None
    found = _Product()
    _collect(t, False, found, 0)
    if not found.arrays or any(p.dtype != t.dtype for p, _ in found.arrays):
        return None
    arrays = [(_source(a), inverse) for a, inverse in found.arrays]
    order = sorted(range(len(arrays)), key=lambda i: size(arrays[i][0].shape))
    made, cost = _multiplied(found.numbers), 0.0
    for i in order:
        a, inverse = arrays[i]
        if made is None and not inverse:
            made = a
            continue
        first = 1.0 if made is None else made
        made = call_elementwise(DIV if inverse else MUL, first, a)
        cost += size(made.shape)
    if made is None or made.shape != t.shape or cost > 0.9 * found.cost:
        return None
    return made


def _collect(t: Tensor, inverse: bool, found: _Product, depth: int) -> None:
    """Add the factors of a product that nothing else reads."""
    whole = depth == 0 or is_read_once(t)
    if is_literal(t) or not t.ndim:
        found.numbers.append((t, inverse))
    elif is_op(t, BROADCAST_TO) and not t.parents[0].ndim:
        found.numbers.append((t.parents[0], inverse))
    elif whole and depth < DEPTH and is_op(t, NEG):
        found.numbers.append((call_elementwise(NEG, 1.0), inverse))
        found.cost += size(t.shape)
        _collect(t.parents[0], inverse, found, depth + 1)
    elif whole and depth < DEPTH and is_op(t, MUL):
        found.cost += size(t.shape)
        for p in t.parents:
            _collect(p, inverse, found, depth + 1)
    elif whole and depth < DEPTH and is_op(t, DIV) and _comes_apart(t):
        found.cost += size(t.shape)
        _collect(t.parents[0], inverse, found, depth + 1)
        _collect(t.parents[1], not inverse, found, depth + 1)
    else:
        found.arrays.append((t, inverse))


def _comes_apart(t: Tensor) -> bool:
    """Whether a divisor is a number, or repeated over an axis, or a quotient itself."""
    divisor = t.parents[1]
    if is_literal(divisor) or size(_source(divisor).shape) < size(t.shape):
        return True
    quotient = is_op(divisor, DIV) and is_read_once(divisor)
    return quotient and _is_number(divisor.parents[1])


def _is_number(t: Tensor) -> bool:
    """Whether a tensor is a literal, or a scalar, repeated or not."""
    return is_literal(t) or not _source(t).ndim


def _source(t: Tensor) -> Tensor:
    return t.parents[0] if is_op(t, BROADCAST_TO) else t


def _multiplied(numbers: list[tuple[Tensor, bool]]) -> Tensor | None:
    """Return the product of numbers; those that are not literals come first."""
    made: Tensor | None = None
    for number, inverse in sorted(numbers, key=lambda pair: is_literal(pair[0])):
        if made is None and not inverse:
            made = number
        elif inverse:
            made = call_elementwise(DIV, 1.0 if made is None else made, number)
        else:
            made = call_elementwise(MUL, made, number)
    return made


@RULES.of(ADD, SUB)
def common_factor(t: Tensor) -> Tensor | None:
    """a * x + a * y = a * (x + y), and so for differences, numbers included."""
    if not t.ndim or not t.dtype.is_float:
        return None
    sides = [_Product(), _Product()]
    for side, operand in zip(sides, t.parents, strict=True):
        if not (is_op(operand, MUL) and is_read_once(operand)):
            return None
        _collect(operand, False, side, 0)
    pairs = [pair for side in sides for pair in side.arrays]
    if any(inverse or a.dtype != t.dtype for a, inverse in pairs):
        return None
    left, right = (Counter(a.node for a, _ in side.arrays) for side in sides)
    common = left & right
    if not common:
        return None
    tensors = {a.node: a for a, _ in pairs}
    rests = [
        _product(_multiplied(side.numbers), _listed(own - common, tensors))
        for side, own in zip(sides, (left, right), strict=True)
    ]
    if all(is_literal(r) or not r.ndim for r in rests):
        return None
    made = _product(call_elementwise(t.node.op, *rests), _listed(common, tensors))
    return made if made.shape == t.shape else None


def _listed(counts: Counter[Node], tensors: Mapping[Node, Tensor]) -> list[Tensor]:
    return [tensors[n] for n in counts.elements()]


def _product(first: Tensor | None, arrays: list[Tensor]) -> Tensor:
    """Return the product of a number or array, if there is one, and arrays."""
    made = first
    for a in arrays:
        made = a if made is None else call_elementwise(MUL, made, a)
    return as_tensor(1.0) if made is None else made


def _is_of_optimizer(t: Tensor) -> bool:
    """Whether a number is computed from hyperparameters and the step alone.

    Of such a number it is taken for granted that it is finite, and a divisor positive:
    of a number that data or parameters determine, neither is known.
    """
    if is_literal(t) or not _is_number(t):
        return False
    return all(n.op is HYPER for n in topological([t.node]) if n.op.leaf)


@RULES.of(SQRT)
def root_of_quotient(t: Tensor) -> Tensor | None:
    """sqrt(x / c) = sqrt(x) / sqrt(c) for a number c > 0, as optimisers have."""
    (ratio,) = t.parents
    if not (t.ndim and is_op(ratio, DIV) and is_read_once(ratio)):
        return None
    x, c = ratio.parents
    if not _is_of_optimizer(c) or x.shape != t.shape:
        return None
    return call_elementwise(SQRT, x) / call_elementwise(SQRT, _source(c))


@RULES.of(ADD)
def sum_with_quotient(t: Tensor) -> Tensor | None:
    """x / c + d = (x + c * d) / c for finite numbers c and d, as optimisers have."""
    for ratio, d in (t.parents, t.parents[::-1]):
        if not (t.ndim and is_op(ratio, DIV) and is_read_once(ratio)):
            continue
        x, c = ratio.parents
        if _is_of_optimizer(c) and _is_of_optimizer(d) and x.shape == t.shape:
            return (x + _source(c) * _source(d)) / _source(c)
    return None


@RULES.of(MUL)
def multiple_of_view(t: Tensor) -> Tensor | None:
    """c * x[:, None] = (c * x)[:, None] for a number c."""
    for number, viewed in (t.parents, t.parents[::-1]):
        source = _source(number)
        if not _is_number(number):
            continue
        if viewed.node.op in (EXPAND_DIMS, SQUEEZE) and is_read_once(viewed):
            made = call_elementwise(MUL, source, *viewed.parents)
            return apply(viewed.node.op, made, **viewed.node.attrs)
    return None


@RULES.of(REDUCE_SUM)
def sum_of_multiple(t: Tensor) -> Tensor | None:
    """sum(c * x) = c * sum(x) for a number c."""
    (x,) = t.parents
    if not is_plain_sum(t) or not x.dtype.is_float or not is_read_once(x):
        return None
    if not is_op(x, MUL):
        return None
    for number, rest in (x.parents, x.parents[::-1]):
        source = _source(number)
        if is_literal(source) or not source.ndim:
            if rest.shape != x.shape or rest.dtype != t.dtype:
                return None
            with at_site(t.site):
                total = apply(REDUCE_SUM, rest, **t.node.attrs)
                return call_elementwise(MUL, source, total)
    return None
