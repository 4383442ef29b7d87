"""Reports of different functions are different, in every format, by what they tell.

The class: variants of one function that have the same shapes everywhere and other
values or gradients. The generated code under the formulas is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.explain.explanation import explained
from symdiff.explain.parts import Code

N = sd.dim("N")
v, a, x = sd.input("v", 3), sd.input("a", 6), sd.input("x", (N, 3))
image, kernel = sd.input("image", (1, 2, 8, 8)), sd.input("kernel", (3, 2, 3, 3))
TABLES = [[0.0, 1.0, 4.0], [0.0, 1.0, 5.0], [0.0, 2.0, 4.0], [4.0, 1.0, 0.0]]
LONG = [np.linspace(0, 1, 40), np.linspace(0, 1, 40) ** 2, np.linspace(0, 1, 40)[::-1]]
ALIKE = np.linspace(0, 1, 40)
NUDGED = ALIKE + np.where(np.arange(40) == 20, 1e-9, 0)

VARIANTS: dict[str, tuple[list[Any], Callable[[Any], Any], list[Any]]] = {
    "interp": ([v], lambda t: sd.interp(v, np.array([0.0, 1, 2]), np.array(t)), TABLES),
    "polyval": ([v], lambda t: sd.polyval(np.array(t), v), TABLES),
    "average": ([v], lambda t: sd.average(v, weights=np.array(t)), TABLES),
    "times a table": ([v], lambda t: sd.constant(t)[:, None] * v, [*LONG, NUDGED]),
    "picked by a table": ([a], lambda t: a[np.array(t)], [[0, 1, 2], [0, 2, 1]]),
    "set": ([a], lambda i: a.at[i].set(1.0) ** 2, [0, 1, slice(0, 2), slice(0, 4, 2)]),
    "added": (
        [a],
        lambda i: a.at[i].add(1.0) ** 2,
        [0, 1, slice(1, 3), slice(0, 4, 2)],
    ),
    "part": ([a], lambda i: a[i] ** 2, [slice(0, 2), slice(1, 3), slice(0, 4, 2)]),
    "padding": ([a], lambda p: sd.pad(a, p) ** 2, [(1, 1), (0, 2), (2, 0)]),
    "loop": (
        [a, v],
        lambda k: sd.scan(lambda h, r: (h * k + r, h), v, sd.reshape(a, (2, 3)))[0],
        [0.5, 0.7],
    ),
    "branch": (
        [v],
        lambda k: sd.cond(v[0] > 0, lambda u: u * k, lambda u: u, v),
        [0.5, 0.7],
    ),
    "keepdims": (
        [x],
        lambda k: sd.sum(x[:, 0] - sd.reshape(sd.logsumexp(x, axis=1, keepdims=k), N)),
        [True, False],
    ),
    "convolution": (
        [image, kernel],
        lambda how: sd.conv2d(image, kernel, **how)[:, :, :2, :2],
        [{}, {"stride": 2}, {"dilation": 2}, {"padding": 1}, {"padding": 2}],
    ),
    "pooling": (
        [image],
        lambda how: sd.max_pool2d(image, **how)[:, :, :2, :2],
        [
            {"window": 2},
            {"window": 2, "stride": 1},
            {"window": 3, "stride": 1},
            {"window": 2, "stride": 1, "padding": 1},
        ],
    ),
}
FORMATS = ("text", "markdown", "latex", "html")


def reports(inputs: list[Any], build: Callable[[Any], Any], variant: Any) -> list[str]:
    """Return the report in every format, without generated code."""
    made = explained(sd.Function("f", inputs, sd.sum(build(variant))))
    sections = [
        replace(s, parts=tuple(p for p in s.parts if not isinstance(p, Code)))
        for s in made.tree.sections
    ]
    told = replace(made, tree=replace(made.tree, sections=tuple(sections)))
    return [str(getattr(told, name)()) for name in FORMATS]


@pytest.mark.parametrize("name", VARIANTS)
def test_what_differs_is_told_apart(name: str) -> None:
    inputs, build, variants = VARIANTS[name]
    written = [reports(inputs, build, variant) for variant in variants]
    for (i, one), (j, other) in combinations(enumerate(written), 2):
        for form, a_, b_ in zip(FORMATS, one, other, strict=True):
            assert a_ != b_, f"{form} of {variants[i]} and of {variants[j]}"
    again = [reports(inputs, build, variant) for variant in variants]
    assert again == written
