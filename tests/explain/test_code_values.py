"""Numbers in reports are those that the generated code computes.

The oracle is the generated module itself: its locals, as its functions return.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import unescape
from types import FrameType
from typing import Any

import numpy as np
import pytest
from rewrite.test_squares import ROOTS
from rewrite.test_stability import FORMULAS, NEAR_ZERO

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.declare.model import Function, Model
from symdiff.explain.computed import computed
from symdiff.explain.derivation import Derivation
from symdiff.explain.explanation import derivation_of, values_at, values_of
from symdiff.explain.formats.latex import words
from symdiff.explain.parts import Cotangent, ForwardStep, Leaf, Tree
from symdiff.explain.picture import dot, mermaid
from symdiff.explain.report import report
from symdiff.explain.svg import svg
from symdiff.explain.values import APART, Values, shown
from symdiff.graph.interpret import interpret
from symdiff.graph.types import TupleType

RNG = np.random.default_rng(5)
WEIGHTS = RNG.normal(size=6)
HARD = {
    "large": np.array([[1e3, -1e3, 0.0], [-1e3, 1e3, 999.0]]),
    "larger": np.array([[1e8, -1e8, 0.5], [88.0, 90.0, -104.0]]),
    "equal": np.full((2, 3), 1000.0),
    "equal and negative": np.full((2, 3), -1e8),
    "zeros": np.zeros((2, 3)),
}
ORDINARY = 0.3 * RNG.normal(size=(2, 3))


def weighted(y: Any) -> Any:
    """A loss of a formula, by which each element has a gradient of its own."""
    return sd.sum(y * sd.constant(WEIGHTS[: int(np.prod(y.shape))].reshape(y.shape)))


def formula(name: str) -> Function:
    raw = {**FORMULAS, **NEAR_ZERO}[name][0]
    x = sd.input("x", (2, 3))
    loss = weighted(raw(x))
    return sd.Function("f", [x], loss)


def root(name: str) -> Function:
    x = sd.input("x", (3,))
    loss = 3.0 * ROOTS[name][0](x)
    return sd.Function("f", [x], loss)


NAMES = [*FORMULAS, *NEAR_ZERO]


@dataclass(frozen=True)
class Case:
    """A function with its code and its derivation, for as many points as are asked."""

    function: Function
    compiled: Compilation
    derivation: Derivation

    @classmethod
    def of(cls, f: Function) -> Case:
        return cls(f, sd.compile(f, optimize=1), derivation_of(f))

    def values(self, at: np.ndarray) -> Values:
        return values_at(self.derivation, self.compiled, {"x": at}, 0)


@cache
def case(name: str) -> Case:
    return Case.of(root(name) if name in ROOTS else formula(name))


Locals = dict[str, dict[str, Any]]  # by function


def traced(compiled: Compilation, *arguments: Any) -> tuple[Locals, Any]:
    """Run forward and backward; return their locals at the end, and the gradients."""
    package = compiled.load()
    module = package.backward
    found: Locals = {}

    def enter(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename != module.__file__:
            return None

        def leave(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "return":
                held = {n: v for n, v in frame.f_locals.items() if _is_array(v)}
                copied = {n: np.array(v, copy=True) for n, v in held.items()}
                found.setdefault(frame.f_code.co_name, copied)
            return leave

        return leave

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        with np.errstate(all="ignore"):
            _, residuals = module.forward_with_residuals(*arguments)
            gradients = module.backward(residuals)
    finally:
        sys.settrace(before)
    return found, gradients


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, float, int))


def equal(shown_: Any, computed_: Any) -> None:
    np.testing.assert_allclose(shown_, computed_, rtol=1e-13, atol=1e-300)


def check_lines(derivation: Derivation, values: Values, compiled: Any, run: Any) -> int:
    """Compare what stands for a name of the code with what the code has in it."""
    found = computed(derivation, compiled)
    entries = {e.name: e for e in derivation.entries}
    forward = {t.node: n for n, t in found.forward.items()}
    back = {t.node: n for n, t in found.cotangents.items()}
    listing = compiled.listed("backward")
    count = 0
    for function, held in run.items():
        if function not in listing.functions:
            continue
        nodes = listing.functions[function].nodes
        for name, value in held.items():
            node = nodes.get(name)
            if node in forward and forward[node] not in values.apart.forward:
                equal(values.forward[forward[node]], value)
                count += 1
            if node in back:
                d = entries[back[node]].cotangent
                if d is not None:
                    assert d not in values.apart.cotangents
                    equal(values.cotangents[d], value)
                    count += 1
    return count


def check(case: Case, at: np.ndarray) -> None:
    compiled, derivation, values = case.compiled, case.derivation, case.values(at)
    run, gradients = traced(compiled, at)
    assert check_lines(derivation, values, compiled, run) >= 2
    equal(values.cotangents["d_x"], gradients[0])
    with np.errstate(all="ignore"):
        equal(values.forward["loss"], compiled.load().forward.forward(at))
    check_texts(case, values)


def unfolded(text: str) -> str:
    """Return text without what breaks long rows: spaces, and LaTeX's parts of words."""
    return re.sub(r"\\text\b|\\q?quad|[\s{}\\&]", "", text)


