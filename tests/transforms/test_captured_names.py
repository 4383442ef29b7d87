"""What is read by a name is read anew, wherever the name is looked up.

Every place where Python finds a value (a class, its base, an instance that comes to
shadow it, a function's attributes and defaults, a decorator, a wrapped mapping, a
context variable, ...) is crossed with numbers, arrays and functions held there. After
each change the compiled function must give what NumPy gives then.
"""

from __future__ import annotations

import array
import contextvars
import functools
import os
import sys
import threading
import types
import weakref
from collections import ChainMap, UserDict, UserList
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from transforms.captured_places import VALUES, Place, X, apply, read_anew

from symdiff import transforms as T  # noqa: N812 - as autograd's users would


def class_through_an_instance(v: Any) -> Place:
    class C:
        k = v if not callable(v) else staticmethod(v)

        def loss(self, x: Any) -> Any:
            return apply(x, self.k)

    def put(new: Any) -> None:
        C.k = staticmethod(new) if callable(new) else new

    return C().loss, put


def class_by_its_name(v: Any) -> Place:
    class C:
        k = v

    return lambda x: apply(x, C.k), lambda new: setattr(C, "k", new)


def base_class(v: Any) -> Place:
    class B:
        k = staticmethod(v) if callable(v) else v

    class C(B):
        def loss(self, x: Any) -> Any:
            return apply(x, self.k)

    put = lambda new: setattr(B, "k", staticmethod(new) if callable(new) else new)  # noqa: E731
    return C().loss, put


def type_of_self(v: Any) -> Place:
    class C:
        k = v

        def __init__(self) -> None:
            self.k = 100.0

        def loss(self, x: Any) -> Any:
            return apply(x, type(self).k)

    return C().loss, lambda new: setattr(C, "k", new)


def instance_comes_to_shadow(v: Any) -> Place:
    class C:
        k = staticmethod(v) if callable(v) else v

        def loss(self, x: Any) -> Any:
            return apply(x, self.k)

    c = C()
    return c.loss, lambda new: setattr(c, "k", new)


def instance_of_a_dataclass(v: Any) -> Place:
    @dataclass
    class C:
        k: Any = v if not isinstance(v, np.ndarray) else 1.0

        def loss(self, x: Any) -> Any:
            return apply(x, self.k)

    c = C(v)
    return c.loss, lambda new: setattr(c, "k", new)


def classmethod_of(v: Any) -> Place:
    class C:
        k = v

        @classmethod
        def loss(cls, x: Any) -> Any:
            return apply(x, cls.k)

    return C.loss, lambda new: setattr(C, "k", new)


def property_of(v: Any) -> Place:
    class C:
        def __init__(self) -> None:
            self.inner = v

        @property
        def k(self) -> Any:
            return self.inner

    c = C()
    return lambda x: apply(x, c.k), lambda new: setattr(c, "inner", new)


def method_patched(v: Any) -> Place:
    class C:
        def k(self) -> Any:
            return v

    c = C()
    return lambda x: apply(x, c.k()), lambda new: setattr(C, "k", lambda self: new)


def method_patched_on_the_instance(v: Any) -> Place:
    class C:
        def k(self) -> Any:
            return v

    c = C()
    return lambda x: apply(x, c.k()), lambda new: setattr(c, "k", lambda: new)


def operator_of(v: Any) -> Place:
    class C:
        def __init__(self) -> None:
            self.hidden = v

        def __getitem__(self, index: int) -> Any:
            return self.hidden

    c = C()
    return lambda x: apply(x, c[0]), lambda new: setattr(c, "hidden", new)


def call_of(v: Any) -> Place:
    class C:
        hidden = staticmethod(v) if callable(v) else v

        def __call__(self, x: Any) -> Any:
            return apply(x, self.hidden)

    put = lambda new: setattr(C, "hidden", staticmethod(new) if callable(new) else new)  # noqa: E731
    return C(), put


def made_inside(v: Any) -> Place:
    class C:
        k = staticmethod(v) if callable(v) else v

        def __init__(self, x: Any) -> None:
            self.result = apply(x, self.k)

    put = lambda new: setattr(C, "k", staticmethod(new) if callable(new) else new)  # noqa: E731
    return lambda x: C(x).result, put


def by_a_string(v: Any) -> Place:
    held = types.SimpleNamespace(k=v)
    return lambda x: apply(x, getattr(held, "k")), lambda new: setattr(held, "k", new)  # noqa: B009


def by_vars(v: Any) -> Place:
    held = types.SimpleNamespace(k=v)
    return lambda x: apply(x, vars(held)["k"]), lambda new: setattr(held, "k", new)


def attribute_of_a_function(v: Any) -> Place:
    def f(x: Any) -> Any:
        return apply(x, f.k)

    f.k = v
    return f, lambda new: setattr(f, "k", new)


def attribute_of_a_wrapper(v: Any) -> Place:
    def scaled(inner: Any) -> Any:
        @functools.wraps(inner)
        def wrapper(x: Any) -> Any:
            return inner(apply(x, wrapper.k))

        return wrapper

    wrapper = scaled(lambda s: s * 2.0)
    wrapper.k = v
    return wrapper, lambda new: setattr(wrapper, "k", new)


