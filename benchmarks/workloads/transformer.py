"""The hand-tuned step of W7.

Features first throughout: an array is (features, N·T), a layer (out, in + 1) times
inputs with a row of ones, so layer norms and softmax reduce over the first axis and no
bias is added. Heads are views of the same arrays, and queries, keys and values one
product. Scores are (keys, queries) and are never divided by their sums: the result of
attention is, which has a quarter of the numbers. Looking up tokens and its gradient are
products with the one-hot matrix.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.case import Arrays, Batch, Rule
from benchmarks.flat import Flat, with_ones

EPS = 1e-5
SLOPE, CUBE = math.sqrt(2 / math.pi), 0.044715  # of gelu


class Norm:
    """γ·(h − μ)/σ + β over features."""

    def __init__(self, flat: Flat, name: str, columns: int, dtype: np.dtype) -> None:
        (self.gamma, self.d_gamma), (self.beta, self.d_beta) = (
            (flat.p[f"{name}.{k}"], flat.g[f"{name}.{k}"]) for k in ("gamma", "beta")
        )
        units = len(self.gamma)
        self.seen = with_ones(units, columns, dtype)
        self.out = self.seen[:-1]
        self.normal, self.work = np.empty((2, units, columns), dtype)
        self.row, self.scale = np.empty((2, columns), dtype)
        self.mean_of = np.full(units, 1 / units, dtype).dot
        self.ones = np.ones((columns, 1), dtype)
        self.eps = np.asarray(EPS, dtype)

    def forward(self, h: np.ndarray) -> None:
        normal, row, scale = self.normal, self.row, self.scale
        self.mean_of(h, row)
        np.subtract(h, row, normal)
        np.multiply(normal, normal, self.work)
        self.mean_of(self.work, scale)
        np.add(scale, self.eps, scale)
        np.sqrt(scale, scale)
        np.reciprocal(scale, scale)
        np.multiply(normal, scale, normal)
        np.multiply(normal, self.gamma, self.out)
        np.add(self.out, self.beta, self.out)

    def backward(self, d: np.ndarray, d_h: np.ndarray) -> None:
        """Add to d_h what the result's cotangent d gives; d is used up."""
        normal, work, row = self.normal, self.work, self.row
        d.dot(self.ones, self.d_beta)
        np.multiply(d, normal, work)
        work.dot(self.ones, self.d_gamma)
        np.multiply(d, self.gamma, d)
        np.multiply(d, normal, work)
        self.mean_of(work, row)
        np.multiply(normal, row, work)
        self.mean_of(d, row)
        np.subtract(d, row, d)
        np.subtract(d, work, d)
        np.multiply(d, self.scale, d)
        np.add(d_h, d, d_h)


class Attention:
    """Heads of a layer, causal."""

    def __init__(
        self, flat: Flat, name: str, heads: int, grid: tuple[int, int], dtype: np.dtype
    ) -> None:
        last, d_last = flat.p[f"{name}.out"], flat.g[f"{name}.out"]
        self.W, self.d_W = flat.p[f"{name}.qkv"], flat.g[f"{name}.qkv"]
        self.last, self.d_last = last, d_last
        (units, _), (n, length) = last.shape, grid
        columns, size = n * length, units // heads
        self.heads, self.grid, self.size = heads, grid, size
        self.qkv, self.d_qkv = np.empty((2, 3 * units, columns), dtype)
        self.q, self.k, self.v = (self._split(a) for a in np.split(self.qkv, 3))
        self.d_q, self.d_k, self.d_v = (self._split(a) for a in np.split(self.d_qkv, 3))
        self.joined = with_ones(units, columns, dtype)
        self.d_joined = np.empty_like(self.joined)
        self.result, self.work = np.empty((2, units, columns), dtype)
        self.e, self.d_e = np.empty((2, heads, n, length, length), dtype)
        self.top, self.total, self.share = np.empty((3, heads, n, 1, length), dtype)
        self.hidden = np.where(np.tri(length, dtype=bool).T, 0, -np.inf).astype(dtype)
        self.scale = np.asarray(1 / math.sqrt(size), dtype)

    def _split(self, a: np.ndarray) -> np.ndarray:
        """Return (units, N·T) as a view (heads, N, units of a head, T)."""
        return a.reshape(self.heads, self.size, *self.grid).transpose(0, 2, 1, 3)

    def forward(self, seen: np.ndarray, h: np.ndarray) -> None:
        e, total = self.e, self.total
        self.W.dot(seen, self.qkv)
        np.multiply(self.q, self.scale, self.q)
        np.matmul(self.k.swapaxes(2, 3), self.q, e)
        np.add(e, self.hidden, e)
        np.maximum.reduce(e, 2, None, self.top, True)
        np.subtract(e, self.top, e)
        np.exp(e, e)
        np.add.reduce(e, 2, None, total, True)
        np.reciprocal(total, total)
        attended = self._split(self.joined[:-1])
        np.matmul(self.v, e, attended)
        np.multiply(attended, total, attended)
        self.last.dot(self.joined, self.result)
        np.add(h, self.result, h)

    def backward(self, seen: np.ndarray, d_h: np.ndarray, d_seen: np.ndarray) -> None:
        """Write d_seen, whose last row is not used."""
        d_h.dot(self.joined.T, self.d_last)
        self.last.T.dot(d_h, self.d_joined)
        d = self.d_joined[:-1]
        np.multiply(d, self.joined[:-1], self.work)
        by_head = self.work.reshape(self.heads, self.size, *self.grid)
        share = self.share[:, :, 0]
        np.add.reduce(by_head, 1, None, share)
        np.multiply(self.share, self.total, self.share)
        d_attended = self._split(d)
        np.multiply(d_attended, self.total, d_attended)
        np.matmul(d_attended, self.e.swapaxes(2, 3), self.d_v)
        np.matmul(self.v.swapaxes(2, 3), d_attended, self.d_e)
        np.subtract(self.d_e, self.share, self.d_e)
        np.multiply(self.d_e, self.e, self.d_e)
        np.matmul(self.k, self.d_e, self.d_q)
        np.matmul(self.q, self.d_e.swapaxes(2, 3), self.d_k)
        np.multiply(self.d_q, self.scale, self.d_q)
        self.d_qkv.dot(seen.T, self.d_W)
        self.W.T.dot(self.d_qkv, d_seen)


