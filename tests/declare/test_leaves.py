"""Leaves: names, scopes, bounds and initial values."""

import numpy as np
import pytest

import symdiff as sd


def test_scopes_prefix_names():
    with sd.scope("encoder"), sd.scope("1"):
        w = sd.param("W", (2, 3))
    assert w.name == "encoder.1.W"
    assert sd.param("W", 2).name == "W"


def test_params_come_as_declared():
    a, b, c = (sd.param(name, (2,)) for name in "abc")
    assert sd.params(c * a) == [a, c]
    assert sd.params({"x": [b], "y": (a + c,)}) == [a, b, c]
    assert sd.params(sd.input("x", ())) == []


@pytest.mark.parametrize("name", ["out.W", "; import os", "class", "ﬁ", "a b", "π"])
def test_any_printable_name_will_do(name):
    assert sd.param(name, (2,)).name == name


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x00", None, 3, b"W"])
def test_what_is_no_name_is_refused(name):
    for declare in (sd.input, sd.param, sd.state):
        with pytest.raises(sd.DeclarationError, match="name"):
            declare(name, (2,))


@pytest.mark.parametrize("dtype", ["int64", "bool", int, np.int8])
def test_an_integer_parameter_is_refused_with_a_remedy(dtype):
    with pytest.raises(sd.DTypeError, match=r"sd\.input") as caught:
        sd.param("W", (2,), dtype=dtype)
    assert __file__ in str(caught.value)


@pytest.mark.parametrize(
    "shape", [-1, (2, -1), (2.5,), None, (True,), ("a b",)], ids=repr
)
def test_a_bad_shape_is_refused(shape):
    for declare in (sd.input, sd.param):
        with pytest.raises((sd.ShapeError, sd.DeclarationError)):
            declare("x", shape)


def test_a_parameter_has_a_concrete_shape():
    with pytest.raises(sd.ShapeError, match="symbolic axis"):
        sd.param("W", (sd.dim("N"), 3))


@pytest.mark.parametrize(
    "bounds",
    [
        {"low": 3, "high": 3},
        {"low": 4, "high": 3},
        {"high": 2.5},
        {"low": "a"},
        {"high": float("nan")},
        {"high": True},
    ],
    ids=repr,
)
def test_bad_bounds_are_refused(bounds):
    with pytest.raises(sd.DeclarationError):
        sd.input("y", (3,), dtype="int64", **bounds)


def test_bounds_are_kept_as_numbers():
    n = sd.dim("N")
    assert sd.input("y", n, "int64", low=0, high=np.int32(10)).node.attrs["high"] == 10
    assert sd.input("y", n, "int64", high=n + 1).node.attrs["high"] == n + 1
    assert sd.input("x", n, high=float("inf")).node.attrs["high"] is None
    with pytest.raises(sd.DeclarationError):
        sd.input("x", n, high=n)
    with pytest.raises(sd.DeclarationError):
        sd.input("b", n, "bool", high=1)


INITS = {
    "zeros": None,
    "ones": "ones",
    "constant": 0.5,
    "normal": sd.init.normal(0.1, 2),
    "uniform": sd.init.uniform(-1, 1),
    "glorot_uniform": "glorot_uniform",
    "glorot_normal": sd.init.glorot_normal,
    "he_uniform": "he_uniform",
    "he_normal": "he_normal",
    "lecun_uniform": "lecun_uniform",
    "lecun_normal": "lecun_normal",
    "orthogonal": "orthogonal",
}


@pytest.mark.parametrize("init", INITS.values(), ids=INITS)
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 3, 4), (0, 4)], ids=str)
def test_initial_values_have_the_shape_and_text(init, shape):
    description = sd.param("W", shape, init=init).node.attrs["init"]
    drawn = description.draw(np.random.default_rng(0), shape)
    assert drawn.shape == shape
    assert drawn.dtype == np.float64
    rng = np.random.default_rng(0)
    text = eval(description.draw_text(shape), {"np": np, "rng": rng})
    np.testing.assert_array_equal(drawn, text)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / 500),
        ("glorot_normal", 2 / 500),
        ("he_uniform", 2 / 200),
        ("he_normal", 2 / 200),
        ("lecun_uniform", 1 / 200),
        ("lecun_normal", 1 / 200),
    ],
)
def test_initial_values_have_the_published_variance(name, variance):
    drawn = (
        sd.param("W", (200, 300), init=name)
        .node.attrs["init"]
        .draw(np.random.default_rng(1), (200, 300))
    )
    assert abs(drawn.mean()) < 4 * np.sqrt(variance / drawn.size)
    np.testing.assert_allclose(drawn.var(), variance, rtol=0.03)


def test_orthogonal_is_orthogonal():
    for shape in ((5, 3), (3, 5)):
        w = sd.init.orthogonal.draw(np.random.default_rng(2), shape)
        small = w.T @ w if shape[0] > shape[1] else w @ w.T
        np.testing.assert_allclose(small, np.eye(3), atol=1e-14)


def test_an_array_is_its_own_initial_value():
    value = np.arange(6.0).reshape(2, 3)
    init = sd.param("W", (2, 3), init=value).node.attrs["init"]
    value[0] = 9
    np.testing.assert_array_equal(init.draw(None, (2, 3))[0], [0, 1, 2])
    large = np.zeros((10, 10))
    assert sd.init.from_array(large).draw_text((10, 10)) == "_array"
    with pytest.raises(sd.ShapeError, match="does not fit"):
        sd.param("W", (3, 2), init=[[1.0, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    "init",
    ["glorot", sd.init.normal, object(), True, float("nan"), {}],
    ids=["unknown name", "no arguments", "object", "bool", "nan", "dict"],
)
def test_a_bad_initial_value_is_refused(init):
    with pytest.raises(sd.DeclarationError):
        sd.param("W", (2, 2), init=init)


def test_a_sample_describes_valid_data():
    n = sd.dim("N")
    x = sd.input("x", (n,), sample=sd.init.uniform(0.1, 1))
    assert x.node.attrs["sample"].draw_text((4,)) == "rng.uniform(0.1, 1.0, (4,))"
    with pytest.raises(sd.DeclarationError, match="symbolic"):
        sd.input("x", (n,), sample=np.ones(3))
    with pytest.raises(sd.DeclarationError):
        sd.input("x", (n,), sample=lambda: 3)
