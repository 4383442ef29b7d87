"""What generated functions say to arguments that do not fit, and what they accept."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

N = sd.dim("N")


def classifier() -> sd.Model:
    x = sd.input("x", (N, 6))
    y = sd.input("y", (N,), dtype="int64", high=3)
    h = sd.nn.dense(x, 5, activation="relu", name="hidden")
    z = sd.nn.dense(h, 3, name="out")
    return sd.Model(
        "bad",
        inputs=[x],
        targets=[y],
        outputs={"probs": sd.nn.softmax(z)},
        loss=sd.nn.softmax_cross_entropy(z, y),
    )


@pytest.fixture(scope="module")
def model() -> Any:
    return sd.compile(classifier()).load()


@pytest.fixture
def data() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"hidden.W": (6, 5), "hidden.b": (5,), "out.W": (5, 3), "out.b": (3,)}
    params = {k: rng.normal(size=s) for k, s in shapes.items()}
    return params, rng.normal(size=(4, 6)), rng.integers(0, 3, 4)


BAD_X: dict[str, tuple[Callable[[np.ndarray], Any], type[Exception], str]] = {
    "integers": (lambda x: x.astype(int), TypeError, "x: expected float, got int64"),
    "booleans": (lambda x: x > 0, TypeError, "x: expected float, got bool"),
    "float16": (lambda x: x.astype("float16"), TypeError, "x: .* got float16"),
    "longdouble": (lambda x: x.astype(np.longdouble), TypeError, "x: .*float32 or"),
    "complex": (lambda x: x + 0j, TypeError, "x: expected float, got complex128"),
    "strings": (lambda x: x.astype(str), TypeError, "x: expected float, got <U"),
    "objects": (lambda x: x.astype(object), TypeError, "x: expected float, got object"),
    "None": (lambda x: None, TypeError, "x: expected float, got object"),
    "a number": (lambda x: 1.0, ValueError, r"x: expected shape \(N, 6\), got \(\)"),
    "0-d": (lambda x: x[0, 0], ValueError, r"x: expected shape \(N, 6\), got \(\)"),
    "1-d": (lambda x: x[0], ValueError, r"x: expected shape \(N, 6\), got \(6,\)"),
    "3-d": (lambda x: x[None], ValueError, r"expected shape \(N, 6\), got \(1, 4, 6\)"),
    "columns": (lambda x: x[:, :5], ValueError, r"x: .*\(N, 6\), got \(4, 5\)"),
    "rows": (lambda x: x[:3], ValueError, r"y: expected shape \(N=3\), got \(4,\)"),
    "float32": (
        lambda x: x.astype("float32"),
        TypeError,
        "one dtype, but x is float32",
    ),
}
BAD_Y: dict[str, tuple[Callable[[np.ndarray], Any], type[Exception], str]] = {
    "negative": (lambda y: y - 3, ValueError, "y: expected values >= 0, got -"),
    "too large": (lambda y: y + 3, ValueError, "y: expected values < 3, got "),
    "floats": (lambda y: y.astype(float), TypeError, "y: expected int64, got float64"),
    "booleans": (lambda y: y > 0, TypeError, "y: expected int64, got bool"),
    "one-hot": (lambda y: np.eye(3, dtype=int)[y], ValueError, r"y: expected shape"),
}


@pytest.mark.parametrize("case", list(BAD_X))
def test_bad_features(model: Any, data: Any, case: str) -> None:
    params, x, y = data
    change, kind, words = BAD_X[case]
    with pytest.raises(kind, match=words):
        model.backward.value_and_grad(params, change(x), y)
    if case != "rows":
        with pytest.raises(kind, match=words):
            model.forward.forward(params, change(x))


@pytest.mark.parametrize("case", list(BAD_Y))
def test_bad_labels(model: Any, data: Any, case: str) -> None:
    params, x, y = data
    change, kind, words = BAD_Y[case]
    with pytest.raises(kind, match=words):
        model.backward.value_and_grad(params, x, change(y))


def test_missing_and_extra_keys_are_one_error(model: Any, data: Any) -> None:
    params, x, _ = data
    wrong = {"out.w" if k == "out.W" else k: v for k, v in params.items()}
    words = r"missing \['out\.W'\], unexpected \['out\.w'\]"
    with pytest.raises(ValueError, match=words):
        model.forward.forward(wrong, x)


@pytest.mark.parametrize("params", [None, [], 3.0, np.zeros(3)])
def test_params_that_are_no_dict(model: Any, data: Any, params: Any) -> None:
    with pytest.raises(TypeError, match="params: expected a dict, got "):
        model.forward.forward(params, data[1])


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda w: w.tolist(), TypeError, "expected an array, got list"),
        (lambda w: w.T, ValueError, r"expected shape \(5, 3\), got \(3, 5\)"),
        (lambda w: w.astype(int), TypeError, "expected float, got int64"),
        (lambda w: w.astype("float32"), TypeError, "must share one dtype"),
        (lambda w: w + 0j, TypeError, "expected float, got complex128"),
    ],
)
def test_bad_parameters(
    model: Any, data: Any, change: Any, kind: type[Exception], words: str
) -> None:
    params, x, _ = data
    with pytest.raises(kind, match=words):
        model.forward.forward({**params, "out.W": change(params["out.W"])}, x)


def test_float32_parameters_with_float64_data_is_one_clear_error(
    model: Any, data: Any
) -> None:
    params, x, _ = data
    narrow = {k: v.astype("float32") for k, v in params.items()}
    with pytest.raises(TypeError, match="float arguments must share one dtype") as e:
        model.forward.forward(narrow, x)
    assert "but x is float64, unlike the others" in str(e.value)


def test_a_batch_of_one(model: Any, data: Any) -> None:
    params, x, y = data
    whole = model.forward.forward(params, x)
    np.testing.assert_allclose(model.forward.forward(params, x[:1]), whole[:1])
    loss, grads = model.backward.value_and_grad(params, x[:1], y[:1])
    assert np.isfinite(loss)
    assert {k: g.shape for k, g in grads.items()} == {
        k: p.shape for k, p in params.items()
    }


def test_an_empty_batch(model: Any, data: Any) -> None:
    """Prediction is empty; a mean loss has no value, and no warning either."""
    params, x, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.forward.forward(params, x[:0]).shape == (0, 3)
        with pytest.raises(ValueError, match="a mean needs at least one element"):
            model.backward.value_and_grad(params, x[:0], y[:0])


def test_a_list_of_floats_is_an_array(model: Any, data: Any) -> None:
    params, x, y = data
    loss, _ = model.backward.value_and_grad(params, x.tolist(), y.tolist())
    assert loss == model.backward.value_and_grad(params, x, y)[0]


@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "uint64"])
def test_labels_of_any_integer_width(model: Any, data: Any, kind: str) -> None:
    params, x, y = data
    loss, _ = model.backward.value_and_grad(params, x, y.astype(kind))
    assert loss == model.backward.value_and_grad(params, x, y)[0]


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "byte order": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "subclass": lambda a: a.view(np.memmap),  # test_subclasses.py has what is refused
}


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_layouts_do_not_matter(model: Any, data: Any, layout: str) -> None:
    params, x, y = data
    change = LAYOUTS[layout]
    loss, grads = model.backward.value_and_grad(params, x, y)
    moved = {k: change(v) for k, v in params.items()}
    other, found = model.backward.value_and_grad(moved, change(x), change(y))
    np.testing.assert_allclose(other, loss, rtol=1e-14)
    for k, g in grads.items():
        np.testing.assert_allclose(found[k], g, rtol=1e-12, atol=1e-15)


def test_read_only_arrays(model: Any, data: Any) -> None:
    params, x, y = data
    for a in (*params.values(), x, y):
        a.setflags(write=False)
    probs = model.forward.forward(params, x)
    probs[0, 0] = 7.0
    _, grads = model.backward.value_and_grad(params, x, y)
    for g in grads.values():
        g[...] = 0.0


# --- functions ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def function() -> Any:
    a, s = sd.input("a", (N, 2)), sd.input("s", ())
    k = sd.input("k", (), dtype="int64", low=1, high=5)
    outputs = {"u": sd.tanh(a) * s, "v": sd.sum(a) * sd.cast(k, "float")}
    return sd.compile(sd.Function("f", [a, s, k], outputs)).load()


def test_scalars_may_be_python_numbers(function: Any) -> None:
    """A Python number takes the width of the arrays beside it."""
    for kind in (np.float32, np.float64):
        a = np.ones((3, 2), kind)
        u, v = function.forward.forward(a, 0.5, 2)
        assert (u.dtype, v.dtype) == (kind, kind)
    with pytest.raises(ValueError, match="k: expected values < 5, got 5"):
        function.forward.forward(a, 0.5, 5)
    with pytest.raises(ValueError, match="k: expected values >= 1, got 0"):
        function.forward.forward(a, 0.5, 0)
    with pytest.raises(TypeError, match="k: expected int64, got float64"):
        function.forward.forward(a, 0.5, 2.0)


def test_cotangents_are_held_to_their_results(function: Any) -> None:
    a = np.ones((3, 2), np.float32)
    _, residuals = function.backward.forward_with_residuals(a, 0.5, 2)
    found = function.backward.backward(residuals, np.ones((3, 2)), np.float64(1))
    assert {g.dtype for g in found} == {np.dtype("float32")}
    for wrong in (np.ones((2, 2)), np.ones(6), 1.0):
        with pytest.raises(ValueError, match=r"d_u: expected shape \(3, 2\)"):
            function.backward.backward(residuals, wrong, 1.0)
    with pytest.raises((TypeError, ValueError)):
        function.backward.backward(residuals, np.ones((3, 2)), np.ones(3))


def test_lengths_that_are_expressions_are_checked() -> None:
    a, b = sd.input("a", (N,)), sd.input("b", (N + 1,))
    f = sd.compile(sd.Function("f", [a, b], [sd.sum(a) * sd.sum(b)])).load()
    assert f.forward.forward(np.ones(2), np.ones(3)) == 6
    with pytest.raises(ValueError, match="b: the length of axis 0 must be N"):
        f.forward.forward(np.ones(2), np.ones(4))


def test_declared_widths_are_demanded() -> None:
    a, b = sd.input("a", (3,), dtype="float32"), sd.input("b", (3,))
    f = sd.compile(sd.Function("f", [a, b], [a * b, a * 2.0])).load()
    for kind in (np.float32, np.float64):
        given = np.ones(3, "float32"), np.ones(3, kind)
        u, v = f.forward.forward(*given)
        assert (u.dtype, v.dtype) == (kind, np.float32)
        _, residuals = f.backward.forward_with_residuals(*given)
        d_a, d_b = f.backward.backward(residuals, np.ones(3), np.ones(3))
        assert (d_a.dtype, d_b.dtype) == (np.float32, kind)
    with pytest.raises(TypeError, match="a: expected float32, got float64"):
        f.forward.forward(np.ones(3), np.ones(3))


# --- cotangents -----------------------------------------------------------------------

x = sd.input("x", (3,))
SCALAR = [{"": sd.sum(x**2)}, {"a": sd.sum(x**2), "b": 2 * x}]
BAD_SCALARS: dict[str, tuple[Any, type[Exception], str]] = {
    "one element": (np.ones(1), ValueError, r"expected shape \(\), got \(1,\)"),
    "1 by 1": (np.ones((1, 1)), ValueError, r"expected shape \(\), got \(1, 1\)"),
    "several": (np.ones(2), ValueError, r"expected shape \(\), got \(2,\)"),
    "none": (np.ones(0), ValueError, r"expected shape \(\), got \(0,\)"),
    "a list": ([1.0], ValueError, r"expected shape \(\), got \(1,\)"),
    "None": (None, TypeError, "expected numbers, got object"),
    "a string": ("1", TypeError, "expected numbers, got <U1"),
    "complex": (1j, TypeError, "expected numbers, got complex128"),
    "an array of complex": (
        np.array(1j),
        TypeError,
        "expected numbers, got complex128",
    ),
}
BAD_ARRAYS: dict[str, tuple[Any, type[Exception], str]] = {
    "a number": (1.0, ValueError, r"expected shape \(3,\), got \(\)"),
    "a column": (np.ones((3, 1)), ValueError, r"expected shape \(3,\), got \(3, 1\)"),
    "None": (None, ValueError, r"expected shape \(3,\), got \(\)"),
    "strings": (np.ones(3).astype(str), TypeError, "expected numbers, got <U"),
    "complex": (np.ones(3) * 1j, TypeError, "expected numbers, got complex128"),
}


def pulled(results: dict[str, Any], single: bool = False) -> tuple[Any, Any]:
    """Return a function's module with its backward pass, and residuals."""
    outputs: Any = results if len(results) > 1 else results[""]
    module = sd.compile(sd.Function("f", [x], outputs), single_file=single).load()
    found = module if single else module.backward
    return found, found.forward_with_residuals(np.ones(3))[1]


