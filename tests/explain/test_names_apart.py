"""Names that differ look different, and a name stands for one value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.explain.equations import equation, system
from symdiff.explain.explanation import derivation_of, explained
from symdiff.explain.mathml import mathml
from symdiff.explain.symbols import apart, symbol, telling_apart

NAMES = [
    *("x", "x1", "x_1", "x__1", "_x", "x_", "X", "xx", "x12", "x_12", "x_1_2", "e"),
    *("alpha", "alpha1", "alpha_1", "\N{GREEK SMALL LETTER ALPHA}", "theta0"),
    *("theta_0", "pi", "W_1", "W1", "W_1_h"),
    *("hidden_W", "W_hidden", "h.W", "h_W", "W_h", "out", "out_2", "d_x", "d_x1"),
    *("d_x_1", "d", "d_", "d_d_x"),
]  # fmt: skip


def leaves(*names: str) -> list[sd.Tensor]:
    return [sd.input(name, (3,)) for name in names]


@pytest.mark.parametrize("first", NAMES)
def test_two_names_in_an_equation(first: str) -> None:
    for second in NAMES:
        if second == first:
            continue
        a, b = leaves(first, second)
        found = equation(a - b)
        assert found.formula is not None
        for shown in (found.formula.text, found.formula.latex):
            left, right = shown.split(" - ")
            assert left != right, f"{first} and {second}: {shown}"


@pytest.mark.parametrize("first", NAMES)
def test_two_names_in_a_report(first: str) -> None:
    """Values and cotangents are told apart, in text and typeset."""
    for second in NAMES:
        if second == first:
            continue
        a, b = leaves(first, second)
        found = derivation_of(sd.Function("f", [a, b], sd.sum(a**2 * b)))
        names = [e.name for e in found.entries]
        names += [e.cotangent for e in found.entries if e.cotangent]
        assert len(set(names)) == len(names)
        with telling_apart(found.symbols):
            shown = [symbol(name) for name in names]
        for written in ([s.latex for s in shown], [s.mathml for s in shown]):
            assert len(set(written)) == len(written), f"{first} and {second}: {written}"


def test_ordinary_names_are_written_as_ever() -> None:
    names = ["x", "x1", "W_1", "hidden_W", "alpha", "loss", "h_2", "total", "total_2"]
    of = {f"d_{name}": name for name in names}
    assert apart(names, of) == {}
    assert symbol("hidden_W").tex == r"W_{\mathrm{hidden}}"
    assert symbol("d_x").tex == r"\bar{x}"


def test_eulers_number_is_no_variable() -> None:
    e, x = leaves("e", "x")
    power, exponential = equation(e**x), equation(sd.exp(x))
    assert power.tex.partition("=")[2] != exponential.tex.partition("=")[2]
    assert mathml(power.tex) != mathml(exponential.tex)


def test_a_bar_is_the_cotangent_in_every_format() -> None:
    """An input called d_x stands beside the cotangent of x, and is not it."""
    x, d_x = leaves("x", "d_x")
    found = explained(sd.Function("f", [x, d_x], sd.sum(x**2 * d_x)))
    for shown in (found.latex(), found.markdown()):
        assert r"\bar{x} = \bar{x}" not in shown.replace("&", "")
        assert r"\mathtt{d\_x}" in shown
    assert "d_x_2  [3]  of x" in found.text()


# --- parts that are not written out ---------------------------------------------------


def _deep(x: Any, k: float) -> Any:
    return sd.exp(sd.sin(x * k) * sd.cos(x + k) * sd.tanh(x - k) * sd.sin(x / k))


def _forms() -> Iterator[Any]:
    for outer, join in product((sd.sum, sd.max, sd.tanh), "*-+"):
        yield lambda v, w, o=outer, j=join: o({"*": v * w, "-": v - w, "+": v + w}[j])


FORMS = list(_forms())


@pytest.mark.parametrize("form", FORMS)
def test_equations_of_different_values_differ(form: Any) -> None:
    v, w = leaves("v", "w")
    results = {
        "a": form(_deep(v, 2.0), _deep(w, 3.0)),
        "b": form(_deep(v, 2.0), _deep(v, 3.0)),
        "c": form(_deep(w, 5.0), _deep(v, 4.0)),
    }
    found = system(list(results.items()))
    told = [e.formula.text for e in found if e.formula is not None]
    assert len(set(told)) == len(told) == 3
    assert len({e.formula.tex for e in found if e.formula is not None}) == 3


def test_one_equation_names_a_value_once() -> None:
    v, w = leaves("v", "w")
    norm = sd.nn.layer_norm
    found = equation(norm(v, affine=False) - norm(w, affine=False))
    assert found.formula is not None
    means = set(re.findall(r"mean\w*", found.formula.text))
    assert means == {"mean", "mean_w"}


def test_a_sum_in_a_loop_is_not_its_own_summand() -> None:
    (v,) = leaves("v")
    y = sum(sd.sin(v * i) for i in range(1, 14))
    found = equation(y)
    assert found.formula is not None
    assert found.name == "y"
    assert not re.search(r"\by\b", found.formula.text)


def test_what_is_repeated_is_named_where_a_formula_is_cut() -> None:
    N = sd.dim("N")
    x, b = sd.input("x", (N, 4)), sd.param("b", (4,))
    y = sd.tanh(x * 2.0) * 3.0 + b
    for _ in range(3):
        y = sd.sin(sd.cos(y) + b)
    assert "shape" not in str(equation(y).formula)


def test_equations_are_true() -> None:
    """Each formula of a system holds where its names have their values."""
    rng = np.random.default_rng(0)
    v, w = leaves("v", "w")
    s = v * w
    p = sd.exp(s) - w
    q = p * s + sd.sum(p)
    values = {v: rng.normal(size=3), w: rng.normal(size=3)}
    known = {"v": values[v], "w": values[w], "exp": np.exp}
    for e, tensor in zip(system([("q", q)]), (s, p, q), strict=True):
        assert e.formula is not None
        known[e.name] = sd.interpret(tensor, values)
        found = eval(e.formula.text, {}, known)
        np.testing.assert_allclose(found, known[e.name])
