"""What an argument may be: a container, a value that is fixed, or one clear error."""

import dataclasses
import enum
from collections import deque, namedtuple

import numpy as np
import pytest

from symdiff.transforms import grad

X = np.array([1.0, 2.0, 4.0])
Pair = namedtuple("Pair", "a b")


class Kind(enum.Enum):
    ONE = 1
    TWO = 2


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: object
    b: float = 1.0


@dataclasses.dataclass
class Mutable:
    a: float = 1.0


def scaled(x, factor):
    return np.sum(x * factor)


# What reads an argument, and values of it: each call reads its own.
TAKEN = {
    "tuple": (lambda x, o: scaled(x, o[0]), [(2.0,), (3.0,)]),
    "list": (lambda x, o: scaled(x, o[1]), [[2.0, X], [3.0, X**2]]),
    "dict": (lambda x, o: scaled(x, o["a"]), [{"a": X}, {"a": 2 * X}]),
    "named tuple": (lambda x, o: scaled(x, o.b), [Pair(X, 2.0), Pair(X, 3.0)]),
    "frozen record": (lambda x, o: scaled(x, o.a), [Frozen(2.0), Frozen(3.0)]),
    "slice": (lambda x, o: np.sum(x[o] ** 2), [slice(0, 2), slice(1, 3), slice(2)]),
    "slice of NumPy's numbers": (
        lambda x, o: np.sum(x[o] ** 2),
        [slice(np.int64(0), np.int64(2)), slice(np.int64(1), np.int64(3))],
    ),
    "slices": (
        lambda x, o: np.sum(x[o[1]] ** 2),
        [(slice(0), slice(2)), (slice(0), slice(0, 3, 2))],
    ),
    "enum": (lambda x, o: scaled(x, 2 if o is Kind.ONE else 3), list(Kind)),
    "None": (lambda x, o: scaled(x, 2 if o is None else o), [None, 3.0, None]),
    "string": (lambda x, o: getattr(np, o)(x), ["sum", "mean", "max"]),
    "bytes": (lambda x, o: scaled(x, len(o)), [b"a", b"bb"]),
    "range": (lambda x, o: sum(x[i] for i in o), [range(2), range(1, 3)]),
    "frozenset": (lambda x, o: scaled(x, len(o)), [frozenset([1]), frozenset([1, 2])]),
    "function": (lambda x, o: np.sum(o(x)), [np.sin, np.cos, lambda x: x**2]),
    "dtype": (lambda x, o: scaled(x, o.itemsize), [np.dtype("f4"), np.dtype("f8")]),
    "bool": (lambda x, o: scaled(x, 2 if o else 3), [True, False]),
    "int": (lambda x, o: np.sum(x**o), [2, 3]),
}
REFUSED = {
    "set": {1, 2},
    "bytearray": bytearray(b"a"),
    "deque": deque([1]),
    "mutable record": Mutable(),
    "frozen record that holds an array": Frozen(X),
    "slice of floats": slice(0.0, 2.0),
    "set in a list": [1.0, {1}],
}


@pytest.mark.parametrize("kind", TAKEN)
def test_values_of_one_argument_are_each_read(kind):
    function, values = TAKEN[kind]
    gradient = grad(function)
    for _ in range(2):
        for value in values:
            near = grad(lambda x, held=value: function(x, held))(X)
            step = 1e-6
            slopes = [
                (function(X + d, value) - function(X - d, value)) / (2 * step)
                for d in step * np.eye(3)
            ]
            found = gradient(X, value)
            np.testing.assert_allclose(found, slopes, rtol=1e-6, atol=1e-8)
            np.testing.assert_array_equal(found, near)


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("named", [False, True])
def test_other_arguments_are_named_with_a_remedy(kind, named):
    value = REFUSED[kind]
    where = r"option\.1" if isinstance(value, list) else "option"

    def function(x, option):
        return np.sum(x**2)

    args, kwargs = ((), {"option": value}) if named else ((value,), {})
    with pytest.raises(TypeError, match=rf"(?s)^{where} is .*functools\.partial"):
        grad(function)(X, *args, **kwargs)
    if kind != "slice of floats":  # the remedy works
        bound = grad(lambda x: function(x, value))
        np.testing.assert_array_equal(bound(X), 2 * X)
