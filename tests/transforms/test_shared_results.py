"""What shares memory with its operand under NumPy shows a later write, or refuses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.ops.core.operands import API
from symdiff.transforms import jit

A, V, S = np.arange(1.0, 10).reshape(3, 3), np.arange(1.0, 4), np.ones((2, 3, 3))
OPERANDS: list[tuple[Any, ...]] = [
    *((A,), (V,), (S,), (A, 1), (A, 0), (A, 0, 1), (A, (0,)), (A, (3, 3)), (A[:1],)),
    *(
        (A, A),
        (A, V),
        (V, V),
        (V, 0),
        (V, 1),
        (A, -1),
        (S, 1),
        (V, [True, False, True]),
    ),
    *((A, "float64"), (A, None), (V, (3,)), (A, "C"), (A, 9)),
]

OUT_IS_LAST = (".dot", ".round", ".conj", ".conjugate")


def _names() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in sorted(API):
        found: Any = np
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not None and not isinstance(found, np.ufunc):
            yield f"np.{name}", found
    for name in dir(np.ndarray):
        method = getattr(np.ndarray, name)
        if not name.startswith("_") and hasattr(sd.Tensor, name) and callable(method):
            yield f".{name}", lambda a, *args, n=name: getattr(a, n)(*args)


def _takes_out(function: Any, count: int) -> bool:
    """Whether the last argument by place is the array to write into."""
    try:
        names = list(inspect.signature(function).parameters)
    except ValueError:
        return False
    return "out" in names[:count]


def _written(function: Callable[..., Any], rest: tuple[Any, ...]) -> Any:
    def program(a: Any) -> Any:
        y = a * 2.0
        results = function(y, *rest)
        y += 1.0
        several = isinstance(results, (list, tuple))
        return [r * 1.0 for r in (results if several else [results])]

    return program


def _sharing() -> list[Any]:
    """Return the calls whose result shares memory with the first operand."""
    found = []
    for name, function in _names():
        for first, *rest in OPERANDS:
            given = first * 2.0
            if _takes_out(function, 1 + len(rest)) or (rest and name in OUT_IS_LAST):
                continue
            try:
                with np.errstate(all="ignore"):
                    results = function(given, *rest)
            except Exception:
                continue
            several = isinstance(results, (list, tuple))
            arrays = results if several else [results]
            if any(np.may_share_memory(r, given) for r in arrays if np.size(r)):
                shown = f"{name}({', '.join(map(str, map(np.shape, (first, *rest))))})"
                found.append(pytest.param(function, first, tuple(rest), id=shown))
    return found


CALLS = _sharing()


@pytest.mark.parametrize(("function", "first", "rest"), CALLS)
def test_a_write_is_shown_by_what_shares_memory(
    function: Callable[..., Any], first: np.ndarray, rest: tuple[Any, ...]
) -> None:
    program = _written(function, rest)
    try:
        expected = program(first)
    except (TypeError, ValueError):  # no numbers, or a view that cannot be written
        return
    try:
        found = jit(program)(first)
    except sd.SymdiffError:
        return
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_array_equal(f, e)


def test_there_are_such_calls() -> None:
    assert len(CALLS) > 60
