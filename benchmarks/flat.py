"""Parameters and gradients as two vectors with named views, as hand-tuned steps hold
them: the optimiser then works on the vectors, in a few calls.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Shapes = Mapping[str, tuple[int, ...]]


class Flat:
    """Two vectors, and views of them by name."""

    def __init__(self, shapes: Shapes, dtype: np.dtype) -> None:
        total = sum(int(np.prod(s, dtype=int)) for s in shapes.values())
        self.vector, self.gradient = np.zeros(total, dtype), np.zeros(total, dtype)
        self.p, self.g, at = {}, {}, 0
        for name, shape in shapes.items():
            size = int(np.prod(shape, dtype=int))
            self.p[name] = self.vector[at : at + size].reshape(shape)
            self.g[name] = self.gradient[at : at + size].reshape(shape)
            at += size


class Layers(Flat):
    """Dense layers features first: of each its weights and its bias as one matrix.

    For layer ``l0`` with ``l0.W`` (in, out) and ``l0.b``, the matrix (out, in + 1) is
    multiplied with inputs (in + 1, rows) whose last row is ones.
    """

    def __init__(self, params: Mapping[str, np.ndarray]) -> None:
        self.names = [k.removesuffix(".W") for k in params if k.endswith(".W")]
        shapes = {}
        for name in self.names:
            rows, columns = params[f"{name}.W"].shape
            shapes[name] = (columns, rows + 1)
        super().__init__(shapes, next(iter(params.values())).dtype)
        for name in self.names:
            self.p[name][:, :-1] = params[f"{name}.W"].T
            self.p[name][:, -1] = params[f"{name}.b"]

    def split(self, held: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return matrices as weights and biases in symdiff's shapes."""
        found = {}
        for name in self.names:
            found[f"{name}.W"] = held[name][:, :-1].T.copy()
            found[f"{name}.b"] = held[name][:, -1].copy()
        return found


def with_ones(features: int, rows: int, dtype: np.dtype) -> np.ndarray:
    """Return memory for features first, (features + 1, rows), the last row ones."""
    made = np.empty((features + 1, rows), dtype)
    made[-1] = 1
    return made
