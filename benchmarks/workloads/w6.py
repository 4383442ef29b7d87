"""W6: an LSTM over fifty steps, 32-64, whose last state tells ten classes, Adam.

The steps depend on one another, so the products are small and the calls are many.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import symdiff as sd
from benchmarks.case import Arrays, Batch, Case
from benchmarks.rules import Adam
from benchmarks.workloads import mlp
from benchmarks.workloads.recurrent import Best

RULE = Adam(1e-5)
NAMES = ("lstm.W", "lstm.U", "lstm.b", "out.W", "out.b")


def declare(length: int, units: int) -> sd.Model:
    n = sd.dim("N")
    x = sd.input("x", (n, length, 32))
    y = sd.input("y", (n,), dtype="int64", high=10)
    states, _ = sd.nn.lstm(x, units, name="lstm")
    z = sd.nn.dense(states[:, -1], 10, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model("w6", [x], [y], z, loss=loss, optimizer=RULE.declared())


def plain(p: Arrays, batch: Batch) -> tuple[float, dict[str, np.ndarray]]:
    """Return loss and gradients as people write it: lists, and one step at a time."""
    (x, y), (W, U, b, V, bias) = batch, (p[k] for k in NAMES)
    h = c = np.zeros((len(x), len(U)), x.dtype)
    kept = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ W + h @ U + b, 4, axis=1)
        i, f, o, g = (
            1 / (1 + np.exp(-i)),
            1 / (1 + np.exp(-f)),
            1 / (1 + np.exp(-o)),
            np.tanh(g),
        )
        before, state = h, c
        c = f * c + i * g
        tanh_c = np.tanh(c)
        h = o * tanh_c
        kept.append((before, state, i, f, g, o, tanh_c))
    loss, d_z = mlp.softmax_plain(h @ V + bias, y)
    grads = {k: np.zeros_like(v) for k, v in p.items()}
    grads["out.W"], grads["out.b"] = h.T @ d_z, d_z.sum(axis=0)
    d_h, d_c = d_z @ V.T, np.zeros_like(c)
    for t in reversed(range(x.shape[1])):
        before, state, i, f, g, o, tanh_c = kept[t]
        d_c = d_c + d_h * o * (1 - tanh_c**2)
        d_i, d_f = d_c * g * i * (1 - i), d_c * state * f * (1 - f)
        d_g, d_o = d_c * i * (1 - g**2), d_h * tanh_c * o * (1 - o)
        d_gates = np.concatenate([d_i, d_f, d_g, d_o], axis=1)
        grads["lstm.W"] += x[:, t].T @ d_gates
        grads["lstm.U"] += before.T @ d_gates
        grads["lstm.b"] += d_gates.sum(axis=0)
        d_h, d_c = d_gates @ U.T, d_c * f
    return loss, grads


def jax_loss(numpy: Any, p: Any, batch: Any) -> Any:
    from jax import lax, nn

    (x, y), (W, U, b, V, bias) = batch, (p[k] for k in NAMES)
    start = numpy.zeros((len(x), len(U)), x.dtype)

    def turn(carry: Any, row: Any) -> Any:
        h, c = carry
        i, f, g, o = numpy.split(row + h @ U, 4, axis=1)
        c = nn.sigmoid(f) * c + nn.sigmoid(i) * numpy.tanh(g)
        return (nn.sigmoid(o) * numpy.tanh(c), c), None

    rows = numpy.swapaxes(x @ W + b, 0, 1)
    (h, _), _ = lax.scan(turn, (start, start), rows)
    return mlp.classes(h @ V + bias, y, numpy)


def autograd_loss(numpy: Any, p: Any, batch: Any) -> Any:
    (x, y), (W, U, b, V, bias) = batch, (p[k] for k in NAMES)
    h = c = np.zeros((len(x), len(U)), x.dtype)
    for t in range(x.shape[1]):
        i, f, g, o = numpy.split(x[:, t] @ W + h @ U + b, 4, axis=1)
        i, f, o = (1 / (1 + numpy.exp(-a)) for a in (i, f, o))
        c = f * c + i * numpy.tanh(g)
        h = o * numpy.tanh(c)
    return mlp.classes(h @ V + bias, y, numpy)


def torch_loss(torch: Any, p: Any, batch: Any) -> Any:
    """Call what `torch.nn.LSTM` calls; its second bias is zero."""
    (x, y), (W, U, b, V, bias) = batch, (p[k] for k in NAMES)
    start = torch.zeros((1, len(x), U.shape[1]))
    weights, none = [W, U, b, torch.zeros_like(b)], (start, start)
    states, _, _ = torch.lstm(
        x, none, weights, True, 1, 0.0, True, False, batch_first=True
    )
    z = torch.nn.functional.linear(states[:, -1], V, bias)
    return torch.nn.functional.cross_entropy(z, y)


def cases(small: bool = False) -> list[Case]:
    """Return the case; ``small`` is for tests."""
    rows, length, units = (4, 5, 6) if small else (32, 50, 64)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, length, 32)).astype(np.float32)
    return [
        Case(
            name="W6",
            title=f"LSTM 32-{units}-10, {length} steps, batch {rows}, Adam",
            declare=partial(declare, length, units),
            batch=(x, rng.integers(0, 10, rows)),
            rule=RULE,
            best=partial(Best, RULE),
            plain=plain,
            torch=torch_loss,
            jax=jax_loss,
            autograd=autograd_loss,
            turned=("lstm.W", "lstm.U", "out.W"),
        )
    ]
