"""`symdiff.numpy`: NumPy's names, for plain values NumPy itself, for tensors graph."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import symdiff as sd
import symdiff.numpy as np
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

V = numpy.array([0.3, -1.2, 2.0])
M = numpy.array([[1.5, 0.2], [-0.4, 2.5]])

# Programs f(np, x) that NumPy runs, and in which its protocols never ask x alone.
PROGRAMS: dict[str, tuple[Callable[..., Any], Any]] = {
    "array of numbers": (lambda np, x: np.array([np.sin(x), 2.0, x]), 0.7),
    "array of rows": (lambda np, x: np.array([[x, 1], [2, x * x]]), 0.7),
    "array of arrays": (lambda np, x: np.array([x, x**2]), V),
    "array of tuples": (lambda np, x: np.array(((x[0], x[1]), (0, x[2]))), V),
    "array of an array": (lambda np, x: np.array(x) * 2, V),
    "array with axes": (lambda np, x: np.array([x, x], ndmin=3), V),
    "array of a dtype": (lambda np, x: np.array([x, 1], dtype=np.float64), 0.7),
    "asarray of a list": (lambda np, x: np.asarray([x[0], x[1]]), V),
    "asarray": (lambda np, x: np.asarray(x) + np.asanyarray(x), V),
    "ascontiguousarray": (lambda np, x: np.ascontiguousarray(x), 0.7),
    "mean of a list": (lambda np, x: np.mean([x, x**2, 3.0]), 0.7),
    "sum of a list by rows": (lambda np, x: np.sum([x, x**2], axis=0), V),
    "max of a list": (lambda np, x: np.max([x[0], x[1], 0.1]), V),
    "ufunc of lists": (lambda np, x: np.maximum([x[0], 1.0], [0.5, x[1]]), V),
    "dot of lists": (lambda np, x: np.dot([x[0], 1.0], [2.0, x[1]]), V),
    "stack of lists": (lambda np, x: np.stack([[x[0], x[1]], [1.0, 2.0]]), V),
    "concatenate of lists": (lambda np, x: np.concatenate([[x[0]], x, [1, 2]]), V),
    "hstack": (lambda np, x: np.hstack([[x[0], 3.0], x]), V),
    "vstack": (lambda np, x: np.vstack([[x[0], 3.0, 1.0], x]), V),
    "column_stack": (lambda np, x: np.column_stack(([x[0], 3.0, 1.0], x)), V),
    "block": (lambda np, x: np.block([[x, np.ones((2, 1))], [x[:1], 3.0]]), M),
    "append": (lambda np, x: np.append(x, [1.0, 2.0]), V),
    "append numbers": (lambda np, x: np.append([1.0, 2.0], [x, x**2]), 0.7),
    "where of lists": (lambda np, x: np.where([True, False], [x, 1.0], x**2), 0.7),
    "select": (lambda np, x: np.select([x > 1, x < 0], [x, [1, 2, x[0]]], 5.0), V),
    "einsum": (lambda np, x: np.einsum("ij,jk->ik", x, x), M),
    "einsum by numbers": (lambda np, x: np.einsum(x, [0, 1], x, [1, 2], [0, 2]), M),
    "linalg of a list": (
        lambda np, x: np.linalg.inv(np.array([[x, 1.0], [0.5, x]])),
        2.0,
    ),
    "solve of lists": (
        lambda np, x: np.linalg.solve([[x, 1.0], [0.5, 2.0]], [1.0, x]),
        2.0,
    ),
    "norm of a list": (lambda np, x: np.linalg.norm([x, 2.0, x**2]), 0.7),
    "full": (lambda np, x: np.full((2, 3), x), 0.7),
    "full of rows": (lambda np, x: np.full((2, 3), x), V),
    "linspace": (lambda np, x: np.linspace(x, 2.0, 5), 0.7),
    "float64": (lambda np, x: np.float64(x) * 2, 0.7),
    "float64 of a list": (lambda np, x: np.float64([x, 1]), 0.7),
    "identity by a part": (lambda np, x: np.eye(3)[1] * x, V),
    "reduce": (lambda np, x: np.add.reduce([x, x**2]), V),
    "outer": (lambda np, x: np.multiply.outer([x[0], 2.0], x), V),
    "accumulate": (lambda np, x: np.add.accumulate([x[0], 2.0, x[1]]), V),
    "r_": (lambda np, x: np.r_[x, 0, x[0], 1:4], V),
    "r_ of ranges": (lambda np, x: np.r_[x[0] : 2.0 : 4j, 0:1:3j], V),
    "r_ as rows": (lambda np, x: np.r_["0,2", x, [1, 2, x[0]]], V),
    "r_ as columns": (lambda np, x: np.r_["1,2,0", x, x], V),
    "r_ along an axis": (lambda np, x: np.r_["1", x, x], M),
    "r_ in between": (lambda np, x: np.r_["0,3,1", x, x], V),
    "r_ at the end": (lambda np, x: np.r_["0,3,-2", x, x], V),
    "c_": (lambda np, x: np.c_[x, numpy.ones((3, 2)), 0:3], V),
    "c_ of numbers": (lambda np, x: np.c_[x, 1.0, x**2], 0.7),
    "atleast_2d of a list": (lambda np, x: np.atleast_2d([x, 1.0]), 0.7),
    "meshgrid of lists": (lambda np, x: np.meshgrid([x[0], 1.0], x)[1], V),
    "interp": (lambda np, x: np.interp([x, 1.5], [0, 1, 2.0], [1, 3, 4.0]), 0.7),
    "polyval": (lambda np, x: np.polyval([x, 1.0, 2.0], 3.0), 0.7),
    "outer of lists": (lambda np, x: np.outer([x[0], 1.0], [x[1], 2.0, 3.0]), V),
    "cross": (lambda np, x: np.cross([x[0], 1.0, 0.0], x), V),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_compute_what_numpy_computes(name: str) -> None:
    f, x = PROGRAMS[name]
    expected = f(numpy, x)
    for found in (T.jit(lambda x: f(np, x))(x), f(np, x)):
        assert numpy.shape(found) == numpy.shape(expected)
        assert numpy.asarray(found).dtype == numpy.asarray(expected).dtype
        numpy.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_have_the_slopes_that_differences_have(name: str) -> None:
    f, x = PROGRAMS[name]
    x = numpy.asarray(x)
    found = T.jacobian(lambda x: f(np, x))(x)
    steps = 1e-6 * numpy.eye(x.size).reshape(x.size, *x.shape)
    slopes = [(f(numpy, x + s) - f(numpy, x - s)) / 2e-6 for s in steps]
    slopes = numpy.moveaxis(slopes, 0, -1).reshape(numpy.shape(found))
    numpy.testing.assert_allclose(found, slopes, atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("module", [numpy, numpy.linalg, numpy.fft, numpy.random])
def test_every_public_name_is_here(module: Any) -> None:
    """Also from-imports find them, and what is no function is NumPy's own."""
    path = f"symdiff.{module.__name__}"
    ours = __import__(path, fromlist=["*"])
    names = getattr(module, "__all__", dir(numpy))
    assert set(names) <= {*dir(ours), "__version__"}
    for name in names:
        theirs, mine = getattr(module, name), getattr(ours, name)
        if not callable(theirs):
            assert mine is theirs or name in ("c_", "r_", "fft", "linalg", "random")
    with pytest.raises(AttributeError, match=rf"{path} has no 'tanhh'"):
        ours.tanhh  # noqa: B018 - what is tested


