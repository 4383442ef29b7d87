"""Draws whose parameters are arrays: one for each element, whatever shape is given.

The class: every function of `sd.random`, each of its parameters, alone and together, as
tensor, array and list, with a shape and without. The oracle is what
`numpy.random.Generator` returns for the same arguments: its shape, or its refusal.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import symdiff as sd

COUNT = 2000
RNG = np.random.default_rng(0)
FUNCTIONS: dict[str, tuple[Any, Any, dict[str, float]]] = {
    "uniform": (sd.random.uniform, RNG.uniform, {"low": 0.5, "high": 2.0}),
    "normal": (sd.random.normal, RNG.normal, {"mean": 0.5, "std": 2.0}),
    "bernoulli": (sd.random.bernoulli, lambda **k: RNG.binomial(1, **k), {"p": 0.4}),
}
THEIRS = {"mean": "loc", "std": "scale"}
CASES = [
    (name, chosen)
    for name, (_, _, numbers) in FUNCTIONS.items()
    for chosen in product((False, True), repeat=len(numbers))
    if any(chosen)
]
KINDS = {"tensor": sd.constant, "array": lambda a: a, "list": np.ndarray.tolist}


def wide(number: float, *shape: int) -> np.ndarray:
    return np.full(shape, number)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_element_has_a_draw_of_its_own(case: Any, kind: str) -> None:
    name, chosen = case
    own, _, numbers = FUNCTIONS[name]
    given = {
        key: KINDS[kind](wide(number, COUNT)) if array else number
        for (key, number), array in zip(numbers.items(), chosen, strict=True)
    }
    drawn = sd.interpret(own(**given), {}, key=1)
    alike = sd.interpret(own(shape=COUNT, **numbers), {}, key=1)
    np.testing.assert_array_equal(drawn, alike)
    assert drawn.shape == (COUNT,)
    assert 0.3 < np.mean(drawn > np.mean(drawn)) < 0.7


SHAPES = [None, (), 3, (1,), (3,), (2, 3), (1, 3), (2, 1), (4, 2, 3), (0,)]
OPERANDS = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (0,)]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes_are_numpys(case: Any, shape: Any) -> None:
    name, chosen = case
    own, theirs, numbers = FUNCTIONS[name]
    for operand in OPERANDS:
        given = {
            key: wide(number, *operand) if array else number
            for (key, number), array in zip(numbers.items(), chosen, strict=True)
        }
        named = {THEIRS.get(key, key): a for key, a in given.items()}
        try:
            expected = np.shape(theirs(size=shape, **named))
        except ValueError:
            with pytest.raises(sd.DeclarationError, match="would share a draw"):
                own(shape=shape, **given)
            continue
        assert own(shape=shape, **given).shape == expected


def test_a_compiled_model_draws_one_for_each_row() -> None:
    n = sd.dim("N")
    x = sd.input("x", (n,))
    kept = sd.random.bernoulli(sd.sigmoid(x))
    noise = sd.random.normal(mean=x)
    assert kept.shape == noise.shape == (n,)
    with pytest.raises(sd.DeclarationError, match=r"\(N\).*\(1\).*Leave the shape out"):
        sd.random.normal(1, mean=x)
    model = sd.compile(sd.Function("drawn", [x], [sd.cast(kept, "float"), noise]))
    first, second = model.load().forward(np.full(COUNT, 0.5), key=3)
    assert np.mean(first) == pytest.approx(1 / (1 + np.exp(-0.5)), abs=0.05)
    assert np.std(second) == pytest.approx(1, abs=0.05)
