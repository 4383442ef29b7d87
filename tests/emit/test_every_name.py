"""Every name that generated text has for itself, taken by the user for each thing.

In: the names in the text of models that use what templates know. Out: models whose
inputs, parameters, states, dims, metrics or outputs are called by them, all at once, so
that the text has to keep each apart. Invariant: the numbers are those of the same model
under plain names, at once and after two steps, planned and readable, in a package and
in one file.
"""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

ROLES = ("input", "target", "parameter", "state", "dim", "metric", "output")


def _full(optimizer: Any) -> Any:
    """A model with draws, integers, statistics, a loop and bounded data."""
    n, t = sd.dim("N"), sd.dim("T")
    x, ids = sd.input("x", (n, t, 3)), sd.input("ids", (n,), "int64", high=4)
    y, weight = sd.input("y", (n,), "int64", high=2), sd.input("weight", (n,), low=0)
    h = sd.nn.batch_norm(sd.nn.rnn(x, 4)[1] + sd.nn.embedding(ids, 4, 4))
    z = sd.nn.dense(sd.nn.dropout(h, 0.5), 2, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y, sample_weights=weight)
    return sd.Model(
        "full",
        [x, ids],
        [y, weight],
        {"probs": sd.nn.softmax(z), "z": z},
        loss,
        {"accuracy": sd.nn.accuracy(z, y)},
        optimizer,
    )


def _long(optimizer: Any) -> Any:
    """A model of one weight, and of constants that are stored beside it."""
    x, y = sd.input("x", (sd.dim("N"), 100)), sd.input("y", (sd.dim("N"),))
    far = x * np.arange(100.0) @ sd.param("W", (100,))
    far = sd.where(far > 0, far, sd.sort(far))
    return sd.Model("long", [x], [y], far, sd.mean((far - y) ** 2), {}, optimizer)


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "Adam": lambda: sd.optim.Adam(
        sd.optim.schedules.cosine(1e-2, 9), ema=0.9, clip_norm=1.0
    ),
    "SGD": lambda: sd.optim.SGD(
        1e-2, momentum=0.9, groups={"out.*": {"lr": 1e-3}}, frozen=["*.b"]
    ),
    "max_norm": lambda: sd.optim.RMSprop(1e-2, max_norm={"out.W": 1.0}),
}


def _named(text: str) -> set[str]:
    """Return the names that a module binds: variables, arguments, functions, modules.

    Those with a number were handed out for a model, and give way.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add((other or name).partition(".")[0])
    return {n for n in found if not n[-1].isdigit()}


@functools.cache
def names() -> tuple[str, ...]:
    """Return every name in the text of models that between them use all templates."""
    found: set[str] = set()
    made = [_full(make()) for make in OPTIMIZERS.values()]
    made += [_long(sd.optim.AdamW(1e-2))]
    for model, single in itertools.product(made, (False, True)):
        files = sd.compile(model, single_file=single).files
        for path, text in files.items():
            if path.endswith(".py"):
                found |= _named(str(text))
    return tuple(sorted(n for n in found if "batch_norm" not in n))


def test_the_names_are_those_of_all_functions() -> None:
    assert len(names()) > 300
    assert {"plan", "dtype", "lengths", "Plan", "_fit", "dims", "np", "N"} <= {*names()}


# --- one model, its things called by the names or plainly -----------------------------


# What a declaration says that it cannot be called.
REFUSED = {"metric": ["epoch", "loss", "val_loss"]}


def _wanted(role: str, kept: str) -> list[str]:
    """Return names for the things of a role; the others' are plain."""
    if role != kept:
        return [f"{role}{i}" for i in range(3)]
    found = [n for n in names() if n not in REFUSED.get(role, ())]
    return [n for n in found if role != "output" or not n.startswith("_")]


def _model(role: str, plain: bool) -> tuple[Any, dict[str, list[str]]]:
    told = {r: _wanted(r, role) for r in ROLES}
    if plain:
        told = {r: [f"plain{r}{i}" for i in range(len(v))] for r, v in told.items()}
    batch = sd.dim("batchsize")
    rows = [sd.input(n, (batch, 2)) for n in told["input"]]
    aims = [sd.input(n, (batch,)) for n in told["target"]]
    long = [sd.input(f"of_length_{i}", (sd.dim(n),)) for i, n in enumerate(told["dim"])]
    params = [sd.param(n, (2,), init=0.1 + i) for i, n in enumerate(told["parameter"])]
    states = [sd.state(n, ()) for n in told["state"]]
    found = 0.0
    for i, (x, p) in enumerate(_pairs(rows, params)):
        found = found + (i + 1) * (x @ p)
    loss = sum((sd.mean((found - (i + 1) * t) ** 2) for i, t in enumerate(aims)), 0.0)
    scale = sum((sd.sum(v) * sd.sum(v**2) / v.shape[0] for v in long), 0.0)
    loss = loss * (1 + 1e-3 * scale)
    updates = {s: 0.5 * s + (i + 1) * sd.mean(found) for i, s in enumerate(states)}
    outputs = {n: found * float(i + 1) for i, n in enumerate(told["output"])}
    metrics = {n: sd.mean(found) * (i + 1) for i, n in enumerate(told["metric"])}
    loss = loss + 1e-3 * sum((s * (i + 1) for i, s in enumerate(states)), 0.0)
    model = sd.Model(
        "every",
        [*rows, *long],
        aims,
        outputs,
        loss,
        metrics,
        sd.optim.Adam(1e-2),
        updates,
    )
    return model, told


