"""Blocks that repeat are one function, and compute what they did written out.

In: towers of random blocks: layers, loops, draws, states, shared weights, values shared
by all blocks, hostile names. Out: the package as it is and with ``inline=True``, run
side by side. Invariant: every result is the same to the last bit, and where blocks are
alike their text stands once.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from block_towers import LAYERS, WIDTH, N, tower
from generated import beside

import symdiff as sd
from symdiff.compiler.compilation import Compilation


def _results(package: ModuleType, compiled: Compilation) -> list[Any]:
    """Return all that a package computes at one point, and after two steps."""
    single = compiled.single_file
    train = package if single else beside(package, "train")
    backward = package if single else beside(package, "backward")
    forward = package if single else beside(package, "forward")
    rng = np.random.default_rng(3)
    params = train.init_params(1)
    x, y = rng.normal(size=(2, 3, 5, WIDTH))
    data = x.astype(np.float32), y.astype(np.float32)
    draws = "key" in backward.value_and_grad.__code__.co_varnames
    key = (7,) if draws else ()
    found = [
        backward.value_and_grad(params, *data, *key),
        forward.forward(params, data[0]),
        train.evaluate(params, *data),
        train.metrics(params, *data, *key),
    ]
    state = train.init_state(params)
    steps = [train.train_step(state, *data, planned=p) for p in (False, not single)]
    return [*found, *steps, state.params]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return list(a) == list(b) and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(_same, a, b))
    equal = np.array_equal(a, b, equal_nan=True)
    return equal and np.asarray(a).dtype == np.asarray(b).dtype


def _functions(compiled: Compilation, module: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(compiled[module])
    return {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)}


def _compared(model: sd.Model, **options: Any) -> Compilation:
    """Return a compilation that computes what it does with everything written out."""
    compiled = sd.compile(model, **options)
    plain = sd.compile(model, inline=True, **options)
    one, other = (_results(c.load(), c) for c in (compiled, plain))
    assert _same(one, other)
    return compiled


def _drawn(seed: int) -> sd.Model:
    draw = random.Random(seed)
    layers = draw.choices(list(LAYERS), k=draw.randint(2, 5))
    first, last = draw.random() < 0.7, draw.random() < 0.3
    return tower(layers, draw.randint(2, 4), first=first, last=last)


# In the last, a loop's carry starts in a row with that of another block's.
@pytest.mark.parametrize("seed", [*range(6), 166])
def test_random_towers_compute_the_same(seed: int) -> None:
    _compared(_drawn(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 220))
def test_many_random_towers_compute_the_same(seed: int) -> None:
    _compared(_drawn(seed))


@pytest.mark.parametrize("depth", [2, 5])
@pytest.mark.parametrize(
    "layers",
    [
        ["norm", "attention", "gelu", "residual"],
        ["batch", "residual", "dropout"],
        ["lstm", "norm"],
    ],
    ids=lambda layers: layers[0],
)
def test_blocks_stand_once(layers: list[str], depth: int) -> None:
    """The text does not grow with the depth, but by what hands values on."""
    compiled = _compared(tower(layers, depth))
    backward = _functions(compiled, "backward")
    for name in ("block_forward", "block_backward"):
        used = ast.walk(ast.parse(compiled["backward"]))
        assert sum(_calls(n, name) for n in used) == depth
        own = {n.id for n in ast.walk(backward[name]) if isinstance(n, ast.Name)}
        assert not [n for n in own if "block0_" in n]
    if depth > 3:  # what the last block gives is read in the line that reads it
        used = ast.walk(ast.parse(compiled["forward"]))
        assert sum(_calls(n, "block") for n in used) >= depth - 1


def _calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == name


def test_a_first_block_that_differs_is_written_out() -> None:
    """Nothing is derived by the model's input, so the first block has fewer lines."""
    compiled = _compared(tower(["norm", "gelu", "residual"], 5, first=False))
    used = ast.walk(ast.parse(compiled["backward"]))
    assert sum(_calls(n, "block_backward") for n in used) == 4


