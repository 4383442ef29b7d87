"""What stands between a function and what it reads is looked through.

Python's own wrappers (context managers, dispatch by type, partial methods, caches) and
NumPy's `vectorize` are crossed with numbers, arrays and functions that are held behind
them, and with the ways of handing the outer function over. After each change the
compiled function must give what NumPy gives then.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
from transforms.captured_places import (
    GIVEN,
    VALUES,
    Box,
    Place,
    X,
    apply,
    putter,
    read_anew,
)

from symdiff import transforms as T  # noqa: N812 - as autograd's users would


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


PLACES = (
    context_manager, decorated_by_a_context, cached, single_dispatch,
    single_dispatch_by_default, registered_later, single_dispatch_method,
    partial_method, bound_in_a_partial_method, vectorized, vectorized_exchanged,
    partial_of_a_method, static_and_class_methods, attribute_of_a_partial,
    arguments_of_an_exception, dict_that_holds_itself,
)  # fmt: skip


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_behind_a_wrapper_is_read_anew(
    place: Callable[[Any], Place], kind: str, given: str
) -> None:
    read_anew(place, kind, GIVEN[given])


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
