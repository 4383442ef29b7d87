"""W2: a small classifier, 64-128-64-10 with relu, cross-entropy, Adam.

Half of the time is calls, half arithmetic.
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
    x, y = sd.input("x", (n, 64)), sd.input("y", (n,), dtype="int64", high=10)
    h = sd.nn.dense(x, 128, activation="relu", name="l0")
    h = sd.nn.dense(h, 64, activation="relu", name="l1")
    z = sd.nn.dense(h, 10, name="l2")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model("w2", [x], [y], z, loss=loss, optimizer=RULE.declared())


class Best:
    """Features first, so that softmax reduces over the first axis; one Adam."""

    def __init__(self, params: Arrays, batch: Batch) -> None:
        self.layers, self.rows = Layers(params), len(batch[0])
        self.run = self._bound(*batch)
        flat = (self.layers.vector, self.layers.gradient)
        self.update = RULE.flat(*flat, scale=self.rows)  # the gradient of the sum

    def _bound(self, x: np.ndarray, y: np.ndarray) -> Any:
        rows, dtype = len(x), x.dtype
        W = [self.layers.p[name] for name in mlp.LAYERS]
        G = [self.layers.g[name] for name in mlp.LAYERS]
        H = [with_ones(w.shape[1] - 1, rows, dtype) for w in W]
        h0, h1, h2 = (h[:-1] for h in H)
        D1, D2 = (np.empty_like(h) for h in H[1:])
        d1, d2 = D1[:-1], D2[:-1]
        none1, none2 = np.zeros_like(h1), np.zeros_like(h2)
        mask1, mask2 = np.empty(h1.shape, bool), np.empty(h2.shape, bool)
        z = np.empty((len(W[2]), rows), dtype)
        (top, total, logs, taken), x_T = np.empty((4, rows), dtype), x.T
        z_flat, at = z.reshape(-1), np.arange(rows)
        place, ones = np.empty_like(at), np.ones(len(z), dtype)
        ones_rows = np.ones(rows, dtype)
        largest, exp, log, dot = np.maximum.reduce, np.exp, np.log, ones.dot
        greater, maximum, multiply, divide = (
            np.greater,
            np.maximum,
            np.multiply,
            np.divide,
        )

        def forward() -> float:
            np.copyto(h0, x_T)
            W[0].dot(H[0], h1)
            maximum(h1, none1, out=h1)
            W[1].dot(H[1], h2)
            maximum(h2, none2, out=h2)
            W[2].dot(H[2], z)
            largest(z, 0, None, top)
            np.subtract(z, top, z)
            multiply(y, rows, place)
            np.add(place, at, place)
            z_flat.take(place, None, taken, "clip")
            exp(z, z)
            dot(z, total)
            log(total, logs)
            np.subtract(logs, taken, logs)
            divide(z, total, z)
            z_flat[place] -= 1
            return float(logs.dot(ones_rows)) / rows

        def run() -> float:
            loss = forward()
            z.dot(H[2].T, G[2])
            W[2].T.dot(z, D2)
            greater(h2, none2, mask2)
            multiply(d2, mask2, d2)
            d2.dot(H[1].T, G[1])
            W[1].T.dot(d2, D1)
            greater(h1, none1, mask1)
            multiply(d1, mask1, d1)
            d1.dot(H[0].T, G[0])
            return loss

        return run

    def step(self) -> float:
        loss = self.run()
        self.update()
        return loss

    def gradients(self) -> Arrays:
        self.run()
        return {k: g / self.rows for k, g in self.layers.split(self.layers.g).items()}

    def params(self) -> Arrays:
        return self.layers.split(self.layers.p)


def loss(numpy: Any, p: Any, batch: Any) -> Any:
    x, y = batch
    z = mlp.logits(numpy, p, x, lambda h: numpy.maximum(h, 0))
    return mlp.classes(z, y, numpy)


def torch_loss(torch: Any, p: Any, batch: Any) -> Any:
    x, y = batch
    z = mlp.torch_logits(torch, p, x, torch.relu)
    return torch.nn.functional.cross_entropy(z, y)


def cases(small: bool = False) -> list[Case]:
    """Return the case; ``small`` is for tests."""
    rng, rows = np.random.default_rng(0), 8 if small else 64
    x = rng.normal(size=(rows, 64)).astype(np.float32)
    return [
        Case(
            name="W2",
            title=f"MLP 64-128-64-10, relu, batch {rows}, cross-entropy, Adam",
            declare=declare,
            batch=(x, rng.integers(0, 10, rows)),
            rule=RULE,
            best=Best,
            plain=mlp.relu_plain,
            torch=torch_loss,
            jax=loss,
            autograd=loss,
        )
    ]
