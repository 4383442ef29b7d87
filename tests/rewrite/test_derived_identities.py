"""The rules for what differentiation makes: equal but for rounding, on all values.

Infinities and NaN stay where they are, also those of overflow in float32; only a sum
that is 0 may change its sign. A formula of the user's is left as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.origin import Site, mark
from symdiff.graph.tensor import Tensor, apply, tensor_topological
from symdiff.ops.core.operands import call_elementwise
from symdiff.ops.elementwise.arithmetic import ADD, MUL, NEG
from symdiff.ops.indexing.gather import SCATTER_ADD
from symdiff.rewrite import constants, quotients, sums
from symdiff.rewrite.driver import Rule

N = sd.dim("N")
RULES: dict[str, Rule] = {
    rule.__name__: rule
    for table in (constants.RULES, sums.RULES, quotients.RULES)
    for rules in table.values()
    for rule in rules
}
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -3.0, 7.25, 1e-3, 1e30]

EVERY = slice(None)
x = sd.input("x", (N, 3))
row = sd.input("row", 3)
s = sd.input("s", ())
cube = sd.input("cube", (N, 3, 4))
labels = sd.constant(np.array([2, 0, 2]))


def spread(value: sd.Tensor) -> sd.Tensor:
    return sd.broadcast_to(value, (N, 3))


def multiply(a: object, b: object) -> sd.Tensor:
    return call_elementwise(MUL, a, b)


def negative(a: sd.Tensor) -> sd.Tensor:
    return call_elementwise(NEG, a)


def placed(value: sd.Tensor, *index: object, unique: bool = False) -> sd.Tensor:
    """Return zeros of shape (N, 3) with a value added at the labels."""
    return apply(SCATTER_ADD, value, labels, shape=(N, 3), index=index, unique=unique)


def derived(t: sd.Tensor) -> sd.Tensor:
    """Mark all that a tensor is computed from as made by a rule of one statement."""
    site = Site((), (), x, "rule")
    for inner in tensor_topological([t]):
        if inner.parents:
            mark(inner, site=site)
    return t


SQUARE = sd.expand_dims(row, 1) * row
SIGMA = sd.exp(row)
POSITIVE = sd.sqrt(row**2 + 0.5)
WIDTH = sd.sqrt(sd.sum(x**2, axis=1, keepdims=True) + 0.5)


def normal(divisor: sd.Tensor) -> sd.Tensor:
    return x / spread(divisor)


def weighed(divisor: sd.Tensor, axis: int) -> sd.Tensor:
    """Return the sum in the slope by a divisor, over it."""
    product = multiply(x + 2.0, normal(divisor))
    return negative(sd.sum(product, axis=axis, keepdims=axis == 1)) / divisor


CASES: dict[str, list[Callable[[], sd.Tensor]]] = {
    "one_constant": [
        lambda: multiply(multiply(x, 0.5), multiply(2, spread(row))),
        lambda: multiply(multiply(x, 3), 0.7),
        lambda: multiply(x, 3) / 7 * 5,
        lambda: multiply(multiply(x / multiply(2, spread(row)), 0.125), spread(s)),
        lambda: negative(multiply(x, 3.0)) / multiply(spread(s), 1.5),
        lambda: multiply(4.0, spread(s)) / multiply(4.0, x),
        lambda: multiply(spread(multiply(s, 3)), multiply(x, 1 / 3)),
    ],
    "negative_of_sum": [
        lambda: sd.sum(negative(x), axis=0),
        lambda: sd.sum(negative(x) * x / spread(row), axis=1, keepdims=True),
        lambda: sd.sum(x * -3.0),
    ],
    "sum_of_sum": [
        lambda: sd.sum(sd.sum(cube, axis=(1, 2), keepdims=True), axis=0),
        lambda: sd.sum(sd.sum(cube, axis=1), axis=1),
        lambda: sd.sum(sd.sum(cube, axis=0, keepdims=True), axis=2, keepdims=True),
        lambda: sd.sum(sd.sum(cube, axis=1, keepdims=True), axis=(0, 1)),
    ],
    "sum_of_turned": [
        lambda: sd.sum(sd.swapaxes(cube, 0, 1), axis=(0, 1)),
        lambda: sd.sum(sd.transpose(cube, (2, 0, 1)), axis=0),
        lambda: sd.sum(sd.transpose(cube, (2, 1, 0)), axis=(0, 1, 2)),
    ],
    "sum_with_negative_product": [
        lambda: x + negative(x) @ SQUARE,
        lambda: x @ negative(SQUARE) + x,
        lambda: x - x @ negative(SQUARE),
    ],
    "sum_of_quotient": [
        lambda: sd.sum(x / spread(POSITIVE), axis=0),
        lambda: sd.sum(x / spread(POSITIVE), axis=0, keepdims=True),
        lambda: sd.sum(x / spread(sd.exp(s) + 1.0)),
        lambda: sd.sum(x / spread(abs(x[:, :1]) + 0.5), axis=1),
    ],
    "sum_with_placed": [
        lambda: x + placed(x * 2.0, EVERY, "@"),
        lambda: placed(negative(x), EVERY, "@") + x,
        lambda: x - placed(x * spread(row), EVERY, "@"),
    ],
    "quotient_at_hand": [
        lambda: multiply(spread(weighed(POSITIVE, 0)), x),
        lambda: multiply(x, spread(weighed(POSITIVE, 0) / N)),
        lambda: multiply(spread(multiply(weighed(WIDTH, 1), 0.25)), x),
    ],
    "multiplied_divisor": [
        lambda: multiply(sd.sum(x / spread(SIGMA), axis=0), SIGMA),
        lambda: multiply(SIGMA, negative(sd.sum(x * x / spread(SIGMA), axis=0))),
        lambda: multiply(sd.sum(x / spread(POSITIVE), axis=0), POSITIVE),
    ],
    "sum_of_quotients": [
        lambda: x / spread(POSITIVE) + cube[:, :, 0] / spread(POSITIVE),
        lambda: x / spread(WIDTH) - multiply(spread(negative(s * s) / WIDTH), x),
        lambda: multiply(multiply(spread(s * s / POSITIVE), 2.0), x) + normal(POSITIVE),
    ],
    "mean_of_scaled_sum": [
        lambda: multiply(sd.sum(x, axis=1), 1 / 3),
        lambda: multiply(0.25, negative(sd.sum(cube, axis=2, keepdims=True))),
    ],
    "mean_of_sum": [
        lambda: sd.sum(x, axis=0) / N,
        lambda: sd.sum(x) / (3 * N),
        lambda: sd.sum(cube, axis=(1, 2), keepdims=True) / 12,
        lambda: negative(sd.sum(x, axis=1)) / 3,
    ],
}

# What a rule would change by more than rounding, or compute twice.
MISFITS: dict[str, list[Callable[[], sd.Tensor]]] = {
    "one_constant": [
        lambda: multiply(x, 3),
        lambda: multiply(x, 3) / 7,
        lambda: multiply(multiply(x, 1e20), 1e-20),
        lambda: multiply(multiply(x, 0), 3),
        lambda: multiply(multiply(x, np.inf), 3),
        lambda: multiply(call_elementwise(ADD, x, 2), 3),
    ],
    "negative_of_sum": [lambda: sd.sum(x * spread(row), axis=0)],
    "sum_of_sum": [
        lambda: sd.sum(sd.max(cube, axis=1), axis=0),
        lambda: sd.sum(sd.sum(cube, axis=1), axis=1, keepdims=True),
    ],
    "sum_of_turned": [
        lambda: sd.sum(sd.transpose(cube, (2, 1, 0)), axis=0),
        lambda: sd.sum(sd.swapaxes(cube, 0, 1), axis=(0, 1), keepdims=True),
    ],
    "sum_with_negative_product": [
        lambda: x + x @ SQUARE,
        lambda: x + negative(x @ SQUARE),
    ],
    "sum_of_quotient": [
        lambda: sd.sum(x / spread(row), axis=0),
        lambda: sd.sum(x / spread(sd.exp(row)), axis=0),  # which underflows to 0
        lambda: sd.sum(x / spread(POSITIVE), axis=1),
        lambda: sd.sum(x / (x**2 + 1), axis=0),
    ],
    "sum_with_placed": [
        lambda: spread(row) + placed(x, EVERY, "@"),
        lambda: placed(x, EVERY, "@") + placed(x * 2.0, EVERY, "@"),
        lambda: x + placed(x, EVERY, "@") * 2.0,
    ],
    "quotient_at_hand": [
        lambda: multiply(spread(weighed(POSITIVE, 0)), x + 1.0),
        lambda: multiply(spread(weighed(row, 0)), x),  # which may be 0
        lambda: multiply(spread(sd.sum(x, axis=0) / POSITIVE), x),
    ],
    "multiplied_divisor": [
        lambda: multiply(sd.sum(x / spread(SIGMA), axis=0), POSITIVE),
        lambda: multiply(sd.sum(x / spread(row), axis=0), row),
    ],
    "sum_of_quotients": [
        lambda: x / spread(row) + cube[:, :, 0] / spread(row),
        lambda: x / spread(POSITIVE) + cube[:, :, 0] / spread(row),
        lambda: x / spread(POSITIVE) + spread(row),
    ],
    "mean_of_scaled_sum": [
        lambda: multiply(sd.sum(x, axis=1), 0.25),
        lambda: multiply(sd.sum(x, axis=0), 1 / 3),
        lambda: multiply(sd.max(x, axis=1), 1 / 3),
    ],
    "mean_of_sum": [
        lambda: sd.sum(x, axis=0) / 3,
        lambda: sd.sum(x, axis=0) / (2 * N),
        lambda: sd.sum(x, axis=1) / 3.0,
    ],
}


def points(width: str) -> Iterator[dict[sd.Tensor, np.ndarray]]:
    """Special values in every place, then random ones, then batches of 0 and 1 row."""
    rng = np.random.default_rng(0)
    for shift in range(len(SPECIAL)):
        turned = np.roll(SPECIAL, shift)
        yield _bound(np.tile(turned[:, None], 3), SPECIAL[shift], turned[:3], width)
        yield _bound(turned.reshape(4, 3), SPECIAL[shift - 1], turned[3:6], width)
    for rows in (12, 12, 12, 1, 0):
        draw = rng.normal(size=(rows, 3)) * 10.0 ** rng.integers(-5, 5, (rows, 3))
        yield _bound(draw, rng.normal(), rng.normal(size=3), width)


def _bound(
    table: np.ndarray, scalar: float, three: np.ndarray, width: str
) -> dict[sd.Tensor, np.ndarray]:
    wide = np.stack([table, table[::-1], 2 * table, table - 1], axis=2)
    given = {x: table, s: np.array(scalar), row: three, cube: wide}
    return {leaf: value.astype(width) for leaf, value in given.items()}


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(RULES) == set(MISFITS)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("width", ["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "place"), [(n, i) for n, made in CASES.items() for i in range(len(made))]
)
def test_a_rule_changes_a_value_by_rounding_alone(
    name: str, place: int, width: str
) -> None:
    given = derived(CASES[name][place]())
    found = RULES[name](given)
    assert isinstance(found, Tensor), "the rule does not fit its case"
    assert found.node is not given.node
    assert found.type == given.type
    eps = float(np.finfo(width).eps)
    for point in points(width):
        with np.errstate(all="ignore"):
            wanted = np.asarray(sd.interpret(given, point))
            got = np.asarray(sd.interpret(found, point))
        assert got.dtype == wanted.dtype
        if name == "multiplied_divisor":  # it takes 0 * infinity away
            wanted = np.where(np.isnan(wanted), got, wanted)
        terms = [a[abs(a) < 1e20] for a in point.values()]  # they cancel in sums
        size = max(abs(a).max(initial=0) for a in terms) if "sum" in name else 0
        atol = 64 * eps * size
        np.testing.assert_allclose(got, wanted, rtol=16 * eps, atol=atol)


@pytest.mark.parametrize(
    ("name", "place"), [(n, i) for n, made in MISFITS.items() for i in range(len(made))]
)
def test_a_rule_leaves_alone_what_it_would_change(name: str, place: int) -> None:
    assert RULES[name](derived(MISFITS[name][place]())) is None


@pytest.mark.parametrize("name", RULES)
def test_what_the_user_wrote_stays_as_it_is(name: str) -> None:
    assert RULES[name](CASES[name][0]()) is None


@pytest.mark.parametrize("width", ["float32", "float64"])
def test_products_that_overflow_or_vanish_do_so_as_before(width: str) -> None:
    given = derived(multiply(multiply(x, 3), multiply(0.7, spread(row))))
    found = RULES["one_constant"](given)
    assert found is not None
    info = np.finfo(width)
    ends = [info.max, info.max / 2, info.tiny, info.tiny / 4, -info.max]
    table = np.array(ends, width)[:, None] * np.ones(3, width)
    point = {x: table, row: np.array([1, 4, 0.25], width)}
    with np.errstate(all="ignore"):
        wanted, got = sd.interpret(given, point), sd.interpret(found, point)
    # where the end value fits, 3 x may not: folding only ever takes an infinity away
    fits = np.isfinite(wanted)
    np.testing.assert_allclose(
        got[fits], wanted[fits], rtol=1e-6, atol=4 * info.smallest_subnormal
    )
    assert np.isinf(wanted[np.isinf(got)]).all()


def test_numbers_whose_product_is_out_of_range_stay() -> None:
    """A long chain in one statement loses none of its numbers."""
    for factor in (1.01, 3.0, 0.5, 1e-3, 40.0):
        product = x
        for _ in range(100):
            product = sd.sin(product) * factor
        function = sd.Function("chain", [x], [sd.sum(product)])
        module = sd.compile(function).load()
        at, slope = np.full((1, 3), 0.5), np.ones((1, 3))
        value = at
        for _ in range(100):
            value, slope = np.sin(value) * factor, slope * np.cos(value) * factor
        _, residuals = module.backward.forward_with_residuals(at)
        (found,) = module.backward.backward(residuals)
        np.testing.assert_allclose(found, slope, 1e-9, 1e-300)


def test_a_named_cotangent_and_its_sign_stay_a_statement() -> None:
    g, W = sd.param("g", 4), sd.param("W", (3, 4))
    h = x @ W
    mu = sd.mean(h, axis=0)
    centred = h - mu
    var = sd.mean(centred**2, axis=0)
    scaled = g * (centred / sd.sqrt(var + 1e-5))
    model = sd.Model("norm", [x], outputs=scaled, loss=sd.mean(sd.tanh(scaled)))
    text = sd.compile(model)["backward"]
    assert "d_var = d_root_shifted_var / (2 * root_shifted_var)" in text
    assert "d_h = d_centred - d_centred.mean(axis=0)" in text
    assert re.search(r"d_root_shifted_var = \(\n +-\(", text)