def defaults_of(v: Any) -> Place:
    def h(x: Any, k: Any = v) -> Any:
        return apply(x, k)

    return lambda x: h(x), lambda new: setattr(h, "__defaults__", (new,))


def keyword_defaults_of(v: Any) -> Place:
    def h(x: Any, *, k: Any = v) -> Any:
        return apply(x, k)

    return lambda x: h(x), lambda new: h.__kwdefaults__.update(k=new)


def keyword_of_a_partial(v: Any) -> Place:
    p = functools.partial(lambda x, k: apply(x, k), k=v)
    return lambda x: p(x), lambda new: p.keywords.update(k=new)


def user_dict(v: Any) -> Place:
    held = UserDict(k=v)
    return lambda x: apply(x, held["k"]), lambda new: held.update(k=new)


def user_list(v: Any) -> Place:
    held = UserList([v])
    return lambda x: apply(x, held[0]), lambda new: held.__setitem__(0, new)


def chain_map(v: Any) -> Place:
    held = ChainMap({}, {"k": v})
    return lambda x: apply(x, held["k"]), lambda new: held.update(k=new)


def mapping_proxy(v: Any) -> Place:
    inner = {"k": v}
    held = types.MappingProxyType(inner)
    return lambda x: apply(x, held["k"]), lambda new: inner.update(k=new)


def context_variable(v: Any) -> Place:
    var: contextvars.ContextVar[Any] = contextvars.ContextVar("var")
    var.set(v)
    return lambda x: apply(x, var.get()), lambda new: var.set(new)


def thread_local(v: Any) -> Place:
    held = threading.local()
    held.k = v
    return lambda x: apply(x, held.k), lambda new: setattr(held, "k", new)


def module_without_a_file(v: Any) -> Place:
    module = types.ModuleType("settings_of_a_test")
    module.k = v
    return lambda x: apply(x, module.k), lambda new: setattr(module, "k", new)


def module_imported_inside(v: Any) -> Place:
    module = types.ModuleType("settings_imported_inside")
    module.k = v
    sys.modules[module.__name__] = module

    def f(x: Any) -> Any:
        import settings_imported_inside

        return apply(x, settings_imported_inside.k)

    return f, lambda new: setattr(module, "k", new)


def weak_reference(v: Any) -> Place:
    class Held:
        pass

    held = KEPT[len(KEPT)] = Held()
    held.k = v
    ref = weakref.ref(held)
    return lambda x: apply(x, ref().k), lambda new: setattr(held, "k", new)


KEPT: dict[int, Any] = {}
PLACES = (
    class_through_an_instance, class_by_its_name, base_class, type_of_self,
    instance_comes_to_shadow, instance_of_a_dataclass, classmethod_of, property_of,
    method_patched, method_patched_on_the_instance, operator_of, call_of, made_inside,
    by_a_string, by_vars, attribute_of_a_function, attribute_of_a_wrapper, defaults_of,
    keyword_defaults_of, keyword_of_a_partial, user_dict, user_list, chain_map,
    mapping_proxy, context_variable, thread_local, module_without_a_file,
    module_imported_inside, weak_reference,
)  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("place", PLACES)
def test_a_value_is_read_anew(place: Callable[[Any], Place], kind: str) -> None:
    read_anew(place, kind, T.jit)


@pytest.mark.parametrize("place", PLACES)
def test_an_array_written_in_place_is_read_anew(place: Callable[[Any], Place]) -> None:
    held = np.ones(3)
    f, _ = place(held)
    compiled = T.grad(f)
    for new in (1.0, 9.0):
        held[0] = new
        factor = 2.0 if place is attribute_of_a_wrapper else 1.0
        np.testing.assert_allclose(compiled(X), factor * held)


def test_an_attribute_that_is_deleted_leaves_that_of_the_class() -> None:
    f, put = instance_comes_to_shadow(2.0)
    compiled = T.jit(f)
    put(3.0)
    assert compiled(X) == 3.0 * X.sum()
    del f.__self__.k
    assert compiled(X) == 2.0 * X.sum()


def test_another_thread_has_its_own() -> None:
    f, _ = thread_local(2.0)
    local = f.__closure__[0].cell_contents
    compiled, found = T.jit(f), []
    assert compiled(X) == 2.0 * X.sum()

    def other() -> None:
        local.k = 3.0
        found.append(compiled(X))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert found == [3.0 * X.sum()]
    assert compiled(X) == 2.0 * X.sum()


def test_the_environment_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = T.jit(lambda x: x * float(os.environ.get("FACTOR_OF_A_TEST", "1")))
    np.testing.assert_allclose(compiled(X), X)
    monkeypatch.setenv("FACTOR_OF_A_TEST", "2")
    np.testing.assert_allclose(compiled(X), 2 * X)


def test_a_buffer_in_a_class_is_read_anew() -> None:
    class C:
        k = array.array("d", [1.0, 2.0])

    compiled = T.jit(lambda x: x * C.k[0])
    np.testing.assert_allclose(compiled(X), X)
    C.k[0] = 5.0
    np.testing.assert_allclose(compiled(X), 5 * X)
