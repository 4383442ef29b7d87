"""`einsum` with axes named by numbers: their order is kept, whatever their letters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.errors import ShapeError

LABELS = 52
LENGTHS = [2 + label % 3 for label in range(LABELS)]
Program = tuple[list[list[Any]], list[Any] | None, list[np.ndarray]]


def program(seed: int) -> Program:
    """Return random sublists, an output list or None, and arrays of their shapes.

    Labels are drawn from a few of the 52, so that operands share some; one operand in
    two has an ``...`` of one axis or none, anywhere among its labels.
    """
    rng = np.random.default_rng(seed)
    pool = rng.choice(LABELS, size=5, replace=False)
    terms, arrays = [], []
    for _ in range(rng.integers(1, 4)):
        labels: list[Any] = [int(n) for n in rng.choice(pool, rng.integers(1, 4))]
        shape = [LENGTHS[n] for n in labels]
        if rng.random() < 0.5:
            place, hidden = int(rng.integers(len(labels) + 1)), int(rng.integers(2))
            labels.insert(place, Ellipsis)
            shape[place:place] = [3] * hidden
        terms.append(labels)
        arrays.append(rng.normal(size=shape))
    if rng.random() < 0.5:
        return terms, None, arrays
    used = sorted({n for t in terms for n in t if n is not Ellipsis})
    rng.shuffle(used)
    output: list[Any] = used[: rng.integers(len(used) + 1)]
    if any(Ellipsis in t for t in terms):
        output.insert(int(rng.integers(len(output) + 1)), Ellipsis)
    return terms, output, arrays


def arguments(terms: Any, output: Any, operands: Any) -> list[Any]:
    """Return what `einsum` is given."""
    pairs = [x for pair in zip(operands, terms, strict=True) for x in pair]
    return pairs + ([] if output is None else [output])


@pytest.mark.parametrize("seed", range(60))
def test_values_and_gradients_are_numpys(seed: int) -> None:
    terms, output, arrays = program(seed)
    leaves = [sd.input(f"a{i}", a.shape) for i, a in enumerate(arrays)]
    at = dict(zip(leaves, arrays, strict=True))
    result = sd.einsum(*arguments(terms, output, leaves))
    wanted = np.einsum(*arguments(terms, output, arrays))
    np.testing.assert_allclose(sd.interpret(result, at), wanted, rtol=1e-12, atol=1e-12)
    rng = np.random.default_rng(seed)
    weights, moves = (
        rng.normal(size=wanted.shape),
        [rng.normal(size=a.shape) for a in arrays],
    )
    gradients = sd.grad(sd.sum(result * weights), leaves)
    for i, gradient in enumerate(sd.interpret(gradients, at)):
        moved = list(arrays)
        moved[i] = moves[i]  # it is linear in each operand
        slope = np.sum(weights * np.einsum(*arguments(terms, output, moved)))
        np.testing.assert_allclose(
            np.sum(gradient * moves[i]), slope, rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("label", [-1, 52, 0.0, True, "a"])
def test_a_label_is_a_number_from_0_to_51(label: Any) -> None:
    with pytest.raises(ShapeError, match="from 0 to 51"):
        sd.einsum(sd.input("a", (2, 2)), [label, 1])
