"""W4: a chain of elementwise functions over a million numbers.

mean(h³) with h = σ(z)·tanh(softplus(z)) and z = w·x, by gradient descent. There is no
product of matrices to hide behind: what counts is how many passes are made over memory,
and what each function costs.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import symdiff as sd
from benchmarks.case import Arrays, Batch, Case
from benchmarks.rules import SGD

RULE = SGD(1e3)  # each gradient is about a millionth
BLOCK = 1 << 15


def declare(size: int) -> sd.Model:
    x, w = sd.input("x", (size,)), sd.param("w", (size,), init=sd.init.normal(1.0))
    z = w * x
    h = sd.sigmoid(z) * sd.tanh(sd.softplus(z))
    return sd.Model("w4", [x], [], h, loss=sd.mean(h**3), optimizer=RULE.declared())


class Best:
    """Blocks that stay in the cache, first product to update; e = exp(−|z|)
    serves softplus and sigmoid alike.
    """

    def __init__(self, params: Arrays, batch: Batch) -> None:
        (self.x,), self.w = batch, params["w"].copy()
        self.g = np.zeros_like(self.w)
        block, dtype = min(BLOCK, self.w.size), self.w.dtype
        self.work = np.empty((5, block), dtype)
        self.mask, self.none = np.empty(block, bool), np.zeros(block, dtype)
        self.blocks = [
            tuple(a[at : at + block] for a in (self.w, self.x, self.g))
            for at in range(0, self.w.size, block)
        ]
        self.one, self.share, self.rate = (
            np.asarray(c, dtype) for c in (1, 3 / self.w.size, RULE.lr)
        )

    def _run(self, update: bool) -> float:
        total = 0.0
        for w, x, g in self.blocks:
            total += self._block(w, x, g)
            if update:
                np.multiply(g, self.rate, g)
                np.subtract(w, g, w)
        return total / self.w.size

    def _block(self, w: np.ndarray, x: np.ndarray, g: np.ndarray) -> float:
        """Write the gradient of one block; return the sum of its h³."""
        n = len(w)
        z, e, s, t, h = self.work[:, :n]
        mask, none, one = self.mask[:n], self.none[:n], self.one
        np.multiply(w, x, z)
        np.greater_equal(z, none, mask)
        np.abs(z, e)
        np.negative(e, e)
        np.exp(e, e)
        np.log1p(e, t)
        np.maximum(z, none, out=s)
        np.add(s, t, s)
        np.tanh(s, t)
        np.maximum(e, mask, out=s)
        np.add(e, one, e)
        np.divide(s, e, s)  # σ(z)
        np.multiply(s, t, h)
        np.multiply(h, h, e)
        total = float(e.dot(h))
        np.multiply(e, self.share, e)  # d_h
        # d_z = d_h·σ·(σ·(1 − t²) + t·(1 − σ))
        np.multiply(e, s, e)
        np.subtract(one, s, z)
        np.multiply(z, t, z)
        np.multiply(t, t, t)
        np.subtract(one, t, t)
        np.multiply(t, s, t)
        np.add(z, t, z)
        np.multiply(e, z, e)
        np.multiply(e, x, g)
        return total

    def step(self) -> float:
        return self._run(update=True)

    def gradients(self) -> Arrays:
        self._run(update=False)
        return {"w": self.g}

    def params(self) -> Arrays:
        return {"w": self.w}


def plain(p: Arrays, batch: Batch) -> tuple[float, dict[str, np.ndarray]]:
    (x,), w = batch, p["w"]
    z = w * x
    s = 1 / (1 + np.exp(-z))
    t = np.tanh(np.logaddexp(0, z))
    h = s * t
    d_h = 3 * h**2 / z.size
    d_z = d_h * t * s * (1 - s) + d_h * s * (1 - t**2) * s
    return float(np.mean(h**3)), {"w": d_z * x}


def loss(numpy: Any, p: Any, batch: Any) -> Any:
    (x,), w = batch, p["w"]
    z = w * x
    s = 1 / (1 + numpy.exp(-z))
    return numpy.mean((s * numpy.tanh(numpy.logaddexp(0, z))) ** 3)


def jax_loss(numpy: Any, p: Any, batch: Any) -> Any:
    from jax import nn

    z = p["w"] * batch[0]
    return numpy.mean((nn.sigmoid(z) * numpy.tanh(nn.softplus(z))) ** 3)


def torch_loss(torch: Any, p: Any, batch: Any) -> Any:
    z = p["w"] * batch[0]
    h = torch.sigmoid(z) * torch.tanh(torch.nn.functional.softplus(z))
    return torch.mean(h**3)


def cases(small: bool = False) -> list[Case]:
    """Return the case; ``small`` is for tests."""
    size = 1000 if small else 1_000_000
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    return [
        Case(
            name="W4",
            title=f"elementwise chain with softplus, tanh, sigmoid, cube; {size:,}",
            declare=partial(declare, size),
            batch=(x,),
            rule=RULE,
            best=Best,
            plain=plain,
            torch=torch_loss,
            jax=jax_loss,
            autograd=loss,
        )
    ]