def test_on_plain_values_it_is_numpy() -> None:
    for found, expected in [
        (np.array([1, 2.5]), numpy.array([1, 2.5])),
        (np.eye(2), numpy.eye(2)),
        (np.r_[1:4, 0], numpy.r_[1:4, 0]),
        (np.c_[V, V], numpy.c_[V, V]),
        (np.add.reduce([1, 2]), numpy.add.reduce([1, 2])),
        (np.float32(2), numpy.float32(2)),
        (np.linalg.inv(M), numpy.linalg.inv(M)),
        (np.fft.fft(V), numpy.fft.fft(V)),
        (np.divmod(7, 2), numpy.divmod(7, 2)),
    ]:
        assert type(found) is type(expected)
        numpy.testing.assert_array_equal(found, expected)
    assert np.asarray(V) is V
    assert (np.pi, np.newaxis, np.ndarray) == (numpy.pi, None, numpy.ndarray)
    total = numpy.zeros(3)
    np.add.at(total, [0, 0, 2], 1.0)
    np.add(V, V, out=V.copy())
    assert total.tolist() == [2, 0, 1]
    assert np.add.nin == 2
    assert np.add.identity == 0


def test_functions_are_copied_and_pickled_by_name() -> None:
    for name in (np.tanh, np.sum, np.linalg.inv, np.float64, np.fft.rfft):
        assert pickle.loads(pickle.dumps(name)) is name
        assert copy.deepcopy(name) is name


