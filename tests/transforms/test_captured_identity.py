"""Whose code runs: functions and objects are told apart by identity, not by ``==``.

Functions of C, methods of objects that compare equal, and objects that do, are
transformed one after the other and must each give their own numbers. What a function
reads is read anew too where the function, or the object, is an argument.
"""

from __future__ import annotations

import builtins
import ctypes
import dataclasses
import enum
import functools
import operator
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from transforms.test_captured_names import PLACES, VALUES, X, attribute_of_a_wrapper

from symdiff import transforms as T  # noqa: N812 - as autograd's users would

# --- callables ------------------------------------------------------------------------

BINARY = (operator.add, operator.mul, operator.sub, operator.truediv, operator.pow)
UNARY = (operator.neg, operator.pos, operator.abs, builtins.sum, builtins.abs)


def test_functions_of_one_module_of_c_have_their_own_code() -> None:
    for f in (*BINARY, *reversed(BINARY)):
        np.testing.assert_allclose(T.jit(f)(X, X + 1), f(X, X + 1), err_msg=str(f))
        step = (f(2.0 + 1e-6, 3.0) - f(2.0 - 1e-6, 3.0)) / 2e-6
        np.testing.assert_allclose(T.grad(f)(2.0, 3.0), step, rtol=1e-6)
    for f in (*UNARY, *reversed(UNARY)):
        np.testing.assert_allclose(T.jit(f)(X), f(X), err_msg=str(f))


class Alike:
    """Objects that are all equal."""

    def __init__(self, k: float) -> None:
        self.k = k

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike)

    def __hash__(self) -> int:
        return 1

    def __call__(self, x: Any) -> Any:
        return np.sum(x * self.k)

    def loss(self, x: Any) -> Any:
        return np.sum(x * self.k)


@dataclasses.dataclass(frozen=True)
class Record:
    """A frozen record that leaves its array out of the comparison, as one has to."""

    name: str
    k: Any = dataclasses.field(compare=False)

    def __call__(self, x: Any) -> Any:
        return np.sum(x * self.k)

    def loss(self, x: Any) -> Any:
        return np.sum(x * self.k)


@dataclasses.dataclass(slots=True, eq=False)
class Slotted:
    k: Any

    def __call__(self, x: Any) -> Any:
        return np.sum(x * self.k)

    def loss(self, x: Any) -> Any:
        return np.sum(x * self.k)


MAKERS: dict[str, Callable[[Any], Any]] = {
    "equal": Alike,
    "record": functools.partial(Record, "r"),
    "slotted": Slotted,
    "partial": lambda k: functools.partial(np.multiply, k),
    "function": lambda k: lambda x: x * k,
    "transformed": lambda k: T.grad(lambda x: np.sum(x * k)),
}
CALLS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "called": lambda o: lambda x: T.grad(_summed(o))(x),
    "itself": lambda o: lambda x: T.jit(o)(x),
    "method": lambda o: lambda x: T.jit(getattr(o, "loss", o))(x),
    "argument": lambda o: lambda x: T.jit(_call)(o, x),
    "method as argument": lambda o: lambda x: T.jit(_call)(getattr(o, "loss", o), x),
    "in a list": lambda o: lambda x: T.jit(_call_first)([o], x),
    "keyword": lambda o: lambda x: T.jit(_call_named)(x, f=o),
}


def _summed(f: Any) -> Any:
    return lambda x: np.sum(f(x))


def _call(f: Any, x: Any) -> Any:
    return f(x)


def _call_first(fs: Any, x: Any) -> Any:
    return fs[0](x)


def _call_named(x: Any, f: Any) -> Any:
    return f(x)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("maker", MAKERS)
def test_equal_objects_have_their_own_code(maker: str, call: str) -> None:
    first, second = MAKERS[maker](np.ones(3)), MAKERS[maker](np.full(3, 5.0))
    results = [CALLS[call](o)(X) for o in (first, second, first)]
    np.testing.assert_allclose(results[1], 5.0 * np.asarray(results[0]))
    np.testing.assert_array_equal(results[2], results[0])


# --- arguments ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("call", ["argument", "in a list", "keyword"])
def test_what_an_argument_reads_is_read_anew(place: Any, kind: str, call: str) -> None:
    first, *others = VALUES[kind]
    f, put = place(first)
    compiled = CALLS[call](f)
    np.testing.assert_allclose(compiled(X), f(X))
    for new in others:
        put(new)
        np.testing.assert_allclose(compiled(X), f(X))


