"""The hand-tuned step of W6.

[h, x, 1] times all weights is one product a step. With the gates' weights halved, one
tanh gives all four: σ(z) = ½ + ½·tanh(z/2), good to absolute error, which is what a
gate needs. Gates are kept in the order g, i, f, o, each contiguous over all steps, so
that what of their derivatives does not depend on later steps is computed at once before
the loop back, and the weights' gradient is one product after it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.case import Arrays, Batch, Rule
from benchmarks.flat import Flat
from benchmarks.workloads.softmax import rows_first

ORDER = (2, 0, 1, 3)  # g, i, f, o of symdiff's i, f, g, o
BACK = (1, 2, 0, 3)


class Best:
    """Arrays of the whole sequence, made once; a step of it is a view."""

    def __init__(self, rule: Rule, params: Arrays, batch: Batch) -> None:
        self.x, self.y = batch
        rows, length, features = self.x.shape
        units = len(params["lstm.U"])
        self.sizes = rows, length, units
        dtype = self.x.dtype
        order = ("lstm.U", "lstm.W", "lstm.b", "out.W", "out.b")
        self.flat = Flat({k: params[k].shape for k in order}, dtype)
        for k in order:
            self.flat.p[k][...] = _reordered(k, params[k], ORDER)
        self.update = rule.flat(self.flat.vector, self.flat.gradient)
        width = units + features + 1
        end = width * 4 * units
        self.W, self.d_W = (
            a[:end].reshape(width, -1) for a in (self.flat.vector, self.flat.gradient)
        )
        self.seen = np.zeros((length + 1, rows, width), dtype)  # h, x, 1
        self.seen[:, :, -1] = 1
        self.x_there = self.seen[:-1, :, units:-1]
        self.gates = np.empty((4, length, rows, units), dtype)
        self.factors = np.empty((4, length, rows, units), dtype)
        self.c = np.zeros((length + 1, rows, units), dtype)
        self.tanh_c, self.to_c = np.empty((2, length, rows, units), dtype)
        self.d_z = np.empty((length, rows, 4 * units), dtype)
        self.halved, self.U_T = (
            np.empty_like(self.W),
            np.empty((4 * units, units), dtype),
        )
        self.scale = np.repeat(np.array([1, 0.5, 0.5, 0.5], dtype), units)
        self.half, self.one = np.asarray(0.5, dtype), np.asarray(1, dtype)
        self.z, self.softmax = np.empty((rows, 10), dtype), rows_first(rows, 10, dtype)
        self.there = self._forward_steps()
        self.back = self._backward_steps()

    def _forward_steps(self) -> list[Callable[[], None]]:
        rows, length, units = self.sizes
        raw, product = (
            np.empty((rows, 4 * units), self.x.dtype),
            np.empty_like(self.c[0]),
        )
        by_gate = raw.reshape(rows, 4, units).transpose(1, 0, 2)
        half, halved = self.half, self.halved
        multiply, add, tanh = np.multiply, np.add, np.tanh

        def bound(t: int) -> Callable[[], None]:
            dot, gates, sigmoids = self.seen[t].dot, self.gates[:, t], self.gates[1:, t]
            g, i, f, o = gates
            before, c, tanh_c = self.c[t], self.c[t + 1], self.tanh_c[t]
            h = self.seen[t + 1, :, :units]

            def run() -> None:
                dot(halved, raw)
                tanh(by_gate, gates)
                multiply(sigmoids, half, sigmoids)
                add(sigmoids, half, sigmoids)
                multiply(f, before, c)
                multiply(i, g, product)
                add(c, product, c)
                tanh(c, tanh_c)
                multiply(o, tanh_c, h)

            return run

        return [bound(t) for t in range(length)]

    def _backward_steps(self) -> list[Callable[[], None]]:
        rows, length, units = self.sizes
        self.d_h, self.d_c, product = np.empty((3, rows, units), self.x.dtype)
        d_h, d_c, U_T = self.d_h, self.d_c, self.U_T
        multiply, add = np.multiply, np.add

        def bound(t: int) -> Callable[[], None]:
            to_c, f, (first, last) = (
                self.to_c[t],
                self.gates[2, t],
                (
                    self.factors[:3, t],
                    self.factors[3, t],
                ),
            )
            d_z = self.d_z[t]
            by_gate = d_z.reshape(rows, 4, units).transpose(1, 0, 2)
            d_first, d_o = by_gate[:3], by_gate[3]

            def run() -> None:
                multiply(d_h, to_c, product)
                add(d_c, product, d_c)
                multiply(first, d_c, d_first)
                multiply(last, d_h, d_o)
                d_z.dot(U_T, d_h)
                multiply(d_c, f, d_c)

            return run

        return [bound(t) for t in reversed(range(length))]

    def _derivatives(self) -> None:
        """Compute, for all steps, what d_c and d_h are multiplied with."""
        g, i, _, o = self.gates
        to_g, to_i, to_f, to_o = self.factors
        one, squared = self.one, self.to_c
        np.subtract(one, self.gates[1:], self.factors[1:])
        np.multiply(self.factors[1:], self.gates[1:], self.factors[1:])
        np.multiply(to_i, g, to_i)
        np.multiply(to_f, self.c[:-1], to_f)
        np.multiply(to_o, self.tanh_c, to_o)
        np.multiply(g, g, to_g)
        np.subtract(one, to_g, to_g)
        np.multiply(to_g, i, to_g)
        np.multiply(self.tanh_c, self.tanh_c, squared)
        np.subtract(one, squared, squared)
        np.multiply(squared, o, self.to_c)

    def _run(self) -> float:
        p, g, units = self.flat.p, self.flat.g, self.sizes[2]
        np.copyto(self.x_there, self.x.transpose(1, 0, 2))
        np.multiply(self.W, self.scale, self.halved)
        np.copyto(self.U_T, p["lstm.U"].T)
        for step in self.there:
            step()
        h = self.seen[-1, :, :units]
        h.dot(p["out.W"], self.z)
        np.add(self.z, p["out.b"], self.z)
        loss = self.softmax(self.z, self.y)
        h.T.dot(self.z, g["out.W"])
        np.add.reduce(self.z, 0, None, g["out.b"])
        self.z.dot(p["out.W"].T, self.d_h)
        self.d_c[...] = 0
        self._derivatives()
        for step in self.back:
            step()
        seen, d_z = self.seen[:-1], self.d_z
        seen.reshape(-1, seen.shape[2]).T.dot(d_z.reshape(-1, d_z.shape[2]), self.d_W)
        return loss

    def step(self) -> float:
        loss = self._run()
        self.update()
        return loss

    def gradients(self) -> Arrays:
        self._run()
        return {k: _reordered(k, a, BACK) for k, a in self.flat.g.items()}

    def params(self) -> Arrays:
        return {k: _reordered(k, a, BACK) for k, a in self.flat.p.items()}


def _reordered(name: str, a: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Return an array of the LSTM with its four gates in another order."""
    if not name.startswith("lstm"):
        return a.copy()
    parts = np.split(a, 4, axis=-1)
    return np.concatenate([parts[i] for i in order], axis=-1)
