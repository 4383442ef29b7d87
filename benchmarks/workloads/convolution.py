"""The hand-tuned step of W5.

Channels last, so that what a filter reads lies in runs. The pixels of a layer are
ordered by their place in the 2 × 2 square that is pooled: pooling is then the maximum
of four contiguous planes, and its gradient four products with masks. Bias and relu come
after the pool, on a quarter of the numbers, which is the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.case import Arrays, Batch, Rule
from benchmarks.flat import Flat
from benchmarks.workloads.softmax import rows_first

PLACES = [(a, b) for a in (0, 1) for b in (0, 1)]
TAPS = [(i, j) for i in range(3) for j in range(3)]
IMAGES = 8  # whose neighbourhoods stay in the cache


class Pool:
    """The maximum over four planes, a bias, and relu; and all that backwards."""

    def __init__(self, places: int, channels: int, dtype: np.dtype) -> None:
        self.z = np.empty((4, places, channels), dtype)
        self.top = np.empty((places, channels), dtype)
        self.d = np.empty_like(self.top)
        self.masks = np.empty((4, places, channels), bool)
        self.taken, self.on = np.empty((2, places, channels), bool)
        self.none, self.ones = np.zeros_like(self.top), np.ones(places, dtype)

    def maximum(self, b: np.ndarray, out: np.ndarray) -> None:
        """Write relu(max(z) + b)."""
        top = self.top
        np.maximum(self.z[0], self.z[1], out=top)
        np.maximum(top, self.z[2], out=top)
        np.maximum(top, self.z[3], out=top)
        first, *others = self.masks
        np.equal(self.z[0], top, first)
        np.copyto(self.taken, first)
        for mask, z in zip(others, self.z[1:], strict=True):  # the first one has it all
            np.equal(z, top, mask)
            np.greater(mask, self.taken, mask)
            np.logical_or(self.taken, mask, self.taken)
        np.add(top, b, top)
        np.maximum(top, self.none, out=top)
        np.greater(top, self.none, self.on)
        np.copyto(out, top.reshape(out.shape))

    def backward(self, d_b: np.ndarray) -> None:
        """Replace z by its gradient, and write the bias's; d is the result's."""
        np.multiply(self.d, self.on, self.d)
        self.ones.dot(self.d, d_b)
        for mask, z in zip(self.masks, self.z, strict=True):
            np.multiply(self.d, mask, z)


class Best:
    """Every array made once; a filter's neighbourhoods are copied once a step."""

    def __init__(self, rule: Rule, params: Arrays, batch: Batch) -> None:
        self.x, self.y = batch
        (rows, _, side, _), dtype = self.x.shape, self.x.dtype
        self.quarter, self.half = side // 4, side // 2
        held = {k: self._held(k, v) for k, v in params.items()}
        self.flat = Flat({k: v.shape for k, v in held.items()}, dtype)
        for k, v in held.items():
            self.flat.p[k][...] = v
        self.update = rule.flat(self.flat.vector, self.flat.gradient)
        self.pool0 = Pool(rows * self.half**2, 16, dtype)
        self.pool1 = Pool(rows * self.quarter**2, 32, dtype)
        self.fill0, self.seen0 = self._first(rows, side, dtype)
        self.padded = np.zeros((rows, self.half + 2, self.half + 2, 16), dtype)
        self.inner = self.padded[:, 1:-1, 1:-1]
        self.windows = _by_place(_windows(self.padded))
        self.seen1 = np.empty(self.windows.shape, dtype)
        self.d_padded = np.zeros((*self.padded.shape[:3], 32), dtype)
        windows = _windows(self.d_padded)
        self.d_windows = [windows[i : i + IMAGES] for i in range(0, rows, IMAGES)]
        self.d_seen = np.empty(self.d_windows[0].shape, dtype)
        self.flipped = np.empty((3, 3, 32, 16), dtype)
        self.features = np.empty((rows, self.quarter**2 * 32), dtype)
        self.z, self.softmax = np.empty((rows, 10), dtype), rows_first(rows, 10, dtype)
        self.ones = np.ones(rows, dtype)

    def _first(
        self, rows: int, side: int, dtype: np.dtype
    ) -> tuple[Callable[[], None], np.ndarray]:
        """Return what fills the first layer's neighbourhoods, (9, pixels), and them.

        The image is split by parity, so that a plane of them is read in runs.
        """
        half = self.half
        split = np.zeros((2, 2, rows, half + 1, half + 1), dtype)
        seen = np.empty((9, 2, 2, rows, half, half), dtype)
        parts, copies = [], []
        for a, b in PLACES:  # pixel (i, j) lies at (i + 1, j + 1) of the padded image
            inner = split[a, b, :, 1 - a : half + 1 - a, 1 - b : half + 1 - b]
            parts.append((inner, self.x[:, 0, 1 - a :: 2, 1 - b :: 2]))
            for tap, (i, j) in enumerate(TAPS):
                (up, row), (left, column) = divmod(a + i, 2), divmod(b + j, 2)
                there = split[row, column, :, up : up + half, left : left + half]
                copies.append((seen[tap, a, b], there))

        def fill() -> None:
            for to, source in parts:
                np.copyto(to, source)
            for to, source in copies:
                np.copyto(to, source)

        return fill, seen.reshape(9, -1)

    def _run(self) -> float:
        p, g = self.flat.p, self.flat.g
        self.fill0()
        self.seen0.T.dot(p["c0.W"], self.pool0.z.reshape(-1, 16))
        self.pool0.maximum(p["c0.b"], self.inner)
        np.copyto(self.seen1, self.windows)
        seen1 = self.seen1.reshape(-1, 144)
        seen1.dot(p["c1.W"], self.pool1.z.reshape(-1, 32))
        self.pool1.maximum(p["c1.b"], self.features)
        self.features.dot(p["out.W"], self.z)
        np.add(self.z, p["out.b"], self.z)
        loss = self.softmax(self.z, self.y)
        self.features.T.dot(self.z, g["out.W"])
        self.ones.dot(self.z, g["out.b"])
        self.z.dot(p["out.W"].T, self.pool1.d.reshape(self.features.shape))
        self.pool1.backward(g["c1.b"])
        seen1.T.dot(self.pool1.z.reshape(-1, 32), g["c1.W"])
        self._back_to_first()
        self.pool0.backward(g["c0.b"])
        self.seen0.dot(self.pool0.z.reshape(-1, 16), g["c0.W"])
        return loss

    def _back_to_first(self) -> None:
        """Write the gradient of the first layer's result: a convolution as well."""
        flipped = self.flat.p["c1.W"].reshape(3, 3, 16, 32)[::-1, ::-1]
        np.copyto(self.flipped, flipped.transpose(0, 1, 3, 2))
        for (a, b), d_z in zip(PLACES, self.pool1.z, strict=True):
            there = self.d_padded[:, 1 + a : -1 : 2, 1 + b : -1 : 2]
            np.copyto(there, d_z.reshape(there.shape))
        W, d = self.flipped.reshape(-1, 16), self.pool0.d
        for at, windows in enumerate(self.d_windows):
            seen = self.d_seen[: len(windows)]
            np.copyto(seen, windows)
            first = at * IMAGES * self.half**2
            part = d[first : first + len(windows) * self.half**2]
            seen.reshape(-1, 288).dot(W, part)

    def step(self) -> float:
        loss = self._run()
        self.update()
        return loss

    def gradients(self) -> Arrays:
        self._run()
        return {k: self._named(k, a) for k, a in self.flat.g.items()}

    def params(self) -> Arrays:
        return {k: self._named(k, a) for k, a in self.flat.p.items()}

    def _held(self, name: str, a: np.ndarray) -> np.ndarray:
        """Return a parameter as it is held: filters (9·in, out), features h, w, c."""
        if name == "out.W":
            q = self.quarter
            return a.reshape(32, q, q, 10).transpose(1, 2, 0, 3).reshape(-1, 10)
        return a.transpose(2, 3, 1, 0).reshape(-1, len(a)) if a.ndim == 4 else a

    def _named(self, name: str, a: np.ndarray) -> np.ndarray:
        """Return a parameter in symdiff's shape."""
        if name == "out.W":
            q = self.quarter
            return a.reshape(q, q, 32, 10).transpose(2, 0, 1, 3).reshape(-1, 10)
        if name.endswith(".W"):
            return a.reshape(3, 3, -1, a.shape[-1]).transpose(3, 2, 0, 1).copy()
        return a


def _windows(padded: np.ndarray) -> np.ndarray:
    """Return the 3 × 3 neighbourhoods as a view (n, i, j, 3, 3·channels)."""
    rows, height, width, channels = padded.shape
    n, row, column, item = padded.strides
    return np.lib.stride_tricks.as_strided(
        padded,
        (rows, height - 2, width - 2, 3, 3 * channels),
        (n, row, column, row, item),
        writeable=False,
    )


def _by_place(windows: np.ndarray) -> np.ndarray:
    """Return a view of them, (2, 2, n, i, j, ...), by place in the pooled square."""
    n, i, j, *rest = windows.shape
    split = windows.reshape(n, i // 2, 2, j // 2, 2, *rest)  # of axes: no copy is made
    return split.transpose(2, 4, 0, 1, 3, 5, 6)
