"""Objects whose attributes raise what they like are followed as far as Python can.

Whatever ``__getattr__`` or a property raises tells that there is no such attribute; and
what the function does read of the object is read afresh, never baked in.
"""

import numpy as np
import pytest

from symdiff.transforms import grad

X = np.array([1.0, 2.0])
ERRORS = [AttributeError, KeyError, IndexError, RuntimeError, ValueError, TypeError]


def raising(error):
    """Objects with an attribute ``a``, of classes that raise ``error`` for others."""

    class Own:
        def __init__(self):
            self.a = 2.0

        def __getattr__(self, name):
            raise error(name)

    class Slotted:
        __slots__ = ("a",)

        def __init__(self):
            self.a = 2.0

        def __getattr__(self, name):
            raise error(name)

    class OfClass:
        a = 2.0

        def __getattr__(self, name):
            raise error(name)

    class Boxed:
        def __init__(self):
            vars(self)["held"] = {"a": 2.0}

        def __getattr__(self, name):
            if name not in vars(self)["held"]:
                raise error(name)
            return vars(self)["held"][name]

        def __setattr__(self, name, value):
            vars(self)["held"][name] = value

    class Keyed(dict):
        def __getattr__(self, name):
            if name not in self:
                raise error(name)
            return self[name]

        def __setattr__(self, name, value):
            self[name] = value

    class Property:
        def __init__(self):
            self.a = 2.0

        @property
        def __wrapped__(self):
            raise error("wrapped")

        @property
        def other(self):
            raise error("other")

    keyed = Keyed()
    keyed.a = 2.0
    return [Own(), Slotted(), OfClass(), Boxed(), keyed, Property()]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", range(6))
def test_what_is_captured_is_read_afresh(error, kind):
    held = raising(error)[kind]
    gradient = grad(lambda x: np.sum(x**2 * held.a))
    assert np.array_equal(gradient(X), 4 * X)
    held.a = 5.0
    assert np.array_equal(gradient(X), 10 * X)
    held.a = np.array([1.0, 2.0])
    assert np.array_equal(gradient(X), 2 * X * held.a)
    held.a[0] = 3.0
    assert np.array_equal(gradient(X), 2 * X * held.a)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", [0, 1, 2, 3, 5])  # a dict is a container of leaves
def test_what_is_an_argument_is_read_afresh(error, kind):
    held = raising(error)[kind]
    gradient = grad(lambda x, o: np.sum(x**2 * o.a))
    assert np.array_equal(gradient(X, held), 4 * X)
    held.a = 5.0
    assert np.array_equal(gradient(X, held), 10 * X)
