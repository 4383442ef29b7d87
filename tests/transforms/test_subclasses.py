"""Arrays of a subclass that computes in its own way are refused; others are arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.graph.arrays import has_own_meaning
from symdiff.training.datasets import prepared

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


class Labelled(np.ndarray):
    """A subclass that carries a label along, and computes like any array."""

    label = "mine"


class Halved(np.ndarray):
    """A subclass whose functions are its own."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kw: Any) -> Any:
        plain = [np.asarray(i) / 2 for i in inputs]
        return getattr(ufunc, method)(*plain, **kw)


def masked() -> Any:
    return np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]])


def matrix() -> Any:
    return np.asmatrix([[1.0, 2.0], [3.0, 4.0]])


def halved() -> Any:
    return np.array([[1.0, 2.0], [3.0, 4.0]]).view(Halved)


def labelled() -> Any:
    return np.array([[1.0, 2.0], [3.0, 4.0]]).view(Labelled)


def memmap(folder: Path) -> Any:
    found = np.memmap(folder / "x.bin", dtype=float, mode="w+", shape=(2, 2))
    found[:] = [[1.0, 2.0], [3.0, 4.0]]
    return found


OWN = [masked, matrix, halved]
X = np.array([[1.0, 2.0], [3.0, 4.0]])


def _total(x: Any) -> Any:
    return np.sum(x * x)


def _trained(value: Any) -> Any:
    n = sd.dim("n")
    x, y = sd.input("x", (n, 2)), sd.input("y", (n, 2))
    W = sd.param("W", (2, 2))
    loss = sd.nn.mse(x @ W, y)
    model = sd.Model("m", [x], [y], {"p": x @ W}, loss, optimizer=sd.optim.SGD(0.1))
    train = sd.compile(model).load().train
    return train, {"x": X, "y": value}


def _data(value: Any) -> Any:
    train, data = _trained(value)
    return prepared(train, sd.Training(batch_size=2), "data()", {"train": data})


# Every way in which an array reaches what symdiff computes with.
ENTRIES: dict[str, Callable[[Any], Any]] = {
    "jit": lambda v: T.jit(_total)(v),
    "grad": lambda v: T.grad(_total)(v),
    "value_and_grad": lambda v: T.value_and_grad(_total)(v),
    "hessian": lambda v: T.hessian(_total)(v),
    "jvp": lambda v: T.jvp(_total)(X, v),
    "vjp": lambda v: T.vjp(lambda x: x * x)(X, v),
    "hvp": lambda v: T.hvp(_total)(X, v),
    "in a list": lambda v: T.grad(lambda p: _total(p[0]))([v]),
    "in a dict": lambda v: T.grad(lambda p: _total(p["w"]))({"w": v}),
    "by name": lambda v: T.grad(lambda x, scale: _total(x * scale))(X, scale=v),
    "captured": lambda v: T.jit(lambda x: x * v)(X),
    "captured, in front": lambda v: T.jit(lambda x: v * x)(X),
    "captured, of a function": lambda v: T.jit(lambda x: np.maximum(v, x))(X),
    "nested": lambda v: T.grad(lambda x: T.grad(_total)(v)[0, 0] * np.sum(x))(X),
    "spec": lambda v: sd.trace(_total, v),
    "constant": lambda v: sd.constant(v),
    "operand": lambda v: sd.input("x", (2, 2)) * v,
    "initial value": lambda v: sd.param("w", (2, 2), init=sd.init.from_array(v)),
    "interpret": lambda v: sd.interpret(_total(x := sd.input("x", (2, 2))), {x: v}),
    "data": _data,
}  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("make", OWN)
def test_a_meaning_of_its_own_is_never_dropped(make: Any, entry: str) -> None:
    with pytest.raises((sd.SymdiffError, TypeError)) as refused:
        ENTRIES[entry](make())
    kind = type(make()).__name__
    assert kind in str(refused.value) or isinstance(refused.value, sd.TracingError)


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e != "captured, in front"])
def test_what_behaves_as_an_array_is_one(entry: str, tmp_path: Path) -> None:
    call = ENTRIES[entry]
    expected = call(X)
    for value in (memmap(tmp_path), labelled()):
        found = call(value)
        if entry not in ("spec", "constant", "operand", "initial value", "data"):
            compare(found, expected)


def compare(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, (tuple, list)):
        for f, e in zip(found, expected, strict=True):
            compare(f, e)
    else:
        np.testing.assert_allclose(np.asarray(found), expected)


def test_which_subclasses_have_a_meaning_of_their_own(tmp_path: Path) -> None:
    assert all(has_own_meaning(make()) for make in OWN)
    assert has_own_meaning(np.ma.masked)
    for value in (X, memmap(tmp_path), labelled(), 1.0, np.float64(1.0), [1.0]):
        assert not has_own_meaning(value)


def test_the_remedy_is_named() -> None:
    with pytest.raises(sd.DTypeError, match=r"filled.*np\.where"):
        T.grad(_total)(masked())
    with pytest.raises(sd.DTypeError, match="matrix product"):
        T.grad(_total)(matrix())