@pytest.mark.parametrize(
    "name",
    ["np{}", "forward{}", "params{}", "loss_{}", "block-{}", "b.{}", "r{}", "x{}"],
)
def test_names_of_scopes_stay_apart_from_those_of_the_module(name: str) -> None:
    _compared(tower(["norm", "attention", "residual"], 2, name))


@pytest.mark.parametrize(
    "options", [{"single_file": True}, {"optimize": 0}, {"optimize": 1}], ids=str
)
def test_every_form_of_the_package_computes_the_same(options: dict[str, Any]) -> None:
    _compared(tower(["norm", "attention", "dropout"], 3), **options)


@pytest.mark.parametrize("name", ["site", "dtype", "r", "key_", "params_", "kept"])
def test_what_a_user_calls_as_symdiff_does_stays_a_value(name: str) -> None:
    """`site[0]` is an element, though draws have sites; `dtype` an array."""
    x, y = sd.input("x", (N, WIDTH)), sd.input("y", (N, WIDTH))
    given = sd.input(name, (3,))
    h = sd.nn.dense(x, WIDTH, name="first")
    for i in range(3):
        with sd.scope(f"block{i}"):
            h = sd.nn.dropout(sd.tanh(h * given[0]), 0.3) + given[1] * sd.exp(-h * h)
            h = sd.nn.dense(h / (1 + sd.sum(h**2)), WIDTH, "tanh")
    model = sd.Model("m", [x, given], [y], h, sd.mean((h - y) ** 2))
    compiled, plain = sd.compile(model), sd.compile(model, inline=True)
    assert "block_backward" in compiled["backward"]
    rng = np.random.default_rng(0)
    data = rng.normal(size=(5, WIDTH)), rng.normal(size=3), rng.normal(size=(5, WIDTH))
    specs = beside(plain.load(), "backward").PARAMS
    params = {n: rng.normal(size=shape) for n, (_, shape, *_) in specs.items()}
    one, other = (
        beside(c.load(), "backward").value_and_grad(params, *data, 5)
        for c in (compiled, plain)
    )
    assert _same(one, other)


def test_two_families_of_one_name_in_one_file_are_refused() -> None:
    x, y = sd.input("x", (N, WIDTH)), sd.input("y", (N, WIDTH))
    h = sd.nn.dense(x, WIDTH, name="first")
    for family in ("block", "metrics_block"):
        for i in range(4):
            with sd.scope(f"{family}{i}"):
                h = h + sd.nn.dense(sd.nn.layer_norm(h), WIDTH, "gelu")
    loss, far = sd.mean((h - y) ** 2), {"far": sd.max(abs(h - y))}
    model = sd.Model("m", [x], [y], h, loss, far, sd.optim.SGD(0.1))
    with pytest.raises(sd.DeclarationError, match="'metrics_block'; rename a scope"):
        sd.compile(model, single_file=True)
    assert "def metrics_block(" in sd.compile(model)["forward"]
    assert "block" not in sd.compile(model, single_file=True, inline=True).listing


def test_blocks_inside_blocks_and_two_families() -> None:
    x, y = sd.input("x", (N, WIDTH)), sd.input("y", (N, WIDTH))
    h = sd.nn.dense(x, WIDTH, name="first")
    for family, layer in (("up", "gelu"), ("down", "tanh")):
        for i in range(3):
            with sd.scope(f"{family}{i}"):
                for j in range(2):
                    with sd.scope(f"part{j}"):
                        h = h + sd.nn.dense(sd.nn.layer_norm(h), WIDTH, layer)
    loss = sd.mean((h - y) ** 2)
    model = sd.Model("m", [x], [y], h, loss, optimizer=sd.optim.SGD(0.1))
    compiled, plain = sd.compile(model), sd.compile(model, inline=True)
    params = beside(compiled.load(), "train").init_params(0)
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(3, WIDTH)).astype(np.float32) for _ in range(2)]
    one, other = (
        beside(c.load(), "backward").value_and_grad(params, *data)
        for c in (compiled, plain)
    )
    assert _same(one, other)
    assert {"up_backward", "down_backward"} <= _functions(compiled, "backward").keys()
    assert compiled["backward"].count("\n") < 0.6 * plain["backward"].count("\n")


