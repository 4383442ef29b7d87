"""Hostile and colliding names come out as unique, stable, working Python."""

from __future__ import annotations

import ast
import itertools
import keyword
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdiff as sd
from symdiff.emit.lower.identifiers import RESERVED, identifier
from symdiff.graph.errors import DeclarationError

HOSTILE = [
    *("np", "params", "key", "file", "grads", "residuals", "state", "self", "N", "M"),
    *("_check", "_fit", "__class__", "__init__", "__name__", "forward", "backward"),
    *("print", "sum", "float", "len", "zip", "set", "sorted", "type", "any", "next"),
    *("lambda", "None", "True", "class", "match", "case", "async", "def", "import"),
    *('"; import os', "'''", '"""', "\\", "{x}", "{{ x }}", "{% x %}", "#", "a b"),
    *("a.b", "a_b", "a-b", "a/b", "1x", "9", "_", "__", "___", "-", "é", "ñandú"),
    *("Ω", "Ω", "x²", "x2", "ﬁ", "fi", "ａ", "a", "Å", "Å", "变量", "µ", "μ"),
    *("d_x", "x", "d_loss", "loss", "value", "lengths", "widths", "array", "name"),
    *("gradients", "gradient", "updates", "found", "planned", "data", "total", "t"),
    *("_CONSTANTS", "PARAMS", "ARGUMENTS", "Residuals", "Outputs", "NamedTuple"),
    *("os", "math", "threading", "dtype", "out", "Gradients", "count", "index"),
    *("x" * 300, "d_" + "x" * 300, "x_2", "x_3", "e", "inf", "nan", "j"),
]  # fmt: skip
VALID = [
    n
    for n in dict.fromkeys(HOSTILE)
    if n.isidentifier() and not keyword.iskeyword(n) and n == n.strip("_")
    if unicodedata.normalize("NFKC", n) == n
]


def values_of(tensors: list[Any], rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.uniform(0.5, 1.5, t.shape) for t in tensors]


def weighted(tensors: list[Any]) -> Any:
    """Return 1*a**2 + 2*b**2 + ..., whose gradients 2*a, 4*b, ... tell a mix-up."""
    total = 0.0
    for i, t in enumerate(tensors, 1):
        total = total + sd.sum(i * t**2)
    return total


@pytest.mark.parametrize("single", [False, True], ids=["package", "single"])
@pytest.mark.parametrize("level", [0, 1])
def test_function_of_hostile_arguments(level: int, single: bool) -> None:
    names = list(dict.fromkeys(HOSTILE))
    inputs = [sd.input(n, (2,)) for n in names]
    function = sd.Function("f", inputs, [weighted(inputs)])
    compiled = sd.compile(function, optimize=level, single_file=single)
    module = compiled.load()
    values = values_of(inputs, np.random.default_rng(0))
    backward = module if single else module.backward
    value, residuals = backward.forward_with_residuals(*values)
    wanted = sum(i * np.sum(v**2) for i, v in enumerate(values, 1))
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    for i, (g, v) in enumerate(zip(backward.backward(residuals), values, strict=True)):
        np.testing.assert_allclose(g, 2 * (i + 1) * v, rtol=1e-12)


def test_model_of_hostile_parameters_and_data() -> None:
    """Parameters, inputs, targets, outputs and metrics share the hostile names."""
    names = list(dict.fromkeys(HOSTILE))
    inputs = [sd.input(n, (sd.dim("N"), 2)) for n in names[::3]]
    targets = [sd.input(n, (sd.dim("N"), 2)) for n in names[1::3]]
    params = [sd.param(n, (2,), init=0.5) for n in names[2::3]]
    total = 0.0
    for p, x in zip(params, itertools.cycle(inputs), strict=False):
        total = total + p * x
    loss = weighted(params)
    for x, y in zip(inputs, itertools.cycle(targets), strict=False):
        loss = loss + sd.mean((x - y + total) ** 2)
    model = sd.Model(
        "hostile",
        inputs=inputs,
        targets=targets,
        outputs={"total": total},
        loss=loss,
        metrics={"metric": sd.mean(total)},
        optimizer=sd.optim.Adam(1e-2),
    )
    module = sd.compile(model).load()
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(3, 2)) for _ in (*inputs, *targets)]
    weights = {str(p.name): rng.normal(size=2) for p in params}
    value, grads = module.backward.value_and_grad(weights, *data)
    assert list(grads) == list(weights)
    name = names[2]
    for h in (1e-5,):
        moved = [
            module.backward.value_and_grad({**weights, name: weights[name] + d}, *data)
            for d in (np.array([h, 0]), np.array([-h, 0]))
        ]
        slope = (moved[0][0] - moved[1][0]) / (2 * h)
        np.testing.assert_allclose(grads[name][0], slope, rtol=1e-6)
    state = module.train.init_state(weights)
    first = module.train.train_step(state, *data)
    assert first["loss"] == pytest.approx(float(value))
    assert module.train.train_step(state, *data)["loss"] < first["loss"]


