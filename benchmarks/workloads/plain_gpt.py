"""W7 in plain NumPy: each part returns its result and a function that goes back."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from benchmarks.case import Arrays, Batch
from benchmarks.workloads.mlp import softmax_plain

Grads = dict[str, np.ndarray]
Back = Callable[[np.ndarray], np.ndarray]


def norm(p: Arrays, grads: Grads, name: str, h: np.ndarray) -> tuple[np.ndarray, Back]:
    gamma = p[f"{name}.gamma"]
    centred = h - h.mean(axis=-1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    normal = centred / std

    def back(d: np.ndarray) -> np.ndarray:
        grads[f"{name}.gamma"] = (d * normal).sum(axis=(0, 1))
        grads[f"{name}.beta"] = d.sum(axis=(0, 1))
        d = d * gamma
        d = d - normal * (d * normal).mean(axis=-1, keepdims=True)
        return (d - d.mean(axis=-1, keepdims=True)) / std

    return gamma * normal + p[f"{name}.beta"], back


def dense(p: Arrays, grads: Grads, name: str, h: np.ndarray) -> tuple[np.ndarray, Back]:
    W = p[f"{name}.W"]

    def back(d: np.ndarray) -> np.ndarray:
        rows, d_rows = h.reshape(-1, h.shape[-1]), d.reshape(-1, d.shape[-1])
        grads[f"{name}.W"], grads[f"{name}.b"] = rows.T @ d_rows, d_rows.sum(axis=0)
        return d @ W.T

    return h @ W + p[f"{name}.b"], back


def gelu(u: np.ndarray) -> tuple[np.ndarray, Back]:
    c, k = math.sqrt(2 / math.pi), 0.044715
    t = np.tanh(c * (u + k * u * u * u))

    def back(d: np.ndarray) -> np.ndarray:
        inner = c * (1 + 3 * k * u**2)
        return d * (0.5 * (1 + t) + 0.5 * u * (1 - t**2) * inner)

    return 0.5 * u * (1 + t), back


def attention(
    p: Arrays, grads: Grads, name: str, heads: int, h: np.ndarray
) -> tuple[np.ndarray, Back]:
    n, length, units = h.shape
    visible = np.tri(length, dtype=bool)

    def split(a: np.ndarray) -> np.ndarray:
        return a.reshape(n, length, heads, -1).transpose(0, 2, 1, 3)

    def join(a: np.ndarray) -> np.ndarray:
        return a.transpose(0, 2, 1, 3).reshape(n, length, units)

    made = [dense(p, grads, f"{name}.{letter}", h) for letter in "qkv"]
    q, k, v = (split(a) for a, _ in made)
    root = math.sqrt(q.shape[-1])
    scores = np.where(visible, q @ k.swapaxes(2, 3) / root, -np.inf).astype(h.dtype)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares = e / e.sum(axis=-1, keepdims=True)
    out, out_back = dense(p, grads, f"{name}.out", join(shares @ v))

    def back(d: np.ndarray) -> np.ndarray:
        d_joined = split(out_back(d))
        d_shares = d_joined @ v.swapaxes(2, 3)
        d_scores = shares * (d_shares - (d_shares * shares).sum(axis=-1, keepdims=True))
        d_scores = d_scores / root
        parts = [
            d_scores @ k,
            d_scores.swapaxes(2, 3) @ q,
            shares.swapaxes(2, 3) @ d_joined,
        ]
        found = [b(join(a)) for (_, b), a in zip(made, parts, strict=True)]
        return found[0] + found[1] + found[2]

    return out, back


def loss_and_grads(
    heads: int, blocks: int, p: Arrays, batch: Batch
) -> tuple[float, Grads]:
    """Return the loss and the gradient of every parameter."""
    (x, y), grads = batch, {}
    h = p["tokens.W"][x] + p["places"]
    backs: list[tuple[Back, ...]] = []
    for i in range(blocks):
        name = f"block{i}"
        seen, norm1 = norm(p, grads, f"{name}.norm1", h)
        found, attend = attention(p, grads, f"{name}.attention", heads, seen)
        h = h + found
        seen, norm2 = norm(p, grads, f"{name}.norm2", h)
        u, up = dense(p, grads, f"{name}.up", seen)
        wide, bend = gelu(u)
        found, down = dense(p, grads, f"{name}.down", wide)
        h = h + found
        backs.append((norm1, attend, norm2, up, bend, down))
    seen, last = norm(p, grads, "norm", h)
    z, out = dense(p, grads, "out", seen)
    loss, d_z = softmax_plain(z.reshape(-1, z.shape[-1]), y.reshape(-1))
    d = last(out(d_z.reshape(z.shape)))
    for norm1, attend, norm2, up, bend, down in reversed(backs):
        d = d + norm2(up(bend(down(d))))
        d = d + norm1(attend(d))
    grads["tokens.W"] = np.zeros_like(p["tokens.W"])
    np.add.at(grads["tokens.W"], x, d)
    grads["places"] = d.sum(axis=0)
    return loss, grads
