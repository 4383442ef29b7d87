"""Containers that are arguments are the caller's: to change one is refused.

A function gets a list or dict of its own around the symbols, so that a change would be
lost. Every way of changing one is crossed with every transform.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

W, B = np.array([1.0, 2.0]), np.array([3.0, 4.0])

DICTS: dict[str, Callable[[Any], Any]] = {
    "a new key": lambda p: p.update(n=1),
    "a new value": lambda p: p.__setitem__("w", p["w"] * 2),
    "a number": lambda p: p.__setitem__("k", 5),
    "pop": lambda p: p.pop("w"),
    "popitem": lambda p: p.popitem(),
    "clear": lambda p: p.clear(),
    "setdefault": lambda p: p.setdefault("m", 1.0),
    "in order": lambda p: p.update(w=p.pop("w")),
    "within": lambda p: p["layers"].append(p["w"]),
    "a list within": lambda p: p["layers"].reverse(),
}
LISTS: dict[str, Callable[[Any], Any]] = {
    "append": lambda p: p.append(1),
    "insert": lambda p: p.insert(0, p[0]),
    "pop": lambda p: p.pop(),
    "reverse": lambda p: p.reverse(),
    "an element": lambda p: p.__setitem__(0, p[1]),
    "delete": lambda p: p.__delitem__(0),
    "extend": lambda p: p.extend([2.0]),
}
CASES = [("dict", n) for n in DICTS] + [("list", n) for n in LISTS]


def given(kind: str) -> Any:
    if kind == "list":
        return [W.copy(), B.copy(), 1.5]
    return {"w": W.copy(), "layers": [B.copy(), W.copy()], "k": 2}


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "jit": lambda f, p: T.jit(f)(W, p),
    "by keyword": lambda f, p: T.jit(f)(W, p=p),
    "grad": lambda f, p: T.grad(f)(W, p),
    "grad by it": lambda f, p: T.grad(lambda p, x: f(x, p))(p, W),
    "nested": lambda f, p: T.jit(lambda x, p: T.grad(f)(x, p))(W, p),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_a_change_of_an_argument_is_refused(case: Any, call: str) -> None:
    kind, name = case
    change = (DICTS if kind == "dict" else LISTS)[name]

    def f(x: Any, p: Any) -> Any:
        change(p)
        return np.sum(x) * 2.0

    with pytest.raises(sd.TracingError, match=r"writes into a list or dict"):
        CALLS[call](f, given(kind))


@pytest.mark.parametrize("kind", ["list", "dict"])
def test_a_copy_may_be_changed(kind: str) -> None:
    def f(x: Any, p: Any, **options: Any) -> Any:
        mine = dict(p) if kind == "dict" else list(p)
        first = mine.pop("w" if kind == "dict" else 0)
        return np.sum(x * first) * options.pop("scale")

    p = given(kind)
    assert T.jit(f)(W, p, scale=2.0) == 2 * (W * W).sum()
    assert len(p) == 3