@pytest.mark.parametrize("place", PLACES)
def test_an_array_that_an_argument_reads_is_read_anew(place: Any) -> None:
    held = np.ones(3)
    f, _ = place(held)
    compiled = T.grad(_call, 1)
    for new in (1.0, 9.0):
        held[0] = new
        factor = 2.0 if place is attribute_of_a_wrapper else 1.0
        np.testing.assert_allclose(compiled(f, X), factor * held)


@pytest.mark.parametrize("make", [Slotted, Alike, functools.partial(Record, "r")])
def test_attributes_of_an_argument_are_read_anew(make: Any) -> None:
    held = make(2.0)
    scaled = T.jit(lambda o, x: x * o.k)
    for new in (2.0, 7.0, np.arange(3.0), 2.0):
        object.__setattr__(held, "k", new)
        np.testing.assert_allclose(scaled(held, X), X * new)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass(frozen=True)
class Settings:
    power: int
    kind: str = "a"


def test_what_cannot_change_is_known_by_its_value(monkeypatch: Any) -> None:
    """Records, strings and numbers made anew for each call are the same to a call."""
    count: list[int] = []
    traced = T.traced
    monkeypatch.setattr(T, "traced", lambda *a: count.append(1) or traced(*a))
    powered = T.jit(lambda s, x: x ** (s.power if isinstance(s, Settings) else 2))
    for power in (2, 2, 3, 3):
        np.testing.assert_allclose(powered(Settings(power), X), X**power)
    assert len(count) == 2
    statics = (Colour.RED, "a" * 3, frozenset([1, 2]), np.dtype("f4"), Alike(1.0).loss)
    for value in statics:
        powered(value, X)
        powered(value, X)
    assert len(count) == 2 + len(statics)
    powered(frozenset([True, 2]), X)  # equal to one above, and another thing
    assert len(count) == 3 + len(statics)


# --- places that no name leads to at once ---------------------------------------------


def objects(folder: Any) -> Any:
    held = np.empty(1, object)
    held[0] = np.ones(3)
    return lambda x: held[0] * x, lambda new: held[0].__setitem__(slice(None), new)


def weak_values(folder: Any) -> Any:
    kept = folder["kept"] = Alike(1.0)
    held = weakref.WeakValueDictionary(k=kept)
    return lambda x: held["k"].k * x, lambda new: setattr(kept, "k", new)


def of_ctypes(folder: Any) -> Any:
    held = (ctypes.c_double * 1)(1.0)
    return lambda x: held[0] * x, lambda new: held.__setitem__(0, new)


def of_a_metaclass(folder: Any) -> Any:
    class Meta(type):
        hidden = 1.0

        @property
        def k(cls) -> Any:
            return cls.hidden

    held = Meta("Held", (), {})
    return lambda x: held.k * x, lambda new: setattr(Meta, "hidden", new)


def by_a_getter(folder: Any) -> Any:
    held, get = Alike(1.0), operator.attrgetter("k")
    return lambda x: get(held) * x, lambda new: setattr(held, "k", new)


def by_a_dotted_getter(folder: Any) -> Any:
    held = Alike(Alike(1.0))
    return (
        lambda x: operator.attrgetter("k.k")(held) * x,
        lambda new: setattr(held.k, "k", new),
    )


def evaluated(folder: Any) -> Any:
    held = Alike(1.0)
    return (
        lambda x: eval("held.k * x", {"held": held, "x": x}),
        lambda new: setattr(held, "k", new),
    )


def code_replaced(folder: Any) -> Any:
    def f(x: Any) -> Any:
        return x * 1.0

    def put(new: float) -> None:
        f.__code__ = eval(f"lambda x: x * {new!r}").__code__

    return f, put


def code_of_a_helper_replaced(folder: Any) -> Any:
    helper, put = code_replaced(folder)
    return lambda x: helper(x), put


def class_replaced(folder: Any) -> Any:
    held = type("A", (), {"k": 1.0})()
    return (
        lambda x: held.k * x,
        lambda new: setattr(held, "__class__", type("B", (), {"k": new})),
    )


@pytest.mark.parametrize(
    "place",
    [
        objects, weak_values, of_ctypes, of_a_metaclass, by_a_getter,
        by_a_dotted_getter, evaluated, code_replaced, code_of_a_helper_replaced,
        class_replaced,
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_argument", [False, True])
def test_a_value_in_a_rare_place_is_read_anew(place: Any, as_argument: bool) -> None:
    f, put = place({})
    compiled = CALLS["argument"](f) if as_argument else T.jit(f)
    np.testing.assert_allclose(compiled(X), X)
    for new in (3.0, 4.0):
        put(new)
        np.testing.assert_allclose(compiled(X), f(X))
        np.testing.assert_allclose(compiled(X), X * new)
