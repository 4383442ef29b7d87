"""What stands between a function and what it reads is looked through.

Python's own wrappers (context managers, dispatch by type, partial methods, caches),
NumPy's `vectorize`, `super()`, what a library's classes hand down, and the methods of
named tuples and other containers of the user's are crossed with numbers, arrays and
functions that are held behind them, and with the ways of handing the outer function
over. After each change the compiled function must give what NumPy gives then.
"""

from __future__ import annotations

import contextlib
import enum
import fractions
import functools
import types
from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest

from symdiff import transforms as T  # noqa: N812 - as autograd's users would

X = np.array([1.5, 2.5, 3.5])

# A place: a function of x that reads a value there, and what puts a value there.
Place = tuple[Callable[[Any], Any], Callable[[Any], Any]]


class Box:
    """Holds a value; each place has one of its own."""

    def __init__(self, k: Any) -> None:
        self.k = k


def apply(x: Any, v: Any) -> Any:
    return v(x) if callable(v) else np.sum(x * v)


def putter(box: Box) -> Callable[[Any], Any]:
    return lambda new: setattr(box, "k", new)


# --- wrappers of Python and NumPy -----------------------------------------------------


def context_manager(v: Any) -> Place:
    box = Box(v)

    @contextlib.contextmanager
    def scope() -> Iterator[Any]:
        yield box.k

    def f(x: Any) -> Any:
        with scope() as k:
            return apply(x, k)

    return f, putter(box)


def decorated_by_a_context(v: Any) -> Place:
    box, now = Box(v), Box(None)

    @contextlib.contextmanager
    def scope() -> Iterator[None]:
        now.k = box.k
        yield
        now.k = None

    @scope()
    def f(x: Any) -> Any:
        return apply(x, now.k)

    return lambda x: f(x), putter(box)


def cached(v: Any) -> Place:
    box = Box(v)
    inner = functools.lru_cache(maxsize=0)(lambda: box.k)
    return lambda x: apply(x, inner()), putter(box)


def single_dispatch(v: Any) -> Place:
    box = Box(v)

    @functools.singledispatch
    def k(key: Any) -> Any:
        return None

    @k.register
    def _(key: int) -> Any:
        return box.k

    return lambda x: apply(x, k(1)), putter(box)


def single_dispatch_by_default(v: Any) -> Place:
    box = Box(v)
    k = functools.singledispatch(lambda key: box.k)
    return lambda x: apply(x, k("a")), putter(box)


def registered_later(v: Any) -> Place:
    @functools.singledispatch
    def k(key: Any) -> Any:
        return v

    return lambda x: apply(x, k(1)), lambda new: k.register(int, lambda key: new)


def single_dispatch_method(v: Any) -> Place:
    box = Box(v)

    class C:
        @functools.singledispatchmethod
        def k(self, key: Any) -> Any:
            return None

        @k.register
        def _(self, key: int) -> Any:
            return box.k

    c = C()
    return lambda x: apply(x, c.k(1)), putter(box)


def partial_method(v: Any) -> Place:
    box = Box(v)

    class C:
        def general(self, x: Any, which: str) -> Any:
            return apply(x, getattr(box, which))

        k = functools.partialmethod(general, which="k")

    c = C()
    return lambda x: c.k(x), putter(box)


def bound_in_a_partial_method(v: Any) -> Place:
    class C:
        def general(self, x: Any, box: Any) -> Any:
            return apply(x, box.k)

        held = Box(v)
        of = functools.partialmethod(general, box=held)

    c = C()
    return lambda x: c.of(x), putter(C.held)


def vectorized(v: Any) -> Place:
    box = Box(v)
    number = lambda v: float(np.sum(v(X) if callable(v) else v))  # noqa: E731
    k = np.vectorize(lambda i: number(box.k))
    return lambda x: np.sum(x * k(np.arange(3))), putter(box)


def vectorized_exchanged(v: Any) -> Place:
    k = np.vectorize(lambda i: 1.0)

    def put(new: Any) -> None:
        number = float(np.sum(new)) if not callable(new) else float(new(X))
        k.pyfunc = lambda i: number

    put(v)
    return lambda x: np.sum(x * k(np.arange(3))), put


def partial_of_a_method(v: Any) -> Place:
    class C:
        def __init__(self) -> None:
            self.k = v

        def general(self, x: Any, times: float) -> Any:
            return times * apply(x, self.k)

    c = C()
    return functools.partial(c.general, times=2.0), lambda new: setattr(c, "k", new)


def static_and_class_methods(v: Any) -> Place:
    box = Box(v)

    class C:
        @staticmethod
        def inner() -> Any:
            return box.k

        @classmethod
        def k(cls) -> Any:
            return cls.inner()

    return lambda x: apply(x, C.k()), putter(box)


def attribute_of_a_partial(v: Any) -> Place:
    p = functools.partial(np.multiply, 2.0)
    p.k = v
    return lambda x: apply(p(x), p.k), lambda new: setattr(p, "k", new)


