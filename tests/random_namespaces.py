"""NumPy's names in each of the systems that run the random programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.ops.core.operands import API


class Namespace:
    """NumPy's names in some system, and two names that the steps add."""

    def above(self, x: Any, c: float) -> Any:
        """Return where x > c."""
        return x > c

    def read(self, x: Any, index: Any) -> Any:
        """Return x[index]."""
        return x[index]

    def written(self, x: Any, i: int, v: Any) -> Any:
        """Return x with x[i] replaced by v."""
        return x.at[i].set(v)

    def recur(self, x: Any) -> Any:
        """Return c[i] = tanh(c[i - 1] * x[i]) + x[i] for the rows x[i]."""
        c, rows = x[0], []
        for i in range(x.shape[0]):
            c = self.tanh(c * x[i]) + x[i]  # type: ignore[attr-defined]
            rows.append(c)
        return self.stack(rows)  # type: ignore[attr-defined]


class Symbolic(Namespace):
    """NumPy's names as symdiff's public functions."""

    def __getattr__(self, name: str) -> Any:
        return API[name]

    def recur(self, x: Any) -> Any:
        def step(c: Any, row: Any) -> Any:
            c = API["tanh"](c * row) + row
            return c, c

        return API["scan"](step, x[0], x)[1]


class Jax(Namespace):
    """NumPy's names in JAX."""

    def __init__(self) -> None:
        import jax

        self.module = jax.numpy

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


class Complex(Namespace):
    """NumPy for complex steps: branches are chosen by the real part."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def above(self, x: Any, c: float) -> Any:
        return np.real(x) > c

    def written(self, x: Any, i: int, v: Any) -> Any:
        found = np.array(x)
        found[i] = v
        return found

    @staticmethod
    def hypot(a: Any, b: Any) -> Any:
        return np.sqrt(a * a + b * b)

    @staticmethod
    def logaddexp(a: Any, b: Any) -> Any:
        return np.log(np.exp(a) + np.exp(b))

    @staticmethod
    def clip(x: Any, low: float, high: float) -> Any:
        return Complex.maximum(Complex.minimum(x, high), low)

    @staticmethod
    def sort(x: Any, axis: int) -> Any:
        return np.take_along_axis(x, np.argsort(np.real(x), axis, kind="stable"), axis)

    @staticmethod
    def abs(x: Any) -> Any:
        return np.where(np.real(x) < 0, -x, x)

    @staticmethod
    def maximum(a: Any, b: Any) -> Any:
        return np.where(np.real(a) >= np.real(b), a, b)

    @staticmethod
    def minimum(a: Any, b: Any) -> Any:
        return np.where(np.real(a) <= np.real(b), a, b)

    @staticmethod
    def max(x: Any, axis: int) -> Any:
        at = np.argmax(np.real(x), axis=axis, keepdims=True)
        return np.take_along_axis(x, at, axis).squeeze(axis)

    @staticmethod
    def min(x: Any, axis: int) -> Any:
        return -Complex.max(-x, axis)


class Torch(Namespace):
    """NumPy's names in PyTorch."""

    def __init__(self) -> None:
        import torch

        self.torch = torch

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.torch, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if "axis" in kwargs:
                kwargs["dim"] = kwargs.pop("axis")
            if "keepdims" in kwargs:
                kwargs["keepdim"] = kwargs.pop("keepdims")
            return function(*map(self._tensor, args), **kwargs)

        return call

    def _tensor(self, value: Any) -> Any:
        number = isinstance(value, (int, float))
        return (
            self.torch.tensor(float(value), dtype=self.torch.float64)
            if number
            else value
        )

    def transpose(self, x: Any) -> Any:
        return x.permute(tuple(range(x.ndim - 1, -1, -1)))

    def reshape(self, x: Any, shape: Any) -> Any:
        return x.reshape(shape)

    def expand_dims(self, x: Any, axis: int) -> Any:
        return x.unsqueeze(axis)

    def swapaxes(self, x: Any, i: int, j: int) -> Any:
        return x.swapaxes(i, j)

    def max(self, x: Any, axis: int) -> Any:
        return x.amax(axis)

    def min(self, x: Any, axis: int) -> Any:
        return x.amin(axis)

    def take(self, x: Any, index: Any, axis: int) -> Any:
        return x.index_select(axis, self.torch.as_tensor(index))

    def sort(self, x: Any, axis: int) -> Any:
        return self.torch.sort(x, dim=axis, stable=True).values

    def clip(self, x: Any, low: float, high: float) -> Any:
        return x.clip(low, high)

    def written(self, x: Any, i: int, v: Any) -> Any:
        found = x.clone()
        found[i] = v
        return found

    def concatenate(self, xs: Any, axis: int) -> Any:
        return self.torch.cat(xs, dim=axis)

    def read(self, x: Any, index: Any) -> Any:
        axes = [
            a
            for a, e in enumerate(e for e in index if e is not None)
            if isinstance(e, slice) and e.step == -1
        ]
        forward = [
            slice(None) if isinstance(e, slice) and e.step == -1 else e for e in index
        ]
        return x.flip(axes)[tuple(forward)]
