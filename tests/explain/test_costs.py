"""What `--cost` tells: what the derived program computes, each node once, and keeps."""

from __future__ import annotations

import runpy
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from loop_checks import built
from loop_programs import BY_ID
from sample_checks import draw, leaf_like, outputs_of
from samples import SAMPLES

import symdiff as sd
from symdiff.compiler.passes import program_passes
from symdiff.explain.costs import ELSE, Costs, costs
from symdiff.explain.explanation import derivation_of, explained
from symdiff.graph.node import topological
from symdiff.plan.cost import formulas, whole

EXAMPLES = Path(__file__).parents[2] / "examples"
SPECS = ["digits_mlp", "gpt", "mnist_cnn", "glm", "lstm_series", "vae", "circuit"]


def chain(links: int) -> sd.Model:
    """Return a model whose weight is read at every link."""
    x = sd.input("x", (sd.dim("N"), 4))
    w = sd.param("w", (4,))
    h = x
    for _ in range(links):
        h = sd.tanh(h * w)
    return sd.Model("chain", inputs=[x], outputs=h, loss=sd.mean(h))


@cache
def sample(place: int) -> tuple[sd.Function, list[Any]] | None:
    """Return a sample as a function with its operands, where it has a derivative."""
    values = draw(SAMPLES[place], 0)
    leaves = [leaf_like(f"x{i}", a) for i, a in enumerate(values)]
    outputs = outputs_of(SAMPLES[place], leaves)
    pairs = [
        (x, a) for x, a in zip(leaves, values, strict=True) if isinstance(x, sd.Tensor)
    ]
    named = {f"y{i}": y for i, y in enumerate(outputs)}
    inputs = [x for x, _ in pairs]
    if not any(y.dtype.is_float for y in outputs):
        return None
    return sd.Function("f", inputs, named), [a for _, a in pairs]


def loop(name: str) -> tuple[sd.Function, list[Any]]:
    b = built(BY_ID[name])
    return sd.Function("f", b.leaves, list(b.outputs)), b.values


def examples(name: str) -> Iterator[sd.Model | sd.Function]:
    """Return what an example declares at module level."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        found = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    finally:
        sys.path.remove(str(EXAMPLES))
    yield from (v for v in found.values() if isinstance(v, (sd.Model, sd.Function)))


def quietly(run: Callable[[], Any]) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return run()


def told_of(declared: sd.Model | sd.Function) -> Costs | None:
    derivation = quietly(lambda: derivation_of(declared))
    return costs(derivation) if derivation.gradients else None


def halves(declared: sd.Model | sd.Function) -> dict[str, Any]:
    """Return the nodes of a program that nothing is simplified in.

    What a model predicts is joined to the half that trains it.
    """
    program = derivation_of(declared).unit.program
    if isinstance(declared, sd.Model):
        program = replace(program, outputs=(), metrics=program.outputs, updates=())
    for run in program_passes(0).values():
        program = run(program)
    named = (*program.results, *program.metrics)
    forward = topological([t.node for _, t in named])
    seen = set(forward)
    both = topological([*forward, *(t.node for t in program.gradients)])
    return {"forward": forward, "backward": [n for n in both if n not in seen]}


def at(formula: Any) -> int:
    """Return a formula's number where every length is what is taken for it."""
    formula = sp.sympify(formula)
    return int(formula.subs(dict.fromkeys(formula.free_symbols, ELSE)))


def check_once(declared: sd.Model | sd.Function, what: str) -> None:
    told = told_of(declared)
    if told is None:
        return
    for phase, nodes in quietly(lambda: halves(declared)).items():
        found = [at(f) for f in told.total(phase)]
        assert found == [at(whole(f)) for f in formulas(nodes)], (what, phase)


