"""Generated code refuses arrays whose class computes in its own way, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdiff as sd

X = np.arange(8.0).reshape(4, 2)
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


class Halved(np.ndarray):
    """A subclass whose functions are its own."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kw: Any) -> Any:
        return getattr(ufunc, method)(*(np.asarray(i) / 2 for i in inputs), **kw)


@pytest.fixture(scope="module", params=["package", "one file"])
def generated(request: Any) -> Any:
    n = sd.dim("n")
    x, y = sd.input("x", (n, 2)), sd.input("y", (n, 2))
    p = x @ sd.param("W", (2, 2))
    rule = sd.optim.SGD(0.1)
    model = sd.Model("m", [x], [y], {"p": p}, sd.nn.mse(p, y), optimizer=rule)
    module = sd.compile(model, single_file=request.param == "one file").load()
    train = getattr(module, "train", module)
    forward = getattr(module, "forward", module)
    return train, getattr(forward, "forward", forward), train.init_params(0, "float64")


# Every way in which an array reaches generated code.
ENTRIES: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "forward": lambda t, f, p, a: f(p, a),
    "a parameter": lambda t, f, p, a: f({"W": a[:2]}, X),
    "a step": lambda t, f, p, a: t.train_step(t.init_state(p), a, X),
    "a readable step": lambda t, f, p, a: t.train_step(
        t.init_state(p), X, a, planned=False
    ),
    "evaluate": lambda t, f, p, a: t.evaluate(p, X, a),
    "data": lambda t, f, p, a: t.fit(t.init_state(p), {"x": X, "y": a}, epochs=1),
    "batches": lambda t, f, p, a: t.fit(
        t.init_state(p), lambda epoch: [{"x": a, "y": X}], epochs=1
    ),
    "held-out data": lambda t, f, p, a: t.fit(
        t.init_state(p), {"x": X, "y": X}, epochs=1, validation={"x": a, "y": X}
    ),
}  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("kind", ["MaskedArray", "matrix", "Halved"])
def test_a_meaning_of_its_own_is_never_dropped(
    generated: Any, entry: str, kind: str
) -> None:
    bad = {
        "MaskedArray": np.ma.array(X, mask=X > 3),
        "matrix": np.asmatrix(X),
        "Halved": X.view(Halved),
    }[kind]
    with pytest.raises(TypeError, match=f"plain array, got {kind}"):
        ENTRIES[entry](*generated, bad)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_memmap_is_an_array(generated: Any, entry: str, tmp_path: Path) -> None:
    stored = np.memmap(tmp_path / "x.bin", dtype=float, mode="w+", shape=X.shape)
    stored[:] = X
    found, expected = (ENTRIES[entry](*generated, a) for a in (stored, X))
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    else:
        assert repr(found) == repr(expected)


def test_parameters_to_train_are_plain(generated: Any) -> None:
    train, _, _ = generated
    for bad in (np.ma.array(X[:2], mask=X[:2] > 1), np.asmatrix(X[:2])):
        with pytest.raises(TypeError, match="plain arrays"):
            train.init_state({"W": bad})
