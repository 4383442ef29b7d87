"""`sd.trace` and `sd.spec`: plain NumPy functions as `Function`s."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import symdiff as sd


class Pair(NamedTuple):
    """Two arrays."""

    first: object
    second: object


def loss(params, X, y):
    z = X @ params["W"] + params["b"]
    return np.mean(np.logaddexp(0, z) - y * z)


def test_specs_name_the_inputs_and_bind_their_dims():
    function = sd.trace(
        loss,
        {"W": (3,), "b": ()},
        ("N", 3),
        sd.spec(("N",), "int64", low=0, high=2),
    )
    assert function.name == "loss"
    assert [t.name for t in function.inputs] == ["params.W", "params.b", "X", "y"]
    module = sd.compile(function).load()
    rng = np.random.default_rng(0)
    for n in (1, 4):
        X, y, W = rng.normal(size=(n, 3)), rng.integers(0, 2, n), rng.normal(size=3)
        found = module.forward.forward(W, 0.5, X, y)
        assert found == pytest.approx(loss({"W": W, "b": 0.5}, X, y), rel=1e-14)
    with pytest.raises(ValueError, match="y"):
        module.forward.forward(W, 0.5, X, y + 5)


def test_arrays_tensors_and_lengths_are_specs():
    N, x = sd.dim("N"), sd.input("given", (2,))
    function = sd.trace(
        lambda a, b, c, d: (np.sum(a) + d) * np.sum(b) * np.sum(c),
        np.ones((2, 2), "float32"),
        x,
        N,
        2.5,
        name="mixed",
    )
    assert function.name == "mixed"
    assert [t.shape for t in function.inputs] == [(2, 2), (2,), (N,), ()]
    assert function.inputs[1] is x
    assert function.inputs[0].dtype.name == "float"


def test_results_in_containers():
    def f(x):
        return Pair({"a b": x, "c": [x + 1]}, np.sum(x))

    function = sd.trace(f, (3,))
    assert function.output_names == ("first_a_b", "first_c_0", "second")
    single = sd.trace(lambda x: x * 2, (3,))
    assert single.single
    several = sd.trace(lambda x: (x, x * 2), (3,))
    assert len(several.outputs) == 2


def test_integers_mix_with_floats_as_in_numpy():
    def f(x, n):
        total = np.sum(x * np.arange(3)) + n / 2 + np.mean(n == 1)
        return total + np.sum(np.exp(n) * x[n]) + np.sum(np.concatenate([x, n]))

    function = sd.trace(f, (3,), sd.spec((3,), "int64"))
    x, n = np.array([0.1, 0.2, 0.3]), np.array([2, 1, 0])
    value = sd.interpret(list(function.outputs), {"x": x, "n": n})[0]
    np.testing.assert_allclose(value, f(x, n), rtol=1e-14)
    with pytest.raises(sd.DTypeError, match="cast"):  # a declared model says it itself
        sd.input("x", (3,)) * np.arange(3)


def test_the_trace_of_a_matrix_is_still_there():
    x = sd.input("x", (3, 3))
    a = np.arange(9.0).reshape(3, 3)
    assert sd.interpret(sd.trace(x), {"x": a}) == np.trace(a)


def test_what_is_no_spec_is_refused():
    with pytest.raises(sd.DeclarationError, match="function"):
        sd.trace(3, (2,))
    with pytest.raises(sd.DeclarationError, match="a: object"):
        sd.trace(lambda a: a, object())
    with pytest.raises(sd.DeclarationError, match="no array"):
        sd.trace(lambda a: {"x": "text"}, (2,))


def test_names_that_python_keeps_are_changed():
    def random(x):
        return x

    assert sd.trace(random, ()).name == "random_function"
    assert sd.trace(lambda x: x, ()).name == "function"
