"""`symdiff.transforms`: signatures, containers, nesting, and when code is reused."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.graph.errors import (
    DeclarationError,
    DerivativeError,
    DTypeError,
    TracingError,
)

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


# --- what is compiled, and when it is reused ------------------------------------------


@pytest.fixture
def traces(monkeypatch):
    """The arguments of every call that was traced."""
    found: list[Any] = []

    def noting(*args: Any) -> Any:
        found.append(args)
        return traced(*args)

    traced = T.traced
    monkeypatch.setattr(T, "traced", noting)
    return found


def test_one_trace_per_shape_dtype_and_static_value(traces):
    def f(x, n):
        return np.sum(x**n)

    g = T.grad(f)
    for _ in range(3):
        g(X, 2)
    assert len(traces) == 1
    g(X + 1, 2)
    assert len(traces) == 1
    g(np.ones(4), 2)
    g(X.astype("float32"), 2)
    g(X, 3)
    assert len(traces) == 4
    T.grad(f)(X, 3)  # another wrapper of the same function
    assert len(traces) == 4
    T.grad(f)(X, 2.0)  # a float is an input, not a static value
    T.grad(f)(X, 4.0)
    assert len(traces) == 5


def test_what_changes_at_every_call_is_named():
    log: list[Any] = []

    def f(x):
        log.append(x.shape)
        return np.sum(x**2)

    g = T.grad(f)
    with pytest.warns(sd.SymdiffWarning, match="log"):
        found = [g(X) for _ in range(30)]
    np.testing.assert_allclose(found, [2 * X] * 30)


def test_source_is_the_code_that_ran():
    g = T.value_and_grad(cubes)
    assert isinstance(g.source, str)
    g(X)
    assert "import numpy as np" in g.source
    assert "symdiff" not in g.source.split('"""')[-1]
    namespace: dict[str, Any] = {}
    exec(g.source, namespace)
    np.testing.assert_allclose(namespace["forward"](X)[1], 3 * X**2)
    assert g.__name__ == "value_and_grad_of_cubes"


def test_arrays_around_the_function_are_read_at_every_call():
    data = np.array([1.0, 2.0, 3.0])
    g = T.grad(lambda x: np.sum(data * x**2))
    np.testing.assert_allclose(g(X), 2 * data * X)
    data[1] = 10.0
    np.testing.assert_allclose(g(X), 2 * data * X)
    data = np.array([4.0, 5.0, 6.0])
    np.testing.assert_allclose(g(X), 2 * data * X)
    data = np.array([7.0])
    np.testing.assert_allclose(g(X), 14 * X)
    assert "data" in g.source


def test_values_computed_around_the_function_are_seen_to_change():
    data, scale, settings = np.array([1.0, 2.0, 3.0]), 2.0, {"power": 2, "mask": [1, 0]}

    def loss(x):
        centred = data - data.mean()
        return scale * np.sum(centred * x ** settings["power"]) * settings["mask"][0]

    g = T.grad(loss)
    np.testing.assert_allclose(g(X), 4 * (data - 2) * X)
    data[0] = 7.0
    np.testing.assert_allclose(g(X), 4 * (data - 4) * X)
    scale = 1.0
    np.testing.assert_allclose(g(X), 2 * (data - 4) * X)
    settings["power"] = 3
    np.testing.assert_allclose(g(X), 3 * (data - 4) * X**2)
    settings["mask"][0] = 0
    np.testing.assert_allclose(g(X), 0 * X)


class Ridge:
    """A method that reads attributes of its object."""

    def __init__(self) -> None:
        self.strength, self.centre = 1.0, np.zeros(3)

    def penalty(self, x):
        """The weighted distance."""
        return self.strength * self.distance(x)

    def distance(self, x):
        """The distance from the centre."""
        return np.sum((x - self.centre) ** 2)

    slope = T.grad(penalty, 1)


