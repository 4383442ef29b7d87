"""W1: a tiny perceptron, 2-16-16-1 with tanh, squared error, Adam.

The arithmetic takes a few microseconds, so what is measured is the cost of calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import symdiff as sd
from benchmarks.case import Arrays, Batch, Case
from benchmarks.flat import Layers, with_ones
from benchmarks.rules import Adam
from benchmarks.workloads import mlp

RULE = Adam(1e-5)


def declare() -> sd.Model:
    n = sd.dim("N")
    x, y = sd.input("x", (n, 2)), sd.input("y", (n, 1))
    h = sd.nn.dense(x, 16, activation="tanh", name="l0")
    h = sd.nn.dense(h, 16, activation="tanh", name="l1")
    out = sd.nn.dense(h, 1, name="l2")
    loss = sd.nn.mse(out, y)
    return sd.Model("w1", [x], [y], out, loss=loss, optimizer=RULE.declared())


class Best:
    """Features first, biases as a row of ones, every function bound beforehand."""

    def __init__(self, params: Arrays, batch: Batch) -> None:
        self.layers = Layers(params)
        self.run = self._bound(*batch)
        self.update = RULE.flat(self.layers.vector, self.layers.gradient)

    def _bound(self, x: np.ndarray, y: np.ndarray) -> Any:
        rows, dtype = len(x), x.dtype
        W = [self.layers.p[name] for name in mlp.LAYERS]
        H = [with_ones(w.shape[1] - 1, rows, dtype) for w in W]
        h0, h1, h2 = (h[:-1] for h in H)
        (x_T, y_T), z = (x.T, y.T), np.empty((1, rows), dtype)
        z_row = z[0]
        D1, D2 = (np.empty_like(h) for h in H[1:])  # a row more than is used
        d1, d2, s = D1[:-1], D2[:-1], np.empty_like(h1)
        one, scale = np.asarray(1, dtype), np.asarray(2 / rows, dtype)
        forward = [w.dot for w in W]
        to_h2, to_h1 = W[2].T.dot, W[1].T.dot
        H_T = [h.T for h in H]
        g0, g1, g2 = (self.layers.g[name] for name in mlp.LAYERS)
        copyto, tanh, multiply, subtract = np.copyto, np.tanh, np.multiply, np.subtract

        def run() -> float:
            copyto(h0, x_T)
            forward[0](H[0], h1)
            tanh(h1, h1)
            forward[1](H[1], h2)
            tanh(h2, h2)
            forward[2](H[2], z)
            subtract(z, y_T, z)
            loss = z_row.dot(z_row)
            multiply(z, scale, z)
            z.dot(H_T[2], g2)
            to_h2(z, D2)
            multiply(h2, h2, s)
            subtract(one, s, s)
            multiply(d2, s, d2)
            d2.dot(H_T[1], g1)
            to_h1(d2, D1)
            multiply(h1, h1, s)
            subtract(one, s, s)
            multiply(d1, s, d1)
            d1.dot(H_T[0], g0)
            return float(loss) / rows

        return run

    def step(self) -> float:
        loss = self.run()
        self.update()
        return loss

    def gradients(self) -> Arrays:
        self.run()
        return self.layers.split(self.layers.g)

    def params(self) -> Arrays:
        return self.layers.split(self.layers.p)


def plain(p: Arrays, batch: Batch) -> tuple[float, dict[str, np.ndarray]]:
    x, y = batch
    values = [x]
    for name in mlp.LAYERS[:-1]:
        values.append(np.tanh(values[-1] @ p[f"{name}.W"] + p[f"{name}.b"]))
    error = values[-1] @ p["l2.W"] + p["l2.b"] - y
    d = 2 * error / error.size
    grads = mlp.backward(p, values, d, lambda d, h: d * (1 - h**2))
    return float(np.mean(error**2)), grads


def loss(numpy: Any, p: Any, batch: Any) -> Any:
    x, y = batch
    return numpy.mean((mlp.logits(numpy, p, x, numpy.tanh) - y) ** 2)


def torch_loss(torch: Any, p: Any, batch: Any) -> Any:
    x, y = batch
    out = mlp.torch_logits(torch, p, x, torch.tanh)
    return torch.nn.functional.mse_loss(out, y)


def cases(small: bool = False) -> list[Case]:
    """Return the case; ``small`` is for tests."""
    rows = 8 if small else 32
    x = np.random.default_rng(0).normal(size=(rows, 2)).astype(np.float32)
    return [
        Case(
            name="W1",
            title=f"MLP 2-16-16-1, tanh, batch {rows}, squared error, Adam",
            declare=declare,
            batch=(x, x[:, :1] * x[:, 1:]),
            rule=RULE,
            best=Best,
            plain=plain,
            torch=torch_loss,
            jax=loss,
            autograd=loss,
        )
    ]
