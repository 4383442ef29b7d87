"""How much of a computed value is rounding.

In: a function of arrays that are shaken. Out: how far its values are apart from one
that is not. Invariant: nothing is known of the function; its own text runs, and each
result of its arithmetic is moved by the last place or two, up or down at random
(Vignes, "A stochastic arithmetic for reliable scientific computation", 1993).

What cancels shows: of `1 - tanh(20)` nothing is left, and shaken it is an eps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

EPS = float(np.finfo(float).eps)
# They round nothing, and ties between what they pick must stay ties.
_EXACT = (np.negative, np.absolute, np.conjugate, np.maximum, np.minimum, np.sign)


class Shaken(np.ndarray):
    """An array whose arithmetic is off by a rounding, as are the arrays made of it."""

    rng: np.random.Generator

    def __array_finalize__(self, made_of: Any) -> None:
        if isinstance(made_of, Shaken):
            self.rng = made_of.rng

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: Any = (), **options: Any
    ) -> Any:
        """Return the result of a NumPy function, each element moved a little."""
        if out:
            options["out"] = tuple(map(_plain, out))
        found = getattr(ufunc, method)(*map(_plain, inputs), **options)
        kind = getattr(found, "dtype", None)
        if ufunc not in _EXACT and kind in (float, complex):
            signs = self.rng.choice((-1.0, 1.0), np.shape(found))
            moved = found * (1 + EPS * signs)
            if not out:
                return shaken(moved, self.rng)
            np.copyto(found, moved)
        return out[0] if out else shaken(found, self.rng)


def shaken(array: Any, rng: np.random.Generator) -> Any:
    """Return an array, with what is computed from it shaken if it is of floats."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fc":
        return array
    found = np.asarray(array).view(Shaken)
    found.rng = rng
    return found


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Shaken) else value
