"""Every rule that changes rounding, alone on random values: equal within the bound.

A rule is called on graphs where it fits; what it returns and what it was given are both
interpreted, in both widths. No rule is without a case.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT
from symdiff.ops.core.leaf import HYPER
from symdiff.ops.core.operands import call_elementwise
from symdiff.ops.reduce.sums import MEAN
from symdiff.ops.shape.views import EXPAND_DIMS, TRANSPOSE
from symdiff.rewrite import factors, reordering, turning
from symdiff.rewrite.driver import Rule

N = sd.dim("N")
BOUND = {np.float64: 1e-13, np.float32: 1e-6}
LENGTHS = {"N": 50}

x, y = sd.input("x", (N, 3)), sd.input("y", (N, 3))
v, w = sd.input("v", (N,)), sd.input("w", (N,))
column, row = sd.input("column", (N, 1)), sd.input("row", (3,))
points, centres = sd.input("points", (400, 3)), sd.input("centres", (5, 3))
cube, square = sd.input("cube", (4, 3, 20)), sd.input("square", (4, 3, 3))
c, d = sd.input("c", (), low=0.5, high=2), sd.input("d", (), low=0.5, high=2)
positive = sd.input("positive", (N, 3), low=0.1, high=3)
LEAVES = (x, y, v, w, column, row, points, centres, cube, square, c, d, positive)
RATE, EPS = (apply(HYPER, name=name, shape=(), dtype=FLOAT) for name in ("a", "b"))
NUMBERS = (RATE, EPS)  # of an optimiser: finite and above 0


def multiply(a: Any, b: Any) -> Tensor:
    """The bare node, on which no rule has been tried."""
    return call_elementwise((x * y).node.op, a, b)


def raised(a: Tensor) -> Tensor:
    return call_elementwise(sd.power(x, y).node.op, a, 2)


def mean(a: Tensor) -> Tensor:
    return apply(MEAN, a, axes=tuple(range(a.ndim)), keepdims=False)


def turned(a: Tensor, *axes: int) -> Tensor:
    return apply(TRANSPOSE, a, axes=axes)


CASES: dict[Rule, list[Tensor]] = {
    reordering.power_of_two: [raised(x)],
    reordering.sum_of_matrix_product: [
        sd.sum(square @ cube, axis=2),
        sd.sum(square @ cube, axis=1),
        sd.sum(x @ sd.transpose(centres), axis=0),
    ],
    reordering.sum_of_products: [
        sd.sum(sd.exp(x) * sd.exp(y)),
        sd.sum(v * w),
        sd.sum(sd.square(sd.exp(x))),
        mean(sd.square(v)),
        mean(sd.exp(x) * sd.exp(y)),
    ],
    reordering.sum_over_rows: [sd.sum(x, axis=0), sd.sum(x, axis=0, keepdims=True)],
    reordering.sum_over_columns: [
        sd.sum(x, axis=1),
        sd.sum(x, axis=1, keepdims=True),
        sd.sum(sd.exp(cube), axis=2),
        sd.sum(sd.exp(cube), axis=2, keepdims=True),
    ],
    factors.product_of_small_first: [
        multiply(multiply(2.0, x), multiply(3.0, y)),
        multiply(c, multiply(x, column)),
        call_elementwise((-x).node.op, multiply(x, column)),
        multiply(c, multiply(x, y) / column),
        multiply(c, x) / (positive / d),
        multiply(0.5, x / 3.0),
    ],
    factors.common_factor: [
        multiply(x, v[:, None]) + multiply(x, y),
        multiply(multiply(x, y), x) - multiply(multiply(x, x), row),
        multiply(multiply(2.0, x), y) + multiply(x, positive),
    ],
    factors.root_of_quotient: [sd.sqrt(positive / RATE), sd.sqrt(x / (1 - RATE))],
    factors.sum_with_quotient: [x / RATE + EPS, EPS + x / (RATE + 1)],
    factors.multiple_of_view: [multiply(2.0, sd.exp(x)[:, None]), multiply(x[None], c)],
    factors.sum_of_multiple: [sd.sum(multiply(2.0, x), axis=0), sd.sum(multiply(x, c))],
    turning.elementwise_of_turned: [
        sd.exp(turned(x, 1, 0)),
        turned(cube, 2, 0, 1) * turned(sd.exp(cube), 2, 0, 1),
        turned(x, 1, 0) - w,
    ],
    turning.elementwise_of_spread: [
        points[:, None] - centres,
        points[:, None] * centres[None],
    ],
    turning.reduction_of_turned: [
        sd.sum(turned(cube, 2, 0, 1), axis=1),
        sd.sum(turned(cube, 2, 0, 1), axis=(0, 2), keepdims=True),
        sd.max(turned(x, 1, 0), axis=1),
        sd.sum(turned(x, 1, 0)),
        mean(turned(x, 1, 0)),
    ],
    turning.extreme_of_short_rows: [
        sd.max(x, axis=1),
        sd.min(sd.exp(x), axis=1, keepdims=True),
    ],
    turning.turned_expanded: [turned(apply(EXPAND_DIMS, x, axes=(0,)), 1, 2, 0)],
}


def test_every_rule_has_a_case() -> None:
    rules = {rule for rules in reordering.reorderings().values() for rule in rules}
    exact = {rule for rules in reordering.EXACT.values() for rule in rules}
    assert rules - exact == set(CASES)


@pytest.mark.parametrize(
    ("rule", "before"),
    [(rule, t) for rule, cases in CASES.items() for t in cases],
    ids=lambda value: value.__name__ if callable(value) else None,
)
@pytest.mark.parametrize("width", BOUND)
def test_a_rule_keeps_the_value(rule: Rule, before: Tensor, width: Any) -> None:
    after = rule(before)
    assert after is not None
    assert after.node is not before.node
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    rng = np.random.default_rng(0)
    feed = {}
    for leaf in LEAVES:
        shape = tuple(LENGTHS.get(str(n), n) for n in leaf.shape)
        low = leaf.node.attrs["low"]
        drawn = rng.normal(size=shape) if low is None else rng.uniform(0.5, 2, shape)
        feed[leaf] = np.asarray(drawn, width)
    feed |= {leaf: width(rng.uniform(0.1, 0.9)) for leaf in NUMBERS}
    with np.errstate(invalid="ignore"):
        found, wanted = sd.interpret([after, before], feed)
    assert found.dtype == width
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    largest = max(1, np.nanmax(np.abs(wanted)))
    assert np.nanmax(np.abs(found - wanted)) <= BOUND[width] * largest


SIGNED = (-2.0, -0.5, 0.0, 0.5, 2.0)


@pytest.mark.parametrize(
    ("rule", "before"),
    [(rule, t) for rule, cases in CASES.items() for t in cases],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_what_is_finite_stays_so(rule: Rule, before: Tensor) -> None:
    """Whatever the signs, zeros, and infinities among the numbers."""
    after, rng = rule(before), np.random.default_rng(1)
    assert after is not None
    for _ in range(60):
        feed = {}
        for leaf in LEAVES:
            shape = tuple(LENGTHS.get(str(n), n) for n in leaf.shape)
            values = SIGNED if shape else (*SIGNED, np.inf, -np.inf)
            feed[leaf] = rng.choice(values, shape)
            if rng.random() < 0.5:  # of one sign, so that roots are defined
                feed[leaf] = rng.choice((-1, 1)) * np.abs(feed[leaf])
        feed |= {leaf: rng.uniform(0.1, 0.9) for leaf in NUMBERS}
        with np.errstate(all="ignore"):
            found, wanted = sd.interpret([after, before], feed)
        known = np.isfinite(wanted)
        np.testing.assert_allclose(found[known], wanted[known], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("number", [c, d, sd.exp(c)])
def test_numbers_of_the_model_may_have_any_sign_and_size(number: Tensor) -> None:
    assert factors.root_of_quotient(sd.sqrt(x / number)) is None
    for t in (x / number + EPS, x / RATE + number):
        assert factors.sum_with_quotient(t) is None
