"""`symdiff.transforms`: signatures, containers, dtypes, nesting."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.graph.errors import DeclarationError, DerivativeError, DTypeError

X = np.array([0.5, -1.0, 2.0])


class Layer(NamedTuple):
    """Arrays with names."""

    W: Any
    b: Any


def cubes(x):
    return np.sum(x**3)


# --- signatures -----------------------------------------------------------------------


def test_gradient_and_value():
    np.testing.assert_allclose(T.grad(cubes)(X), 3 * X**2)
    value, found = T.value_and_grad(cubes)(X)
    assert value == pytest.approx(np.sum(X**3))
    np.testing.assert_allclose(found, 3 * X**2)
    assert isinstance(found, np.ndarray)
    assert isinstance(value, float)


@pytest.mark.parametrize("argnum", [1, -1])
def test_argnum_is_a_position(argnum):
    found = T.grad(lambda a, b: np.sum(a * b**2), argnum)(X, 2 * X)
    np.testing.assert_allclose(found, 4 * X**2)


def test_argnum_is_a_tuple():
    a, b = T.grad(lambda a, b: np.sum(a * b**2), (0, 1))(X, 2 * X)
    np.testing.assert_allclose(a, 4 * X**2)
    np.testing.assert_allclose(b, 4 * X**2)
    (only,) = T.grad(cubes, (0,))(X)
    np.testing.assert_allclose(only, 3 * X**2)


def test_keyword_arguments_are_passed():
    def loss(x, *, power, weights=None):
        return np.sum(x**power if weights is None else weights * x**power)

    np.testing.assert_allclose(T.grad(loss)(X, power=2), 2 * X)
    found = T.grad(loss)(X, power=3, weights=X)
    np.testing.assert_allclose(found, 3 * X**3)


def test_aux_comes_beside():
    def loss(x):
        return np.sum(x**2), {"double": 2 * x, "note": "kept", "n": x.size}

    value, aux = T.grad(loss, has_aux=True)(X)
    np.testing.assert_allclose(value, 2 * X)
    np.testing.assert_allclose(aux["double"], 2 * X)
    assert (aux["note"], aux["n"]) == ("kept", 3)
    (value, aux), found = T.value_and_grad(loss, has_aux=True)(X)
    assert value == pytest.approx(np.sum(X**2))
    np.testing.assert_allclose(found, 2 * X)


def test_products():
    def f(x):
        return np.stack([np.prod(x), np.sum(x**2), x[0] * x[2]])

    J = np.array([[-2.0, 1.0, -0.5], 2 * X, [X[2], 0, X[0]]])
    v = np.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(T.jacobian(f)(X), J)
    np.testing.assert_allclose(T.vjp(f)(X, v), v @ J)
    np.testing.assert_allclose(T.jvp(f)(X, v), J @ v)
    product, value = T.make_vjp(f)(X)
    np.testing.assert_allclose(product(v), v @ J)
    np.testing.assert_allclose(value, f(X))
    value, tangent = T.make_jvp(f)(X)(v)
    np.testing.assert_allclose(value, f(X))
    np.testing.assert_allclose(tangent, J @ v)


def test_second_order():
    H = np.diag(6 * X)
    v = np.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(T.hessian(cubes)(X), H, atol=1e-15)
    np.testing.assert_allclose(T.hvp(cubes)(X, v), H @ v)
    np.testing.assert_allclose(T.hvp(cubes)(X, np.array([1, 2, -1])), H @ v)
    product, gradient = T.make_hvp(cubes)(X)
    np.testing.assert_allclose(product(v), H @ v)
    np.testing.assert_allclose(gradient, 3 * X**2)
    H3 = T.hessian(lambda x: x**3)(X)
    assert H3.shape == (3, 3, 3)
    np.testing.assert_allclose(H3[1], np.diag([0, 6 * X[1], 0]), atol=1e-15)


def test_rows_that_are_independent():
    A = np.random.default_rng(0).normal(size=(5, 3))

    def rows(A):
        return np.stack([A[:, 0] * A[:, 1], np.sin(A[:, 2])], axis=1)

    blocks = T.jacobian(rows, batch_dims=1)(A)
    assert blocks.shape == (5, 2, 3)
    dense = T.jacobian(rows)(A)
    np.testing.assert_allclose(blocks, dense[np.arange(5), :, np.arange(5)])


def test_elementwise():
    np.testing.assert_allclose(T.elementwise_grad(np.tanh)(X), 1 - np.tanh(X) ** 2)


def test_a_result_of_one_element_is_a_scalar():
    np.testing.assert_allclose(T.grad(lambda x: np.sum(x**2, keepdims=True))(X), 2 * X)


def test_a_result_that_does_not_depend_has_a_zero_gradient():
    np.testing.assert_array_equal(T.grad(lambda x: 2.0)(X), np.zeros(3))
    value, found = T.value_and_grad(lambda x, y: np.sum(y))(X, X)
    assert value == pytest.approx(1.5)
    np.testing.assert_array_equal(found, np.zeros(3))


def test_raw_formulas_are_stable_in_every_transform():
    """As on graphs: the sigmoid at its ends, and the norm at the origin."""

    def squash(x):
        return 1 / (1 + np.exp(-x))

    def length(v):
        return np.sqrt(np.sum(v**2))

    for x in (-1000.0, 1000.0, np.float32(-1e4)):
        assert T.grad(squash)(x) == 0
        assert T.grad(T.grad(squash))(x) == 0
        assert T.jvp(squash)(x, np.ones_like(x)) == 0
    np.testing.assert_array_equal(T.grad(length)(np.zeros(3)), np.zeros(3))


# --- containers -----------------------------------------------------------------------


def test_containers_come_back_as_they_went():
    params = OrderedDict(
        layers=[Layer(np.eye(3), X), Layer(2 * np.eye(3), -X)], scale=(1.5, X)
    )

    def loss(p, x):
        for layer in p["layers"]:
            x = x @ layer.W + layer.b
        return p["scale"][0] * np.sum(x * p["scale"][1])

    found = T.grad(loss)(params, X)
    assert type(found) is OrderedDict
    assert type(found["layers"]) is list
    assert type(found["layers"][0]) is Layer
    assert type(found["scale"]) is tuple
    np.testing.assert_allclose(found["layers"][1].b, 1.5 * X)
    assert isinstance(found["scale"][0], float)
    direction = T.hvp(loss)(params, X, params)
    assert type(direction["layers"][1]) is Layer


def test_results_in_containers():
    def f(p):
        return {"a": p["x"] ** 2, "b": [np.sum(p["x"]), (p["y"],)]}

    p = {"x": X, "y": 2.0}
    J = T.jacobian(f)(p)
    np.testing.assert_allclose(J["a"]["x"], np.diag(2 * X))
    np.testing.assert_allclose(J["b"][0]["x"], np.ones(3))
    assert J["b"][1][0]["y"] == 1.0
    v = {"a": X, "b": [1.0, (3.0,)]}
    found = T.vjp(f)(p, v)
    np.testing.assert_allclose(found["x"], 2 * X**2 + 1)
    assert found["y"] == 3.0
    moved = T.jvp(f)(p, {"x": X, "y": 1.0})
    np.testing.assert_allclose(moved["a"], 2 * X**2)


def test_integers_and_masks_are_passed_through():
    def loss(w, batch):
        picked = w[batch["index"]] * batch["count"]
        return np.sum(np.where(batch["seen"], picked, 0.0)) / batch["n"]

    batch = {
        "index": np.array([0, 2, 0]),
        "count": np.array([1, 2, 3], dtype="int32"),
        "seen": np.array([True, True, False]),
        "n": 2,
    }
    np.testing.assert_allclose(T.grad(loss)(X, batch), [0.5, 0, 1.0])


def test_integers_among_what_is_differentiated_have_no_gradient():
    found = T.grad(lambda p: np.sum(p["x"] * p["n"]))({"x": X, "n": np.arange(3)})
    assert found["n"] is None
    np.testing.assert_allclose(found["x"], np.arange(3))


def test_an_index_out_of_range_is_refused():
    pick = T.grad(lambda w, i: np.sum(w[i] ** 2))
    np.testing.assert_allclose(pick(X, np.array([1, 1])), [0, -4, 0])
    with pytest.raises(ValueError, match="values"):
        pick(X, np.array([0, 3]))


# --- dtypes ---------------------------------------------------------------------------


@pytest.mark.parametrize("width", ["float32", "float64"])
def test_width_in_is_width_out(width):
    x = X.astype(width)
    value, found = T.value_and_grad(lambda x, lr: lr * np.sum(np.exp(x)) + 1)(x, 0.1)
    assert (value.dtype, found.dtype) == (width, width)
    assert T.hessian(cubes)(x).dtype == width


def test_widths_mix_as_in_numpy():
    found = T.grad(lambda x, y: np.sum(x * y))(X.astype("float32"), X)
    assert found.dtype == "float64"


def test_what_has_no_derivative_is_refused():
    with pytest.raises(DerivativeError, match=r"3\.0 instead of 3"):
        T.grad(lambda x: x**2)(3)
    with pytest.raises(DerivativeError, match="scalar"):
        T.grad(lambda x: x**2)(X)
    with pytest.raises(DerivativeError, match="argnum"):
        T.grad(cubes, 1)(X)
    with pytest.raises(DerivativeError, match="dtype"):
        T.grad(lambda x: np.sum(x > 0))(X)
    with pytest.raises(DTypeError, match="complex"):
        T.grad(cubes)(X + 1j)
    with pytest.raises(DTypeError, match="float16"):
        T.grad(cubes)(X.astype("float16"))
    with pytest.raises(DeclarationError, match="set"):
        T.grad(lambda x, s: cubes(x))(X, {1})
    with pytest.raises(DeclarationError, match="containers"):
        T.hvp(cubes)(X, [X])


# --- nesting --------------------------------------------------------------------------


def test_derivatives_of_derivatives():
    f = T.grad(T.grad(T.grad(np.sin)))
    assert f(0.3) == pytest.approx(-np.cos(0.3))


def test_the_inner_variable_is_not_the_outer():
    """Perturbation confusion: d/dx x * (d/dy (x + y)) is 1, not 2."""
    inner = T.grad(lambda x: x * T.grad(lambda y: x + y)(1.0))
    assert inner(2.0) == 1.0
    same = T.grad(lambda x: x * T.grad(lambda y: x * y * y)(x))
    assert same(3.0) == pytest.approx(6 * 3.0**2)  # x * 2x², differentiated


def test_forward_inside_reverse_and_reverse_inside_forward():
    def outer(x):
        return np.sum(T.jvp(lambda y: y**3)(x, x) * T.grad(cubes)(x))

    np.testing.assert_allclose(T.grad(outer)(X), 45 * X**4)
    moved = T.jvp(lambda x: T.grad(outer)(x))(X, X)
    np.testing.assert_allclose(moved, 180 * X**4)


def test_transforms_build_graph_on_tensors():
    x = sd.input("x", (3,))
    y = np.sum(T.hessian(cubes)(x))
    assert isinstance(y, sd.Tensor)
    assert sd.interpret(y, {"x": X}) == pytest.approx(np.sum(6 * X))


def test_a_function_that_closes_over_a_tensor_joins_its_graph():
    x = sd.input("x", (3,))
    found = T.grad(lambda w: np.sum((w * x) ** 2))(np.ones(3))
    assert isinstance(found, sd.Tensor)
    np.testing.assert_allclose(sd.interpret(found, {"x": X}), 2 * X**2)


def test_a_gradient_inside_a_loop():
    def descend(start, rate):
        def step(x, _):
            return x - rate * T.grad(cubes)(x), None

        return np.sum(sd.scan(step, start, None, length=3)[0])

    def plain(start, rate):
        for _ in range(3):
            start = start - rate * 3 * start**2
        return np.sum(start)

    found = T.grad(descend, 1)(X, 0.05)
    step = 1e-6
    expected = (plain(X, 0.05 + step) - plain(X, 0.05 - step)) / (2 * step)
    assert found == pytest.approx(expected, rel=1e-8)


def test_vectors_are_matched_by_key():
    """A dict of tangents or cotangents may have its keys in any order."""

    def f(p):
        return {"u": p["a"] * p["b"], "v": (p["a"] ** 2, p["b"])}

    point = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, -1.0])}
    turned = dict(reversed(point.items()))
    tangent = {"b": np.array([0.5, 1.0]), "a": np.array([2.0, -1.0])}
    cotangent = {"v": (np.array([1.0, 2.0]), np.array([0.0, 3.0])), "u": np.ones(2)}
    moved = T.jvp(f)(point, tangent)
    np.testing.assert_allclose(
        moved["u"], tangent["a"] * point["b"] + point["a"] * tangent["b"]
    )
    np.testing.assert_allclose(moved["v"][1], tangent["b"])
    for at in (point, turned):
        pulled = T.vjp(f)(at, cotangent)
        np.testing.assert_allclose(
            pulled["a"], at["b"] + 2 * at["a"] * cotangent["v"][0]
        )
        np.testing.assert_allclose(pulled["b"], at["a"] + cotangent["v"][1])

    def loss(p):
        return np.sum(p["a"] ** 2 * p["b"])

    product = T.hvp(loss)(point, tangent)
    expected = 2 * point["b"] * tangent["a"] + 2 * point["a"] * tangent["b"]
    np.testing.assert_allclose(product["a"], expected)
    for wrong in ({"a": np.ones(2)}, {"a": np.ones(2), "c": np.ones(2)}):
        with pytest.raises(sd.DeclarationError, match="containers"):
            T.jvp(f)(point, wrong)
