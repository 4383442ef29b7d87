"""A function that keeps what it made of its arguments would hand symbols on.

Every place that outlives a call is crossed with every way of calling; each is refused
when it happens, by the name of the place.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import types
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

X = np.array([1.5, 2.5, 3.5])
MEMO: dict[str, Any] = {}


class Momentum:
    m: Any = np.zeros(3)

    def loss(self, x: Any) -> Any:
        self.m = 0.9 * self.m + x
        return np.sum(self.m * x)


class First:
    def loss(self, x: Any) -> Any:
        self.cache = np.zeros_like(x)
        return np.sum(self.cache + x)


def appends() -> Callable[[Any], Any]:
    history: list[Any] = []

    def f(x: Any) -> Any:
        y = x * 2
        history.append((y, 1))
        return np.sum(y)

    return f


def queues() -> Callable[[Any], Any]:
    recent: deque[Any] = deque(maxlen=2)

    def f(x: Any) -> Any:
        recent.append({"x": x})
        return np.sum(recent[0]["x"] * 2)

    return f


def memo() -> Callable[[Any], Any]:
    MEMO.clear()
    return lambda x: np.sum((x - MEMO.setdefault("x0", x)) ** 2)


def nonlocal_() -> Callable[[Any], Any]:
    last = None

    def f(x: Any) -> Any:
        nonlocal last
        last = x if last is None else last + x
        return np.sum(last)

    return f


def global_() -> Callable[[Any], Any]:
    globals().pop("LAST", None)

    def f(x: Any) -> Any:
        global LAST
        LAST = np.exp(x)
        return np.sum(LAST)

    return f


def of_a_function() -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        f.last = x
        return np.sum(f.last)

    return f


def in_a_helper() -> Callable[[Any], Any]:
    log = types.SimpleNamespace(rows=[])

    def note(v: Any) -> Any:
        log.rows.append(v)
        return v

    return lambda x: np.sum(note(x * 2))


def of_a_class() -> Callable[[Any], Any]:
    class C:
        last: Any = None

    def f(x: Any) -> Any:
        C.last = x
        return np.sum(x)

    return f


def in_an_array() -> Callable[[Any], Any]:
    cells = np.array([None, None], dtype=object)

    def f(x: Any) -> Any:
        cells[0] = x.sum()
        return np.sum(x)

    return f


KEEPERS: dict[str, Callable[[], Callable[[Any], Any]]] = {
    "an attribute": lambda: Momentum().loss,
    "a new attribute": lambda: First().loss,
    "a list": appends,
    "a deque": queues,
    "a dict": memo,
    "a closure": nonlocal_,
    "a global": global_,
    "a function": of_a_function,
    "a helper": in_a_helper,
    "a class": of_a_class,
    "an array of objects": in_an_array,
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "jit": lambda f: T.jit(f)(X),
    "grad": lambda f: T.grad(f)(X),
    "hvp": lambda f: T.hvp(f)(X, X),
    "make_vjp": lambda f: T.make_vjp(f)(X),
    "trace": lambda f: sd.trace(f, (3,)),
    "nested": lambda f: T.jit(lambda x: T.grad(f)(x * 2))(X),
    "nested on arrays": lambda f: T.jit(lambda x: x * T.grad(f)(X))(X),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("keeper", KEEPERS)
def test_a_symbol_that_is_kept_is_refused(keeper: str, call: str) -> None:
    with pytest.raises(sd.TracingError, match=r"leaves a symbolic value in (.|\n)*aux"):
        CALLS[call](KEEPERS[keeper]())


def test_an_object_that_is_an_argument_keeps_nothing() -> None:
    model = types.SimpleNamespace(last=None)
    Model = type("Model", (), {"last": None})

    def f(x: Any, model: Any) -> Any:
        model.last = x * 2
        return np.sum(model.last)

    with pytest.raises(sd.TracingError, match="leaves a symbolic value in last"):
        T.grad(f)(X, Model())
    with pytest.raises(sd.DeclarationError, match="hashable"):
        T.grad(f)(X, model)


def test_a_symbol_that_an_earlier_call_left_is_refused_where_it_is_read() -> None:
    """By a name that is put together at run time, which cannot be seen at once."""
    held = types.SimpleNamespace()

    def f(x: Any) -> Any:
        for i in range(2):
            if not hasattr(held, f"x{i}"):
                setattr(held, f"x{i}", x)
        return np.sum((x - getattr(held, f"x{0}")) ** 2)

    compiled = T.jit(f)
    compiled(X)
    with pytest.raises(sd.TracingError, match="earlier call"):
        compiled(X.astype(np.float32))


def test_what_holds_numbers_may_be_kept() -> None:
    counts: list[int] = []

    def f(x: Any) -> Any:
        counts.append(x.size)
        local = [x]
        local.append(x * 2)
        return np.sum(local[-1])

    assert T.jit(f)(X) == 2 * X.sum()
    assert counts == [3]


def test_tensors_from_before_may_be_read() -> None:
    around = [sd.input("w", (3,))]
    found = T.grad(lambda x: np.sum(x * around[0]))(X)
    assert isinstance(found, sd.Tensor)
    assert found.shape == (3,)


@dataclasses.dataclass
class Result:
    a: Any


class Slots:
    __slots__ = ("a",)

    def __init__(self, a: Any) -> None:
        self.a = a


RETURNED: dict[str, Callable[[Any], Any]] = {
    "object": Result,
    "slots": Slots,
    "object of a list": lambda t: Result([t]),
    "set": lambda t: {t},
    "frozenset": lambda t: frozenset([t]),
    "deque": lambda t: collections.deque([t]),
    "generator": lambda t: (v for v in t),
    "function": lambda t: lambda: t,
    "partial": lambda t: functools.partial(np.add, t),
}


@pytest.mark.parametrize("kind", RETURNED)
@pytest.mark.parametrize("inside", [False, True])
def test_a_result_that_hides_symbols_is_refused(kind: str, inside: bool) -> None:
    wrap = RETURNED[kind]

    def f(x: Any) -> Any:
        found = wrap(x * 2.0)
        return {"a": [found]} if inside else found

    with pytest.raises(sd.TracingError, match="returns"):
        T.jit(f)(X)
    with pytest.raises(sd.TracingError, match="returns"):
        T.grad(lambda x: (np.sum(x), f(x)), has_aux=True)(X)


def test_a_result_without_symbols_may_be_anything() -> None:
    plain = Result(1.0)
    value, other = T.jit(lambda x: (x * 2.0, plain))(X)
    np.testing.assert_allclose(value, X * 2.0)
    assert other is plain
