"""What the rewrites of derived formulas make, in whole modules, against NumPy by hand.

The class: forms that gradients alone take (one division for a normalisation, products
over a batch as `tensordot`, sums with what is placed at indices, one element as an
index). The oracle is a function in NumPy, differentiated by complex steps, and for the
second order by differences of these; it shares no code with symdiff. Lengths of 0 and
1, rows that are equal or 0, and indices that repeat are among the points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import symdiff as sd

N, T = sd.dim("N"), sd.dim("T")
Arrays = Mapping[str, Any]
RNG = np.random.default_rng(0)
LABELS = np.array([2, 0, 2, 1, 2])


def _normalised(x: Any, axis: int, eps: float = 1e-5) -> Any:
    centred = x - x.mean(axis=axis, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=axis, keepdims=True) + eps)


def _squared(x: Any) -> Any:
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6)


# Each: the loss in symdiff, the same in NumPy, and the shapes of its variables.
FORMS: dict[str, tuple[Callable[..., Any], Callable[..., Any], dict[str, Any]]] = {
    "layer_norm": (
        lambda x, w: sd.sum(sd.tanh(sd.nn.layer_norm(x, affine=False)) * w),
        lambda x, w: (np.tanh(_normalised(x, -1)) * w).sum(),
        {"x": (N, 4), "w": (4,)},
    ),
    "layer_norm of sequences": (
        lambda x, w: sd.sum(sd.sin(sd.nn.layer_norm(x, affine=False) @ w)),
        lambda x, w: np.sin(_normalised(x, -1) @ w).sum(),
        {"x": (N, T, 3), "w": (3, 2)},
    ),
    "rms_norm": (
        lambda x, w: sd.sum(
            sd.sin(x / sd.sqrt(sd.mean(x**2, axis=-1, keepdims=True) + 1e-6) * w)
        ),
        lambda x, w: np.sin(_squared(x) * w).sum(),
        {"x": (N, 4), "w": (4,)},
    ),
    "products over a batch": (
        lambda x, w: sd.sum(sd.tanh(x @ w) @ w),
        lambda x, w: (np.tanh(x @ w) @ w).sum(),
        {"x": (N, T, 3), "w": (3, 3)},
    ),
    "products with one unit": (
        lambda x, w: sd.sum(sd.tanh(x @ w)),
        lambda x, w: np.tanh(x @ w).sum(),
        {"x": (N, T, 1), "w": (1, 1)},
    ),
    "rows that repeat, and a penalty": (
        lambda w, v: sd.sum(sd.sin(w[LABELS] @ v)) + 0.1 * sd.sum(w**2),
        lambda w, v: np.sin(w[LABELS] @ v).sum() + 0.1 * (w**2).sum(),
        {"w": (3, 2), "v": (2, 2)},
    ),
    "labels beside all": (
        lambda x, w: sd.sum(sd.exp(x) * w) - sd.sum(sd.sin(sd.pick(x, LABELS))),
        lambda x, w: (np.exp(x) * w).sum() - np.sin(x[np.arange(5), LABELS]).sum(),
        {"x": (5, 3), "w": (3,)},
    ),
    "the last step": (
        lambda x, w: sd.sum(sd.sin(x[:, -1] @ w) * x[:, 0, :1]),
        lambda x, w: (np.sin(x[:, -1] @ w) * x[:, 0, :1]).sum(),
        {"x": (N, T, 3), "w": (3, 3)},
    ),
    "a value of many readers": (
        lambda x, w: sd.sum(sd.sin(x @ w) + sd.exp(x @ w) * x - (x @ w) * (x @ w @ w)),
        lambda x, w: (np.sin(x @ w) + np.exp(x @ w) * x - x @ w * (x @ w @ w)).sum(),
        {"x": (N, 3), "w": (3, 3)},
    ),
}
LENGTHS = [(0, 2), (1, 1), (2, 1), (1, 3), (4, 2)]
VALUES: dict[str, Callable[[Any], Any]] = {
    "random": lambda shape: RNG.normal(size=shape),
    "equal": lambda shape: np.full(shape, 0.5),
    "zeros": lambda shape: np.zeros(shape),
}


def _points(shapes: Arrays) -> list[dict[str, np.ndarray]]:
    found = []
    for n, t in LENGTHS:
        sizes = {k: [{N: n, T: t}.get(d, d) for d in s] for k, s in shapes.items()}
        found += [
            {k: np.asarray(draw(s), float) for k, s in sizes.items()}
            for draw in VALUES.values()
        ]
    return found


def _complex_slopes(f: Callable[..., Any], at: Arrays) -> dict[str, np.ndarray]:
    found = {}
    for name, value in at.items():
        slope = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[place] += 1e-30j
            slope[place] = f(**{**at, name: moved}).imag / 1e-30
        found[name] = slope
    return found


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("name", FORMS)
def test_gradients_are_those_by_complex_steps(name: str, level: int) -> None:
    loss, by_hand, shapes = FORMS[name]
    leaves = {k: sd.input(k, s) for k, s in shapes.items()}
    function = sd.Function("f", list(leaves.values()), loss(**leaves))
    module = sd.compile(function, optimize=level).load()
    for at in _points(shapes):
        value, residuals = module.backward.forward_with_residuals(**at)
        np.testing.assert_allclose(value, by_hand(**at), 1e-12, 1e-12)
        gradients = module.backward.backward(residuals)
        wanted = _complex_slopes(by_hand, at)
        for k, found in zip(shapes, gradients, strict=True):
            scale = max(1.0, np.abs(wanted[k]).max(initial=0.0))
            np.testing.assert_allclose(found, wanted[k], 0, 1e-11 * scale, err_msg=k)


@pytest.mark.parametrize("name", FORMS)
def test_second_order_is_that_by_differences(name: str) -> None:
    """The gradient of <gradient, v>, which is rewritten once more."""
    loss, by_hand, shapes = FORMS[name]
    leaves = {k: sd.input(k, s) for k, s in shapes.items()}
    v = {k: sd.input(f"v_{k}", s) for k, s in shapes.items()}
    first = sd.grad(loss(**leaves), list(leaves.values()))
    along = sum(sd.sum(g * w) for g, w in zip(first, v.values(), strict=True))
    second = sd.grad(along, list(leaves.values()))
    inputs = [*leaves.values(), *v.values()]
    module = sd.compile(sd.Function("f", inputs, list(second))).load()
    at = _points(shapes)[-3]  # random, of several rows and steps
    move = {k: RNG.normal(size=a.shape) for k, a in at.items()}
    given = {**at, **{f"v_{k}": a for k, a in move.items()}}
    found = module.forward.forward(**given)
    step = 1e-5
    ends = [
        _complex_slopes(by_hand, {k: a + sign * step * move[k] for k, a in at.items()})
        for sign in (1, -1)
    ]
    for k, got in zip(shapes, found, strict=True):
        wanted = (ends[0][k] - ends[1][k]) / (2 * step)
        scale = max(1.0, np.abs(wanted).max(initial=0.0))
        np.testing.assert_allclose(got, wanted, 0, 1e-7 * scale, err_msg=k)
