"""How much of a computed value is rounding.

In: arrays. Out: arrays with random rounding errors: each result computed from them is
moved by its last place or two, up or down (Vignes, "A stochastic arithmetic for
reliable scientific computation", 1993). Invariant: nothing is known of the function
that runs on them; how far its results move is the rounding in them.

Cancellation shows: ``1 - tanh(20)`` is 0, and with random rounding an eps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

EPS = float(np.finfo(float).eps)
# These do not round, and equal operands must give equal results.
_EXACT = (np.negative, np.absolute, np.conjugate, np.maximum, np.minimum, np.sign)


class Shaken(np.ndarray):
    """An array whose arithmetic rounds at random, as does that of its results."""

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
    """Return a float array as a `Shaken` one; any other value as it is."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fc":
        return array
    found = np.asarray(array).view(Shaken)
    found.rng = rng
    return found


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Shaken) else value
