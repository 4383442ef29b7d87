"""Roots of sums of squares, and squares of roots.

In: as in `symdiff.derive.stability`, which applies these rules. Out: one root for all
spellings, with derivative 0 at the origin in every order, where ``sqrt`` alone gives
0 * inf; and squares of a root without the root, which keep their curvature at the
origin. Invariant: each rule is an identity over the reals, given in its docstring.
"""

from __future__ import annotations

import math

from symdiff.derive.patterns import Rules, is_number, is_plain_sum
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.operands import API, literal_value
from symdiff.ops.elementwise.arithmetic import ADD, DIV, MUL, POWER, SQRT, SQUARE
from symdiff.ops.elementwise.kinks import ABS
from symdiff.ops.elementwise.trigonometry import HYPOT, ROOT
from symdiff.ops.linalg.contraction import EINSUM, TENSORDOT
from symdiff.ops.linalg.matmul import MATMUL
from symdiff.ops.reduce.norms import NORM
from symdiff.ops.reduce.statistics import STD, VAR
from symdiff.ops.reduce.sums import MEAN
from symdiff.ops.shape.joining import CONCATENATE, STACK

DEPTH = 24  # ops that a sum of squares is looked for in
JOINS = (CONCATENATE, STACK)
RULES = Rules()


# --- one root -------------------------------------------------------------------------


@RULES.of(SQRT)
def root_of_squares(t: Tensor) -> Tensor | None:
    """sqrt(sum(x**2)) = norm(x), whose derivative at 0 is 0 by convention."""
    if not is_plain_sum(t):
        return None
    (squares,) = t.parents
    axes, x = t.node.attrs["axes"], squares.parents[0] if squares.parents else None
    op, operands = squares.node.op, squares.parents
    power = op is POWER and is_number(operands[1], 2)
    product = op is MUL and operands[0].node is operands[1].node
    if not (power or product or op is SQUARE):
        return None
    axis = axes[0] if len(axes) == 1 else None if len(axes) == squares.ndim else axes
    if isinstance(axis, tuple) or x is None or not x.dtype.is_float:
        return None
    return API["linalg.norm"](x, axis=axis, keepdims=t.node.attrs["keepdims"])


@RULES.of(SQRT)
def root_of_variance(t: Tensor) -> Tensor | None:
    """sqrt(var(x)) = std(x), whose derivative is 0 where all elements are equal."""
    if t.node.op is not VAR:
        return None
    attrs = t.node.attrs
    found: Tensor = API["std"](
        t.parents[0], attrs["axes"], ddof=attrs["ddof"], keepdims=attrs["keepdims"]
    )
    return found


@RULES.of(SQRT)
def root_of_other_squares(t: Tensor) -> Tensor | None:
    """sqrt(q) = root(q), q a sum of squares: its derivative at 0 is 0 by convention."""
    return apply(ROOT, t) if is_sum_of_squares(t) else None


@RULES.of(POWER)
def power_as_root(a: Tensor, b: Tensor) -> Tensor | None:
    """q ** 0.5 = sqrt(q), q a sum of squares."""
    if not is_number(b, 0.5) or not is_sum_of_squares(a):
        return None
    return stable_root(a)


def stable_root(q: Tensor) -> Tensor:
    """Return sqrt(q), q a sum of squares, as a node whose derivative at 0 is 0."""
    for stable in RULES[SQRT.name]:
        found = stable(q)
        if found is not None:
            return found
    return apply(ROOT, q)


