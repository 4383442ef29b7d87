"""``y[mask]`` in traced functions: changed and added up; a count is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

X = np.array([3.0, -1.5, 2.0, 0.75, -0.25])  # no kink of a program
M = np.array([[0.5, -2.0], [1.5, 0.25]])


def added(x: Any) -> Any:
    y = x * 1.0
    y[y > 1] += 1
    return y


def powers(x: Any) -> Any:
    y = x * 1.0
    y[x < 0] = 2.0 ** y[x < 0] - y[x < 0] ** 2 * x.ravel()[0] / 3
    return y


def logarithms(x: Any) -> Any:
    y, above = x + 0.0, x > 0
    y[above] = np.log(y[above]) + np.hypot(y[above], 2.0)
    return y


def exchanged(x: Any) -> Any:
    y, z, low = x * 2, x**2, x < 1
    y[low], z[low] = -z[low], abs(y[low])
    return y + np.sin(z)


def totals(x: Any) -> Any:
    kept = x[x > 0]
    return np.sum(kept) * 2 + kept.mean() + (1 - kept**2).sum() + np.mean(3 / kept)


def view_of_all(x: Any) -> Any:
    y = np.tanh(x)
    row = y[:1]
    row[row > 0] *= 3.0
    return y


PROGRAMS = [added, powers, logarithms, exchanged, totals, view_of_all]


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("x", [X, M], ids=["vector", "matrix"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_elements_under_a_mask_are_those_of_numpy(f: Any, x: Any) -> None:
    np.testing.assert_allclose(T.jit(f)(x), f(x), rtol=1e-14)
    steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
    slopes = np.moveaxis([(f(x + s) - f(x - s)) / 2e-6 for s in steps], 0, -1)
    found = np.reshape(T.jacobian(f)(x), slopes.shape)
    np.testing.assert_allclose(found, slopes, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    "needs_count",
    [
        lambda x: x[x > 0],
        lambda x: {"kept": np.exp(x[x > 0])},
        lambda x: len(x[x > 0]),
        lambda x: x[x > 0].shape,
        lambda x: x[x > 0][0],
        lambda x: np.sort(x[x > 0]),
        lambda x: np.max(x[x > 0]),
        lambda x: x[x > 0] + x[x > 1],
        lambda x: x[x > 0] + x,
        lambda x: x + x[x > 0],
        lambda x: np.exp(x[x > 0]) * np.ones(2),
        lambda x: list(x[x > 0]),
        lambda x: np.add.accumulate(x[x > 0]),
        lambda x: np.sum(x[x > 0], axis=0, keepdims=True),
        lambda x: np.add.reduce(x[x > 0], keepdims=True),
    ],
)
def test_what_needs_their_number_is_refused(needs_count: Any) -> None:
    with pytest.raises(sd.ShapeError, match="boolean tensor") as refused:
        T.jit(needs_count)(X)
    assert "test_chosen.py" in str(refused.value)


def test_elements_under_another_mask_do_not_fit() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        y[x > 0] = y[x > 1]
        return y

    with pytest.raises(sd.ShapeError, match="boolean tensor"):
        T.jit(f)(X)


def test_declared_tensors_are_not_chosen_from() -> None:
    x = sd.input("x", (3,))
    with pytest.raises(sd.ShapeError, match="boolean tensor"):
        x[x > 0]
