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
from transforms.captured_places import VALUES, X, read_anew
from transforms.test_captured_names import PLACES, attribute_of_a_wrapper

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.transforms import transformed

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
    read_anew(place, kind, CALLS[call])


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
    traced = transformed.traced
    monkeypatch.setattr(transformed, "traced", lambda *a: count.append(1) or traced(*a))
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


def method_of_an_array(folder: Any) -> Any:
    held = np.eye(3)
    total = held.trace
    return lambda x: total() / 3 * x, lambda new: np.fill_diagonal(held, new)


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
        objects, weak_values, of_ctypes, of_a_metaclass, method_of_an_array,
        by_a_getter, by_a_dotted_getter, evaluated, code_replaced,
        code_of_a_helper_replaced, class_replaced,
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


# --- what is missing at first ---------------------------------------------------------


class Bare:
    """A layer that may be given more later."""


def asks_by_hasattr(o: Any, x: Any) -> Any:
    return x * o.k if hasattr(o, "k") else x


def asks_by_a_default(o: Any, x: Any) -> Any:
    return x * getattr(o, "k", 1.0)


def asks_by_an_error(o: Any, x: Any) -> Any:
    try:
        return x * o.k
    except AttributeError:
        return x


def asks_by_a_helper(o: Any, x: Any) -> Any:
    return asks_by_an_error(o, x)


def asks_by_vars(o: Any, x: Any) -> Any:
    return x * vars(o).get("k", getattr(type(o), "k", 1.0))


ASKING = (
    asks_by_hasattr, asks_by_a_default, asks_by_an_error, asks_by_a_helper,
    asks_by_vars,
)  # fmt: skip


@pytest.mark.parametrize("as_argument", [False, True])
@pytest.mark.parametrize("owner", ["object", "class", "base"])
@pytest.mark.parametrize("ask", ASKING)
def test_an_attribute_that_comes_later_is_seen(
    ask: Any, owner: str, as_argument: bool
) -> None:
    base = type("Base", (Bare,), {})
    kind = type("Kind", (base,), {})
    held = kind()
    where = {"object": held, "class": kind, "base": base}[owner]
    around = T.jit(lambda x: ask(held, x))
    f = functools.partial(T.jit(ask), held) if as_argument else around
    for new in (None, 3.0, 4.0, None, 5.0):
        if new is not None:
            where.k = new
        elif hasattr(held, "k"):
            del where.k
        np.testing.assert_allclose(f(X), ask(held, X))


def test_a_global_that_comes_later_is_seen() -> None:
    space: dict[str, Any] = {}
    lines = "try:", "    return x * late", "except NameError:", "    return x"
    exec("\n    ".join(["def f(x):", *lines]), space)
    compiled = T.jit(space["f"])
    np.testing.assert_allclose(compiled(X), X)
    space["late"] = 3.0
    np.testing.assert_allclose(compiled(X), 3 * X)


def test_a_function_that_counts_in_its_own_attribute_counts() -> None:
    def f(x: Any) -> Any:
        f.n = getattr(f, "n", 0.0) + 1.0
        return x * f.n

    compiled = T.jit(f)
    assert [float(compiled(2.0)) for _ in range(3)] == [2.0, 4.0, 6.0]


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
@pytest.mark.parametrize("form", ["argument", "keyword", "dict", "closure"])
def test_a_generator_that_is_handed_over_is_refused(make: Any, form: str) -> None:
    rng = make(0)
    noisy = T.jit(lambda x, r=None, f=None: x + (f or r["a"].normal)(size=3))
    given: dict[str, dict[str, Any]] = {
        "argument": {"r": {"a": rng}},
        "keyword": {"f": rng.normal},
        "dict": {"r": {"a": rng}},
        "closure": {"f": lambda size: rng.normal(size=size)},
    }
    with pytest.raises(sd.TracingError, match="random"):
        noisy(X, **given[form])


def test_a_pullback_is_not_given_after_a_change() -> None:
    held = Alike(np.ones(3))
    cubes = lambda x: held.k * x**3  # noqa: E731
    pull, _ = T.make_vjp(cubes)(X)
    push = T.make_jvp(cubes)(X)
    np.testing.assert_allclose(pull(np.ones(3)), 3 * X**2)
    held.k = np.full(3, 5.0)
    for stale in (pull, push):
        with pytest.raises(sd.TracingError, match=r"\bk\b.*changed"):
            stale(np.ones(3))
    product, _ = T.make_hvp(lambda x: np.sum(cubes(x)))(X)
    held.k = np.ones(3)
    with pytest.raises(sd.TracingError, match="changed"):
        product(np.ones(3))