def arguments_of_an_exception(v: Any) -> Place:
    error = ValueError([v])
    put = lambda new: error.args[0].__setitem__(0, new)  # noqa: E731
    return lambda x: apply(x, error.args[0][0]), put


def dict_that_holds_itself(v: Any) -> Place:
    held: dict[str, Any] = {"k": v}
    held["again"] = [held]
    return lambda x: apply(x, held["again"][0]["k"]), lambda new: held.update(k=new)


# --- super() --------------------------------------------------------------------------


def of_the_base(v: Any) -> Place:
    class B:
        def loss(self, x: Any) -> Any:
            return apply(x, self.hidden)

    class C(B):
        def loss(self, x: Any) -> Any:
            return 2.0 * super().loss(x)

    c = C()
    c.hidden = v
    return lambda x: c.loss(x), lambda new: setattr(c, "hidden", new)


def of_a_box_in_the_base(v: Any) -> Place:
    box = Box(v)

    class A:
        def loss(self, x: Any) -> Any:
            return apply(x, box.k)

    class B(A):
        def loss(self, x: Any) -> Any:
            return 2.0 * super().loss(x)

    class C(B):
        def loss(self, x: Any) -> Any:
            return 3.0 * super().loss(x)

    return C().loss, putter(box)


def patched_in_the_base(v: Any) -> Place:
    class B:
        def loss(self, x: Any) -> Any:
            return apply(x, v)

    class C(B):
        def loss(self, x: Any) -> Any:
            return 2.0 * super().loss(x)

    put = lambda new: setattr(B, "loss", lambda self, x: apply(x, new))  # noqa: E731
    return C().loss, put


def attribute_of_the_base(v: Any) -> Place:
    class B:
        k = v

    class C(B):
        k = 100.0

        def loss(self, x: Any) -> Any:
            return apply(x, super(C, type(self)).k)

    return C().loss, lambda new: setattr(B, "k", new)


def property_of_the_base(v: Any) -> Place:
    box = Box(v)

    class B:
        @property
        def k(self) -> Any:
            return box.k

    class C(B):
        @property
        def k(self) -> Any:
            return super().k

    c = C()
    return lambda x: apply(x, c.k), putter(box)


def mixed_in(v: Any) -> Place:
    """The class that comes next is no base of the one that calls super()."""
    box = Box(v)

    class Root:
        def loss(self, x: Any) -> Any:
            return np.sum(x)

    class Left(Root):
        def loss(self, x: Any) -> Any:
            return 2.0 * super().loss(x)

    class Right(Root):
        def loss(self, x: Any) -> Any:
            return apply(x, box.k)

    return type("Both", (Left, Right), {})().loss, putter(box)


def operator_of_the_base(v: Any) -> Place:
    box = Box(v)

    class B:
        def __call__(self, x: Any) -> Any:
            return apply(x, box.k)

    class C(B):
        def __call__(self, x: Any) -> Any:
            return 2.0 * super().__call__(x)

    return C(), putter(box)


def made_by_the_base(v: Any) -> Place:
    box = Box(v)

    class B:
        def __init__(self) -> None:
            self.k = box.k

    class C(B):
        def __init__(self) -> None:
            super().__init__()

    return lambda x: apply(x, C().k), putter(box)


# --- methods and properties of a library's classes ------------------------------------


def value_of_an_enum(v: Any) -> Place:
    class C(enum.Enum):
        A = [v]

    return lambda x: apply(x, C.A.value[0]), lambda new: C.A.value.__setitem__(0, new)


def property_of_a_dynamic_class(v: Any) -> Place:
    class C:
        @types.DynamicClassAttribute
        def k(self) -> Any:
            return self.hidden

    c = C()
    c.hidden = v
    return lambda x: apply(x, c.k), lambda new: setattr(c, "hidden", new)


def method_of_a_library(v: Any) -> Place:
    """`pop` and `get` of a mapping of the standard library read `data`."""

    class C(UserDict):
        pass

    c = C(k=v)
    return lambda x: apply(x, c.get("k")), lambda new: setattr(c, "data", {"k": new})


def property_of_a_library(v: Any) -> Place:
    class C(fractions.Fraction):
        pass

    c = C(1, 2)
    put = lambda new: setattr(c, "_numerator", new)  # noqa: E731
    put(v)
    return lambda x: apply(x, c.numerator), put


def attribute_of_an_array(v: Any) -> Place:
    class C(np.ndarray):
        pass

    c = np.ones(2).view(C)
    c.k = v
    return lambda x: apply(x, c.k), lambda new: setattr(c, "k", new)


# --- methods of containers ------------------------------------------------------------

BEHIND: list[Box] = [Box(1.0)]


class Named(NamedTuple):
    size: float

    def loss(self, x: Any) -> Any:
        return self.size * apply(x, BEHIND[0].k)


class OfTuple(tuple):
    def loss(self, x: Any) -> Any:
        return self[0] * apply(x, BEHIND[0].k)


class OfList(list):
    def loss(self, x: Any) -> Any:
        return self[0] * apply(x, BEHIND[0].k)


class OfDict(dict):
    def loss(self, x: Any) -> Any:
        return self["size"] * apply(x, BEHIND[0].k)


