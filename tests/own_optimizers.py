"""Optimisers as users declare them, and what they do in plain NumPy, array by array.

An update is one function of a namespace: with `sd` it declares, with `Plain` it
computes. So the oracle shares no code with what is compiled.
"""

import itertools
from types import SimpleNamespace

import numpy as np

import symdiff as sd

SHAPES = {"W": (2, 3), "b": (3,), "q": (2, 2), "c": ()}
STEPS = 4


def _softplus(x):
    return np.logaddexp(0.0, x)


class Plain:
    """NumPy under the names of `sd`."""

    nn = SimpleNamespace(leaky_relu=lambda x: np.where(x > 0, x, 0.01 * x))
    linalg = np.linalg
    softplus = staticmethod(_softplus)
    sigmoid = staticmethod(lambda x: np.exp(-_softplus(-x)))
    cast = staticmethod(lambda x, dtype: np.asarray(x).astype(dtype))
    constant = staticmethod(np.asarray)
    cond = staticmethod(lambda c, yes, no: yes() if c else no())

    def __getattr__(self, name):
        return getattr(np, name)


def own(function, slots=(), **hyper):
    """Return an optimiser of a user's, of a function of xp, p, g, slots, hyper, t."""

    class Own(sd.optim.Optimizer):
        def update(self, p, g, slots, hyper, t):
            return function(sd, p, g, slots, hyper, t)

    Own.slots = slots
    return Own(**hyper)


def trained_plainly(function, slots, start, gradients, hyper, groups=(), frozen=()):
    """Return parameters and slots after the steps, each array by itself."""
    params = {n: np.array(a) for n, a in start.items()}
    held = {s: {n: np.zeros_like(a) for n, a in start.items()} for s in slots}
    for t, given in enumerate(gradients, 1):
        for n in params:
            if n in frozen:
                continue
            values = {**hyper, **dict(groups).get(n, {})}
            old = {s: held[s][n].copy() for s in slots}
            new, kept = function(
                Plain(), params[n].copy(), given[n], old, values, np.float64(t)
            )
            params[n] = np.zeros_like(params[n]) + new
            for s, value in kept.items():
                held[s][n] = np.zeros_like(params[n]) + value
    return params, held


def model(name, optimizer):
    """Return a model whose gradients are its inputs, one for each shape of `SHAPES`."""
    params = {n: sd.param(n, s) for n, s in SHAPES.items()}
    inputs = {n: sd.input(f"g_{n}", s) for n, s in SHAPES.items()}
    loss = sum(sd.sum(params[n] * inputs[n]) for n in SHAPES)
    return sd.Model(
        name, list(inputs.values()), [], params["W"] * 1.0, loss, optimizer=optimizer
    )


def numbers(seed=0):
    """Return where parameters start, and the gradients of each step."""
    rng = np.random.default_rng(seed)

    def draw():
        return {n: np.array(rng.normal(size=s)) for n, s in SHAPES.items()}

    return draw(), [draw() for _ in range(STEPS)]


# --- the table ------------------------------------------------------------------------


def _norm(xp, x):
    return xp.sqrt(xp.sum(x**2))


def _lars(xp, p, g, s, h, t):
    m = 0.9 * s["m"] + h["lr"] * 0.1 * _norm(xp, p) / (_norm(xp, g) + 1e-9) * g
    return p - m, {"m": m}


def _lamb(xp, p, g, s, h, t):
    m, v = 0.9 * s["m"] + 0.1 * g, 0.99 * s["v"] + 0.01 * g**2
    u = m / (1 - 0.9**t) / (xp.sqrt(v / (1 - 0.99**t)) + 1e-6)
    return p - h["lr"] * _norm(xp, p) / _norm(xp, u) * u, {"m": m, "v": v}


def _by_rank(xp, p, g, s, h, t):
    if p.ndim > 1:
        g = g + 0.1 * p
    return p - h["lr"] * g, {}


def _rows(xp, p, g, s, h, t):
    scale = xp.mean(g**2, axis=-1, keepdims=True) if p.ndim else g**2
    v = 0.9 * s["v"] + 0.1 * scale
    return p - h["lr"] * g / xp.sqrt(v + 1e-3), {"v": v}


def _orthogonal(xp, p, g, s, h, t):
    step = g @ g.T @ g - g if p.ndim == 2 else g
    return p - h["lr"] * step, {}


