"""Constants are the same by dtype, shape and bytes: not where they compare equal."""

from __future__ import annotations

import re

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms
from symdiff.graph.node import attrs_key, same_array

_NAN = np.copysign(np.nan, 1.0)
_FIRST = np.r_[0.0, 1.0, -2.0]
# Pairs that `==`, `repr` or their values take for one constant.
PAIRS = {
    "sign of all zeros": (np.zeros(3), -np.zeros(3)),
    "sign of one zero": (_FIRST, np.where(_FIRST == 0, -0.0, _FIRST)),
    "sign of a nan": (np.full(3, _NAN), np.copysign(np.full(3, _NAN), -1)),
    "place of a nan": (np.r_[_NAN, 1, -1], np.r_[1, _NAN, -1]),
}


def _long(array, length):
    return np.resize(array, length)


def _signs(a, b):
    """A function that reads no more of the constants than the signs of their bits."""
    return lambda x: np.copysign(x, a) + 10 * np.copysign(x, b)


def _read(a, b):
    return np.copysign(1.0, a) + 10 * np.copysign(1.0, b)


@pytest.mark.parametrize("length", [3, 64, 65, 200])
@pytest.mark.parametrize("pair", PAIRS)
def test_constants_that_are_equal_but_not_the_same_are_both_kept(pair, length):
    a, b = (_long(c, length) for c in PAIRS[pair])
    x = np.ones(length)
    f = _signs(a, b)
    declared = sd.trace(f, x)
    for level in (0, 1):
        module = sd.compile(declared, optimize=level, single_file=True).load()
        np.testing.assert_array_equal(module.forward(x), _read(a, b))
        (slope,) = module.backward(module.forward_with_residuals(x)[1], x)
        np.testing.assert_array_equal(slope, _read(a, b))
    np.testing.assert_array_equal(
        transforms.grad(lambda v: np.sum(f(v)))(x), _read(a, b)
    )


@pytest.mark.parametrize("length", [3, 200])
@pytest.mark.parametrize("pair", PAIRS)
def test_a_module_is_not_taken_for_one_of_an_equal_constant(pair, length):
    found = []
    for c in PAIRS[pair]:
        numbers = _long(c, length).tolist()  # a list is written into the text
        slope = transforms.grad(lambda v, c=numbers: np.sum(np.copysign(v, c)))
        found.append(slope(np.ones(length)))
    for slope, c in zip(found, PAIRS[pair], strict=True):
        np.testing.assert_array_equal(slope, np.copysign(1.0, _long(c, length)))


@pytest.mark.parametrize("pair", PAIRS)
def test_a_loop_keeps_both(pair):
    a, b = (_long(c, 100) for c in PAIRS[pair])

    def f(x):
        step = lambda s, row: (s + np.copysign(row, a), s + np.copysign(row, b))  # noqa: E731
        total, stacked = sd.scan(step, np.zeros(100) * x[0], x)
        return total + 10 * stacked[-1]

    x = np.ones((1, 100))
    module = sd.compile(sd.trace(f, x), single_file=True).load()
    np.testing.assert_array_equal(module.forward(x), _read(a, b))


@pytest.mark.parametrize("pair", PAIRS)
def test_every_key_tells_them_apart(pair):
    a, b = PAIRS[pair]
    assert not same_array(a, b)
    assert same_array(a, a.copy())
    one, other = sd.constant(a), sd.constant(b)
    assert one.node is not other.node
    assert attrs_key(one.node.attrs) != attrs_key(other.node.attrs)
    x = sd.input("x", (3,))
    made = [sd.Function("f", [x], [sd.copysign(x, c)]) for c in (one, other)]
    texts = [str(sd.compile(f, single_file=True)["f"]) for f in made]
    hashes = {re.search(r"graph ([0-9a-f]+)", t)[1] for t in texts}
    assert len(hashes) == 2


def test_scalars_keep_the_sign_of_a_nan_and_of_zero():
    for number in (0.0, -0.0, _NAN, -_NAN):
        f = lambda x, c=number: np.copysign(x, c)  # noqa: E731
        value, slope = transforms.value_and_grad(f)(2.0)
        sign = np.copysign(1.0, number)
        assert (value, slope) == (2 * sign, sign), number


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float32"])
@pytest.mark.parametrize("length", [3, 100])
def test_a_constant_has_its_declared_dtype_at_any_length(dtype, length):
    x = sd.input("x", (length,))
    numbers = np.arange(length) % 2
    for given in (numbers, numbers.astype(">i4"), numbers.astype("<f8")):
        c = sd.constant(given, dtype=dtype)
        assert c.node is sd.constant(numbers.astype(dtype), dtype=dtype).node
        function = sd.Function("f", [x], [c])
        found = sd.compile(function, single_file=True).load().forward(np.ones(length))
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(found, numbers.astype(dtype))


@pytest.mark.parametrize("length", [3, 100])
def test_what_is_returned_of_a_constant_can_be_written(length):
    x = sd.input("x", (length,))
    c = sd.constant(np.arange(length))
    outputs = [c, c[1:], sd.reshape(c, (1, length))]
    function = sd.Function("f", [x], outputs)
    module = sd.compile(function, single_file=True).load()
    first = module.forward(np.ones(length))
    kept = [np.array(r) for r in first]
    for r in first:
        r[...] = -1
    for again, was in zip(module.forward(np.ones(length)), kept, strict=True):
        np.testing.assert_array_equal(again, was)


def test_initial_values_that_are_equal_but_not_the_same_are_both_stored():
    x = sd.input("x", (sd.dim("N"), 100))
    a, b = (_long(c, 100) for c in PAIRS["sign of one zero"])
    u, v = sd.param("u", (100,), init=a), sd.param("v", (100,), init=b)
    loss = sd.mean((x * u + v) ** 2)
    model = sd.Model("signs", [x], [], x * u, loss=loss, optimizer=sd.optim.SGD())
    made = sd.compile(model, single_file=True).load().init_params(0, np.float64)
    np.testing.assert_array_equal(np.signbit(made["u"]), np.signbit(a))
    np.testing.assert_array_equal(np.signbit(made["v"]), np.signbit(b))
