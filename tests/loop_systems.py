"""The same program in three systems: namespaces with NumPy's names and ``scan``,
``while_loop``, ``cond``, ``map`` and ``gradient``, over symdiff, NumPy and JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import symdiff as sd
from symdiff.ops.core.operands import API


class Symbolic:
    """NumPy's names as symdiff's public functions."""

    def __getattr__(self, name: str) -> Any:
        return API[name]

    def gradient(self, f: Callable[..., Any], x: Any) -> Any:
        """Return the gradient of f at x."""
        return sd.grad(f(x), x)

    def integer(self, n: int) -> Any:
        """Return an integer scalar."""
        return sd.constant(np.array(n, "int64"))


def tree(f: Callable[..., Any], *trees: Any) -> Any:
    """Apply a function to the arrays of nested containers."""
    first = trees[0]
    if first is None:
        return None
    if isinstance(first, dict):
        return {k: tree(f, *(t[k] for t in trees)) for k in sorted(first)}
    if isinstance(first, (tuple, list)):
        return type(first)(tree(f, *ts) for ts in zip(*trees, strict=True))
    return f(*trees)


class Numeric:
    """NumPy itself, with loops as plain Python."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def scan(
        self,
        body: Any,
        init: Any,
        xs: Any = None,
        length: Any = None,
        reverse: bool = False,
    ) -> Any:
        """Run a body along the first axis."""
        leaves: list[Any] = []
        tree(leaves.append, xs)
        steps = len(leaves[0]) if leaves else length
        carry, kept = init, {}
        for i in reversed(range(steps)) if reverse else range(steps):
            row = tree(lambda a, i=i: a[i], xs)
            carry, kept[i] = body(carry, row)
        if not kept:
            return carry, None
        return carry, tree(lambda *r: np.stack(r), *(kept[i] for i in range(steps)))

    def while_loop(self, test: Any, body: Any, init: Any) -> Any:
        """Repeat while the test holds."""
        while test(init):
            init = body(init)
        return init

    def cond(self, pred: Any, then: Any, otherwise: Any, *operands: Any) -> Any:
        """Choose a side."""
        return (then if pred else otherwise)(*operands)

    def map(self, f: Any, xs: Any) -> Any:
        """Apply a function to each row."""
        return self.scan(lambda c, x: (c, f(x)), (), xs)[1]

    def gradient(self, f: Any, x: Any) -> Any:
        """Return a gradient by differences of eighth order, inside bodies."""
        x = np.asarray(x, float)
        found = np.zeros_like(x)
        weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
        for i in np.ndindex(x.shape):
            unit = np.zeros_like(x)
            unit[i] = 5e-3
            found[i] = sum(
                w * (f(x + k * unit) - f(x - k * unit)) for k, w in weights.items()
            )
        return found / 5e-3

    def integer(self, n: int) -> Any:
        """Return an integer scalar."""
        return np.int64(n)

    def sigmoid(self, x: Any) -> Any:
        """Return 1 / (1 + exp(-x))."""
        return 1 / (1 + np.exp(-x))

    def stop_gradient(self, x: Any) -> Any:
        """Return x."""
        return x


class Jax:
    """JAX, whose loops have the same names."""

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax = jax

    def __getattr__(self, name: str) -> Any:
        lax = {"scan", "while_loop", "cond", "map", "stop_gradient"}
        if name in lax:
            return getattr(self.jax.lax, name)
        if name == "sigmoid":
            return self.jax.nn.sigmoid
        return getattr(self.jax.numpy, name)

    def gradient(self, f: Any, x: Any) -> Any:
        """Return the gradient of f at x."""
        return self.jax.grad(f)(x)

    def integer(self, n: int) -> Any:
        """Return an integer scalar."""
        return self.jax.numpy.int64(n)