@pytest.mark.parametrize("case", list(BAD_SCALARS))
@pytest.mark.parametrize("single", [False, True])
def test_a_cotangent_of_a_scalar_that_is_none(case: str, single: bool) -> None:
    bad, kind, words = BAD_SCALARS[case]
    for results in SCALAR:
        module, residuals = pulled(results, single)
        more = [np.ones(3)] if len(results) > 1 else []
        name = "d_a" if len(results) > 1 else "d_out"
        with pytest.raises(kind, match=f"{name}: {words}"):
            module.backward(residuals, bad, *more)


def test_a_cotangent_of_the_loss_that_is_none(model: Any, data: Any) -> None:
    residuals = model.backward.loss_and_residuals(*data)[1]
    for bad, kind, words in BAD_SCALARS.values():
        with pytest.raises(kind, match=f"d_loss: {words}"):
            model.backward.backward(data[0], residuals, bad)


@pytest.mark.parametrize("case", list(BAD_ARRAYS))
def test_a_cotangent_of_an_array_that_does_not_fit(case: str) -> None:
    bad, kind, words = BAD_ARRAYS[case]
    module, residuals = pulled(SCALAR[1])
    with pytest.raises(kind, match=f"d_b: {words}"):
        module.backward(residuals, 1.0, bad)


@pytest.mark.parametrize(
    "good", [2, 2.0, True, np.float32(2), np.float64(2), np.int8(2), np.array(2.0)]
)
def test_a_cotangent_of_a_scalar_is_any_number(good: Any) -> None:
    module, residuals = pulled(SCALAR[0])
    found = module.backward(residuals, good).d_x
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, 2.0 * float(good) * np.ones(3))
