"""What a function takes in is seen in typeset formulas: a factor behind it is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import symdiff as sd
from symdiff.explain.equations import equation

x, y = sd.input("x", (3,)), sd.input("y", (3,))
s = sd.input("s", ())
A, B = sd.input("A", (3, 3)), sd.input("B", (3, 3))
c = sd.input("c", (3,), dtype="bool")
# Functions that are written as a word before their operand.
WORDS: dict[str, Callable[[Any], Any]] = {
    "log": sd.log, "log2": sd.log2, "log10": sd.log10, "sin": sd.sin, "cos": sd.cos,
    "tan": sd.tan, "tanh": sd.tanh, "sinh": sd.sinh, "cosh": sd.cosh,
    "arcsin": sd.arcsin, "arccos": sd.arccos, "arctan": sd.arctan,
    "max": sd.max, "min": sd.min, "mean": sd.mean,
    "det": lambda v: sd.linalg.det(v * A),
    "cofactors": lambda v: sd.linalg.cofactors(v * A),
}  # fmt: skip
SIGN = r"(?:\\,|\\cdot|\\odot|\\times)"
WORD = (
    r"\\(?:log(?:_\{\d+\})?|(?:arc)?(?:sin|cos|tan)h?|max|min|det|operatorname\{\w+\})"
)
ONE = r"(?:[A-Za-z]|\\mathrm\{\w+\})(?:\^\{\w+\})?"
# A word, one bare symbol, and a factor: read as the word of the product.
BARE = re.compile(rf"{WORD}(?:_\{{[^{{}}]*\}})? (?:{WORD} )*{ONE} {SIGN}")
# A word before a power of something in parentheses: read as the power of the word.
EARLY = re.compile(rf"{WORD} \\left\([^()]*\\right\)\^")


def shown(tensor: Any) -> str:
    found = equation(tensor).formula
    assert found is not None
    return found.tex


def unread(tex: str) -> None:
    assert not BARE.search(tex), tex
    assert not EARLY.search(tex), tex


@pytest.mark.parametrize("word", WORDS)
def test_a_factor_is_outside_or_inside(word: str) -> None:
    f = WORDS[word]
    for outside, inside in (
        (f(x) * s, f(x * s)),
        (f(x) * 2, f(x * 2)),
        (s * f(x) * y, s * f(x * y)),
        (f(x) * f(y), f(x * f(y))),
        (f(x) ** 2, f(x**2)),
        (f(x + y) ** 2, f((x + y) ** 2)),
        (f(sd.sin(x)) * s, f(sd.sin(x) * s)),
    ):
        first, second = shown(outside), shown(inside)
        unread(first)
        unread(second)
        assert first != second


def test_products_of_matrices() -> None:
    for tensor in (sd.log(A) @ B, sd.log(x) @ y, sd.sin(A) @ sd.cos(B) @ A):
        unread(shown(tensor))


def test_sums_take_in_the_product_after_them() -> None:
    assert shown(sd.sum(x * 2)) == r"\sum x \cdot 2"
    assert shown(sd.sum(x) * 2) == r"\left(\sum x\right) \cdot 2"


def test_plain_functions_have_no_parentheses() -> None:
    assert shown(sd.log(x)) == r"\log x"
    assert shown(s * sd.log(x)) == r"s \, \log x"
    assert shown(sd.log(x) + 1) == r"\log x + 1"
    assert shown(sd.log(x) * s) == r"\log \left(x\right) \, s"


def test_cases_end_where_a_parenthesis_closes() -> None:
    for tensor in (
        sd.where(c, x, s) ** 2,
        sd.where(c, x, s) * y,
        sd.where(c, x, s) + y,
        sd.sum(sd.where(c, x, s)),
        sd.log(sd.where(c, x, s)),
    ):
        assert r"\end{cases}\right)" in shown(tensor)
    assert shown(sd.where(c, x, s)).endswith(r"\end{cases}")


@pytest.mark.parametrize(
    ("tensor", "axis"),
    [
        (sd.cumsum(A, axis=1), 1),
        (sd.cumsum(A, axis=0), 0),
        (sd.cumprod(A, axis=1), 1),
        (sd.sort(A, axis=0), 0),
        (sd.sort(A, axis=1), None),
        (sd.softmax(A, axis=0), 0),
        (sd.softmax(A), None),
        (sd.cumsum(x), None),
    ],
)
def test_axes_that_a_function_does_not_take_by_itself(tensor: Any, axis: Any) -> None:
    told = re.search(r"axis\} = (\d)", shown(tensor))
    assert (told and int(told[1])) == axis