# --- number types ---------------------------------------------------------------------


def test_number_types_are_numpys_in_all_but_a_call() -> None:
    assert np.float64 == numpy.float64
    assert numpy.float64 == np.float64
    assert np.float64 != numpy.float32
    assert hash(np.float64) == hash(numpy.float64)
    assert isinstance(numpy.float64(1), np.float64)
    assert not isinstance(numpy.float32(1), np.float64)
    assert issubclass(numpy.float64, np.float64)
    assert np.issubdtype(np.int64, np.integer)
    assert numpy.dtype(np.float32) == numpy.float32
    assert type(np.float64(3)) is numpy.float64
    assert numpy.zeros(2, np.int8).dtype == np.int8
    assert np.finfo(np.float32).eps == numpy.finfo(numpy.float32).eps


def test_number_types_convert_tensors() -> None:
    f = T.jit(lambda x: (np.int64(x), np.float32(x), x.astype(np.float64)))
    whole, narrow, same = f(numpy.array([1.5, -2.5]))
    numpy.testing.assert_array_equal(whole, [1, -2])
    assert whole.dtype == "int64"
    assert narrow.dtype == "float32"
    assert same.dtype == "float64"


# --- arrays that are made while a function is traced ----------------------------------


def test_made_arrays_take_traced_indices() -> None:
    t = numpy.array([2, 0])

    def f(x: Any, t: Any) -> Any:
        table = np.arange(12.0).reshape(3, 4)
        return np.eye(3)[t] * x, np.array([5.0, 6.0, 7.0])[t], table[1, t], table[t, 1:]

    table = numpy.arange(12.0).reshape(3, 4)
    expected = numpy.eye(3)[t] * 2, t + 5.0, table[1, t], table[t, 1:]
    found = T.jit(f)(2.0, t)
    for mine, theirs in zip(found, expected, strict=True):
        numpy.testing.assert_array_equal(mine, theirs)
    slopes = T.grad(lambda x, t: np.sum(np.eye(3)[t] @ x))(V, t)
    numpy.testing.assert_array_equal(slopes, [1, 0, 1])


def test_made_arrays_are_numpys_elsewhere() -> None:
    seen = []

    def f(x: Any) -> Any:
        made = np.arange(3.0)
        made[1] = 4.0
        made += 1
        seen.append(made[1] == 5.0 and isinstance(made, numpy.ndarray))
        return x * made, made, [np.eye(2)]

    product, kept, (eye,) = T.jit(f)(2.0)
    assert seen == [True]
    assert type(kept) is type(eye) is numpy.ndarray
    numpy.testing.assert_array_equal(product, [2, 10, 6])


def test_arrays_around_the_function_are_read_anew() -> None:
    around = numpy.ones(3)
    f = T.jit(lambda x: x * np.sum(np.asarray(around)) + np.array(around)[0])
    assert f(1.0) == 4.0
    around[:] = 2.0
    assert f(1.0) == 8.0


# --- arrays that are filled -----------------------------------------------------------


def filled(np: Any, x: Any) -> Any:
    y = np.zeros(3)
    for i in range(3):
        y[i] = x[i] ** 2 + y[i - 1]
    pair = np.empty((2, 2))
    pair[0] = x[:2]
    pair[1, :] = 1.0
    pair[0, 1] += x[2]
    walk = np.zeros_like(numpy.ones(4))
    for k in range(1, 4):
        walk[k] = walk[k - 1] + x[k - 1]
    ones = np.ones(3)
    if ones[0] == 1.0 and int(ones[1]) == 1 and ones.any():
        ones[2] = 2
    ones[ones > 1.5] = x[0]
    every = np.full(4, 2.0)
    every[::2] = [x[0], 1.0]
    np.fill_diagonal(pair, x[0])
    np.copyto(every[2:], x[1])
    np.put(walk, [0, 3], x[:2])
    np.putmask(walk, walk > 2, 0.5)
    np.multiply(y, 2, out=y)
    np.subtract.at(y, [1, 1], x[0])
    every[1:3].fill(x[2])
    return y, pair, walk, ones, every, np.zeros(2), np.full_like(y, 3.0)