@pytest.mark.parametrize("name", VALID)
def test_an_argument_keeps_the_name_of_the_user(name: str) -> None:
    """Where it is a valid identifier that the text does not use for itself."""
    x = sd.input(name, (2,))
    text = sd.compile(sd.Function("f", [x], [sd.tanh(x)]), optimize=1)["forward"]
    shown = f"{name}_" if name in RESERVED else name
    (forward,) = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name == "forward"
    )
    assert [a.arg for a in forward.args.args] == [shown]


def test_a_dim_beside_an_input_of_its_name() -> None:
    N = sd.dim("N")
    x, n = sd.input("x", (N, 2)), sd.input("N", (N,))
    f = sd.Function("f", [x, n], [sd.sum(x) / N + sd.sum(n * N)])
    module = sd.compile(f).load()
    a, b = np.ones((4, 2)), np.arange(4.0)
    assert module.forward.forward(a, b) == 2 + 24
    _, residuals = module.backward.forward_with_residuals(a, b)
    d_x, d_n = module.backward.backward(residuals)
    np.testing.assert_array_equal(d_x, np.full((4, 2), 1 / 4))
    np.testing.assert_array_equal(d_n, np.full(4, 4.0))


def test_cotangents_beside_inputs_of_their_name() -> None:
    """``d_z`` beside ``z``, ``out.W`` beside ``out_W``."""
    z, d_z, ddz = sd.input("z", (2,)), sd.input("d_z", (2,)), sd.input("d_d_z", (2,))
    a, b = sd.input("out.W", (2,)), sd.input("out_W", (2,))
    f = sd.Function("f", [z, d_z, ddz, a, b], [sd.sum(z * d_z**2 * ddz + a * b**3)])
    module = sd.compile(f).load()
    values = [np.array([i + 1.0, i + 2.0]) for i in range(5)]
    _, residuals = module.backward.forward_with_residuals(*values)
    found = module.backward.backward(residuals)
    p, q, r, s, t = values
    wanted = [q**2 * r, 2 * p * q * r, p * q**2, t**3, 3 * s * t**2]
    for g, w in zip(found, wanted, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-12)


def test_the_same_name_twice_is_an_error() -> None:
    a, b = sd.input("a", (2,)), sd.input("a", (2,))
    with pytest.raises(DeclarationError, match="'a'"):
        sd.Function("f", [a, b], [a * b])


def test_results_of_hostile_names() -> None:
    x = sd.input("x", (2,))
    names = [n for n in dict.fromkeys(HOSTILE) if n.isidentifier()]
    names = [n for n in names if n[0] != "_" and not keyword.iskeyword(n)]
    outputs = {n: x * float(i) for i, n in enumerate(names)}
    module = sd.compile(sd.Function("f", [x], outputs)).load()
    found = module.forward.forward(np.ones(2))
    assert [v[0] for v in found] == list(map(float, range(len(names))))
    _, residuals = module.backward.forward_with_residuals(np.ones(2))
    cotangents = [np.full(2, float(i == 3)) for i in range(len(names))]
    np.testing.assert_array_equal(
        module.backward.backward(residuals, *cotangents)[0], np.full(2, 3.0)
    )


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1)


@given(TEXT)
@settings(max_examples=500, deadline=None)
def test_identifier_is_an_identifier(text: str) -> None:
    found = identifier(text)
    assert found.isidentifier()
    assert not keyword.iskeyword(found)
    assert found == unicodedata.normalize("NFKC", found)
    assert identifier(text) == found
    assert not found.startswith("_")


PRINTABLE = TEXT.filter(str.isprintable).filter(str.strip)


@given(st.lists(PRINTABLE, min_size=1, max_size=5, unique=True))
@settings(max_examples=25, deadline=None)
def test_any_printable_names(names: list[str]) -> None:
    inputs = [sd.input(n, (2,)) for n in names]
    function = sd.Function("f", inputs, [weighted(inputs)])
    module = sd.compile(function, optimize=1, single_file=True).load()
    values = values_of(inputs, np.random.default_rng(1))
    _, residuals = module.forward_with_residuals(*values)
    for i, (g, v) in enumerate(zip(module.backward(residuals), values, strict=True)):
        np.testing.assert_allclose(g, 2 * (i + 1) * v, rtol=1e-12)
