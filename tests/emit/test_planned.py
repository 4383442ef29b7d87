"""The planned training step computes what the readable one does.

Models are compiled, their memory is filled with NaN before every step, and loss,
metrics, gradients and updated vectors are compared with backward.py and train.py: to
the last bit with planned="exact", else within the bound that the module states.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from planned_runs import allocated

import symdiff as sd

N = sd.dim("N")


def _labels(k: int) -> Any:
    return sd.input("y", (N,), dtype="int64", high=k)


def digits(optimizer: Any) -> sd.Model:
    """The model of the first example: relu, cross-entropy, l2, a metric."""
    x, y = sd.input("x", (N, 8)), _labels(4)
    h = sd.nn.dense(x, 6, activation="relu", name="hidden")
    z = sd.nn.dense(h, 4, name="out")
    weights = [p for p in sd.params(z) if p.ndim > 1]
    loss = sd.nn.softmax_cross_entropy(z, y) + 1e-4 * sd.nn.l2(weights)
    metrics = {"accuracy": sd.nn.accuracy(z, y)}
    outputs = {"probs": sd.nn.softmax(z)}
    return sd.Model(
        "digits", [x], [y], outputs, loss=loss, metrics=metrics, optimizer=optimizer
    )


def regression(optimizer: Any) -> sd.Model:
    """Tanh and sigmoid layers, squared error: W1 of the benchmarks, smaller."""
    x, y = sd.input("x", (N, 2)), sd.input("y", (N, 1))
    h = sd.nn.dense(x, 5, activation="tanh", name="first")
    h = sd.nn.dense(h, 3, activation="sigmoid", name="second")
    out = sd.nn.dense(h, 1, name="last")
    return sd.Model(
        "regression", [x], [y], out, loss=sd.nn.mse(out, y), optimizer=optimizer
    )


def svm(optimizer: Any) -> sd.Model:
    """Hinge loss with l1: a `where` over a mask, ties at kinks."""
    x, y = sd.input("x", (N, 6)), _labels(3)
    scores = sd.nn.dense(x, 3, name="svm")
    loss = sd.nn.hinge(scores, y) + 0.01 * sd.nn.l1(sd.params(scores))
    return sd.Model("svm", [x], [y], scores, loss=loss, optimizer=optimizer)


def deep(optimizer: Any) -> sd.Model:
    """Softplus, silu, elu, gelu; a residual connection; parameters used twice."""
    x, y = sd.input("x", (N, 4)), sd.input("y", (N, 4))
    W = sd.param("W", (4, 4))
    scale = sd.param("scale", ())
    h = sd.nn.softplus(x @ W)
    h = h + sd.nn.silu(h @ W)
    h = h * sd.nn.elu(h @ W.T) * scale
    out = sd.nn.gelu(h / (1 + sd.sum(h**2, axis=1, keepdims=True)))
    loss = sd.mean(sd.abs(out - y)) + sd.sum(sd.maximum(W, 0.1) ** 3) + scale**2
    return sd.Model("deep", [x], [y], out, loss=loss, optimizer=optimizer)


def odd(optimizer: Any) -> sd.Model:
    """Gradients that are a leaf, a constant, a view, zero, or one array twice."""
    x, y = sd.input("x", (N, 3)), sd.input("y", (N, 3))
    a, b, c = (sd.param(n, (3,)) for n in "abc")
    twice = sd.param("twice", (3,))
    square, unused = sd.param("square", (3, 3)), sd.param("unused", (2,))
    loss = sd.sum(a) + sd.sum(b * c) + sd.sum(twice * b) + sd.sum((x - y) @ square.T)
    loss = loss + 0.0 * sd.sum(sd.stop_gradient(unused))
    return sd.Model("odd", [x], [y], x, loss=loss, optimizer=optimizer)


def drop(optimizer: Any) -> sd.Model:
    """Dropout: keyed draws, the mask shared by both halves."""
    x, y = sd.input("x", (N, 8)), _labels(4)
    h = sd.nn.dropout(sd.nn.dense(x, 6, activation="relu", name="hidden"), 0.3)
    z = sd.nn.dense(sd.nn.dropout(h, 0.2), 4, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model("drop", [x], [y], z, loss=loss, optimizer=optimizer)


def running(optimizer: Any) -> sd.Model:
    """A state that the step updates and the loss reads."""
    x, y = sd.input("x", (N, 3)), sd.input("y", (N, 3))
    mean = sd.state("mean", (3,))
    w = sd.param("w", (3,))
    now = sd.mean(x, axis=0)
    out = (x - mean) * w
    return sd.Model(
        "running",
        [x],
        [y],
        out,
        loss=sd.nn.mse(out, y),
        metrics={"first": mean[0]},
        optimizer=optimizer,
        updates={mean: 0.9 * mean + 0.1 * now},
    )


def mixture(optimizer: Any) -> sd.Model:
    """Distances to centres through triangles: transposes, sums, several scales."""
    x = sd.input("x", (N, 3))
    centres, Q = sd.param("centres", (4, 3)), sd.param("Q", (4, 3, 3))
    z = sd.einsum("kij,nkj->nki", Q, x[:, None, :] - centres)
    score = -0.5 * sd.sum(z**2, axis=2) + sd.sum(Q, axis=(1, 2))
    loss = -sd.mean(sd.logsumexp(score, axis=1)) + 0.1 * sd.sum(Q**2) / N
    return sd.Model("mixture", [x], [], score, loss=loss, optimizer=optimizer)


def _chain(size: int, optimizer: Any) -> sd.Model:
    x, w = sd.input("x", (size,)), sd.param("w", (size,), init=sd.init.normal(1.0))
    b = sd.param("b", ())
    h = sd.sigmoid(w * x + b) * sd.tanh(sd.softplus(w * x))
    loss = sd.mean(h**3) + 1e-3 * sd.mean(sd.abs(w))
    return sd.Model("chain", [x], [], h, loss=loss, optimizer=optimizer)


def chain(optimizer: Any) -> sd.Model:
    """Elementwise functions of arrays that are computed part by part."""
    return _chain(1 << 18, optimizer)


def uneven(optimizer: Any) -> sd.Model:
    """The same for a length that has no equal parts."""
    return _chain(262_147, optimizer)


MODELS: dict[str, Callable[[Any], sd.Model]] = {
    f.__name__: f
    for f in (digits, regression, svm, deep, odd, drop, running, mixture, chain, uneven)
}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: sd.optim.Adam(0.01),
    "sgd": lambda: sd.optim.SGD(0.1, weight_decay=0.01),
    "nesterov": lambda: sd.optim.Momentum(0.05, nesterov=True, weight_decay=0.001),
}


@cache
def _loaded(model: str, optimizer: str, planned: str = "fast") -> tuple[Any, Any, Any]:
    """Return the package's train and _planned, and the declared model."""
    declared = MODELS[model](OPTIMIZERS[optimizer]())
    package = sd.compile(declared, planned=planned).load()
    parts = [
        importlib.import_module(f"{package.__name__}.{m}")
        for m in ("train", "_planned")
    ]
    return parts[0], parts[1], declared