def test_methods_see_their_object_change():
    ridge = Ridge()
    for slope in (T.grad(ridge.penalty), ridge.slope):
        ridge.strength, ridge.centre = 1.0, np.zeros(3)
        np.testing.assert_allclose(slope(X), 2 * X)
        ridge.strength = 3.0
        np.testing.assert_allclose(slope(X), 6 * X)
        ridge.centre[:] = 1.0
        np.testing.assert_allclose(slope(X), 6 * (X - 1))


def helper(x):
    return x**2


def calls_helper(x):
    return np.sum(helper(x))


def test_a_helper_that_is_defined_anew_is_seen(monkeypatch):
    g = T.grad(calls_helper)
    np.testing.assert_allclose(g(X), 2 * X)
    monkeypatch.setitem(globals(), "helper", lambda x: x**3)
    np.testing.assert_allclose(g(X), 3 * X**2)


def test_draws_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(TracingError, match="random"):
        T.grad(lambda x: np.sum(x * rng.normal(size=3)))(X)
    with pytest.raises(TracingError, match="random"):
        T.grad(lambda x: np.sum(x * np.random.normal(size=3)))(X)
    with pytest.raises(DeclarationError, match=r"sd\.random"):
        T.grad(lambda x: np.sum(x * sd.random.normal((3,))))(X)


def test_results_do_not_alias():
    first = T.grad(lambda x: 0.5 * np.sum(x * x))
    x = X.copy()
    found = first(x)
    found[:] = 7
    np.testing.assert_array_equal(x, X)
    assert first(x) is not found
    aux = T.value_and_grad(lambda x: (np.sum(x), x), has_aux=True)
    ((_, same), _) = aux(x)
    same[:] = 0
    np.testing.assert_array_equal(x, X)


def test_functions_are_forgotten_with_their_users():
    import gc
    import weakref

    def scoped() -> Any:
        def f(x):
            return np.sum(x**2)

        T.grad(f)(X)
        return weakref.ref(f)

    found = scoped()
    gc.collect()
    assert found() is None


def test_the_number_of_variants_is_bounded(monkeypatch, traces):
    from symdiff import variants

    monkeypatch.setattr(variants, "MOST_VARIANTS", 3)
    g = T.grad(lambda x, n: np.sum(x) * n)
    for n in range(6):
        g(X, n)
        g(X, 0)  # in use all the time: it stays
    assert len(g._variants.by_key) == 3
    assert len(traces) == 6


def test_threads_share_a_function():
    def loss(x):
        return np.sum(np.tanh(x) ** 2)

    g = T.grad(loss)
    failed: list[Any] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(20):
            x = rng.normal(size=rng.integers(1, 6))
            expected = 2 * np.tanh(x) * (1 - np.tanh(x) ** 2)
            if not np.allclose(g(x), expected, rtol=1e-12):
                failed.append(x)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed


# --- refusals name the line -----------------------------------------------------------


def branch(x):
    if x[0] > 0:
        return np.sum(x)
    return -np.sum(x)


def assignment(x):
    x[0] = 1.0
    return np.sum(x)


def filling(x):
    out = np.zeros(3)
    out[0] = x[0]
    return np.sum(out)


def array_of_tensors(x):
    return np.sum(np.array([x[0], x[1]]))


def python_float(x):
    import math

    return math.sin(x[0])


def counting(x):
    n = 0
    while np.sum(x) > n:
        n += 1
    return n * np.sum(x)


@pytest.mark.parametrize(
    ("function", "line", "remedy"),
    [
        (branch, "if x[0] > 0:", "sd.where or sd.cond"),
        (counting, "while np.sum(x) > n:", "sd.while_loop"),
        (assignment, "x[0] = 1.0", ".at(i).set(v)"),
        (filling, "out[0] = x[0]", ".at(i).set(v)"),
        (array_of_tensors, "np.array([x[0], x[1]])", "np.stack"),
        (python_float, "math.sin(x[0])", "np.sin"),
    ],
)
def test_what_needs_a_value_names_the_line(function, line, remedy):
    with pytest.raises(TracingError) as error:
        T.grad(function)(X)
    assert line in str(error.value)
    assert remedy in str(error.value)
    assert "test_transforms.py" in str(error.value)


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
