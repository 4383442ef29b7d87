"""A step of a loop computes each value once, however many places it goes to.

In: recurrent layers and scans by hand whose values go to a carry, to stacked results
and to what reverse mode keeps. Out: the text of their loops and branches. Invariant: no
product, and no call of a function but one that makes an array, is written twice among
statements that run together.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any

import numpy as np
import pytest

import symdiff as sd

N, T = sd.dim("N"), sd.dim("T")


def _layer(kind: str, reads: str, **options: Any) -> Any:
    x, y = sd.input("x", (N, T, 3)), sd.input("y", (N, 4))
    every, last = getattr(sd.nn, kind)(x, 4, **options)
    last = last[0] if kind == "lstm" else last
    wanted = {"last": [last], "all": [sd.mean(every, axis=1)]}
    found = wanted.get(reads, [last, sd.mean(every, axis=1)])
    loss = sum((sd.mean((h - y) ** 2) for h in found[1:]), sd.mean((found[0] - y) ** 2))
    return sd.Model("m", [x], [y], last, loss, optimizer=sd.optim.SGD(0.1))


def _scanned(step: Any) -> Any:
    """A scan by hand, of rows (3,) and a square matrix."""
    x, w = sd.input("x", (T, 3)), sd.input("w", (3, 3))
    last, rows = sd.scan(lambda h, r: step(h, r, w), sd.zeros(3), x)
    return sd.Function("f", [x, w], sd.sum(last**3) + sd.sum(rows**2))


def _new(h: Any, r: Any, w: Any) -> Any:
    return sd.tanh(r + h @ w)


def _thrice(h: Any, r: Any, w: Any) -> Any:
    new = _new(h, r, w)
    return new, sd.stack([new, new[::-1], 2 * new])


def _viewed(h: Any, r: Any, w: Any) -> Any:
    new = sd.tanh(r + h @ w)[::-1]
    return new, new


def _pair(h: Any, r: Any, w: Any) -> Any:
    new = _new(h, r, w)
    return new, sd.sum(new) * (r @ w)


def _chosen() -> Any:
    """A branch that hands the same value on twice, and a view of it."""
    x, w = sd.input("x", (3,)), sd.input("w", (3, 3))

    def then() -> Any:
        new = sd.tanh(x @ w)
        return new, new, new[::-1]

    a, b, c = sd.cond(x[0] > 0, then, lambda: (x, x, x))
    return sd.Function("f", [x, w], sd.sum(a**2 * b + c**3))


def _whiled() -> Any:
    x, w = sd.input("x", (3,)), sd.input("w", (3, 3))

    def step(carry: Any) -> Any:
        a, b, i = carry
        new = sd.tanh(a @ w + b)
        return new, new, i + 1

    start = (x, x, sd.constant(np.array(0)))
    a, b, _ = sd.while_loop(lambda c: c[2] < 3, step, start)
    return sd.Function("f", [x, w], sd.sum(a * b**2))


CASES: dict[str, Any] = {
    **{
        f"{kind} {reads}": lambda k=kind, r=reads: _layer(k, r)
        for kind in ("rnn", "lstm", "gru")
        for reads in ("last", "all", "both")
    },
    "rnn reversed": lambda: _layer("rnn", "both", reverse=True),
    "rnn relu": lambda: _layer("rnn", "both", activation="relu"),
    "rnn linear": lambda: _layer("rnn", "both", activation=None),
    "scan": lambda: _scanned(lambda h, r, w: 2 * (_new(h, r, w),)),
    "scan of several": lambda: _scanned(_thrice),
    "scan of views": lambda: _scanned(_viewed),
    "scan and more": lambda: _scanned(_pair),
    "cond": _chosen,
    "while_loop": _whiled,
}


def _writes_over(n: ast.expr) -> bool:
    """Whether a call changes what it reads: the next one reads another value."""
    read = [ast.unparse(a) for a in getattr(n, "args", ())]
    return any(ast.unparse(k.value) in read for k in getattr(n, "keywords", ()))


def _written_twice(text: str) -> list[str]:
    """Return the products and calls that a loop or side has twice at one level."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if not isinstance(node, (ast.For, ast.While, ast.If)) or not block:
                continue
            inner = [n for s in block for n in ast.walk(s)]
            costly = [
                ast.unparse(n)
                for n in inner
                if isinstance(n, (ast.Call, ast.BinOp))
                and ("@" in ast.unparse(n) or "np." in ast.unparse(n))
                and not ast.unparse(n).startswith(("np.zeros(", "np.empty("))
                and not _writes_over(n)
            ]
            found += [c for c, times in Counter(costly).items() if times > 1]
    return found


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("name", CASES)
def test_a_value_of_a_step_is_computed_once(name: str, level: int) -> None:
    declared = CASES[name]()
    for path, text in sd.compile(declared, optimize=level).files.items():
        if path.endswith(("backward.py", "forward.py", "_planned.py")):
            body = str(text).partition("def _check")[0]
            assert not _written_twice(body), f"{path}\n{body}"


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru", "while_loop"])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_loops_on_top_of_each_other_run_once(kind: str, depth: int) -> None:
    """A loop whose values another loop reads is no second time there to be kept."""
    h = x = sd.input("x", (N, T, 3))
    y = sd.input("y", (N, 4))
    for at in range(depth):
        if kind == "while_loop":
            w = sd.param(f"w{at}", (3, 3))
            count = sd.constant(np.array(0))
            h, _ = sd.while_loop(
                lambda c: c[1] < 3,
                lambda c, w=w: (sd.tanh(c[0] @ w), c[1] + 1),
                (h, count),
            )
        else:
            h = getattr(sd.nn, kind)(h, 4, name=f"layer{at}")[0]
    loss = sd.mean((sd.nn.dense(sd.mean(h, axis=1), 4) - y) ** 2)
    model = sd.Model("m", [x], [y], h, loss, optimizer=sd.optim.SGD(0.1))
    tree = ast.parse(sd.compile(model)["backward"])
    for function in tree.body:
        if getattr(function, "name", "") in ("loss_and_residuals", "backward"):
            loops = [
                s for s in ast.walk(function) if isinstance(s, ast.For | ast.While)
            ]
            assert len(loops) == depth, ast.unparse(function)