class Wide:
    """Up, gelu, down."""

    def __init__(self, flat: Flat, name: str, columns: int, dtype: np.dtype) -> None:
        (self.up, self.d_up), (self.down, self.d_down) = (
            (flat.p[f"{name}.{k}"], flat.g[f"{name}.{k}"]) for k in ("up", "down")
        )
        many, units = len(self.up), len(self.down)
        self.u, self.a, self.work = np.empty((3, many, columns), dtype)
        self.wide = with_ones(many, columns, dtype)
        self.d_wide = np.empty_like(self.wide)
        self.result = np.empty((units, columns), dtype)
        self.constants = [
            np.asarray(c, dtype) for c in (SLOPE, SLOPE * CUBE, 0.5, 1, 6, 4 * SLOPE)
        ]

    def forward(self, seen: np.ndarray, h: np.ndarray) -> None:
        """Keep gelu's slope in ``work``: s·(1 + (1 − s)·(6a − 4cu)), s = ½ + ½·tanh a.

        a is c·u + c·0.044715·u³.
        """
        u, a, s, (c, cubed, half, one, six, four) = (
            self.u,
            self.a,
            self.work,
            self.constants,
        )
        self.up.dot(seen, u)
        np.multiply(u, u, a)
        np.multiply(a, cubed, a)
        np.add(a, c, a)
        np.multiply(a, u, a)
        np.tanh(a, s)
        np.multiply(s, half, s)
        np.add(s, half, s)
        np.multiply(u, s, self.wide[:-1])
        np.multiply(a, six, a)
        np.multiply(u, four, u)
        np.subtract(a, u, a)
        np.subtract(one, s, u)
        np.multiply(a, u, a)
        np.add(a, one, a)
        np.multiply(a, s, s)
        self.down.dot(self.wide, self.result)
        np.add(h, self.result, h)

    def backward(self, seen: np.ndarray, d_h: np.ndarray, d_seen: np.ndarray) -> None:
        """Write d_seen, whose last row is not used."""
        d_h.dot(self.wide.T, self.d_down)
        self.down.T.dot(d_h, self.d_wide)
        d = self.d_wide[:-1]
        np.multiply(d, self.work, d)
        d.dot(seen.T, self.d_up)
        self.up.T.dot(d, d_seen)


