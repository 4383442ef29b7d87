"""Samples of symdiff/ops/control/scan.py and symdiff/ops/control/while_loops.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import A, Sample, raw, sd


def _recurrent(x: Any, h: Any, w: Any) -> Any:
    """A recurrent layer; the body reads w from outside."""

    def step(h: Any, row: Any) -> Any:
        h = sd.tanh(row + h @ w)
        return h, h * row

    return sd.scan(step, h, x)


def _np_recurrent(x: Any, h: Any, w: Any) -> Any:
    ys = []
    for row in x:
        h = np.tanh(row + h @ w)
        ys.append(h * row)
    return h, np.array(ys).reshape(x.shape)


def _backwards(x: Any) -> Any:
    return sd.scan(lambda c, r: (c * r + 1, c), sd.ones(()), x, reverse=True)


def _np_backwards(x: Any) -> Any:
    c, ys = np.ones(()), []
    for r in x[::-1]:
        ys.append(c)
        c = c * r + 1
    return c, np.array(ys).reshape(x.shape)[::-1]


def _fixed(x: Any) -> Any:
    """Newton's iteration for the square root, three steps."""
    return sd.scan(lambda c, _: ((c + x / c) / 2, c), x, length=3)[0]


def _np_fixed(x: Any) -> Any:
    c = x
    for _ in range(3):
        c = (c + x / c) / 2
    return c


def _nested(x: Any) -> Any:
    """A loop in the body of a loop."""

    def outer(c: Any, row: Any) -> Any:
        inner, _ = sd.scan(lambda d, e: (sd.sin(d) + e * c, d), c, row)
        return inner, inner

    return sd.scan(outer, sd.sum(x) * 0.1, x)[1]


def _np_nested(x: Any) -> Any:
    c, ys = np.sum(x) * 0.1, []
    for row in x:
        d = c
        for e in row:
            d = np.sin(d) + e * c
        c = d
        ys.append(c)
    return np.array(ys).reshape(x.shape[:1])


def _gradient_inside(x: Any, t: Any) -> Any:
    """Gradient descent: the body takes a gradient."""

    def step(c: Any, _: Any) -> Any:
        loss = sd.sum(sd.square(c * c - t))
        return c - 0.05 * sd.grad(loss, c), loss

    return sd.scan(step, x, length=4)


def _np_gradient_inside(x: Any, t: Any) -> Any:
    losses = []
    for _ in range(4):
        losses.append(np.sum(np.square(x * x - t)))
        x = x - 0.05 * 4 * x * (x * x - t)
    return x, np.array(losses)


def _doubling(x: Any, b: Any) -> Any:
    """Double until the sum is large; how often depends on the data."""
    return sd.while_loop(lambda c: sd.sum(c) < 50.0, lambda c: c * c + b, x)


def _np_doubling(x: Any, b: Any) -> Any:
    c = x
    while np.sum(np.real(c)) < 50.0:
        c = c * c + b
    return c


def _pair(x: Any, y: Any) -> Any:
    """A while loop over a carry of two tensors, one of them a counter."""
    return sd.while_loop(
        lambda c: c["n"] < 3,
        lambda c: {"n": c["n"] + 1, "v": sd.sin(c["v"]) * y + x},
        {"n": sd.cast(0, "int64"), "v": x},
    )["v"]


def _np_pair(x: Any, y: Any) -> Any:
    v = x
    for _ in range(3):
        v = np.sin(v) * y + x
    return v


def _branch(x: Any, y: Any) -> Any:
    return sd.cond(
        sd.sum(x) > 0.0, lambda a: sd.sin(a) * y, lambda a: a * a - y, x
    ), sd.cond(sd.sum(x) < 0.0, lambda: sd.exp(y), lambda: x * y)


def _np_branch(x: Any, y: Any) -> Any:
    positive = np.sum(np.real(x)) > 0
    first = np.sin(x) * y if positive else x * x - y
    return first, (x * y if positive else np.exp(y))


SAMPLES = [
    Sample(_recurrent, [(3, 2), (2,), (2, 2)], reference=_np_recurrent, symbolic=False),
    Sample(_recurrent, [(4, 5, 2), (5, 2), (2, 2)], reference=_np_recurrent),
    Sample(_backwards, [(4,)], reference=_np_backwards),
    Sample(raw("after_steps"), [(2, 3)], {"length": 2}, lambda x, length: x),
    Sample(_fixed, [(3,)], reference=_np_fixed, domain="positive"),
    Sample(_nested, [(3, 4)], reference=_np_nested),
    Sample(_gradient_inside, [(3,), (3,)], reference=_np_gradient_inside),
    Sample(
        lambda x, w: sd.map(lambda row: sd.tanh(row @ w), x),
        [(4, 3), (3, 2)],
        reference=lambda x, w: np.tanh(x @ w),
        label="map",
    ),
    Sample(
        _doubling,
        [(3,), (3,)],
        reference=_np_doubling,
        domain="above_one",
        symbolic=False,
    ),
    Sample(_pair, [(3,), (3,)], reference=_np_pair),
    Sample(_branch, [(3,), (3,)], reference=_np_branch),
    Sample(
        _branch, [A((3,), "positive"), (3,)], reference=_np_branch, label="branch taken"
    ),
]