def test_arrays_are_filled_as_numpy_fills_them() -> None:
    found = T.jit(lambda x: filled(np, x))(V)
    for mine, theirs in zip(found, filled(numpy, V), strict=True):
        numpy.testing.assert_allclose(mine, theirs, rtol=1e-14)
    total = lambda x: sum(np.sum(p**2) for p in filled(np, x))  # noqa: E731
    slopes = [(total(V + s) - total(V - s)) / 2e-6 for s in 1e-6 * numpy.eye(3)]
    numpy.testing.assert_allclose(T.grad(total)(V), slopes, rtol=1e-7)
    narrow = T.jit(lambda x: filled(np, x)[0])(V.astype("float32"))
    assert narrow.dtype == "float32"


def test_values_are_known_until_an_argument_has_a_part_in_them() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(3)
        y[1] = 2.0
        assert y.tolist() == [0, 2, 0]
        assert numpy.array(y[1:]).tolist() == [2, 0]
        assert f"{y[1]:.1f}" == "2.0"
        assert 2.0 in y
        y[0] = x
        return float(y[1]), float(y[0])

    with pytest.raises(sd.TracingError, match="not known yet") as refused:
        T.jit(f)(2.0)
    assert "float(y[0])" in str(refused.value)


def test_arrays_of_integers_stay_numpys() -> None:
    seen = []

    def f(x: Any) -> Any:
        order, mask = np.zeros(3, int), np.ones(3, dtype=bool)
        order[0], mask[1] = 2, False
        seen.append(type(order[0]) is numpy.int64)
        return x[order], x[mask]

    first, kept = T.jit(f)(V)
    assert seen == [True]
    assert (first.tolist(), kept.tolist()) == (
        V[[2, 0, 0]].tolist(),
        V[[0, 2]].tolist(),
    )


# --- memory ---------------------------------------------------------------------------


def written(np: Any, x: Any, make: Callable[..., Any]) -> Any:
    y = np.tanh(x)
    z = make(np, y)
    z += 1.0
    return y, z


@pytest.mark.parametrize(
    "make",
    [
        lambda np, y: np.array(y),
        lambda np, y: np.asarray(y),
        lambda np, y: np.array([y[0], y[1], y[2]]),
        lambda np, y: np.asarray([y[0], y[1], y[2]]),
    ],
    ids=["array", "asarray", "array of a list", "asarray of a list"],
)
def test_writes_are_seen_where_numpy_would_show_them(make: Any) -> None:
    found = T.jit(lambda x: written(np, x, make))(V)
    for mine, theirs in zip(found, written(numpy, V, make), strict=True):
        numpy.testing.assert_allclose(mine, theirs, rtol=1e-14)


def test_what_numpy_took_as_an_array_is_not_written_afterwards() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(2)
        taken = numpy.asarray(y)
        y[0] = x
        return y + taken

    with pytest.raises(sd.TracingError, match="NumPy was given") as refused:
        T.jit(f)(2.0)
    assert "y[0] = x" in str(refused.value)


@pytest.mark.parametrize("part", ["y[:1]", "y[::-1]", "y.reshape(1, -1)[0]", "y"])
def test_a_branch_or_loop_does_not_write_into_what_is_around_it(part: str) -> None:
    def inside(y: Any, v: Any) -> Any:
        view = eval(part, {"y": y})
        view += v
        return v

    def branches(x: Any) -> Any:
        y = x * 1.0
        sd.cond(x[0] > 0, lambda: inside(y, x[1]), lambda: x[2])
        return y

    def loops(x: Any) -> Any:
        y = x * 1.0
        sd.scan(lambda c, r: (inside(y, c), None), x[0], x)
        return y

    for f in (branches, loops):
        with pytest.raises(sd.TracingError, match="made outside of this function"):
            T.jit(f)(V)


# --- declared models ------------------------------------------------------------------


def test_declared_tensors_and_lengths() -> None:
    n = sd.dim("N")
    x = sd.input("x", (n, 3))
    y = np.tanh(x) + np.zeros(x.shape) + np.array([x[0, 0], 1.0, 2.0])
    f = sd.compile(sd.Function("f", [x], y)).load()
    given = numpy.arange(6.0).reshape(2, 3)
    numpy.testing.assert_allclose(
        f.forward(given), numpy.tanh(given) + [given[0, 0], 1.0, 2.0]
    )
