"""W3: a classifier of images, 784-512-256-10 with relu, cross-entropy and L2.

Matrix products take nearly all of the time; what can be lost is the optimiser's passes
over half a million parameters. Once with momentum, once with Adam.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import symdiff as sd
from benchmarks.case import Arrays, Batch, Case, Rule
from benchmarks.flat import Flat
from benchmarks.rules import Adam, Momentum
from benchmarks.workloads import mlp

L2 = 1e-4


@dataclass(frozen=True)
class Sizes:
    """Lengths of the layers, and rows of a batch."""

    features: int = 784
    first: int = 512
    second: int = 256
    rows: int = 128


def declare(sizes: Sizes, rule: Rule) -> sd.Model:
    x = sd.input("x", (n := sd.dim("N"), sizes.features))
    y = sd.input("y", (n,), dtype="int64", high=10)
    h = sd.nn.dense(x, sizes.first, activation="relu", name="l0")
    h = sd.nn.dense(h, sizes.second, activation="relu", name="l1")
    z = sd.nn.dense(h, 10, name="l2")
    weights = [p for p in sd.params(z) if p.ndim > 1]
    loss = sd.nn.softmax_cross_entropy(z, y) + L2 * sd.nn.l2(weights)
    return sd.Model("w3", [x], [y], z, loss=loss, optimizer=rule.declared())


class Best:
    """Rows first, as the products are large; weights before biases in one vector, so
    that L2 is one dot of its beginning.
    """

    def __init__(self, rule: Rule, params: Arrays, batch: Batch) -> None:
        order = sorted(params, key=lambda k: k.endswith(".b"))
        dtype = params["l0.W"].dtype
        self.flat = Flat({k: params[k].shape for k in order}, dtype)
        for k, v in params.items():
            self.flat.p[k][...] = v
        self.run = self._bound(*batch)
        self.update = rule.flat(self.flat.vector, self.flat.gradient)

    def _bound(self, x: np.ndarray, y: np.ndarray) -> Any:
        rows, dtype, p, g = len(x), x.dtype, self.flat.p, self.flat.g
        W, b = ([p[f"{k}.{s}"] for k in mlp.LAYERS] for s in "Wb")
        gW, gb = ([g[f"{k}.{s}"] for k in mlp.LAYERS] for s in "Wb")
        h1, h2, z = (np.empty((rows, w.shape[1]), dtype) for w in W)
        d1, d2, none1, none2 = (np.zeros_like(a) for a in (h1, h2, h1, h2))
        mask1, mask2 = np.empty(h1.shape, bool), np.empty(h2.shape, bool)
        end = sum(w.size for w in W)
        w, g_w = self.flat.vector[:end], self.flat.gradient[:end]
        scaled, twice = np.empty_like(w), np.asarray(2 * L2, dtype)
        column, ones, at = (
            np.empty((rows, 1), dtype),
            np.ones(rows, dtype),
            np.arange(rows),
        )
        share = np.asarray(1 / rows, dtype)

        def forward() -> float:
            x.dot(W[0], h1)
            np.add(h1, b[0], h1)
            np.maximum(h1, none1, out=h1)
            h1.dot(W[1], h2)
            np.add(h2, b[1], h2)
            np.maximum(h2, none2, out=h2)
            h2.dot(W[2], z)
            np.add(z, b[2], z)
            np.maximum.reduce(z, 1, None, column, True)
            np.subtract(z, column, z)
            taken = z[at, y]
            np.exp(z, z)
            np.add.reduce(z, 1, None, column, True)
            np.divide(z, column, z)
            z[at, y] -= 1
            np.multiply(z, share, z)
            np.log(column, column)
            total = column[:, 0].dot(ones) - taken.dot(ones)
            return float(total) / rows + L2 * float(w.dot(w))

        def run() -> float:
            loss = forward()
            h2.T.dot(z, gW[2])
            ones.dot(z, gb[2])
            z.dot(W[2].T, d2)
            np.greater(h2, none2, mask2)
            np.multiply(d2, mask2, d2)
            h1.T.dot(d2, gW[1])
            ones.dot(d2, gb[1])
            d2.dot(W[1].T, d1)
            np.greater(h1, none1, mask1)
            np.multiply(d1, mask1, d1)
            x.T.dot(d1, gW[0])
            ones.dot(d1, gb[0])
            np.multiply(w, twice, scaled)
            np.add(g_w, scaled, g_w)
            return loss

        return run

    def step(self) -> float:
        loss = self.run()
        self.update()
        return loss

    def gradients(self) -> Arrays:
        self.run()
        return self.flat.g

    def params(self) -> Arrays:
        return self.flat.p


def plain(p: Arrays, batch: Batch) -> tuple[float, dict[str, np.ndarray]]:
    loss, grads = mlp.relu_plain(p, batch)
    for k in p:
        if k.endswith(".W"):
            loss += L2 * float(np.sum(p[k] ** 2))
            grads[k] = grads[k] + 2 * L2 * p[k]
    return loss, grads


def loss(numpy: Any, p: Any, batch: Any) -> Any:
    x, y = batch
    z = mlp.logits(numpy, p, x, lambda h: numpy.maximum(h, 0))
    penalty = sum(numpy.sum(p[f"{name}.W"] ** 2) for name in mlp.LAYERS)
    return mlp.classes(z, y, numpy) + L2 * penalty


def torch_loss(torch: Any, p: Any, batch: Any) -> Any:
    x, y = batch
    z = mlp.torch_logits(torch, p, x, torch.relu)
    penalty = sum(torch.sum(p[f"{name}.W"] ** 2) for name in mlp.LAYERS)
    return torch.nn.functional.cross_entropy(z, y) + L2 * penalty


def cases(small: bool = False) -> list[Case]:
    """Return the case with momentum and the one with Adam; ``small`` is for tests."""
    sizes = Sizes(20, 16, 12, 8) if small else Sizes()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(sizes.rows, sizes.features)).astype(np.float32)
    batch = (x, rng.integers(0, 10, sizes.rows))
    layers = f"{sizes.features}-{sizes.first}-{sizes.second}-10"
    return [
        Case(
            name=name,
            title=f"MLP {layers}, relu, batch {sizes.rows}, L2, {words}",
            declare=partial(declare, sizes, rule),
            batch=batch,
            rule=rule,
            best=partial(Best, rule),
            plain=plain,
            torch=torch_loss,
            jax=loss,
            autograd=loss,
        )
        for name, words, rule in (
            ("W3", "momentum", Momentum(1e-4)),
            ("W3 Adam", "Adam", Adam(1e-5)),
        )
    ]