class Best:
    """Embedding, blocks, logits; every array made once."""

    def __init__(
        self, rule: Rule, heads: int, blocks: int, params: Arrays, batch: Batch
    ) -> None:
        self.x, self.y = batch
        self.vocabulary, units = params["tokens.W"].shape
        dtype, columns = params["tokens.W"].dtype, self.x.size
        held = joined(params, blocks)
        self.flat = Flat({k: v.shape for k, v in held.items()}, dtype)
        for k, v in held.items():
            self.flat.p[k][...] = v
        self.blocks = blocks
        self.update = rule.flat(
            self.flat.vector, self.flat.gradient, scale=columns
        )  # the sum's gradient
        self.parts: list[tuple[Norm, Attention | Wide]] = []
        for i in range(blocks):
            name = f"block{i}"
            attention = Attention(
                self.flat, f"{name}.attention", heads, self.x.shape, dtype
            )
            wide = Wide(self.flat, name, columns, dtype)
            for norm, part in (("norm1", attention), ("norm2", wide)):
                made = Norm(self.flat, f"{name}.{norm}", columns, dtype)
                self.parts.append((made, part))
        self.norm = Norm(self.flat, "norm", columns, dtype)
        self.h, self.d_h = np.empty((2, units, columns), dtype)
        self.z, self.one_hot = np.zeros((2, self.vocabulary, columns), dtype)
        self.d_seen = np.empty((units + 1, columns), dtype)
        self.rows = np.empty((4, columns), dtype)
        self.ones, self.one = np.ones(self.vocabulary, dtype), np.ones(columns, dtype)
        self.at, self.place = np.arange(columns), np.empty(columns, np.int64)

    def _placed(self, labels: np.ndarray) -> np.ndarray:
        """Return where, of (vocabulary, columns), each column has its label."""
        np.multiply(labels.reshape(-1), self.at.size, self.place)
        return np.add(self.place, self.at, self.place)

    def _loss(self) -> float:
        """Turn logits into the gradient of the losses' sum; return the mean."""
        z, (top, total, logs, taken) = self.z, self.rows
        np.maximum.reduce(z, 0, None, top)
        np.subtract(z, top, z)
        flat, place = z.reshape(-1), self._placed(self.y)
        flat.take(place, None, taken, "clip")
        np.exp(z, z)
        self.ones.dot(z, total)
        np.log(total, logs)
        np.divide(z, total, z)
        flat[place] -= 1
        return float(logs.dot(self.one) - taken.dot(self.one)) / self.at.size

    def _run(self) -> float:
        p, g, h, d_h, one_hot = self.flat.p, self.flat.g, self.h, self.d_h, self.one_hot
        one_hot[...] = 0
        one_hot.reshape(-1)[self._placed(self.x)] = 1
        p["tokens.W"].dot(one_hot, h)
        grid = h.reshape(len(h), *self.x.shape)
        np.add(grid, p["places"][:, None, :], grid)
        for norm, part in self.parts:
            norm.forward(h)
            part.forward(norm.seen, h)
        self.norm.forward(h)
        p["out"].dot(self.norm.seen, self.z)
        loss = self._loss()
        self.z.dot(self.norm.seen.T, g["out"])
        p["out"].T.dot(self.z, self.d_seen)
        d_h[...] = 0
        self.norm.backward(self.d_seen[:-1], d_h)
        for norm, part in reversed(self.parts):
            part.backward(norm.seen, d_h, self.d_seen)
            norm.backward(self.d_seen[:-1], d_h)
        d_h.dot(one_hot.T, g["tokens.W"])
        np.add.reduce(d_h.reshape(grid.shape), 1, None, g["places"])
        return loss

    def step(self) -> float:
        loss = self._run()
        self.update()
        return loss

    def gradients(self) -> Arrays:
        self._run()
        found = parted(self.flat.g, self.blocks)
        return {k: a / self.at.size for k, a in found.items()}

    def params(self) -> Arrays:
        return parted(self.flat.p, self.blocks)


def layers(blocks: int) -> dict[str, list[str]]:
    """Return the matrices that are held, and the layers that are stacked in each."""
    found = {"out": ["out"]}
    for i in range(blocks):
        attention = f"block{i}.attention"
        found[f"{attention}.qkv"] = [f"{attention}.{letter}" for letter in "qkv"]
        for name in (f"{attention}.out", f"block{i}.up", f"block{i}.down"):
            found[name] = [name]
    return found


def joined(params: Arrays, blocks: int) -> dict[str, np.ndarray]:
    """Return parameters as they are held, features first."""
    stacked = layers(blocks)
    names = [name for parts in stacked.values() for name in parts]
    held = {
        k: v.T if v.ndim == 2 else v[:, None]
        for k, v in params.items()
        if k.rpartition(".")[0] not in names
    }
    for name, parts in stacked.items():
        both = [np.c_[params[f"{p}.W"].T, params[f"{p}.b"]] for p in parts]
        held[name] = np.concatenate(both)
    return held


def parted(held: Arrays, blocks: int) -> dict[str, np.ndarray]:
    """Return what is held by symdiff's names, in its shapes."""
    stacked = layers(blocks)
    found = {
        k: (v[:, 0] if v.shape[1] == 1 else v.T).copy()
        for k, v in held.items()
        if k not in stacked
    }
    for name, parts in stacked.items():
        for part, a in zip(parts, np.split(held[name], len(parts)), strict=True):
            found[f"{part}.W"], found[f"{part}.b"] = a[:, :-1].T.copy(), a[:, -1].copy()
    return found
