"""Every rule of the exact tables on random and special values: equal to the last bit.

A rule is called on graphs where it fits; what it returns and what it was given are both
interpreted. No rule is without a case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import symdiff as sd
from symdiff.derive.sums import merge_placed
from symdiff.graph.origin import Site, mark
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.operands import call_elementwise
from symdiff.ops.elementwise.casts import CAST
from symdiff.ops.indexing.slices import SLICE, place_slice, place_slices
from symdiff.rewrite import constants, hidden, quotients, sums
from symdiff.rewrite.driver import Rule, rewrite
from symdiff.rewrite.rules import simplifications

SHAPE = (12, 3)
N = sd.dim("N")
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -3.0, 7.25, 1e-3, -1e3]
RULES: dict[str, Rule] = {
    rule.__name__: rule for rules in simplifications().values() for rule in rules
}
# These are tested in test_derived_identities.py.
for table in (constants.RULES, sums.RULES, quotients.RULES, hidden.RULES):
    for rule in {rule for rules in table.values() for rule in rules}:
        del RULES[rule.__name__]
for rule in simplifications()["scan"]:  # in test_hoisting.py, or by tests/loops
    del RULES[rule.__name__]

x = sd.input("x", (N, 3))
s = sd.input("s", ())
row = sd.input("row", 3)
labels = sd.input("labels", N, dtype="int64", high=3)
half, two, seventh = 0.5, 2, 1 / 7
scaled = x * row


def spread(value: sd.Tensor) -> sd.Tensor:
    return sd.broadcast_to(value, (N, 3))


def number(value: float) -> sd.Tensor:
    return sd.constant(np.array(value))


def multiply(a: object, b: object) -> sd.Tensor:
    """The bare node, on which no rule has been tried."""
    return call_elementwise(sd.multiply(x, x).node.op, a, b)


def derived(t: sd.Tensor) -> sd.Tensor:
    """Mark a tensor as made by a rule of differentiation."""
    return mark(t, site=Site((), (), x, "rule"))


def slope_of_gram() -> sd.Tensor:
    """The cotangent of x in y @ x.T, as the chain rule has it."""
    turned = sd.transpose(x)
    (slope,) = sd.vjp((x * row) @ turned, [turned], x @ turned)
    return sd.transpose(slope)


def pieces(length: int, *parts: tuple[sd.Tensor, int | slice]) -> sd.Tensor:
    """Return zeros with parts at places of their columns."""
    indices = [(slice(None), place) for _, place in parts]
    return place_slices([p for p, _ in parts], (N, length), indices)


def along(length: object, *parts: tuple[sd.Tensor, int | slice]) -> sd.Tensor:
    """Return zeros with parts at places of their rows."""
    indices = [(place, slice(None)) for _, place in parts]
    return place_slices([p for p, _ in parts], (length, 3), indices)


def placed(length: int, *places: int) -> sd.Tensor:
    """The cotangent of a vector that is read at places, each with its own number."""
    v = sd.input("v", length)
    numbers = [s * row[i % 3] + i for i in range(len(places))]
    slopes = [sd.vjp(v[i], [v], n)[0] for i, n in zip(places, numbers, strict=True)]
    return merge_placed(slopes)[0]


def placed_in_rows() -> sd.Tensor:
    m = sd.input("m", (2, 2))
    places = [(1, 0), (0, 0), (1, 1), (0, 1), (1, 0)]
    slopes = [sd.vjp(m[i, j], [m], s * i + row[j])[0] for i, j in places]
    return merge_placed(slopes)[0]


def table(a: sd.Tensor, b: sd.Tensor) -> sd.Tensor:
    found = RULES["table_of_scalars"](sd.stack([sd.stack([a, b]), sd.stack([b, a])]))
    assert found is not None
    return found


def slope_of_spread() -> sd.Tensor:
    """The cotangent of row in row[None] * x, as the chain rule has it."""
    wide = sd.expand_dims(row, 0)
    (slope,) = sd.vjp(sd.broadcast_to(wide, (N, 3)) * x, [wide], x)
    return sd.squeeze(slope, 0)


CASES: dict[str, list[Callable[[], sd.Tensor]]] = {
    "constant_operand": [
        lambda: x + spread(number(seventh)),
        lambda: spread(number(-0.0)) - x,
        lambda: x * spread(number(np.inf)),
        lambda: spread(number(0.0)) / x,
        lambda: sd.where(x > 0, x, spread(number(-0.0))),
        lambda: x >= spread(number(0.5)),
        lambda: sd.maximum(x, spread(number(-0.0))),
    ],
    "multiply_by_one": [lambda: multiply(x, 1), lambda: multiply(-1.0, x)],
    "scaled_seed": [lambda: multiply(number(seventh), 0.25)],
    "divide_by_one": [lambda: x / 1, lambda: x / -1.0],
    "divide_by_power_of_two": [
        lambda: multiply(x, seventh) / 8,
        lambda: multiply(0.75, x) / 0.5,
    ],
    "first_power": [lambda: x**1],
    "small_power": [lambda: x**3, lambda: x**4],
    "subtract_zero": [lambda: x - 0, lambda: x - 0.0],
    "fold_powers_of_two": [
        lambda: multiply(multiply(x, seventh), two),
        lambda: multiply(half, multiply(two, x)),
    ],
    "fold_halves": [
        lambda: multiply(x / 8, two),
        lambda: multiply(x / (2 * N), two),
        lambda: multiply(number(seventh) / N, two),
        lambda: multiply(multiply(x, seventh) / N, half),
        lambda: multiply(multiply(half, x) / row, two),
    ],
    "scale_the_scalar": [lambda: multiply(spread(s), multiply(4.0, x))],
    "scale_the_factor": [
        lambda: multiply(multiply(spread(s), x), 2),
        lambda: multiply(0.25, multiply(x, spread(s))),
    ],
    "where_of_where": [
        lambda: sd.where(x > 0, sd.where(x > 0, row, s), x),
        lambda: sd.where(x > 0, x, sd.where(x > 0, row, s)),
        lambda: sd.where(x > 0, sd.where(x > 0, x, 1.0), sd.where(x > 0, 2.0, s)),
    ],
    "where_of_one_and_zero": [
        lambda: sd.where(x > row, 1.0, 0.0),
        lambda: sd.where(x > 0, spread(number(1.0)), spread(number(0.0))),
    ],
    "add_itself": [lambda: x + x],
    "negative_constant": [lambda: -number(0.0), lambda: -number(seventh)],
    "double_negative": [
        lambda: sd.negative(-x),
        lambda: sd.negative(-x * row),
        lambda: sd.negative(x / -row),
        lambda: sd.negative(x * -seventh),
    ],
    "negative_of_first_factor": [
        lambda: derived(sd.negative(scaled)),
        lambda: derived(sd.negative(x / row)),
    ],
    "add_negative": [
        lambda: x + (-scaled),
        lambda: (-x) + row,
        lambda: (-x) + x,
        lambda: s + -x * row / 7,
        lambda: x / (row * -s) + x,
        lambda: x + row * -3,
    ],
    "add_negative_number": [lambda: x + -seventh],
    "subtract_negative": [
        lambda: x - (-scaled),
        lambda: x - -3,
        lambda: x - s * -x,
    ],
    "broadcast_twice": [lambda: spread(sd.broadcast_to(s, 3))],
    "broadcast_of_leading_axes": [lambda: spread(row[None])],
    "reshape_twice": [lambda: sd.reshape(sd.reshape(x, (3, N)), (N * 3,))],
    "transpose_twice": [
        lambda: x.T.T,
        lambda: sd.transpose(sd.transpose(x[None], (1, 2, 0)), (1, 0, 2)),
    ],
    "squeeze_of_expanded": [
        lambda: sd.squeeze(sd.expand_dims(x, 1), 1),
        lambda: sd.expand_dims(sd.squeeze(x[:, :, None], 2), 2),
    ],
    "squeeze_of_kept_axes": [slope_of_spread],
    "squeeze_of_negative": [lambda: sd.squeeze(-sd.max(x, axis=1, keepdims=True), 1)],
    "transpose_of_product": [slope_of_gram],
    "transpose_of_sum": [lambda: sd.transpose((x * s).T @ x - x.T @ (x * row))],
    "stack_of_placed_scalars": [
        lambda: placed(2, 0, 1),
        lambda: placed(2, 1, 0, 1, 1, 0),
        lambda: placed(3, 2, 0, 1, 2),
        placed_in_rows,
    ],
    "join_of_placed_parts": [
        lambda: pieces(6, (x, slice(3, None)), (scaled, slice(0, 3))),
        lambda: pieces(5, (scaled[:, 0], 3), (x, slice(None, 3)), (x[:, 1], 4)),
        lambda: along(2 * N + 1, (x, slice(N, 2 * N)), (row, 2 * N), (x, slice(0, N))),
    ],
    "whole_slice": [
        lambda: apply(SLICE, x, index=(slice(None), slice(0, 3))),
        lambda: apply(SLICE, x, index=(slice(0, N), slice(None, None, 1))),
        lambda: place_slice(x, x.shape, (slice(None), slice(0, 3))),
    ],
    "placed_without_axes": [
        lambda: sd.vjp(row[1], [row], s)[0],
        lambda: sd.vjp(x[:, 2], [x], x[:, 0])[0],
    ],
    "cast_to_itself": [lambda: cast_to_own_dtype()],
    "barrier_done": [lambda: sd.stop_gradient(x)],
    "view_of_repeated_scalar": [
        lambda: spread(s).T,
        lambda: sd.expand_dims(spread(s), 0),
        lambda: sd.reshape(spread(s), (3 * N,)),
    ],
    "spread_scalar": [
        lambda: sd.expand_dims(s, (0, 1)) * x[:1, :1],
        lambda: sd.where(x[0, :1] > 0, sd.expand_dims(s, 0), x[0, 1:2]),
    ],
    "hoist_broadcast": [
        lambda: sd.exp(spread(row)),
        lambda: spread(s) * spread(row),
        lambda: spread(row) / 7,
    ],
    "table_of_scalars": [
        lambda: sd.stack([sd.stack([s, row[1]]), sd.stack([row[0], s])]),
        lambda: sd.stack([table(s, row[1]), table(row[2], number(seventh))]),
    ],
    "subtract_one_hot": [lambda: x - sd.cast(sd.one_hot(labels, 3), x.dtype)],
}

# Where a rule would change a bit, or compute something twice.
MISFITS: dict[str, list[Callable[[], sd.Tensor]]] = {
    "multiply_by_one": [lambda: multiply(x, 0), lambda: multiply(x, row)],
    "scaled_seed": [lambda: multiply(number(seventh), 3)],
    "divide_by_one": [lambda: x / 3],
    "divide_by_power_of_two": [lambda: multiply(x, 3) / 7, lambda: x * row / 2],
    "first_power": [lambda: x**2],
    "small_power": [lambda: x**5, lambda: x**3.5, lambda: x**-3],
    "subtract_zero": [lambda: x - -0.0],
    "fold_powers_of_two": [lambda: multiply(multiply(x, seventh), 3)],
    "fold_halves": [
        lambda: multiply(x / 3, 5),
        lambda: multiply(x / (3 * N), two),
        lambda: multiply(x / N, 3),
        lambda: multiply(number(seventh) / N, 3),
        lambda: multiply(multiply(x, seventh) / N, 3),
    ],
    "scale_the_scalar": [lambda: multiply(spread(s), multiply(3.0, x))],
    "double_negative": [lambda: sd.negative(x - row), lambda: sd.negative(x * row)],
    "negative_of_first_factor": [
        lambda: sd.negative(scaled),
        lambda: derived(sd.negative(x - row)),
        lambda: derived(sd.negative(multiply(number(0.5), x))),
    ],
    "add_negative": [lambda: x + row, lambda: x + (row - x)],
    "subtract_negative": [lambda: x - 3, lambda: x - row * 3],
    "scale_the_factor": [
        lambda: multiply(multiply(spread(s), x), 3),
        lambda: multiply(multiply(row, x), 2),
    ],
    "where_of_where": [
        lambda: sd.where(x > 0, sd.where(x > 1, row, s), x),
        lambda: sd.where(x > 0, x, x * sd.where(x > 0, row, s)),
    ],
    "where_of_one_and_zero": [
        lambda: sd.where(x > 0, 1.0, -0.0),
        lambda: sd.where(x > 0, 0.0, 1.0),
        lambda: sd.where(x > 0, 1, 0),
    ],
    "whole_slice": [lambda: x[1:], lambda: x[::-1], lambda: x[:, :2]],
    "placed_without_axes": [lambda: sd.vjp(x[1:2], [x], x[:1])[0]],
    "add_negative_number": [lambda: x + seventh],
    "squeeze_of_expanded": [lambda: sd.squeeze(sd.expand_dims(x[None], 1), 0)],
    "squeeze_of_negative": [lambda: sd.squeeze(sd.max(x, axis=1, keepdims=True), 1)],
    "squeeze_of_kept_axes": [lambda: sd.squeeze(sd.max(x, axis=1, keepdims=True), 1)],
    "transpose_of_product": [lambda: sd.transpose(x @ sd.transpose(x))],
    "transpose_of_sum": [lambda: sd.transpose((x.T @ x) * (x.T @ x))],
    "join_of_placed_parts": [
        lambda: pieces(6, (x, slice(0, 3)), (x, slice(0, 3))),
        lambda: pieces(7, (x, slice(0, 3)), (x, slice(3, 6))),
        lambda: pieces(7, (x, slice(0, 3)), (x, slice(4, 7))),
        lambda: pieces(5, (x, slice(0, 3)), (x, slice(2, 5))),
        lambda: pieces(6, (x, slice(0, None, 2)), (x, slice(1, None, 2))),
        lambda: pieces(6, (x, slice(0, 3)), (spread(row), slice(3, 6))),
        lambda: along(2 * N, (x, slice(0, N))),
        lambda: pieces(9, *((x[:, 0], k) for k in range(9))),
    ],
    "stack_of_placed_scalars": [
        lambda: placed(3, 0, 2),
        lambda: placed(2, *[0, 1] * 17),
    ],
    "broadcast_of_leading_axes": [
        lambda: sd.broadcast_to(x[:, None], (N, 4, 3)),
    ],
    "spread_scalar": [lambda: x[:, :1] * row, lambda: sd.expand_dims(s, 0) * 2],
    "hoist_broadcast": [lambda: spread(row) * x],
    "table_of_scalars": [
        lambda: sd.stack([row, row]),
        lambda: sd.stack([s, row[0]]),
        lambda: sd.stack([sd.stack([s, s]), row[1:]]),
        lambda: sd.stack([sd.stack([s, s]), sd.stack([s, s])], axis=1),
        lambda: sd.stack([sd.stack([row, row]), sd.stack([row, row])]),
    ],
    "subtract_one_hot": [lambda: 1.0 - sd.one_hot(labels, 3)],
}


def cast_to_own_dtype() -> sd.Tensor:
    return apply(CAST, x, dtype=x.dtype)


def values(width: str) -> Iterator[dict[sd.Tensor, np.ndarray]]:
    """Special values in every place of every operand, then random ones."""
    rng = np.random.default_rng(0)
    for shift in range(len(SPECIAL)):
        turned = np.roll(SPECIAL, shift)
        table = np.tile(turned[:, None], 3)
        yield _bound(table, SPECIAL[shift], turned[:3], width)
    for _ in range(5):
        draw = rng.normal(size=SHAPE) * 10.0 ** rng.integers(-5, 5, SHAPE)
        yield _bound(draw, rng.normal(), rng.normal(size=3), width)


def _bound(
    table: np.ndarray, scalar: float, three: np.ndarray, width: str
) -> dict[sd.Tensor, np.ndarray]:
    return {
        x: table.astype(width),
        s: np.array(scalar, width),
        row: three.astype(width),
        labels: np.arange(len(table)) % 3,
    }


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("width", ["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "place"), [(n, i) for n, made in CASES.items() for i in range(len(made))]
)
def test_a_rule_keeps_every_value(name: str, place: int, width: str) -> None:
    given = CASES[name][place]()
    found = RULES[name](given)
    assert isinstance(found, Tensor), "the rule does not fit its case"
    assert found.node is not given.node
    assert (found.shape, found.dtype) == (given.shape, given.dtype)
    eps = float(np.finfo(width).eps)
    rounding = 4 * eps if name == "small_power" else 0
    for point in values(width):
        with np.errstate(all="ignore"):
            wanted = np.asarray(sd.interpret(given, point))
            got = np.asarray(sd.interpret(found, point))
        assert got.dtype == wanted.dtype
        size = np.max(np.abs(wanted), initial=0, where=np.isfinite(wanted))
        sums = 16 * eps * size if name.startswith("transpose_of_") else 0
        np.testing.assert_allclose(got, wanted, rtol=rounding, atol=sums)
        if wanted.dtype.kind == "f" and not sums:
            known = ~np.isnan(wanted)
            signs = np.signbit(got[known]), np.signbit(wanted[known])
            np.testing.assert_array_equal(*signs)


@pytest.mark.parametrize(
    ("name", "place"), [(n, i) for n, made in MISFITS.items() for i in range(len(made))]
)
def test_a_rule_leaves_alone_what_it_would_change(name: str, place: int) -> None:
    assert RULES[name](MISFITS[name][place]()) is None


@pytest.mark.parametrize(
    "name", ["squeeze_of_kept_axes", "transpose_of_product", "transpose_of_sum"]
)
def test_what_somebody_else_reads_is_not_computed_twice(name: str) -> None:
    view = CASES[name][0]()
    (read,) = view.parents
    kept, found = rewrite([read, view], simplifications())
    assert found.node.inputs == (kept.node,)
    (alone,) = rewrite([view], simplifications())
    assert alone.node.op is not view.node.op


def test_a_sign_is_taken_from_a_product_that_nobody_else_reads() -> None:
    product = -x * row
    total, kept = rewrite([s + product, product], simplifications())
    assert (total.node.op.name, kept.node in total.node.inputs) == ("add", True)
    (alone,) = rewrite([s + product], simplifications())
    assert alone.node.op.name == "subtract"
