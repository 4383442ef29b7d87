"""One element of a gradient, written out as the sum that it is, in a real browser.

The class: every way in which NumPy stretches an operand of a sum or a difference: axes
that are not there, axes of length 1 at any place, and both. The terms that are shown
add up to the element, and are those that were stretched from it; each is the product of
its factors. What is given to a result that another result reads is one of the terms.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from explain.explorer_page import Page

import symdiff as sd

WHOLE = (2, 3, 4)
SHAPES = [
    *[(4,), (3, 1), (3, 4), (1, 4), (2, 1, 1)],
    *[(1, 3, 1), (2, 3, 1), (2, 1, 4), (1,)],
]


def sums_page() -> Any:
    """Return the explorer of sums and differences of operands that are stretched."""
    rng = np.random.default_rng(0)
    large, total = sd.input("large", WHOLE), sd.constant(0.0)
    given = {large: rng.normal(size=WHOLE)}
    for i, shape in enumerate(SHAPES):
        small = sd.input(f"small_{i}", shape)
        given[small] = rng.normal(size=shape)
        made = (small + large, large - small, small - large)[i % 3]
        total = total + sd.sum(sd.tanh(made))
    compiled = sd.compile(sd.Function("sums", list(given), total))
    return compiled.explore(values={str(t.name): a for t, a in given.items()})


def chain_page() -> Any:
    """Return the explorer of results that other results read, once and twice."""
    a = sd.input("a", (3,))
    first = sd.tanh(a)
    second = sd.sum(first * first)
    third = second - first[0]
    results = {"first": first, "second": second, "third": third}
    compiled = sd.compile(sd.Function("chain", [a], results))
    return compiled.explore(values={"a": np.array([0.5, -1.0, 2.0])})


def number(text: str) -> float:
    return float(text.replace("−", "-").strip())


def index_of(element: str) -> list[int]:
    return list(map(int, re.findall(r"\d+", element.partition("[")[2])))


@pytest.mark.parametrize("page", ["sums"], indirect=True)
def test_the_terms_of_an_element_add_up(page: Page) -> None:
    for i, shape in enumerate(SHAPES):
        page.click(page.box(f"small_{i}"))
        name, value = page.js(
            "const e = document.querySelector('#detail .element');"
            "return [e.querySelector('b').textContent,"
            " e.querySelector('.num.G').textContent];"
        )
        said = page.texts("#detail .element")[0]
        terms = page.texts("#detail .element table td:first-child")
        for row in page.texts("#detail .element table tr"):
            product, _, factors = row.partition("=")
            shown = [number(f.split()[-1]) for f in factors.split("×")]
            assert number(product) == pytest.approx(np.prod(shown), 0.01), (name, row)
        assert f"a sum of {24 // np.prod(shape)} products" in said
        rest = re.findall(r"together (\S+?)a", said)
        shown = [number(t.partition("=")[0]) for t in terms]
        size = sum(map(abs, shown)) + 1
        total = sum(shown) + sum(map(number, rest))
        assert total == pytest.approx(number(value), abs=0.01 * size), (name, shape)
        own = index_of(name)
        for where in page.texts("#detail .element table .linkto"):
            pairs = zip(index_of(where)[::-1], own[::-1], shape[::-1], strict=False)
            assert all(a == b for a, b, d in pairs if d != 1), (name, where)


@pytest.mark.parametrize("page", ["chain"], indirect=True)
def test_what_is_given_to_a_result_is_one_of_the_terms(page: Page) -> None:
    """In the panel, for a chosen element, on the way from the loss, in the replay."""
    t = np.tanh([0.5, -1.0, 2.0])
    page.click(page.box("first"))
    head, *parts = page.texts("#detail .element > div")
    assert "given" in parts[0]
    shown = [number(p.split()[1]) for p in parts if p[0] in "=+"]
    chosen = index_of(head)[0]
    assert len(shown) == 4
    assert shown[0] == 1
    value = 1 + 2 * 2 * t[chosen] - (chosen == 0)
    assert sum(shown) == pytest.approx(value, abs=0.01), head
    assert number(head.partition("=")[2].split()[0]) == pytest.approx(value, abs=0.01)
    page.click(page.box("a"))
    way = page.texts("#detail .path li")
    starts = {w.partition("=")[0]: w.partition("=")[2].strip()[:3] for w in way}
    assert starts["second"] == starts["first"] == "1 +" != starts["third"]
    page.keys("Escape", "p")
    page.click("#s-turn")
    told = []
    while not told or page.texts("#said")[0] != told[-1]:
        told += page.texts("#said")
        page.keys("n")
    assert sum("Given, and fan-out adds" in x and "=1+" in x for x in told) == 2
