"""Whatever arithmetic of lengths a formula holds is computed, or refused in words.

The class: every way to combine a length with numbers and another length, beside an
array, compiled; the oracle is Python's arithmetic of the lengths' values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdiff as sd

N, M = sd.dim("N"), sd.dim("M")
SIZES = {N: 5, M: 3}
FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "mod": lambda n, m: n % 3,
    "mod of two": lambda n, m: n % m,
    "mod of a difference": lambda n, m: (-n) % 4,
    "mod in a sum": lambda n, m: 2 * (n % 3) + m,
    "whole quotient": lambda n, m: n // 2,
    "rounded up": lambda n, m: -(-n // 2),
    "quotient": lambda n, m: n / m,
    "power": lambda n, m: n**2 * m**-1,
    "float power": lambda n, m: n**0.5,
    "float power below": lambda n, m: (n + m) ** -0.5,
    "distance": lambda n, m: abs(n - 7),
    "distance of two": lambda n, m: abs(m - n) + 1,
}
SYMPY: dict[str, tuple[Any, float]] = {
    "sqrt": (sp.sqrt(N), math.sqrt(5)),
    "1/sqrt": (1 / sp.sqrt(N + M), 1 / math.sqrt(8)),
    "cube root": (sp.cbrt(N * M), 15 ** (1 / 3)),
    "sqrt of a quotient": (sp.sqrt(N / M), math.sqrt(5 / 3)),
    "pi": (sp.pi * N, math.pi * 5),
    "e": (N + sp.E, 5 + math.e),
    "max": (sp.Max(N, M), 5.0),
    "ceiling": (sp.ceiling(N / 2), 3.0),
    "mod": (sp.Mod(N, 3) * M, 6.0),
}
REFUSED = {
    "log": sp.log(N),
    "exp": sp.exp(-N),
    "sin": sp.sin(N),
    "factorial": sp.factorial(N),
    "piecewise": sp.Piecewise((1, N > 2), (0, True)),
}


def value_of(factor: Any) -> float:
    x, w = sd.input("x", (N,)), sd.input("w", (M,))
    y = sd.sum(x * factor) + sd.sum(w) * 0
    given = [np.ones(SIZES[N]), np.ones(SIZES[M])]
    found = set()
    for level in (0, 1):
        made = sd.compile(sd.Function("f", [x, w], y), optimize=level).load()
        found.add(round(float(made.forward.forward(*given)) / SIZES[N], 9))
        _, residuals = made.backward.forward_with_residuals(*given)
        np.testing.assert_allclose(
            made.backward.backward(residuals)[0], next(iter(found)), 1e-8
        )
    (one,) = found
    return one


@pytest.mark.parametrize("name", FORMS)
def test_arithmetic_of_lengths(name: str) -> None:
    form = FORMS[name]
    assert value_of(form(N, M)) == pytest.approx(form(SIZES[N], SIZES[M]))


@pytest.mark.parametrize("name", SYMPY)
def test_expressions_of_sympy(name: str) -> None:
    factor, expected = SYMPY[name]
    assert value_of(factor) == pytest.approx(expected)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(sd.DeclarationError, match="of a length cannot be written"):
        value_of(REFUSED[name])


def test_own_functions_of_a_length() -> None:
    assert value_of(1 / sd.sqrt(N)) == pytest.approx(1 / math.sqrt(5))
