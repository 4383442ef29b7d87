"""Random draws as plain NumPy: the very functions that generated modules carry.

In: a key, a site, a shape and a dtype. Out: numbers that depend on nothing else.
Invariant: only `Philox.random_raw` of NumPy is used, whose bits are the same in every
release; the source of these functions is copied into generated modules, so they use
numpy and each other alone.
"""

import numpy as np

from symdiff.ops.core.helpers import helper


def _whole_key(key):
    """Return a key as an int: a fraction would be cut, and give the draws of 0."""
    if isinstance(key, bool) or not isinstance(key, (int, np.integer)):
        raise TypeError(f"key: expected a whole number, got {key!r:.60}")
    return int(key) % 2**64


def _uniform(key, site, shape, dtype):
    """Draw from [0, 1): multiples of 2**-24, the same in float32 and float64."""
    size = int(np.prod(shape))
    philox = np.random.Philox(key=np.array([_whole_key(key), site], dtype=np.uint64))
    words = philox.random_raw(size // 2 + 1).astype("<u8").view("<u4")[:size]
    return ((words >> 8).astype(dtype) * 2.0**-24).reshape(shape)


def _normal(key, site, shape, dtype):
    """Draw from the normal distribution (Box-Muller), on a grid of 2**-20.

    The grid hides the last bits of log and cos, which differ between NumPy's releases.
    """
    size = int(np.prod(shape))
    philox = np.random.Philox(key=np.array([_whole_key(key), site], dtype=np.uint64))
    words = philox.random_raw(size // 2 + 1).astype("<u8").view("<u4").reshape(-1, 2)
    u, v = (words.T >> 8) * 2.0**-24
    radius, angle = np.sqrt(-2 * np.log(u + 2.0**-25)), 2 * np.pi * v
    z = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size]
    return (np.rint(z * 2.0**20) * 2.0**-20).astype(dtype).reshape(shape)


helper(_whole_key)
DRAWS = {"uniform": helper(_uniform), "normal": helper(_normal)}
