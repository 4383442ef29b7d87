"""Roots of sums of squares, and squares of roots.

In: as in `stability`, whose rules these are. Out: one root for all spellings, with
derivative 0 at the origin in every order, where ``sqrt`` alone gives 0 * inf; and
squares without a root in between, so that they keep the curvature that they have at the
origin. Invariant: each rule is an identity over the reals, and says so.
"""

from __future__ import annotations

import math

from symdiff.derive.stability import is_number, is_plain_sum, rule
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.operands import API, literal_value
from symdiff.ops.elementwise.trigonometry import ROOT
from symdiff.ops.reduce.statistics import VAR
from symdiff.ops.selecting.masks import VIEWS

DEPTH = 24  # ops that a sum of squares is looked for in
READS = VIEWS | {"slice", "take", "gather", "pick", "take_along_axis", "concatenate",
                 "stack", "roll", "diagonal"}  # fmt: skip
PRODUCTS = frozenset(["matmul", "einsum", "tensordot"])


# --- one root -------------------------------------------------------------------------


@rule("sqrt")
def root_of_variance(t: Tensor) -> Tensor | None:
    """sqrt(var(x)) = std(x), whose derivative is 0 where nothing varies."""
    if t.node.op is not VAR:
        return None
    attrs = t.node.attrs
    found: Tensor = API["std"](
        t.parents[0], attrs["axes"], ddof=attrs["ddof"], keepdims=attrs["keepdims"]
    )
    return found


@rule("sqrt")
def root_of_other_squares(t: Tensor) -> Tensor | None:
    """sqrt(q) = root(q), q a sum of squares: its derivative at 0 is 0 by convention."""
    return apply(ROOT, t) if is_sum_of_squares(t) else None


@rule("power")
def power_as_root(a: Tensor, b: Tensor) -> Tensor | None:
    """q ** 0.5 = sqrt(q), q a sum of squares."""
    if not is_number(b, 0.5) or not is_sum_of_squares(a):
        return None
    return stable_root(a)


def stable_root(q: Tensor) -> Tensor:
    """Return sqrt(q), a sum of squares, as the node that is smooth enough at 0."""
    from symdiff.derive.stability import RULES

    for stable in RULES["sqrt"]:
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
    name, parents = q.node.op.name, q.parents

    def inside(*operands: Tensor) -> bool:
        return all(is_sum_of_squares(p, depth - 1) for p in operands)

    match name:
        case "square" | "var":
            return True
        case "power":
            n = literal_value(parents[1])
            return isinstance(n, (int, float)) and n >= 2 and n % 2 == 0
        case "multiply":
            a, b = parents
            if a.node is b.node:
                return True
            return (_is_factor(b) and inside(a)) or (_is_factor(a) and inside(b))
        case "divide":
            return _is_factor(parents[1]) and inside(parents[0])
        case "add":
            return inside(*parents)
        case "mean":
            return inside(parents[0])
        case "sum":
            return is_plain_sum(q) and inside(parents[0])
    if name in PRODUCTS:
        return _is_inner_product(q)
    return name in READS and inside(*_sources(q))


def _sources(q: Tensor) -> tuple[Tensor, ...]:
    joins = q.node.op.name in ("concatenate", "stack")
    return q.parents if joins else q.parents[:1]


def _is_factor(t: Tensor) -> bool:
    value = literal_value(t)
    return isinstance(value, (int, float)) and value > 0 and math.isfinite(value)


def _is_inner_product(q: Tensor) -> bool:
    """Whether a product of a tensor with itself sums squares only, as v @ v does."""
    if len(q.parents) != 2 or q.parents[0].node is not q.parents[1].node:
        return False
    match q.node.op.name:
        case "matmul":
            return q.parents[0].ndim == 1
        case "einsum":
            left, right = q.node.attrs["subscripts"].partition("->")[0].split(",")
            return bool(left == right)
    return q.ndim == 0 and _matches_axes(q)


def _matches_axes(q: Tensor) -> bool:
    axes = q.node.attrs.get("axes")
    return isinstance(axes, tuple) and len(axes) == 2 and axes[0] == axes[1]


# --- squares of roots -----------------------------------------------------------------


@rule("square")
def square_of_root(x: Tensor) -> Tensor | None:
    """norm(x)**2 = sum(x**2), std(x)**2 = var(x), abs(x)**2 = x**2, hypot(a, b)**2 =
    a**2 + b**2, root(q)**2 = q; sqrt(x)**2 = x for x >= 0.
    """
    return squared(x)


@rule("multiply")
def product_of_roots(a: Tensor, b: Tensor) -> Tensor | None:
    """root * root = root**2; (c root) root = c root**2; as `square_of_root`."""
    if a.node is b.node:
        return squared(a)
    for x, other in ((a, b), (b, a)):
        if x.node.op.name != "multiply":
            continue
        for c, root in (x.parents, x.parents[::-1]):
            square = squared(root) if root.node is other.node else None
            if square is not None and literal_value(c) is not None:
                return API["multiply"](c, square)
    return None


@rule("power")
def even_power_of_root(a: Tensor, b: Tensor) -> Tensor | None:
    """root**(2 n) = (root**2)**n, as `square_of_root`."""
    n = literal_value(b)
    if not isinstance(n, (int, float)) or n < 2 or n % 2:
        return None
    square = squared(a)
    return square if square is None or n == 2 else square ** (int(n) // 2)


def squared(x: Tensor, depth: int = DEPTH) -> Tensor | None:
    """Return the square of a root without the root; that of r[i] is (r**2)[i]."""
    attrs = x.node.attrs
    if x.node.op.name in READS - {"concatenate", "stack"} and depth:
        inner = squared(x.parents[0], depth - 1)
        if inner is None:
            return None
        return apply(x.node.op, inner, *x.parents[1:], **attrs)
    match x.node.op.name:
        case "norm" if attrs["order"] == 2:
            squares = x.parents[0] ** 2
            return API["sum"](squares, attrs["axes"], keepdims=attrs["keepdims"])
        case "std":
            return apply(VAR, x.parents[0], **attrs)
        case "abs":
            return x.parents[0] ** 2 if x.dtype.is_float else None
        case "hypot":
            a, b = x.parents
            return a**2 + b**2
        case "root_of_squares":
            return x.parents[0]
        case "sqrt":
            q = x.parents[0]
            # a factor, so that the derivative too is NaN where there is no root
            found: Tensor = q * API["where"](q >= 0, 1.0, math.nan)
            return found
    return None