def test_blocks_of_a_function_and_what_verify_says() -> None:
    x = sd.input("x", (N, WIDTH))
    h = sd.tanh(x)
    for i in range(3):
        with sd.scope(f"step{i}"):
            e = sd.exp(-(h**2))
            h = h + 0.1 * sd.sin(e / sd.sum(e, axis=1, keepdims=True)) * sd.cos(h * e)
    compiled = sd.compile(sd.Function("f", [x], h), check=True)
    assert "passed" in compiled["backward"].partition('"""')[0]
    found = beside(compiled.load(), "backward")
    plain = sd.compile(sd.Function("f", [x], h), inline=True).load()
    data = np.random.default_rng(0).normal(size=(3, WIDTH))
    for module in (found, beside(plain, "backward")):
        value, residuals = module.forward_with_residuals(data)
        module.last = value, module.backward(residuals, value)
    assert _same(found.last, beside(plain, "backward").last)


def test_names_are_those_of_the_first_block_without_its_scope() -> None:
    model = tower(["norm", "attention", "gelu", "lstm"], 3)
    compiled, plain = sd.compile(model), sd.compile(model, inline=True)
    whole = _assigned(_functions(plain, "backward").values())
    short = {n.replace("block0_", "", 1) for n in whole}
    for name in ("block_forward", "block_backward"):
        assert _assigned([_functions(compiled, "backward")[name]]) <= short


def _assigned(functions: Iterable[ast.FunctionDef]) -> set[str]:
    inside = (n for f in functions for n in ast.walk(f))
    names = (n for n in inside if isinstance(n, ast.Name))
    return {n.id for n in names if isinstance(n.ctx, ast.Store)}


@pytest.mark.parametrize("outputs", ["last", "rows"])
@pytest.mark.parametrize("depth", [5, 7])
def test_checks_of_cotangents_read_what_blocks_keep(outputs: str, depth: int) -> None:
    """Their dtype is that of a residual, which may be in the record of a block."""
    x = sd.input("x", (N, 3))
    h = sd.tanh(x)
    for i in range(depth):
        with sd.scope(f"b{i}"):
            e = sd.exp(-h * h)
            s = sd.sum(e * h)
            g = sd.grad(s, [h])[0]
            h = h + 0.1 * g * sd.cos(h) / (1 + e)
    declared = sd.Function("f", [x], h if outputs == "last" else sd.sum(h**2, axis=1))
    made = [sd.compile(declared, inline=inline) for inline in (False, True)]
    assert "b_backward" in made[0]["backward"]
    data = np.random.default_rng(0).normal(size=(4, 3))
    for dtype in (np.float32, np.float64):
        given = []
        for compiled in made:
            module = beside(compiled.load(), "backward")
            value, residuals = module.forward_with_residuals(data.astype(dtype))
            given.append((value, module.backward(residuals, value)))
        assert _same(*given)


def test_the_dtype_may_be_that_of_a_blocks_parameter() -> None:
    """Where all inputs are integers, a parameter says what width is computed in."""
    label = sd.input("label", (N,), dtype="int64", high=3)
    h = sd.cast(sd.one_hot(label, WIDTH), "float")
    for i in range(3):
        with sd.scope(f"block{i}"):
            g = sd.nn.layer_norm(h)
            h = g + sd.nn.dense(g * sd.exp(-g * g), WIDTH, "gelu")
    loss = sd.nn.softmax_cross_entropy(h, label)
    model = sd.Model("m", [label], [], h, loss, optimizer=sd.optim.SGD(0.1))
    made = [sd.compile(model, inline=inline) for inline in (False, True)]
    assert "block_forward" in made[0]["backward"]
    params = beside(made[0].load(), "train").init_params(0)
    ways = [beside(c.load(), "backward").value_and_grad for c in made]
    assert _same(*(way(params, np.array([0, 2, 1, 1])) for way in ways))
    ways = [beside(c.load(), "forward").forward for c in made]
    assert _same(*(way(params, np.array([0, 2, 1, 1])) for way in ways))
