"""Optimisers, each as symdiff, NumPy, PyTorch and JAX have it.

Workloads use small rates: a step is timed on one batch some thousand times, and a model
that fits it would compute with zeros and denormal numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import symdiff as sd
from benchmarks.case import Arrays

Params = dict[str, np.ndarray]


@dataclass(frozen=True)
class SGD:
    """p ← p − lr·g."""

    lr: float = 1e-2

    def declared(self) -> sd.optim.Optimizer:
        return sd.optim.SGD(self.lr)

    def plain(self, params: Params) -> Callable[[Arrays], None]:
        def update(grads: Arrays) -> None:
            for k, g in grads.items():
                params[k] = params[k] - self.lr * g

        return update

    def flat(
        self, p: np.ndarray, g: np.ndarray, scale: float = 1.0
    ) -> Callable[[], None]:
        rate = np.asarray(self.lr / scale, p.dtype)

        def update() -> None:
            np.multiply(g, rate, g)
            np.subtract(p, g, p)

        return update

    def torch(self, params: list[Any]) -> Any:
        import torch

        return torch.optim.SGD(params, self.lr, foreach=False)

    def jax(self, numpy: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
        def update(params: Any, grads: Any, slots: Any) -> Any:
            return {k: p - self.lr * grads[k] for k, p in params.items()}, slots

        return lambda params: {}, update


@dataclass(frozen=True)
class Momentum:
    """v ← μ·v + g; p ← p − lr·v."""

    lr: float = 1e-2
    momentum: float = 0.9

    def declared(self) -> sd.optim.Optimizer:
        return sd.optim.Momentum(self.lr, self.momentum)

    def plain(self, params: Params) -> Callable[[Arrays], None]:
        kept = {k: np.zeros_like(p) for k, p in params.items()}

        def update(grads: Arrays) -> None:
            for k, g in grads.items():
                kept[k] = self.momentum * kept[k] + g
                params[k] = params[k] - self.lr * kept[k]

        return update

    def flat(
        self, p: np.ndarray, g: np.ndarray, scale: float = 1.0
    ) -> Callable[[], None]:
        """Keep lr·v: the rate is applied to the gradient, in place."""
        v = np.zeros_like(p)
        mu, rate = (np.asarray(c, p.dtype) for c in (self.momentum, self.lr / scale))

        def update() -> None:
            np.multiply(v, mu, v)
            if rate != 1:
                np.multiply(g, rate, g)
            np.add(v, g, v)
            np.subtract(p, v, p)

        return update

    def torch(self, params: list[Any]) -> Any:
        import torch

        return torch.optim.SGD(params, self.lr, self.momentum, fused=True)

    def jax(self, numpy: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
        def init(params: Any) -> Any:
            return {k: numpy.zeros_like(p) for k, p in params.items()}

        def update(params: Any, grads: Any, slots: Any) -> Any:
            v = {k: self.momentum * slots[k] + grads[k] for k in params}
            return {k: p - self.lr * v[k] for k, p in params.items()}, v

        return init, update


@dataclass(frozen=True)
class Adam:
    """Adam; with ``decay`` AdamW, which first shrinks the parameters by lr·decay."""

    lr: float = 1e-3
    decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def declared(self) -> sd.optim.Optimizer:
        if self.decay:
            return sd.optim.AdamW(self.lr, weight_decay=self.decay)
        return sd.optim.Adam(self.lr)

    def plain(self, params: Params) -> Callable[[Arrays], None]:
        m = {k: np.zeros_like(p) for k, p in params.items()}
        v = {k: np.zeros_like(p) for k, p in params.items()}
        count = [0]

        def update(grads: Arrays) -> None:
            count[0] += 1
            for k, g in grads.items():
                m[k] = self.beta1 * m[k] + (1 - self.beta1) * g
                v[k] = self.beta2 * v[k] + (1 - self.beta2) * g**2
                m_hat = m[k] / (1 - self.beta1 ** count[0])
                v_hat = v[k] / (1 - self.beta2 ** count[0])
                p = params[k]
                if self.decay:
                    p = p * (1 - self.lr * self.decay)
                params[k] = p - self.lr * m_hat / (np.sqrt(v_hat) + self.eps)

        return update

    def flat(
        self, p: np.ndarray, g: np.ndarray, scale: float = 1.0
    ) -> Callable[[], None]:
        """Keep m/(1 − β₁) and v/(1 − β₂): the constants meet in ε and the rate.

        Where vectors are tiny, calls count: m beside v and g beside g² in one array.
        """
        n = p.size
        moments, news = np.zeros((2, n), p.dtype), np.zeros((2, n), p.dtype)
        (m, v), (first, second) = moments, news
        betas = np.empty_like(moments)
        betas[0], betas[1] = self.beta1, self.beta2
        s, together = first, n < 2048
        beta1, beta2, eps, rate, kept = (np.zeros((), p.dtype) for _ in range(5))
        beta1[()], beta2[()] = self.beta1, self.beta2
        kept[()] = 1 - self.lr * self.decay
        count = [0]

        def update() -> None:
            count[0] = t = count[0] + 1
            root = ((1 - self.beta2**t) / (1 - self.beta2)) ** 0.5
            eps[()] = self.eps * root * scale
            rate[()] = self.lr * root * (1 - self.beta1) / (1 - self.beta1**t)
            if together:
                np.copyto(first, g)
                np.multiply(g, g, second)
                np.multiply(moments, betas, moments)
                np.add(moments, news, moments)
            else:
                np.multiply(m, beta1, m)
                np.add(m, g, m)
                np.multiply(g, g, s)
                np.multiply(v, beta2, v)
                np.add(v, s, v)
            np.sqrt(v, s)
            np.add(s, eps, s)
            np.divide(m, s, s)
            np.multiply(s, rate, s)
            if self.decay:
                np.multiply(p, kept, p)
            np.subtract(p, s, p)

        return update

    def torch(self, params: list[Any]) -> Any:
        import torch

        if self.decay:
            return torch.optim.AdamW(
                params, self.lr, weight_decay=self.decay, fused=True
            )
        return torch.optim.Adam(params, self.lr, fused=True)

    def jax(self, numpy: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
        def init(params: Any) -> Any:
            def zeros() -> Any:
                return {k: numpy.zeros_like(p) for k, p in params.items()}

            return zeros(), zeros(), numpy.zeros((), "float32")

        def update(params: Any, grads: Any, slots: Any) -> Any:
            m, v, t = slots
            t = t + 1
            m = {k: self.beta1 * m[k] + (1 - self.beta1) * g for k, g in grads.items()}
            v = {
                k: self.beta2 * v[k] + (1 - self.beta2) * g * g
                for k, g in grads.items()
            }
            rate = self.lr / (1 - self.beta1**t)
            inverse = 1 / (1 - self.beta2**t)
            moved = {
                k: p * (1 - self.lr * self.decay)
                - rate * m[k] / (numpy.sqrt(v[k] * inverse) + self.eps)
                for k, p in params.items()
            }
            return moved, (m, v, t)

        return init, update
