"""Constants with a length of 0 keep shape and dtype wherever they are written."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp

import symdiff as sd
from symdiff import transforms

SHAPES = [(0,), (0, 3), (3, 0), (2, 0, 3), (0, 0), (1, 0, 1)]
DTYPES = ["bool", "int32", "uint8", "int64", "float32", "float"]

# Where a constant can stand in a program: `place(c, a, x)` returns a result in which
# the constant `c` is written, and what NumPy makes of its array `a`.
PLACES = {
    "returned": lambda c, a, x: (c, a),
    "operand": lambda c, a, x: (sd.expand_dims(c, 0), a[None]),
    "view": lambda c, a, x: (c.T, a.T),
    "joined": lambda c, a, x: (sd.stack([c, c]), np.stack([a, a])),
    "compared": lambda c, a, x: (c == c, a == a),
    "selected": lambda c, a, x: (sd.where(x[0] > 0, c, c), a),
    "carry": lambda c, a, x: (sd.scan(lambda s, r: (s, r), c, x)[0], a),
    "in a body": lambda c, a, x: (
        sd.scan(lambda s, r: (s, c), x[0], x)[1],
        np.stack([a] * 3),
    ),
    "in a branch": lambda c, a, x: (sd.cond(x[0] > 0, lambda: c, lambda: c), a),
    "in a while": lambda c, a, x: (
        sd.while_loop(
            lambda s: s[0] < 2,
            lambda s: (s[0] + 1, s[1]),
            (sd.constant(0, dtype="int64"), c),
        )[1],
        a,
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_constant_without_elements_keeps_its_shape_and_dtype(dtype, place):
    for shape, level in itertools.product(SHAPES, (0, 1)):
        x = sd.input("x", (3,), dtype="float64")
        array = np.zeros(shape, "float64" if dtype == "float" else dtype)
        result, want = PLACES[place](sd.constant(array, dtype=dtype), array, x)
        function = sd.Function("f", [x], [result])
        module = sd.compile(function, optimize=level, single_file=True).load()
        found = module.forward(np.ones(3))
        assert (found.shape, found.dtype) == (want.shape, want.dtype), (shape, level)


# Functions of an array that meet a constant without elements.
FUNCTIONS = {
    "sum": (lambda x: np.sum(x) + np.zeros((0, 3)), (3,)),
    "product": (lambda x: x @ np.zeros((0, 0)), (3, 0)),
    "matrix by vector": (lambda x: np.zeros((0, 3)) @ x, (3,)),
    "einsum": (lambda x: np.einsum("ij,j->j", np.zeros((0, 3)), x), (3,)),
    "outer": (lambda x: np.outer(x, []), (3,)),
    "kron": (lambda x: np.kron(x, np.zeros((0, 2))), (3, 1)),
    "where": (lambda x: np.where(np.zeros((0, 3), bool), x, 0), (3,)),
    "clip": (lambda x: np.clip(x, np.zeros((0, 3)), 1.0), (3,)),
    "interp": (lambda x: np.interp(np.zeros((0, 3)), [0.0, 1, 2], x), (3,)),
    "vstack": (lambda x: np.vstack([np.empty((0, 3)), x[None]]), (3,)),
    "hstack": (lambda x: np.hstack([[], x]), (3,)),
    "index": (lambda x: x[np.zeros((0, 2), int)], (3,)),
    "list": (lambda x: x[:, []], (2, 3)),
    "two indices": (lambda x: x[np.zeros((2, 0), int), []], (2, 3)),
    "take": (lambda x: np.take(x, np.zeros((2, 0), int), axis=1), (3, 4)),
    "mask": (lambda x: x[np.zeros((0, 3), bool)], (0, 3)),
    "scalar": (lambda x: x * np.zeros((0, 3)), ()),
    "many scalars": (
        lambda x: (
            (np.sin(x) * np.cos(x) + x**2 - np.exp(x) * np.log(x) + np.tan(x))
            * np.zeros((2, 0))
        ),
        (),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_shapes_and_gradients_are_those_of_numpy(name):
    f, shape = FUNCTIONS[name]
    x = np.ones(shape)
    want = f(x)
    compiled = sd.compile(sd.trace(f, x))
    found = compiled.load().forward.forward(x)
    assert (np.shape(found), found.dtype) == (want.shape, want.dtype)
    assert transforms.jacobian(f)(x).shape == want.shape + shape
    # Whatever is read of x is read by sums over nothing, except where x itself is kept.
    expected = np.ones(shape) if name in ("vstack", "hstack") else np.zeros(shape)
    slope = transforms.grad(lambda v: np.sum(f(v)))(x)
    np.testing.assert_array_equal(slope, expected)


def test_a_planned_step_writes_them_too():
    n = sd.dim("N")
    x = sd.input("x", (n, 3))
    w, none = sd.param("w", (3, 2)), sd.param("none", (0, 2), init=np.zeros((0, 2)))
    rows = sd.concatenate([x @ w, np.zeros((0, 2)), none])
    mixed = rows @ np.zeros((2, 0)) @ np.zeros((0, 2)) + sd.tanh(x @ w)
    loss = sd.mean(mixed**2)
    model = sd.Model("empty", [x], [], rows, loss=loss, optimizer=sd.optim.SGD())
    package = sd.compile(model).load()
    state = package.init_state(package.init_params(0, np.float64))
    data = np.ones((4, 3))
    _, readable = package.value_and_grad(state.params, data)
    planned = package.train_step(state, data)
    assert np.isfinite(planned["loss"])
    assert state.grads["none"].shape == (0, 2)
    np.testing.assert_allclose(state.grads["w"], readable["w"], rtol=1e-13)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_a_sympy_matrix_without_entries_keeps_its_shape(shape):
    symbol, x = sp.Symbol("x"), sd.input("x", ())
    for e in (sp.Matrix(*shape, []), sp.ImmutableMatrix(*shape, []) * symbol):
        read = sd.from_sympy(e, {symbol: x})
        assert read.shape == shape
        module = sd.compile(sd.Function("f", [x], [read]), single_file=True).load()
        assert module.forward(np.float64(1)).shape == shape
        assert sd.to_sympy(sd.from_sympy(e, {symbol: 1.0})).shape == shape