def _pairs(a: list[Any], b: list[Any]) -> list[Any]:
    """Return pairs in which each of both lists occurs."""
    count = max(len(a), len(b))
    return [(a[i % len(a)], b[i % len(b)]) for i in range(count)]


def _numbers(module: Any, role: str, told: Any, planned: bool) -> list[Any]:
    """Return what the functions of a model give, by place rather than by name."""
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(3, 2)) for _ in told["input"]]
    data += [rng.normal(size=1 + i % 4) for i in range(len(told["dim"]))]
    aims = [rng.normal(size=3) for _ in told["target"]]
    single = not hasattr(module, "train")
    train, backward = (module, module) if single else (module.train, module.backward)
    first = train.init_params(0, np.float64)
    forward = module.forward if single else module.forward.forward
    value, grads, updates = backward.value_and_grad(first, *data, *aims)
    found = [*forward(first, *data), value]
    found += [grads[n] for n in told["parameter"]]
    found += [updates[n] for n in told["state"]]
    state = train.init_state(first)
    for _ in range(2):
        step = train.train_step(state, *data, *aims, planned=planned)
    found += [step[n] for n in ("loss", *told["metric"])]
    found += [state.params[n] for n in (*told["parameter"], *told["state"])]
    checked = train.evaluate(state.params, *data, *aims)
    return [*found, *(checked[n] for n in ("loss", *told["metric"]))]


def _right(role: str) -> list[Any]:
    """Return the numbers of the model under plain names, from readable code."""
    model, told = _model(role, True)
    module = sd.compile(model, single_file=True).load()
    return _numbers(module, role, told, False)


@pytest.mark.parametrize("role", ROLES)
def test_every_name_of_the_text_can_be_the_users(role: str) -> None:
    """In one file, and in a package whose steps are readable or planned."""
    model, told = _model(role, False)
    single, package = (sd.compile(model, single_file=s).load() for s in (True, False))
    right = _right(role)
    for module, planned in ((single, False), (package, False), (package, True)):
        found = _numbers(module, role, told, planned)
        for a, b in zip(found, right, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("single", [False, True], ids=["package", "single"])
@pytest.mark.parametrize(
    "name", ["lengths", "params", "np", "plan", "Plan", "fit", "main", "x"]
)
def test_a_model_can_have_a_name_of_the_text(name: str, single: bool) -> None:
    x, t = sd.input("x", (sd.dim("N"), 2)), sd.input("t", (sd.dim("N"),))
    y = x @ sd.param("W", (2,), init=0.5)
    adam = sd.optim.Adam(0.1)
    model = sd.Model(name, [x], [t], {name: y}, sd.mean((y - t) ** 2), {}, adam)
    module = sd.compile(model, single_file=single).load()
    train = module if single else module.train
    state = train.init_state(train.init_params(0, np.float64))
    for planned in (False, not single):
        step = train.train_step(state, np.ones((3, 2)), np.zeros(3), planned=planned)
    assert step["loss"] < 1


def _momentum(rate: str, slot: str) -> sd.optim.Optimizer:
    """Return gradient descent with momentum whose own names are the given ones."""

    class Momentum(sd.optim.Optimizer):
        slots = (slot,)

        def update(self, p: Any, g: Any, slots: Any, hyper: Any, t: Any) -> Any:
            velocity = 0.9 * slots[slot] + g
            return p - hyper[rate] * velocity, {slot: velocity}

    return Momentum(**{rate: 0.1})


@pytest.mark.parametrize("own", ["hyperparameter", "slot"])
@pytest.mark.parametrize(
    "name", ["slots", "hyper", "scratch", "name", "state", "p", "g", "size", "flat"]
)
def test_an_optimisers_own_names_can_be_those_of_the_text(name: str, own: str) -> None:
    x, t = sd.input("x", (sd.dim("N"), 2)), sd.input("t", (sd.dim("N"),))
    y = x @ sd.param("W", (2,), init=0.5)
    names = (name, "v") if own == "hyperparameter" else ("rate", name)
    model = sd.Model("m", [x], [t], y, sd.mean((y - t) ** 2), {}, _momentum(*names))
    train = sd.compile(model).load().train
    at = np.array([[1.0, 2.0], [3.0, -1.0]])
    w, v = np.full(2, 0.5), np.zeros(2)
    for _ in range(2):
        v = 0.9 * v + at.T @ (at @ w)
        w = w - 0.1 * v
    for planned in (False, True):
        state = train.init_state(train.init_params(0, np.float64))
        for _ in range(2):
            train.train_step(state, at, np.zeros(2), planned=planned)
        np.testing.assert_allclose(state.params["W"], w, rtol=1e-12)


def test_dims_are_told_apart_as_pythons_names_are() -> None:
    """A ligature is the two letters that it stands for."""
    x = sd.input("x", (sd.dim("\ufb01"),))
    assert sd.dim("\ufb01") == sd.dim("fi")
    f = sd.Function("f", [x], sd.mean(x) * sd.ones(x.shape))
    found = sd.compile(f).load().forward.forward(np.arange(4.0))
    np.testing.assert_array_equal(found, np.full(4, 1.5))