def is_sum_of_squares(q: Tensor, depth: int = DEPTH) -> bool:
    """Whether a tensor is a sum of squares and of nothing else, up to factors >= 0.

    Such a sum has slope 0 wherever it is 0.
    """
    if not depth:
        return False
    op, parents = q.node.op, q.parents

    def inside(*operands: Tensor) -> bool:
        return all(is_sum_of_squares(p, depth - 1) for p in operands)

    if op in (SQUARE, VAR):
        return True
    if op is POWER:
        n = literal_value(parents[1])
        return isinstance(n, (int, float)) and n >= 2 and n % 2 == 0
    if op is MUL:
        a, b = parents
        if a.node is b.node:
            return True
        return (_is_factor(b) and inside(a)) or (_is_factor(a) and inside(b))
    if op is DIV:
        return _is_factor(parents[1]) and inside(parents[0])
    if op is ADD or op in JOINS:
        return inside(*parents)
    if op is MEAN or is_plain_sum(q) or op.moves:
        return inside(parents[0])
    return _is_inner_product(q)


def _is_factor(t: Tensor) -> bool:
    value = literal_value(t)
    return isinstance(value, (int, float)) and value > 0 and math.isfinite(value)


def _is_inner_product(q: Tensor) -> bool:
    """Whether a product of a tensor with itself sums squares only, as v @ v does."""
    if len(q.parents) != 2 or q.parents[0].node is not q.parents[1].node:
        return False
    if q.node.op is MATMUL:
        return q.parents[0].ndim == 1
    if q.node.op is EINSUM:
        left, right = q.node.attrs["subscripts"].partition("->")[0].split(",")
        return bool(left == right)
    return q.node.op is TENSORDOT and q.ndim == 0 and _matches_axes(q)


def _matches_axes(q: Tensor) -> bool:
    axes = q.node.attrs.get("axes")
    return isinstance(axes, tuple) and len(axes) == 2 and axes[0] == axes[1]


# --- squares of roots -----------------------------------------------------------------


@RULES.of(SQUARE)
def square_of_root(x: Tensor) -> Tensor | None:
    """norm(x)**2 = sum(x**2), std(x)**2 = var(x), abs(x)**2 = x**2, hypot(a, b)**2 =
    a**2 + b**2, root(q)**2 = q; sqrt(x)**2 = x for x >= 0.
    """
    return squared(x)


@RULES.of(MUL)
def product_of_roots(a: Tensor, b: Tensor) -> Tensor | None:
    """root * root = root**2; (c root) root = c root**2; as `square_of_root`."""
    if a.node is b.node:
        return squared(a)
    for x, other in ((a, b), (b, a)):
        if x.node.op is not MUL:
            continue
        for c, root in (x.parents, x.parents[::-1]):
            square = squared(root) if root.node is other.node else None
            if square is not None and literal_value(c) is not None:
                return API["multiply"](c, square)
    return None


@RULES.of(POWER)
def even_power_of_root(a: Tensor, b: Tensor) -> Tensor | None:
    """root**(2 n) = (root**2)**n, as `square_of_root`."""
    n = literal_value(b)
    if not isinstance(n, (int, float)) or n < 2 or n % 2:
        return None
    square = squared(a)
    return square if square is None or n == 2 else square ** (int(n) // 2)


def squared(x: Tensor, depth: int = DEPTH) -> Tensor | None:
    """Return the square of a root without the root; that of r[i] is (r**2)[i]."""
    op, attrs = x.node.op, x.node.attrs
    if op.moves and depth:
        inner = squared(x.parents[0], depth - 1)
        if inner is None:
            return None
        return apply(op, inner, *x.parents[1:], **attrs)
    if op is NORM and attrs["order"] == 2:
        squares = x.parents[0] ** 2
        return API["sum"](squares, attrs["axes"], keepdims=attrs["keepdims"])
    if op is STD:
        return apply(VAR, x.parents[0], **attrs)
    if op is ABS:
        return x.parents[0] ** 2 if x.dtype.is_float else None
    if op is HYPOT:
        a, b = x.parents
        return a**2 + b**2
    if op is ROOT:
        return x.parents[0]
    if op is SQRT:
        q = x.parents[0]
        # a factor, so that the derivative is NaN as well where q is negative
        found: Tensor = q * API["where"](q >= 0, 1.0, math.nan)
        return found
    return None