def check_texts(case: Case, values: Values) -> None:
    """Every format tells every number, with the mark of those that are not the code's,
    and of no nan or infinity that the code does not meet.
    """
    derivation = case.derivation
    listings = [case.compiled.listed(n) for n in ("forward", "backward")]
    told_of = report(derivation, listings, values, None, None)
    pictures = {
        "svg": unescape(svg(derivation, values)),
        "dot": dot(derivation, values),
        "mermaid": re.sub(
            r"#(\d+);", lambda m: chr(int(m[1])), mermaid(derivation, values)
        ),
    }
    texts = {
        "text": told_of.text(),
        "markdown": told_of.markdown(),
        "html": unescape(re.sub(r"<[^>]*>", "", told_of.html())),
        "latex": told_of.latex(),
    }
    assert numbers(told_of.tree)
    for told in numbers(told_of.tree):
        for name, text in texts.items():
            told_as = words(told) if name == "latex" else told
            assert unfolded(told_as) in unfolded(text), name
    for e in derivation.entries:
        told = [values.of(e.name)]
        told += [values.back(e.cotangent)] if e.cotangent else []
        for number, (name, text) in itertools.product(told, pictures.items()):
            bare = number.removesuffix(APART)
            short = bare if len(bare) <= 40 else bare[:40]
            assert short in text, name
            assert bare == number or f"{APART}" in text, name


def numbers(tree: Tree) -> list[str]:
    """Return all the numbers of a report."""
    found: list[str] = []
    for part in (p for s in tree.sections for p in s.parts):
        match part:
            case Leaf() | ForwardStep():
                found.append(part.value)
            case Cotangent():
                found += [value for _, value in part.numbers()] + [part.value]
    return [v for v in found if v]


@pytest.mark.parametrize("point", HARD)
@pytest.mark.parametrize("name", NAMES)
def test_formulas_at_hard_points(name: str, point: str) -> None:
    check(case(name), HARD[point])


@pytest.mark.parametrize("at", [0.0, 1e3, 1e200, 1e-200])
@pytest.mark.parametrize("name", ROOTS)
def test_roots_at_hard_points(name: str, at: float) -> None:
    check(case(name), np.full(3, at) * np.array([1.0, -1.0, 1.0]))


@pytest.mark.parametrize("name", FORMULAS)
def test_values_of_formulas_are_right(name: str) -> None:
    for at in HARD.values():
        values = case(name).values(at)
        right = FORMULAS[name][2](at)
        exact = np.sum(np.ravel(right) * WEIGHTS[: np.size(right)])
        np.testing.assert_allclose(values.forward["loss"], exact, rtol=1e-12)
        assert np.isfinite(values.cotangents["d_x"]).all()


@pytest.mark.parametrize("name", [*NAMES, *ROOTS])
def test_each_number_is_that_of_its_own_formula(name: str) -> None:
    """Where nothing overflows, all are what the formulas say: none is mistaken."""
    shape = case(name).function.inputs[0].shape
    at = ORDINARY if shape == (2, 3) else ORDINARY[0]
    values = case(name).values(at)
    for e in case(name).derivation.entries:
        if isinstance(e.tensor.type, TupleType):
            continue
        written = interpret(e.tensor, {"x": at})
        np.testing.assert_allclose(
            values.forward[e.name], written, rtol=1e-9, atol=1e-12, err_msg=e.name
        )
        if e.cotangent is not None and not e.seed:
            parts = [v for k, v in values.shares.items() if k[0] == e.name]
            told = values.cotangents[e.cotangent]
            np.testing.assert_allclose(
                told, sum(parts), rtol=1e-9, atol=1e-12, err_msg=e.name
            )


# --- whole models ---------------------------------------------------------------------


def cross_entropy() -> Model:
    """A raw softmax cross entropy of a layer, whose probabilities are an output."""
    n = sd.dim("N")
    x, y = sd.input("x", (n, 2)), sd.input("y", (n,), dtype="int64", high=3)
    z = sd.nn.dense(x, 3, name="layer")
    e = sd.exp(z)
    p = e / sd.sum(e, axis=1, keepdims=True)
    loss = -sd.mean(sd.log(sd.take_along_axis(p, y[:, None], axis=1)))
    return sd.Model("raw", inputs=[x], targets=[y], outputs={"p": p}, loss=loss)


POINT: Mapping[str, Any] = {
    "x": np.array([[1000.0, 0.0], [0.0, 1.0]]),
    "y": np.array([1, 0]),
    "layer.W": np.array([[1.0, 0, 0], [0, 0, 1000.0]]),
    "layer.b": np.array([0.0, 0.5, 0.0]),
}