def kept_bytes(function: sd.Function, values: list[Any]) -> int:
    """Return the bytes that the forward pass really hands on, arguments left out.

    It runs in float64, where every loop ends; floats count as those of float32.
    """
    module = sd.compile(function, optimize=0).load()
    given = [np.asarray(a) for a in values]
    _, residuals = module.forward_with_residuals(*given)
    owned = {}
    for field in residuals:
        array = np.asarray(field)
        while isinstance(array.base, np.ndarray):
            array = array.base
        if not any(np.shares_memory(array, a) for a in given):
            owned[id(array)] = array.nbytes // (2 if array.dtype.kind == "f" else 1)
    return sum(owned.values())


def live_bytes(told: Costs, steps: int) -> int:
    """Return what is said to be live when the forward pass ends."""
    last = [s for s in told.steps if s.phase == "forward"][-1:]
    live = sum(s.live for s in last)
    return int(sp.sympify(live).subs(dict.fromkeys(told.lengths, steps)))


def check_kept(function: sd.Function, values: list[Any], what: str) -> None:
    told = told_of(function)
    if told is None:
        return
    steps = 64  # more than any loop here takes, where its data tell how many
    kept = quietly(lambda: kept_bytes(function, values))
    assert live_bytes(told, steps) >= kept, what


PLACES = range(len(SAMPLES))
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_samples_count_each_node_once(part: int) -> None:
    for place in PLACES[part::PARTS]:
        found = sample(place)
        if found is not None:
            check_once(found[0], SAMPLES[place].id)


@pytest.mark.parametrize("name", list(BY_ID))
def test_loops_count_each_node_once_and_keep_what_is_read(name: str) -> None:
    function, values = loop(name)
    check_once(function, name)
    check_kept(function, values, name)


@pytest.mark.parametrize("name", SPECS)
def test_examples_count_each_node_once(name: str) -> None:
    declared = list(examples(name))
    assert declared
    for one in declared:
        check_once(one, one.name)


def test_live_memory_is_freed_after_its_last_reader() -> None:
    x = sd.input("x", 100)
    a = sd.exp(x)
    b = sd.reshape(a, (10, 10))  # shows the memory of a
    c = sd.sin(b)
    model = sd.Function("f", [x], sd.sum(c))
    told = explained(model, cost=True).costs
    live = {s.name: told.at(s.live) for s in told.steps}
    assert live["a"] == live["b"] == 400
    assert live["c"] == 800
    assert live["d_c"] - live["d_b"] <= 400
    assert told.peak.name in live
    page = explained(model, cost=True).html()
    assert page.count('class="bar') == len(told.steps)


def test_steps_of_a_loop_have_a_name_in_costs() -> None:
    x = sd.input("x", 3)
    y = sd.while_loop(lambda v: sd.sum(v) < 10, lambda v: v * v + 1, x)
    said = explained(sd.Function("f", [x], y), cost=True).text()
    assert "at steps = 32" in said
    assert "steps_" not in said.partition("Cost of")[2]


def test_costs_are_linear_in_the_length_of_a_chain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from symdiff.explain import spending as module

    visited: list[int] = []

    def counting(*nodes: Any) -> Any:
        found = topological(*nodes)
        visited.append(len(found))
        return found

    monkeypatch.setattr(module, "topological", counting)

    def work(links: int) -> int:
        visited.clear()
        list(costs(derivation_of(chain(links))).lines())
        return sum(visited)

    assert work(200) < 4.2 * work(50)


def test_a_loop_of_unknown_length_is_told_for_one_turn() -> None:
    x, w = sd.input("x", (3,)), sd.param("w", (3,))
    y = sd.while_loop(lambda y: sd.sum(y) < 9.0, lambda y: y * 2.0, sd.stop_gradient(x))
    z = sd.while_loop(lambda y: sd.sum(y) < 9.0, lambda y: y * 2.0, x * w)
    words = "while loops whose turns nothing counts are told for one turn"
    for told, loss in ((True, sd.sum(y * w)), (False, sd.sum(z)), (False, sd.sum(w))):
        model = sd.Model("m", [x], outputs=w * x, loss=loss)
        lines = list(costs(derivation_of(model)).lines())
        assert any(words in line for line in lines) == told
