"""Gradients by hand equal the generated ones, and differences."""

from __future__ import annotations

import numpy as np
import pytest
from generated import module
from lecturer.rows import ROWS, Arrays, Row, drawn, point

import symdiff as sd

EACH = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def size(grads: Arrays, name: str) -> float:
    """Return the largest entry of a gradient, or a thousandth of that of them all: some
    are 0 but for rounding, such as that of a bias below a batch norm.
    """
    largest = max(np.abs(g).max() for g in grads.values())
    return max(np.abs(grads[name]).max(), 1e-3 * largest)


@EACH
def test_the_twin_equals_the_generated_gradient(row: Row) -> None:
    model, twin = row.model(), row.twin()
    backward = module(sd.compile(model), "backward")
    rng = np.random.default_rng(1)
    for key in (3, 4):
        params, data = point(model, rng)
        draws = drawn(row, key)
        keyed = {"key": key} if draws else {}
        loss, grads, *_ = backward.value_and_grad(params, **data, **keyed)
        by_hand, cache = twin.forward(params, *data.values(), *draws)
        assert abs(by_hand - loss) <= 1e-12 * abs(loss)
        found = twin.backward(params, cache)
        assert found.keys() == grads.keys()
        for name, expected in grads.items():
            assert found[name].shape == expected.shape, name
            error = np.abs(found[name] - expected).max()
            assert error <= 1e-12 * size(grads, name), name


@EACH
def test_the_twin_equals_differences(row: Row) -> None:
    model, twin = row.model(), row.twin()
    rng = np.random.default_rng(2)
    params, data = point(model, rng)
    arguments = (*data.values(), *drawn(row, 3))
    _, cache = twin.forward(params, *arguments)
    grads = twin.backward(params, cache)
    step = 1e-4
    for name, gradient in grads.items():
        direction = rng.normal(size=gradient.shape)
        direction /= np.linalg.norm(direction)
        slope = 0.0
        for moved, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            there = {**params, name: params[name] + moved * step * direction}
            slope += weight * twin.forward(there, *arguments)[0] / (12 * step)
        error = abs(np.sum(gradient * direction) - slope)
        assert error <= 1e-8 * size(grads, name), name