def test_a_raw_cross_entropy_at_logits_of_1000() -> None:
    model = cross_entropy()
    derivation = derivation_of(model)
    values = values_of(model, derivation, POINT)
    backward = sd.compile(model).load().backward
    params = {n: POINT[n] for n in ("layer.W", "layer.b")}
    loss, gradients = backward.value_and_grad(params, POINT["x"], POINT["y"])
    equal(values.forward["loss"], loss)
    assert loss == 999.75
    for name, gradient in gradients.items():
        equal(values.cotangents[f"d_{name.replace('.', '_')}"], gradient)
    assert {"e", "sum_e"} <= values.apart.forward
    assert "p" not in values.apart.forward
    text = sd.compile(model).explain(values=POINT).text()
    assert "      = [[1, 0, 0], [0, 0, 1]]\n" in text
    assert "999.8\n" in text


def test_the_explorer_shows_the_same() -> None:
    model = cross_entropy()
    values = values_of(model, derivation_of(model), POINT)
    page = sd.compile(model).explore(values=POINT)
    for node in page.data["nodes"]:
        assert ("apart" in (node["v"] or ())) == (node["n"] in values.apart.forward)
        if "ct" in node:
            apart = "apart" in (node["g"] or ())
            assert apart == (node["ct"] in values.apart.cotangents)
            if node["g"] and "x" in node["g"]:
                assert node["g"]["x"] == values.cotangents[node["ct"]]
        for told in (node["v"], node.get("g")):
            bad = told and ("nan" in told or "inf" in told)
            assert not bad or "apart" in told, node["n"]


def test_two_values_that_become_one_have_no_cotangent_in_common() -> None:
    """Of log(sum(exp(x))) and logsumexp(x) the code has one node."""
    x = sd.input("x", (4,))
    a = sd.log(sd.sum(sd.exp(x)))
    b = sd.logsumexp(x)
    function = sd.Function("f", [x], 2.0 * a + 3.0 * b)
    at = np.array([1000.0, 0.0, 1.0, 999.0])
    values = values_of(function, derivation_of(function), {"x": at})
    assert shown(values.cotangents["d_a"]) == "2"
    assert shown(values.cotangents["d_b"]) == "3"
    _, gradients = traced(sd.compile(function, optimize=1), at)
    equal(values.cotangents["d_x"], gradients[0])


def test_what_the_code_reads_past_a_value_is_marked() -> None:
    """log(p) is computed from x; what flows back to p in the code is the rest."""
    x = sd.input("x", (4,))
    p = sd.softmax(x)
    q = sd.log(p)
    loss = sd.sum(q) + sd.sum(p * p)
    function = sd.Function("f", [x], loss)
    at = np.array([1000.0, 0.0, 1.0, 999.0])
    values = values_of(function, derivation_of(function), {"x": at})
    _, gradients = traced(sd.compile(function, optimize=1), at)
    equal(values.cotangents["d_x"], gradients[0])
    assert any(k[:2] == ("p", "q") for k in values.apart.shares)


def test_ordinary_models_have_no_mark() -> None:
    x = sd.input("x", (sd.dim("N"), 3))
    h = sd.nn.dense(x, 4, activation="relu", name="hidden")
    loss = sd.mean((sd.nn.dense(h, 2, name="out") * 3.0) ** 2)
    loss = loss + 1e-3 * sd.nn.l2([p for p in sd.params(loss) if p.ndim > 1])
    model = sd.Model("m", inputs=[x], targets=[], outputs={"h": h}, loss=loss)
    assert APART.strip() not in sd.compile(model).explain(values="random").text()


# --- random nests ---------------------------------------------------------------------


def nest(seed: int) -> Function:
    """Formulas of formulas, of values that several of them read."""
    rng = np.random.default_rng(seed)
    raw = [f for f, _, _ in FORMULAS.values()]
    x = sd.input("x", (2, 3))
    known: list[Any] = [x, x @ sd.constant(rng.normal(size=(3, 3)))]
    losses: list[Any] = []
    for _ in range(6):
        read = known[rng.integers(len(known))]
        made = raw[rng.integers(len(raw))](read)
        if rng.random() < 0.4:
            made = made * sd.constant(rng.normal(size=made.shape))
        (known if made.shape == (2, 3) else losses).append(made)
    pairs = [a * b for a, b in itertools.pairwise(known)]
    total = sum((weighted(t) for t in [*losses, *pairs]), sd.sum(x) * 0.0)
    return sd.Function("f", [x], sd.sum(total))


@pytest.mark.parametrize("seed", range(25))
def test_random_nests(seed: int) -> None:
    made = Case.of(nest(seed))
    compiled, derivation = made.compiled, made.derivation
    for at in (ORDINARY, *HARD.values()):
        values = made.values(at)
        run, gradients = traced(compiled, at)
        check_lines(derivation, values, compiled, run)
        equal(values.cotangents["d_x"], gradients[0])
        if at is not ORDINARY:
            continue
        for e in derivation.entries:
            written = interpret(e.tensor, {"x": at})
            np.testing.assert_allclose(
                values.forward[e.name], written, rtol=1e-7, atol=1e-9, err_msg=e.name
            )
            if e.cotangent is None or e.seed:
                continue
            handed = [v for k, v in values.shares.items() if k[0] == e.name]
            told = values.cotangents[e.cotangent]
            np.testing.assert_allclose(
                told, sum(handed), rtol=1e-7, atol=1e-9, err_msg=e.name
            )
