"""A NaN or infinity of the branch that `where` does not take reaches no derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from generated import names_of

import symdiff as sd

AT = np.array([0.0, 1.0, -1.0, 2.0])
W = np.array([1.0, -2.0, 3.0, 0.5])

# y(x) elementwise, and y', y'' as they are where each branch is taken
ELEMENTWISE: dict[
    str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]
] = {
    "log": (
        lambda x: sd.where(x > 0, sd.log(x), 0),
        lambda x: np.where(x > 0, 1 / x, 0),
        lambda x: np.where(x > 0, -1 / x**2, 0),
    ),
    "sqrt": (
        lambda x: sd.where(x > 0, sd.sqrt(x) * x, sd.exp(x)),
        lambda x: np.where(x > 0, 1.5 * np.sqrt(x), np.exp(x)),
        lambda x: np.where(x > 0, 0.75 / np.sqrt(x), np.exp(x)),
    ),
    "otherwise": (
        lambda x: sd.where(x <= 0, x**2, 1 / sd.sqrt(x)),
        lambda x: np.where(x <= 0, 2 * x, -0.5 * x**-1.5),
        lambda x: np.where(x <= 0, 2, 0.75 * x**-2.5),
    ),
    "chain": (
        lambda x: sd.where(x > 0, sd.log(sd.sqrt(x) * x), 0) * sd.exp(x),
        lambda x: np.where(x > 0, np.exp(x) * 1.5 * (1 / x + np.log(x)), 0),
        lambda x: np.where(x > 0, np.exp(x) * 1.5 * (-1 / x**2 + 2 / x + np.log(x)), 0),
    ),
    "two masks": (
        lambda x: sd.where(x > 0, sd.where(x < 2, sd.log(x), x**3), 0),
        lambda x: np.where(x > 0, np.where(x < 2, 1 / x, 3 * x**2), 0),
        lambda x: np.where(x > 0, np.where(x < 2, -1 / x**2, 6 * x), 0),
    ),
    "masked operand": (
        lambda x: sd.sqrt(sd.where(x > 0, x, 0)),
        lambda x: np.where(x > 0, 0.5 / np.sqrt(x), 0),
        lambda x: np.where(x > 0, -0.25 * x**-1.5, 0),
    ),
    "power of a variable": (
        lambda x: sd.where(x > 0, x**x, 1.0),
        lambda x: np.where(x > 0, x**x * (np.log(x) + 1), 0),
        lambda x: np.where(x > 0, x**x * ((np.log(x) + 1) ** 2 + 1 / x), 0),
    ),
    "arccos": (
        lambda x: sd.where(abs(x) < 1, sd.arccos(x), 0),
        lambda x: np.where(abs(x) < 1, -1 / np.sqrt(1 - x * x), 0),
        lambda x: np.where(abs(x) < 1, -x * (1 - x * x) ** -1.5, 0),
    ),
}


@pytest.mark.parametrize("name", list(ELEMENTWISE))
def test_every_mode_and_order(name: str) -> None:
    build, first, second = ELEMENTWISE[name]
    x, t, s = (sd.input(n, (4,)) for n in "xts")
    y = build(x)
    g = sd.vjp(y, x, s)
    found = {
        "reverse": g,
        "forward": sd.jvp(y, x, s),
        "reverse over reverse": sd.vjp(g, x, t),
        "forward over reverse": sd.jvp(g, x, t),
        "forward over forward": sd.jvp(sd.jvp(y, x, s), x, t),
        "reverse over forward": sd.vjp(sd.jvp(y, x, s), x, t),
    }
    one = np.array([1.0, -1.0, 2.0, 0.5])
    with np.errstate(all="ignore"):
        values = sd.interpret(list(found.values()), {x: AT, s: W, t: one})
        wanted = [W * first(AT)] * 2 + [one * W * second(AT)] * 4
    for key, got, right in zip(found, values, wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("name", list(ELEMENTWISE))
def test_generated_text(name: str, level: int) -> None:
    build, first, second = ELEMENTWISE[name]
    x = sd.input("x", (4,))
    y = build(x)
    g = sd.vjp(y, x, sd.constant(W))
    made = names_of(
        sd.compile(sd.Function("f", [x], [y, g]), optimize=level)["backward"]
    )
    for dtype in (np.float64, np.float32):
        at = AT.astype(dtype)
        with np.errstate(all="ignore"):
            (_, got), residuals = made["forward_with_residuals"](at)
            (d_x,) = made["backward"](residuals, np.ones(4, dtype), np.ones(4, dtype))
            wanted = first(AT) + W * second(AT)
        assert got.dtype == d_x.dtype == dtype
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(got, W * first(AT), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(d_x, wanted, rtol=1e-4, atol=1e-5)


SCALAR_MASKS = {
    "norm at zero": (
        lambda x: sd.where(sd.sum(x**2) > 0, sd.sqrt(sd.sum(x**2)), 0.0),
        np.zeros(3),
        [0, 0, 0],
    ),
    "norm op at zero": (
        lambda x: sd.where(sd.sum(x**2) > 0, sd.linalg.norm(x), 0.0) + sd.sum(x) ** 2,
        np.zeros(3),
        [0, 0, 0],
    ),
    "softmax of infinities": (
        lambda x: (
            sd.where(sd.sum(x**2) < 1e9, sd.sum(sd.softmax(x) ** 2), 0.0)
            + sd.sum(sd.where(x < 1e3, x**2, 0))
        ),
        np.array([np.inf, 1.0, 2.0]),
        [0, 2, 4],
    ),
    "share of nothing": (
        lambda x: sd.sum(
            sd.where(sd.sum(x) > 0, x / sd.sum(x), 0.0) * np.array([1.0, 2.0, 3.0])
        ),
        np.zeros(3),
        [0, 0, 0],
    ),
}


@pytest.mark.parametrize("name", list(SCALAR_MASKS))
def test_masks_of_a_whole_value(name: str) -> None:
    """One condition for many elements passes through sums, products and any rule."""
    build, at, first = SCALAR_MASKS[name]
    x = sd.input("x", (3,))
    g = sd.grad(build(x), x)
    h = sd.grad(sd.sum(g * np.array([1.0, 2.0, 3.0])), x)
    with np.errstate(all="ignore"):
        got, curved = sd.interpret([g, h], {x: at})
    np.testing.assert_array_equal(got, first)
    assert np.all(np.isfinite(curved)), curved


def test_rows() -> None:
    """A condition for each row, constant along the row's sum."""
    x = sd.input("x", (2, 3))
    total = sd.sum(x, axis=1, keepdims=True)
    share = sd.where(total > 0, sd.log(x / total), 0.0)
    g = sd.grad(sd.sum(share), x)
    h = sd.grad(sd.sum(g * g), x)
    at = np.array([[0.0, 0, 0], [1, 2, 3]])
    with np.errstate(all="ignore"):
        found = sd.interpret([g, h], {x: at})
    np.testing.assert_array_equal(found[0][0], 0)
    np.testing.assert_allclose(found[0][1], 1 / at[1] - 3 / 6)
    assert np.all(np.isfinite(found[1]))


def test_the_text_reads_as_one_would_write_it() -> None:
    """One mask at the end, and none for a rectifier's cotangent."""
    x = sd.input("x", (4,))
    text = sd.compile(sd.Function("f", [x], sd.where(x > 0, sd.log(x), 0)))["backward"]
    assert "d_x = np.where(greater_x, d_out / x, 0)" in text
    h = sd.relu(x * 2.0)
    text = sd.compile(sd.Function("f", [x], h))["backward"]
    assert text.count("np.where(") == 1


def test_terms_under_one_mask_are_one() -> None:
    x = sd.input("x", (4,))
    y = sd.where(x > 0, sd.sqrt(x) * x, sd.exp(x))
    text = sd.compile(sd.Function("f", [x], y))["backward"]
    rows = text.split("def backward")[1].split("\n")
    assert "".join(row.partition("#")[0] for row in rows).count("np.where(") == 1
