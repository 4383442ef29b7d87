"""Where a NaN makes a value NaN, no element that was read has a slope that looks valid.

Extremes, and what is made of them: NaN in the whole row, as in JAX. Quantiles, which
sort the NaN aside: NaN at the elements they would lie between. Rows without a NaN, and
rows that selection leaves unread, have what they would have alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

nan = np.nan
Reduction = Callable[..., Any]
EXTREMES: dict[str, Reduction] = {
    "max": sd.max,
    "min": sd.min,
    "ptp": sd.ptp,
    "norm inf": lambda x, axis: sd.linalg.norm(x, ord=np.inf, axis=axis),
    "norm -inf": lambda x, axis: sd.linalg.norm(x, ord=-np.inf, axis=axis),
    "initial": lambda x, axis: sd.max(x, axis=axis, initial=0.5),
    "keepdims": lambda x, axis: sd.max(x, axis=axis, keepdims=True),
}
QUANTILES: dict[str, Reduction] = {
    "median": sd.median,
    "quantile": lambda x, axis: sd.quantile(x, 0.3, axis),
    "lowest": lambda x, axis: sd.quantile(x, 0.0, axis),
}
ALL = EXTREMES | QUANTILES
OTHERS: dict[str, Reduction] = {"std": sd.std, "logsumexp": sd.logsumexp}
ROWS = [[nan, 1.0, 2.0], [3.0, nan, 1.0], [2.0, -1.0, nan], [nan, nan, 1.0], [nan] * 3]
PLAIN = [3.0, -1.0, 2.0]

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def slopes(f: Callable[[Any], Any], at: Any, level: int = 1) -> Any:
    """Return the gradient of sum(f(x)), generated; `interpret` has the same."""
    x = sd.input("x", np.shape(at))
    value = sd.sum(f(x))
    made = sd.compile(sd.Function("f", [x], value), optimize=level).load().backward
    _, residuals = made.forward_with_residuals(at)
    found = np.asarray(made.backward(residuals, 1.0).d_x)
    expected = sd.interpret(sd.grad(value, x), {x: at})
    np.testing.assert_array_equal(found, expected)
    return found


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("name", ALL)
def test_a_row_with_a_nan_has_a_slope_that_is_seen(
    name: str, row: list[float], level: int
) -> None:
    f = ALL[name]
    at = np.array([PLAIN, row, PLAIN])
    found = slopes(lambda x: f(x, axis=1), at, level)
    alone = slopes(lambda x: f(x, axis=1), np.array([PLAIN]), level)
    np.testing.assert_array_equal(found[[0, 2]], np.vstack([alone, alone]))
    assert np.isnan(found[1]).all() if name in EXTREMES else np.isnan(found[1]).any()


@pytest.mark.parametrize("name", ["max", "min", "ptp", "norm inf", "norm -inf"])
def test_nan_is_where_jax_has_it(name: str) -> None:
    jax = pytest.importorskip("jax", reason="extra [oracles]")
    jnp = jax.numpy
    names = {"norm inf": jnp.inf, "norm -inf": -jnp.inf}

    def theirs(x: Any) -> Any:
        if name in names:
            return jnp.linalg.norm(x, ord=names[name], axis=1).sum()
        return getattr(jnp, name)(x, axis=1).sum()

    at = np.array([*ROWS, PLAIN], dtype=np.float32)
    found = slopes(lambda x: EXTREMES[name](x, axis=1), at)
    np.testing.assert_allclose(found, jax.grad(theirs)(at), rtol=1e-6)


UNREAD: dict[str, Callable[[Any], Any]] = {
    "slice": lambda y: y[1:],
    "mask": lambda y: sd.where(np.array([False, True]), y, 0.0),
    "not nan": lambda y: sd.where(sd.isnan(y), 0.0, y),
    "element": lambda y: y[1],
    "not taken": lambda y: sd.where(y[1] > 1e9, y[0], y[1]),
    "less": lambda y: (0.0 - y)[1:],
}


@pytest.mark.parametrize("unread", UNREAD)
@pytest.mark.parametrize("name", [n for n in ALL | OTHERS if n != "keepdims"])
def test_a_row_that_is_not_read_gets_nothing(name: str, unread: str) -> None:
    f = (ALL | OTHERS)[name]
    at = np.array([ROWS[0], PLAIN])
    found = slopes(lambda x: UNREAD[unread](f(x, axis=1)), at)
    assert (found[0] == 0).all()
    alone = slopes(lambda x: f(x, axis=1), np.array([PLAIN]))[0]
    np.testing.assert_allclose(found[1], -alone if unread == "less" else alone)


@pytest.mark.parametrize("name", ["nanmax", "nanmin"])
def test_what_leaves_nan_out_has_slopes_of_the_rest(name: str) -> None:
    f = getattr(sd, name)
    found = slopes(lambda x: f(x, axis=1), np.array([[nan, 1.0, 2.0]]))
    assert found.tolist() == [[0, 0, 1] if name == "nanmax" else [0, 1, 0]]


def test_an_infinite_extreme_has_the_whole_slope() -> None:
    at = np.array([[np.inf, 1.0, -np.inf], [1.0, np.inf, np.inf]])
    assert slopes(lambda x: sd.max(x, axis=1), at).tolist() == [
        [1, 0, 0],
        [0, 0.5, 0.5],
    ]
    assert slopes(lambda x: sd.min(x, axis=1), at).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_an_infinite_slope_stays_with_the_extreme() -> None:
    """The root is infinitely steep at 0; what the maximum does not select gets 0."""
    at = np.array([[-1.0, 0.0]])
    assert slopes(lambda x: sd.sqrt(sd.max(x, axis=1)), at).tolist() == [[0, np.inf]]
    steep = slopes(lambda x: sd.max(sd.sqrt(x), axis=1), np.array([[0.0, 4.0]]))
    assert steep.tolist() == [[0, 0.25]]