def _data(model: sd.Model, rows: int, dtype: Any, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    made = []
    for leaf in (*model.inputs, *model.targets):
        shape = tuple(rows if d == N else d for d in leaf.shape)
        if leaf.dtype.is_integer:
            made.append(rng.integers(0, leaf.node.attrs["high"], shape))
        else:
            made.append(rng.normal(size=shape).astype(dtype))
    return made


def _state(train: Any, dtype: Any) -> Any:
    params = {k: v.astype(dtype) for k, v in train.init_params(1).items()}
    rng = np.random.default_rng(5)
    return train.init_state(
        {k: v + rng.normal(size=v.shape).astype(dtype) for k, v in params.items()}
    )


def _poison(*memory: Any) -> None:
    """Fill what may be written before it is read: NaN, True, the largest integer."""
    for array in memory:
        if isinstance(array, np.ndarray) and not array.flags.writeable:
            continue
        if isinstance(array, np.ndarray):
            array.fill(np.nan if array.dtype.kind == "f" else np.iinfo(np.int32).max)


def _same(found: Any, expected: Any) -> None:
    for key in expected:
        assert np.array_equal(found[key], expected[key], equal_nan=True), key


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_steps_are_equal_to_the_bit(model: str, optimizer: str, dtype: Any) -> None:
    """Five steps with changing batch sizes, memory poisoned before each."""
    train, _, declared = _loaded(model, optimizer, "exact")
    readable, state = _state(train, dtype), _state(train, dtype)
    for step, rows in enumerate([4, 1, 4, 7, 1]):
        data = _data(declared, rows, dtype, step)
        expected = train.train_step(readable, *data, planned=False)
        _poison_plans(state)
        found = train.train_step(state, *data, planned=True)
        assert found == expected
        _same(state.grads, readable.grads)
        _same(state.params, readable.params)
        _same(state.flat_slots, readable.flat_slots)
    assert all(a.dtype == dtype for a in state.params.values())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_steps_are_equal_within_the_bound(
    model: str, optimizer: str, dtype: Any
) -> None:
    """Each step from the same values; its update from the same gradient.

    A gradient in which nearly everything cancels is compared with the largest of the
    others: what is left of it is rounding, in the readable step too.
    """
    train, planned, declared = _loaded(model, optimizer)
    readable, state = _state(train, dtype), _state(train, dtype)
    bound = planned.BOUND[np.dtype(dtype).name]
    for step, rows in enumerate([4, 1, 4, 7, 1]):
        data = _data(declared, rows, dtype, step)
        for name, array in readable.params.items():
            state.params[name][...] = array
        for name, array in readable.flat_slots.items():
            state.flat_slots[name][...] = array
        before = [a.copy() for a in (state.flat_params, *state.flat_slots.values())]
        expected = train.train_step(readable, *data, planned=False)
        _poison_plans(state)
        kept = _constants(state)
        found = train.train_step(state, *data, planned=True)
        assert all(np.array_equal(a, b) for a, b in kept)  # never written into
        for key, value in expected.items():
            assert abs(found[key] - value) <= bound * max(1, abs(value)), key
        largest = np.abs(readable.flat_grads).max()
        for key, array in readable.grads.items():
            least = largest * (1 if dtype == np.float32 else 1e-3)
            _near(state.grads[key], array, bound * max(np.abs(array).max(), least))
        vectors = (state.flat_params, *state.flat_slots.values())
        for vector, old in zip(vectors, before, strict=True):
            vector[...] = old
        state.flat_grads[...] = readable.flat_grads
        scratch = planned.scratch_for(state._plans, state.flat_params)
        _poison(*scratch)
        flat = (state.flat_params, state.flat_grads, state.flat_slots)
        planned.apply_update(*flat, state.hyper, state.step, scratch)
        wanted = (readable.flat_params, *readable.flat_slots.values())
        for vector, value in zip(vectors, wanted, strict=True):
            _near(vector, value, bound * np.abs(value).max())
    assert all(a.dtype == dtype for a in state.params.values())


def _near(found: np.ndarray, wanted: np.ndarray, most: float) -> None:
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    assert np.all(same | (np.abs(found - wanted) <= most)), np.abs(found - wanted).max()


def _plans(state: Any) -> list[Any]:
    return [p for p in state._plans.values() if hasattr(p, "_fields")]


def _constants(state: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the zeros, ones and ranges that plans keep, each with a copy."""
    names = ("zero", "one", "rows")
    fields = [item for plan in _plans(state) for item in plan._asdict().items()]
    return [(a, np.copy(a)) for name, a in fields if name.startswith(names)]


def _poison_plans(state: Any) -> None:
    for plan in _plans(state):
        fields = plan._asdict().items()
        _poison(*(a for n, a in fields if n.startswith(("work", "mask", "ints"))))
    _poison(*state._plans.get("update", ()), state.flat_grads)


def test_nothing_of_a_model_s_size_is_allocated_in_a_step() -> None:
    """A second step of the same shapes makes no array of its own."""
    for model in ("digits", "mixture", "chain"):
        train, _, declared = _loaded(model, "adam")
        state, data = _state(train, np.float64), _data(declared, 64, np.float64, 0)
        step = partial(train.train_step, state, *data)
        step()
        peak = allocated(step)
        assert peak < 200_000, (model, peak)


def test_an_option_of_another_name_is_refused() -> None:
    with pytest.raises(sd.DeclarationError, match="'fast' or 'exact'"):
        sd.compile(digits(sd.optim.SGD()), planned="quick")


def test_the_readable_modules_are_the_same_with_either_option() -> None:
    """Only the headers tell them apart."""
    fast, exact = (
        sd.compile(digits(sd.optim.Adam()), planned=planned)
        for planned in ("fast", "exact")
    )
    assert "planned=exact" in exact["train"]
    assert "planned=exact" not in fast["train"]
    for module in ("forward", "backward", "train"):
        bodies = [c[module].partition('"""')[2] for c in (fast, exact)]
        assert re.sub('BUILD = "[^"]*"', "", bodies[0]) == re.sub(
            'BUILD = "[^"]*"', "", bodies[1]
        )


def test_arguments_and_parameters_are_not_written() -> None:
    """compute_grads reads parameters and arguments only."""
    train, planned, declared = _loaded("digits", "adam")
    state = _state(train, np.float32)
    data = _data(declared, 5, np.float32, 0)
    before = [a.copy() for a in (*state.params.values(), *data)]
    plan = planned.make_plan({"N": 5}, np.float32)
    planned.compute_grads(plan, state.params, state.grads, *data)
    for array, old in zip((*state.params.values(), *data), before, strict=True):
        assert np.array_equal(array, old)


def test_an_empty_batch_is_refused_by_the_plan() -> None:
    """A mean over no rows is an error before anything is computed."""
    _, planned, _ = _loaded("digits", "adam")
    with pytest.raises(ValueError, match="at least one element"):
        planned.make_plan({"N": 0}, np.float32)


def test_gradients_are_written_where_the_state_keeps_them() -> None:
    """A sum of a product and a penalty needs no memory beside the gradient's own."""
    text = sd.compile(digits(sd.optim.Adam()), planned="exact")["_planned"]
    assert 'd_out_W = h.T.dot(d_z, grads["out.W"])' in text
    assert "np.copyto(grads" not in text


def test_the_text_is_the_same_every_time() -> None:
    """Two compilations give the same bytes."""
    first, second = (sd.compile(digits(sd.optim.Adam()))["_planned"] for _ in range(2))
    assert first == second


def test_results_that_are_numbers() -> None:
    N = sd.dim("N")
    x, w = sd.input("x", (N, 3)), sd.param("w", 3)
    metrics = {
        "huge": sd.exp(1000.0),
        "none": sd.log(-1.0),
        "six": sd.constant(2.0) * 3,
    }
    model = sd.Model(
        "plain_numbers",
        [x],
        outputs=x @ w,
        loss=sd.mean((x @ w) ** 2),
        metrics=metrics,
        optimizer=sd.optim.SGD(0.1),
    )
    for level in (0, 1, 2):
        train = sd.compile(model, optimize=level).load().train
        state = train.init_state(train.init_params(0))
        found = train.train_step(state, np.ones((4, 3), np.float32))
        assert found["huge"] == np.inf
        assert np.isnan(found["none"])
        assert found["six"] == 6
