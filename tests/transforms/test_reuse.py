"""`symdiff.transforms`: what is compiled, when it is reused, and when done anew."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.transforms import transformed

X = np.array([0.5, -1.0, 2.0])


def cubes(x):
    return np.sum(x**3)


@pytest.fixture
def traces(monkeypatch):
    """The arguments of every call that was traced."""
    found: list[Any] = []

    def noting(*args: Any) -> Any:
        found.append(args)
        return traced(*args)

    traced = transformed.traced
    monkeypatch.setattr(transformed, "traced", noting)
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
    from symdiff.transforms import variants

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
