"""The hand-tuned step of W8.

Features first: Q of all components as one matrix (k·d, d + 1), whose last column is
−Qμ, times points (d + 1, n) with a row of ones, gives every Q(x − μ) by one product,
and one product more gives all of Q's and Qμ's gradients. Points go in blocks, so that
the k·d numbers of each point are still in the cache when they are used again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.case import Arrays, Batch, Rule
from benchmarks.flat import Flat, with_ones

BLOCK = 1 << 20  # bytes


class Best:
    """Nothing of n·k·d numbers is ever made."""

    def __init__(
        self, rule: Rule, gamma: float, m: float, params: Arrays, batch: Batch
    ) -> None:
        self.gamma, self.m, (self.x,) = gamma, m, batch
        n, d = self.x.shape
        k, dtype = len(params["alphas"]), self.x.dtype
        self.flat = Flat({name: v.shape for name, v in params.items()}, dtype)
        for name, v in params.items():
            self.flat.p[name][...] = v
        self.update = rule.flat(self.flat.vector, self.flat.gradient)
        self.Q = np.zeros((k, d, d + 1), dtype)  # what lies above the diagonal stays 0
        self.d_Q, self.part = np.empty((2, k * d, d + 1), dtype)
        rows, columns = np.tril_indices(d, -1)
        self.below = (rows * (d + 1) + columns).astype(np.intp)
        self.diagonal = np.arange(d) * (d + 2)
        self.triangle = np.empty((2, k, d, d), dtype)
        self.small, self.d_weights = np.empty((2, k, d), dtype), np.empty(k, dtype)
        self.norms = np.empty((2, k, d, 1), dtype)
        block = max(16, min(n, BLOCK // (8 * k * d)))
        self.blocks = [self._block(at, min(block, n - at)) for at in range(0, n, block)]

    def _block(self, at: int, n: int) -> Any:
        """Bind what is done to some points: add to d_Q and d_weights, return a sum."""
        k, d, _ = self.Q.shape
        dtype, x_T = self.x.dtype, self.x[at : at + n].T
        points, z = with_ones(d, n, dtype), np.empty((k * d, n), dtype)
        features, points_T, grouped = points[:-1], points.T, z.reshape(k, d, n)
        square, inner = np.empty_like(z), np.empty((k, n), dtype)
        squares, column = square.reshape(k, d, n), inner.reshape(k, 1, n)
        (top, total), ones = np.empty((2, n), dtype), np.ones(n, dtype)
        part, sums, Q = self.part, np.empty(k, dtype), self.Q.reshape(k * d, d + 1)
        half, share = np.asarray(-0.5, dtype), np.asarray(-1 / len(self.x), dtype)

        def run(weights: np.ndarray) -> float:
            np.copyto(features, x_T)
            Q.dot(points, z)
            np.multiply(z, z, square)
            np.add.reduce(squares, 1, None, inner)
            np.multiply(inner, half, inner)
            np.add(inner, weights, inner)
            np.maximum.reduce(inner, 0, None, top)
            np.subtract(inner, top, inner)
            np.exp(inner, inner)
            np.add.reduce(inner, 0, None, total)
            np.log(total, square[0])
            value = top.dot(ones) + square[0].dot(ones)
            np.divide(share, total, total)
            np.multiply(inner, total, inner)  # the loss's derivative
            inner.dot(ones, sums)
            np.add(self.d_weights, sums, self.d_weights)
            np.multiply(grouped, column, grouped)  # −d_z
            z.dot(points_T, part)
            np.subtract(self.d_Q, part, self.d_Q)
            return float(value)

        return run

    def _run(self) -> float:
        """Write every gradient; return the loss."""
        p, k, n = self.flat.p, len(self.Q), len(self.x)
        entries = self.Q.reshape(k, -1)
        diagonal = self.small[0]
        np.exp(p["log_diagonal"], diagonal)
        entries[:, self.diagonal] = diagonal
        entries[:, self.below] = p["below"]
        shift = self.norms[0]
        np.matmul(self.Q[:, :, :-1], p["means"][:, :, None], shift)
        np.negative(shift[:, :, 0], self.Q[:, :, -1])
        weights = p["alphas"] + p["log_diagonal"].sum(axis=1)
        self.d_Q[...] = 0
        self.d_weights[...] = 0
        total = sum(block(weights[:, None]) for block in self.blocks)
        return self._small_parts() - total / n

    def _small_parts(self) -> float:
        """Finish the gradients, all of k·d·d numbers; return what the loss lacks."""
        p, g, (k, d, _), n = self.flat.p, self.flat.g, self.Q.shape, len(self.x)
        d_Q, shift = self.d_Q.reshape(k, d, d + 1), self.norms[1]
        np.copyto(shift, d_Q[:, :, -1:])  # of −Qμ
        Q, (outer, _) = self.Q[:, :, :-1], self.triangle
        np.matmul(Q.transpose(0, 2, 1), shift, g["means"][:, :, None])
        np.negative(g["means"], g["means"])
        np.multiply(shift, p["means"][:, None, :], outer)
        np.subtract(d_Q[:, :, :-1], outer, d_Q[:, :, :-1])
        entries, scale = self.d_Q.reshape(k, -1), self.gamma**2 / n
        diagonal, squares = self.small
        np.multiply(diagonal, diagonal, squares)
        prior = float(squares.sum()) + float(p["below"].ravel().dot(p["below"].ravel()))
        np.multiply(squares, scale, squares)
        np.multiply(entries[:, self.diagonal], diagonal, g["log_diagonal"])
        np.add(g["log_diagonal"], squares, g["log_diagonal"])
        np.add(g["log_diagonal"], self.d_weights[:, None], g["log_diagonal"])
        np.subtract(g["log_diagonal"], self.m / n, g["log_diagonal"])
        np.multiply(p["below"], scale, g["below"])
        np.add(g["below"], entries[:, self.below], g["below"])
        top = p["alphas"].max()
        np.exp(p["alphas"] - top, g["alphas"])
        total = g["alphas"].sum()
        np.divide(g["alphas"], total, g["alphas"])
        np.add(g["alphas"], self.d_weights, g["alphas"])
        trace = float(p["log_diagonal"].sum())
        return float(np.log(total) + top) + 0.5 * scale * prior - self.m / n * trace

    def step(self) -> float:
        loss = self._run()
        self.update()
        return loss

    def gradients(self) -> Arrays:
        self._run()
        return self.flat.g

    def params(self) -> Arrays:
        return self.flat.p
