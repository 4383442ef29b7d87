"""`np.linalg` of vectors, matrices and stacks gives NumPy's values, or says no."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.transforms import jit

RNG = np.random.default_rng(0)
OPERANDS = {
    "vector": RNG.normal(size=3),
    "longer": RNG.normal(size=4),
    "square": RNG.normal(size=(3, 3)),
    "tall": RNG.normal(size=(4, 2)),
    "stack": RNG.normal(size=(3, 3, 3)),
    "stack of tall": RNG.normal(size=(2, 5, 4)),
    "definite": np.eye(3) + 0.1 * np.ones((2, 3, 3)),
}
ALGEBRA = [
    name
    for name in dir(np.linalg)
    if callable(getattr(np.linalg, name))
    and not name.startswith("_")
    and name not in ("LinAlgError", "test")
]


def _outcome(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except Exception as error:  # NumPy raises whatever it happens to
        return error


def _pairs() -> Iterator[tuple[str, ...]]:
    yield from ((a,) for a in OPERANDS)
    yield from ((a, b) for a in OPERANDS for b in OPERANDS)


@pytest.mark.parametrize("name", ALGEBRA)
@pytest.mark.filterwarnings("ignore")
def test_linear_algebra_of_stacks_is_numpys(name: str) -> None:
    function = getattr(np.linalg, name)
    parameters = inspect.signature(function).parameters.values()
    wanted = len([p for p in parameters if p.default is p.empty])
    for chosen in _pairs():
        if len(chosen) != wanted:
            continue
        args = [OPERANDS[c] for c in chosen]
        expected = _outcome(function, *args)
        found = _outcome(jit(lambda *a: function(*a)), *args)
        if isinstance(found, Exception):
            continue  # nothing silent
        if isinstance(expected, Exception):
            assert name == "outer", f"{chosen}: {expected}"  # of matrices: flattened
            continue
        ours = found if isinstance(found, tuple) else (found,)
        theirs = expected if isinstance(expected, tuple) else (expected,)
        for f, e in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(f, e, atol=1e-12, err_msg=str(chosen))


@pytest.mark.parametrize("name", ["trace", "diagonal"])
def test_traces_and_diagonals_of_stacks_under_every_name(name: str) -> None:
    given = OPERANDS["stack"]
    x = sd.input("x", given.shape)
    last = {"axis1": -2, "axis2": -1}
    numpys, ours = getattr(np, name), getattr(sd.linalg, name)
    for offset in (0, 1, -2):
        value = sd.interpret(ours(x, offset=offset), {x: given})
        np.testing.assert_allclose(value, numpys(given, offset, **last))
        value = sd.interpret(getattr(sd, name)(x, offset), {x: given})
        np.testing.assert_allclose(value, numpys(given, offset))
    with pytest.raises(sd.ArgumentError, match="axis1"):
        ours(x, axis1=0)


def test_sums_over_more_axes_than_there_are() -> None:
    x = sd.input("x", (3,))
    with pytest.raises(sd.ShapeError, match="axis -2 is out of range"):
        sd.tensordot(x, OPERANDS["square"])


def test_a_diagonal_is_a_view_under_every_name() -> None:
    for diagonal in (np.linalg.diagonal, sd.linalg.diagonal, sd.diagonal):

        def program(x: Any, diagonal: Any = diagonal) -> Any:
            y = x * 1.0
            seen = diagonal(y)
            y += 1.0
            return seen * 1.0

        with pytest.raises(sd.SymdiffError, match="share memory"):
            jit(program)(OPERANDS["square"])
