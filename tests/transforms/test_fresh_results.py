"""Results belong to who called: nothing that a caller writes shows in another call.

Every kind of writable value is crossed with every transform that hands it on, made in
the function or read from around it. After all that came back has been overwritten, the
next call must give what NumPy gives, and the arguments must be as they were.
"""

from __future__ import annotations

import array
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.declare.trees import leaves

X = np.array([1.5, -2.5, 3.5])
AROUND = np.array([4.0, 5.0])
Pair = namedtuple("Pair", "left right")

MADE: dict[str, Callable[[Any], Any]] = {
    "floats": lambda x: np.zeros(3),
    "ints": lambda x: np.arange(3),
    "bools": lambda x: np.ones((2, 2), bool),
    "objects": lambda x: np.array([[1], None], dtype=object),
    "no axes": lambda x: np.array(2.0),
    "a view": lambda x: np.arange(6.0).reshape(2, 3).T,
    "from around": lambda x: AROUND,
    "a view from around": lambda x: AROUND[::-1],
    "a constant": lambda x: sd.constant(np.arange(100.0)),
    "the argument": lambda x: x,
    "a view of the argument": lambda x: x[1:],
    "a set": lambda x: {1, 2},
    "a bytearray": lambda x: bytearray(b"ab"),
    "a deque": lambda x: deque([1, 2]),
    "an array.array": lambda x: array.array("d", [1.0, 2.0]),
    "in a dict": lambda x: {"n": np.arange(3), "s": {1}},
    "in an OrderedDict": lambda x: OrderedDict(n=np.arange(3)),
    "in a defaultdict": lambda x: defaultdict(list, n=np.arange(3)),
    "in a named tuple": lambda x: Pair(np.zeros(2), [np.ones(1)]),
    "in a list": lambda x: [np.zeros(2), (np.ones(1), x)],
}


def overwrite(result: Any) -> None:
    """Write into everything that can be written."""
    match result:
        case np.ndarray():
            result[...] = 9
        case set():
            result.add(9)
        case deque() | bytearray() | array.array():
            result.append(9)
        case dict():
            for value in result.values():
                overwrite(value)
            result["more"] = 9
        case list() | tuple():
            for value in result:
                overwrite(value)
            if isinstance(result, list):
                result.append(9)


def same(found: Any, expected: Any) -> None:
    a, b = leaves(found), leaves(expected)
    assert len(a) == len(b)
    for mine, theirs in zip(a, b, strict=True):
        if isinstance(theirs, (np.ndarray, float)):
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs


TRANSFORMS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "jit": lambda made: T.jit(lambda x: (made(x), x * 2)),
    "jit without x": lambda made: T.jit(lambda x: made(x)),
    "grad": lambda made: T.grad(lambda x: (np.sum(x), made(x)), has_aux=True),
    "value_and_grad": lambda made: T.value_and_grad(
        lambda x: (np.sum(x), made(x)), has_aux=True
    ),
    "grad_and_aux": lambda made: T.grad_and_aux(lambda x: (np.sum(x**2), made(x))),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("kind", MADE)
def test_what_came_back_can_be_written(kind: str, transform: str) -> None:
    compiled = TRANSFORMS[transform](MADE[kind])
    expected = TRANSFORMS[transform](MADE[kind])(X.copy())
    x = X.copy()
    for _ in range(3):
        result = compiled(x)
        same(result, expected)
        overwrite(result)
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(AROUND, [4.0, 5.0])


LINEAR: dict[str, Callable[..., Any]] = {
    "a product": lambda x, w: np.sum(x * w),
    "a sum": lambda x, w: np.sum(x + w),
    "a difference": lambda x, w: np.sum(x - w),
    "a constant": lambda x, w: np.sum(x * np.arange(3.0)) + np.sum(w),
    "from around": lambda x, w: np.sum(x[:2] * AROUND) + np.sum(w),
    "a matrix": lambda x, w: np.sum(np.outer(x, w)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_gradients_share_no_memory(name: str) -> None:
    """Where a gradient is an operand itself: ``grad *= rate`` must not reach it."""
    x, w = X.copy(), X[::-1].copy()
    slope = T.grad(LINEAR[name], (0, 1))
    first = [d.copy() for d in slope(x, w)]
    d_x, d_w = slope(x, w)
    d_x *= 0.1
    np.testing.assert_array_equal(d_w, first[1])
    d_w *= 0.1
    for found, expected in zip(slope(x, w), first, strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(AROUND, [4.0, 5.0])


@pytest.mark.parametrize("make", ["make_vjp", "make_jvp", "make_hvp"])
@pytest.mark.parametrize("held", ["bare", "list", "dict", "keyword"])
def test_products_hold_the_point_as_it_was(make: str, held: str) -> None:
    x, w, twice = X.copy(), np.array([2.0]), np.array([2.0])

    def f(p: Any, scale: Any = twice) -> Any:
        inner = {"bare": lambda: p, "keyword": lambda: p}
        value = inner[held]() if held in inner else p[0 if held == "list" else "k"]
        result = value**3 * scale
        return np.sum(result) if make == "make_hvp" else result

    wrap = {"list": lambda v: [v], "dict": lambda v: {"k": v}}.get(held, lambda v: v)
    point, direction = wrap(x), np.array([1.0, 2.0, 3.0])
    v = direction if make == "make_vjp" else wrap(direction)
    given = {"scale": w} if held == "keyword" else {}
    made = getattr(T, make)(f)(point, **given)
    product = made if make == "make_jvp" else made[0]
    before = leaves(product(v))
    x[:] = 0.0
    if held == "keyword":
        w[:] = 7.0
    for a, b in zip(leaves(product(v)), before, strict=True):
        np.testing.assert_array_equal(a, b)
    order = 6 * X if make == "make_hvp" else 3 * X**2
    np.testing.assert_allclose(leaves(product(v))[-1], order * direction * 2.0)
