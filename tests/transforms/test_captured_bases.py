"""What is read by way of `super()`, or in a library's class, is read anew.

Each is crossed with numbers, arrays and functions that are held there, and with the
ways of handing the outer function over.
"""

from __future__ import annotations

import enum
import fractions
import types
from collections import UserDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from transforms.captured_places import (
    GIVEN,
    VALUES,
    Box,
    Place,
    apply,
    putter,
    read_anew,
)

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
    of_the_base, of_a_box_in_the_base, patched_in_the_base, attribute_of_the_base,
    property_of_the_base, mixed_in, operator_of_the_base, made_by_the_base,
    value_of_an_enum, property_of_a_dynamic_class, method_of_a_library,
    property_of_a_library, attribute_of_an_array, missing_of_a_dict,
    factory_of_a_dict,
)  # fmt: skip


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_behind_a_wrapper_is_read_anew(
    place: Callable[[Any], Place], kind: str, given: str
) -> None:
    read_anew(place, kind, GIVEN[given])
