"""Blocks that repeat are one function, and compute what they did written out.

In: towers of random blocks: layers, loops, draws, states, shared weights, values shared
by all blocks, hostile names. Out: the package as it is and with ``inline=True``, run
side by side. Invariant: every result is the same to the last bit, and where blocks are
alike their text stands once.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from generated import beside

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.emit.lower.alike import effects
from symdiff.emit.python import code as py

N, T = sd.dim("N"), sd.dim("T")
WIDTH = 4
Layer = Callable[[sd.Tensor, dict[str, sd.Tensor], int], sd.Tensor]


def _loop(h: sd.Tensor, name: str) -> sd.Tensor:
    w = sd.param(name, (WIDTH, WIDTH))
    rows = sd.transpose(h, (1, 0, 2))
    _, made = sd.scan(lambda c, r: 2 * (sd.tanh(c @ w + r),), rows[0] * 0, rows)
    return sd.transpose(made, (1, 0, 2))


LAYERS: dict[str, Layer] = {
    "dense": lambda h, _, at: sd.nn.dense(h, WIDTH, "tanh", name=f"d{at}"),
    "residual": lambda h, _, at: h + sd.nn.dense(h, WIDTH, "relu", name=f"r{at}"),
    "norm": lambda h, _, at: sd.nn.layer_norm(h, name=f"n{at}"),
    "batch": lambda h, _, at: sd.nn.batch_norm(h, name=f"b{at}"),
    "gelu": lambda h, _, at: sd.nn.dense(h, WIDTH, "gelu", name=f"g{at}"),
    "attention": lambda h, _, at: sd.nn.multi_head_attention(
        h, 2, causal=True, name=f"a{at}"
    ),
    "dropout": lambda h, *_: sd.nn.dropout(h, 0.3),
    "lstm": lambda h, _, at: sd.nn.lstm(h, WIDTH, name=f"l{at}")[0],
    "scan": lambda h, _, at: _loop(h, f"s{at}.w"),
    "shared": lambda h, s, _: h @ s["weight"] + s["bias"],
    "skip": lambda h, s, _: sd.where(s["x"] > 0, h, -0.5 * h) + s["x"],
    "softmax": lambda h, *_: sd.nn.softmax(h) * h,
    "number": lambda h, _, at: 0.5 * h + at,
    "square": lambda h, *_: sd.sqrt(1 + h**2) - sd.sum(h, axis=-1, keepdims=True),
}


def _tower(
    layers: list[str],
    depth: int,
    name: str = "block{}",
    *,
    first: bool = True,
    last: bool = False,
) -> sd.Model:
    """Return a model of blocks on top of one another.

    ``first`` says that a layer is before them, without which nothing is derived by what
    the first block is given; ``last`` that what the last one gives is read in part.
    """
    x, y = sd.input("x", (N, T, WIDTH)), sd.input("y", (N, T, WIDTH))
    shared = {
        "x": x,
        "weight": sd.param("weight", (WIDTH, WIDTH)),
        "bias": sd.param("bias", (WIDTH,)),
    }
    h = sd.nn.dense(x, WIDTH, name="first") if first else x
    for i in range(depth):
        with sd.scope(name.format(i)):
            for at, layer in enumerate(layers):
                h = LAYERS[layer](h, shared, at)
    if last:
        h = sd.mean(h, axis=1, keepdims=True) + x
    guess = sd.nn.dense(h, WIDTH, name="last")
    loss = sd.mean((guess - y) ** 2) + 1e-3 * sd.sum(shared["weight"] ** 2)
    return sd.Model(
        "tower",
        inputs=[x],
        targets=[y],
        outputs=guess,
        loss=loss,
        metrics={"far": sd.max(abs(guess - y))},
        optimizer=sd.optim.Adam(1e-3),
    )


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
    return _tower(layers, draw.randint(2, 4), first=first, last=last)


@pytest.mark.parametrize("seed", range(6))
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
    compiled = _compared(_tower(layers, depth))
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
    compiled = _compared(_tower(["norm", "gelu", "residual"], 5, first=False))
    used = ast.walk(ast.parse(compiled["backward"]))
    assert sum(_calls(n, "block_backward") for n in used) == 4


@pytest.mark.parametrize(
    "name",
    ["np{}", "forward{}", "params{}", "loss_{}", "block-{}", "b.{}", "r{}", "x{}"],
)
def test_names_of_scopes_stay_apart_from_those_of_the_module(name: str) -> None:
    _compared(_tower(["norm", "attention", "residual"], 2, name))


@pytest.mark.parametrize(
    "options", [{"single_file": True}, {"optimize": 0}, {"optimize": 1}], ids=str
)
def test_every_form_of_the_package_computes_the_same(options: dict[str, Any]) -> None:
    _compared(_tower(["norm", "attention", "dropout"], 3), **options)


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
    model = _tower(["norm", "attention", "gelu", "lstm"], 3)
    compiled, plain = sd.compile(model), sd.compile(model, inline=True)
    whole = _assigned(_functions(plain, "backward").values())
    short = {n.replace("block0_", "", 1) for n in whole}
    for name in ("block_forward", "block_backward"):
        assert _assigned([_functions(compiled, "backward")[name]]) <= short


def _assigned(functions: Iterable[ast.FunctionDef]) -> set[str]:
    inside = (n for f in functions for n in ast.walk(f))
    names = (n for n in inside if isinstance(n, ast.Name))
    return {n.id for n in names if isinstance(n.ctx, ast.Store)}


# --- what the listing says ------------------------------------------------------------


def test_a_line_of_a_block_names_the_values_of_all_blocks() -> None:
    compiled = sd.compile(_tower(["norm", "gelu", "residual"], 3))
    listing = compiled.listed("backward")
    for name in ("block_forward", "block_backward"):
        lines = [x for x in listing.functions[name].lines if x.tensors]
        assert len(lines) > 6
        assert all(len(x.tensors) == 3 for x in lines)
        assert all(x.statement is not None for x in lines[:-1])
    calls = [
        x
        for x in listing.functions["backward"].lines
        if "block_backward(" in " ".join(listing.source(x))
    ]
    assert [x.targets[-1] for x in calls] == ["d_block2", "d_block1", "d_block0"]
    assert all(x.place for x in calls)


def test_the_heading_of_a_call_is_the_users_call() -> None:
    def block(h: sd.Tensor, name: str) -> sd.Tensor:
        with sd.scope(name):
            h = sd.nn.layer_norm(h)
            return h + sd.nn.dense(h, WIDTH, "gelu")

    x, y = sd.input("x", (N, WIDTH)), sd.input("y", (N, WIDTH))
    h = sd.nn.dense(x, WIDTH, name="first")
    for i in range(2):
        h = block(h, f"block{i}")
    model = sd.Model("m", [x], [y], h, sd.mean((h - y) ** 2))
    text = sd.compile(model)["backward"]
    assert text.count('# h = block(h, f"block{i}")') == 2  # one above each run of calls
    assert text.count("# h = layer_norm(h)") == 2  # in block_forward and block_backward


def test_the_option_is_in_the_header_and_on_the_command_line() -> None:
    plain = sd.compile(_tower(["norm", "gelu"], 2), inline=True)
    assert "wrt=params, inline; graph" in plain["backward"]
    assert "block_backward" not in plain["backward"]


# --- what a statement reads and sets --------------------------------------------------


def test_effects_of_statements() -> None:
    a, b, i = py.Name("a"), py.Name("b"), py.Name("i")
    loop = py.For(i, py.call("range", 3), (py.Assign((a,), b), py.Assign((b,), a)))
    found = effects(loop)
    assert found.reads == {"range", "b"}  # `a` is set before it is read
    assert found.sets == {"i", "a", "b"}
    assert not found.sure  # the loop may not run
    branch = py.If(b, (py.Assign((a,), i),), (py.Assign((a,), b), py.Assign((i,), b)))
    assert effects(branch).sure == {"a"}
    assert effects(py.AugAssign(py.Index(a, (i,)), "+", b)).changes == {"a"}
    assert effects(py.ExprStmt(py.call("np.add.at", a, i, b))).changes >= {"a"}
    assert effects(py.Assign((py.Index(a, (i,)),), b)).reads == {"a", "i", "b"}