class OfOrdered(OrderedDict):
    def loss(self, x: Any) -> Any:
        return self["size"] * apply(x, BEHIND[0].k)


class OfUserDict(UserDict):
    def loss(self, x: Any) -> Any:
        return self["size"] * apply(x, BEHIND[0].k)


MADE: dict[str, Callable[[], Any]] = {
    "named tuple": lambda: Named(2.0),
    "tuple": lambda: OfTuple([2.0]),
    "list": lambda: OfList([2.0]),
    "dict": lambda: OfDict(size=2.0),
    "ordered": lambda: OfOrdered(size=2.0),
    "user dict": lambda: OfUserDict(size=2.0),
}


def missing_of_a_dict(v: Any) -> Place:
    box = Box(v)

    class C(dict):
        def __missing__(self, key: str) -> Any:
            return box.k

    c = C()
    return lambda x: apply(x, c["k"]), putter(box)


def factory_of_a_dict(v: Any) -> Place:
    box = Box(v)

    def f(x: Any) -> Any:
        return apply(x, defaultdict(lambda: box.k)["k"])

    return f, putter(box)


PLACES = (
    context_manager, decorated_by_a_context, cached, single_dispatch,
    single_dispatch_by_default, registered_later, single_dispatch_method,
    partial_method, bound_in_a_partial_method, vectorized, vectorized_exchanged,
    partial_of_a_method, static_and_class_methods, of_the_base, of_a_box_in_the_base,
    patched_in_the_base, attribute_of_the_base, property_of_the_base, mixed_in,
    operator_of_the_base, made_by_the_base, missing_of_a_dict, factory_of_a_dict,
    value_of_an_enum, property_of_a_dynamic_class, method_of_a_library,
    property_of_a_library, attribute_of_an_array, attribute_of_a_partial,
    arguments_of_an_exception, dict_that_holds_itself,
)  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "number": [2.0, 3.0, 2.0, 5],
    "array": [np.ones(3), np.arange(3.0), np.ones(3), np.array([1, 2, 3])],
    "function": [np.sum, lambda x: np.sum(x**2), lambda x: x[0] * 4.0],
}
# The outer function is closed over, or handed over among the arguments.
GIVEN: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "closed over": lambda f: T.jit(lambda x: f(x)),
    "given": lambda f: functools.partial(T.jit(lambda x, g: g(x)), g=f),
}


def check(compiled: Any, f: Any) -> None:
    for _ in range(2):
        np.testing.assert_allclose(compiled(X), f(X))


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_behind_a_wrapper_is_read_anew(
    place: Callable[[Any], Place], kind: str, given: str
) -> None:
    first, *others = VALUES[kind]
    f, put = place(first)
    compiled = GIVEN[given](f)
    check(compiled, f)
    for new in others:
        put(new)
        check(compiled, f)


WAYS = ("closed over", "argument", "in a list", "keyword")
# Others become plain ones as arguments, without methods, or are refused.
ARGUMENTS = ("named tuple", "dict", "ordered")


@pytest.mark.parametrize(
    ("made", "given"),
    [(m, g) for m in MADE for g in WAYS if g == "closed over" or m in ARGUMENTS],
)
def test_what_methods_of_containers_read_is_read_anew(made: str, given: str) -> None:
    held = MADE[made]()
    loss = T.grad(lambda x: held.loss(x))
    of_argument = T.grad(lambda x, p: p.loss(x))
    compiled = {
        "closed over": loss,
        "argument": lambda x: of_argument(x, held),
        "in a list": lambda x: T.grad(lambda x, p: p[0].loss(x))(x, [held]),
        "keyword": lambda x: of_argument(x, p=held),
    }[given]
    for k in (1.0, 3.0, np.arange(3.0), 1.0):
        BEHIND[0].k = k
        np.testing.assert_allclose(compiled(X), 2.0 * k * np.ones(3))


class AnyName:
    """Has an attribute of any name, another object at each asking."""

    def __init__(self, k: Any) -> None:
        self.k = k

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return AnyName(1.0)


class Counting:
    """Counts how often properties run that no code reads."""

    def __init__(self, k: Any) -> None:
        self.k, self.ran = k, 0

    @property
    def func(self) -> Any:
        self.ran += 1

    registry = dispatcher = pyfunc = func


@pytest.mark.parametrize("kind", [AnyName, Counting, mock.MagicMock, mock.Mock])
@pytest.mark.parametrize("given", ["closed over", "argument"])
def test_objects_are_not_asked_for_what_no_code_reads(kind: Any, given: str) -> None:
    held = kind(k=2.0)
    compiled = T.grad(lambda x: np.sum(x * held.k))
    if given == "argument":
        compiled = functools.partial(T.grad(lambda x, h: np.sum(x * h.k)), h=held)
    for k in (2.0, 3.0, np.arange(3.0), 2.0):
        held.k = k
        for _ in range(2):
            np.testing.assert_allclose(compiled(X), k * np.ones(3))
    if kind is Counting:
        assert held.ran == 0