def _lookahead(xp, p, g, s, h, t):
    fast = p - h["lr"] * g
    slow = xp.where(t > 1, s["slow"], p)
    now = xp.equal(t % 2, 0)
    slow = xp.where(now, slow + 0.5 * (fast - slow), slow)
    return xp.where(now, slow, fast), {"slow": slow}


def _same(xp, p, g, s, h, t):
    new = p - h["lr"] * g
    return new, {"a": new, "b": new}


_STEP = lambda p, g, h: p - h["lr"] * g  # noqa: E731 - read in many lines below
_TABLE = np.linspace(1.0, 0.1, 100)  # too large for a literal

CASES = {
    # elementwise: one flat vector serves
    "clip": (lambda xp, p, g, s, h, t: (p - h["lr"] * xp.clip(g, -0.5, 0.5), {}), ()),
    "box": (
        lambda xp, p, g, s, h, t: (
            xp.minimum(xp.maximum(_STEP(p, g, h), -1.0), 1.0),
            {},
        ),
        (),
    ),
    "masked": (
        lambda xp, p, g, s, h, t: (p - h["lr"] * xp.where(g > 0.01, g, 0.0), {}),
        (),
    ),
    "masks": (
        lambda xp, p, g, s, h, t: (
            p - h["lr"] * xp.where((t > 1) & (s["a"] * g > 0), g, g / 2),
            {"a": g},
        ),
        ("a",),
    ),
    "numbers": (
        lambda xp, p, g, s, h, t: (
            _STEP(p, g, h) + xp.where(xp.isnan(g), 0.0, 1e-3),
            {},
        ),
        (),
    ),
    "leaky": (lambda xp, p, g, s, h, t: (_STEP(p, xp.nn.leaky_relu(g), h), {}), ()),
    "smooth": (
        lambda xp, p, g, s, h, t: (_STEP(p, xp.sigmoid(g) * xp.softplus(g), h), {}),
        (),
    ),
    "casts": (
        lambda xp, p, g, s, h, t: (
            p - h["lr"] * (xp.cast(g > 0, "float") - xp.cast(g < 0, "float")),
            {},
        ),
        (),
    ),
    "halved": (
        lambda xp, p, g, s, h, t: (p - h["lr"] * xp.where(t > 2, 0.5, 1.0) * g, {}),
        (),
    ),
    "cast step": (
        lambda xp, p, g, s, h, t: (_STEP(p, g, h) * (1 - xp.cast(t > 2, "float")), {}),
        (),
    ),
    "guarded": (
        lambda xp, p, g, s, h, t: (
            p - h["lr"] * g * xp.where(t > 1, 1 / (t - 1 + 1e-300), 1.0),
            {},
        ),
        (),
    ),
    "whole steps": (
        lambda xp, p, g, s, h, t: (p - h["lr"] * g * (t % 3 + t // 2), {}),
        (),
    ),
    "table": (
        lambda xp, p, g, s, h, t: (
            _STEP(p, g * xp.constant(_TABLE)[xp.cast(t, "int64")], h),
            {},
        ),
        (),
    ),
    "branch": (
        lambda xp, p, g, s, h, t: (
            _STEP(p, g * xp.cond(t > 2, lambda: 0.5 * t, lambda: 1.0 * t), h),
            {},
        ),
        (),
    ),
    "filled": (
        lambda xp, p, g, s, h, t: (_STEP(p, g, h), {"a": xp.zeros_like(g) + 1}),
        ("a",),
    ),
    "scalars": (lambda xp, p, g, s, h, t: (_STEP(p, g, h), {"a": t, "b": 2.0}), "ab"),
    # values handed from array to array
    "swap": (lambda xp, p, g, s, h, t: (s["a"], {"a": _STEP(p, g, h)}), ("a",)),
    "swap slots": (
        lambda xp, p, g, s, h, t: (_STEP(p, g, h), {"a": s["b"], "b": s["a"] + g}),
        ("a", "b"),
    ),
    "circle": (
        lambda xp, p, g, s, h, t: (s["a"] + h["lr"] * g, {"a": s["b"], "b": p}),
        "ab",
    ),
    "exchange": (
        lambda xp, p, g, s, h, t: (s["a"], {"a": p, "b": s["b"] + h["lr"] * g}),
        "ab",
    ),
    "delay line": (
        lambda xp, p, g, s, h, t: (
            _STEP(p, s["a"], h),
            {"a": s["b"], "b": s["c"], "c": g + s["a"]},
        ),
        "abc",
    ),
    "keep": (
        lambda xp, p, g, s, h, t: (_STEP(p, g, h), {"a": p, "b": s["a"]}),
        ("a", "b"),
    ),
    "delayed": (lambda xp, p, g, s, h, t: (_STEP(p, s["a"], h), {"a": g}), ("a",)),
    "same": (_same, ("a", "b")),
    "still": (lambda xp, p, g, s, h, t: (p, {"a": s["a"] + h["lr"] * g}), ("a",)),
    "unread": (lambda xp, p, g, s, h, t: (_STEP(p, g, h), {"a": s["a"]}), ("a", "b")),
    "lookahead": (_lookahead, ("slow",)),
    "hostile names": (
        lambda xp, p, g, s, h, t: (
            _STEP(p, g, h),
            {"state": s["name"], "name": s["state"] + g, "scratch": s["name"] + p},
        ),
        ("state", "name", "scratch"),
    ),
    # of a parameter as a whole: each array by itself
    "lars": (_lars, ("m",)),
    "lamb": (_lamb, ("m", "v")),
    "centred": (lambda xp, p, g, s, h, t: (_STEP(p, g - xp.mean(g), h), {}), ()),
    "largest": (
        lambda xp, p, g, s, h, t: (
            _STEP(p, xp.where(xp.abs(g) >= xp.max(xp.abs(g)), g, 0.0), h),
            {},
        ),
        (),
    ),
    "by rank": (_by_rank, ()),
    "by rows": (_rows, ("v",)),
    "orthogonal": (_orthogonal, ()),
    "turned": (
        lambda xp, p, g, s, h, t: (
            _STEP(p, g, h),
            {"a": p.T if p.shape != (2, 3) else p},
        ),
        ("a",),
    ),
    "turned itself": (
        lambda xp, p, g, s, h, t: (
            p.T + g if p.shape == (2, 2) else p,
            {"a": h["lr"] * p},
        ),
        ("a",),
    ),
    "size": (
        lambda xp, p, g, s, h, t: (_STEP(p, g, h) / (1 + xp.sum(p * 0 + 1)), {}),
        (),
    ),
}
CASES = {name: (function, tuple(slots)) for name, (function, slots) in CASES.items()}


# --- random ones ----------------------------------------------------------------------


def random_update(seed):
    """Return an update of random elementwise expressions, and its slots."""
    rng = np.random.default_rng(seed)
    slots = ("a", "b", "c")
    count = itertools.count()

    def expression(depth):
        kind = rng.integers(0, 9) if depth else rng.integers(0, 3)
        if kind < 2:
            which = str(rng.choice(["p", "g", *slots]))
            return lambda xp, e: e[which]
        if kind == 2:
            value = round(float(rng.normal()), 2)
            return lambda xp, e: value * e["t"]
        left, right, test = (expression(depth - 1) for _ in range(3))
        limit = round(float(rng.normal()), 1)
        key = next(count)
        made = {
            3: lambda xp, e: left(xp, e) + right(xp, e),
            4: lambda xp, e: left(xp, e) - 0.5 * right(xp, e),
            5: lambda xp, e: xp.tanh(left(xp, e)) * right(xp, e),
            6: lambda xp, e: xp.maximum(left(xp, e), right(xp, e)),
            7: lambda xp, e: xp.where(test(xp, e) > limit, left(xp, e), right(xp, e)),
            8: lambda xp, e: xp.abs(left(xp, e)) / (1 + xp.abs(right(xp, e))),
        }[int(kind)]

        def once(xp, e):
            if key not in e["made"]:
                e["made"][key] = made(xp, e)
            return e["made"][key]

        return once

    pool = [expression(d) for d in (0, 0, 1, 2, 3)]
    chosen = [pool[i] for i in rng.integers(0, len(pool), 4)]

    def update(xp, p, g, s, h, t):
        e = {"p": p, "g": g, **s, "t": t, "made": {}}
        new, *kept = [f(xp, e) for f in chosen]
        return new, dict(zip(slots, kept, strict=True))

    return update, slots
