"""Rows that a new spec can be trained on at once, until its user has others.

In: a random generator and a count. Out: arrays by the names of a template's inputs and
targets. Invariant: each function stands by itself, because `symdiff new` copies its
text into the spec that it writes.
"""

from __future__ import annotations

import numpy as np


def mlp_rows(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Return points of three clouds, and which cloud each is of."""
    y = rng.integers(0, 3, count)
    centres = 2 * np.eye(3, 4)
    x = centres[y] + rng.normal(size=(count, 4))
    return {"x": x.astype(np.float32), "y": y}


def regression_rows(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Return three measurements a row, and a noisy linear function of them."""
    x = rng.normal(size=(count, 3))
    t = x @ [1.5, -2.0, 0.5] + 0.7 + 0.1 * rng.normal(size=count)
    return {"x": x.astype(np.float32), "t": t.astype(np.float32)}


def cnn_rows(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Return images of 8 by 8 with a bar each, and whether it stands upright."""
    label = rng.integers(0, 2, count)
    image = 0.3 * rng.random((count, 1, 8, 8))
    place = rng.integers(0, 8, count)
    for row in range(count):
        if label[row]:
            image[row, 0, :, place[row]] = 1
        else:
            image[row, 0, place[row], :] = 1
    return {"image": image.astype(np.float32).round(3), "label": label}


def lstm_rows(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Return sequences of 12 symbols, and whether symbol 1 comes before symbol 2."""
    words = rng.integers(3, 10, (count, 12))
    label = rng.integers(0, 2, count)
    for row in range(count):
        first, second = np.sort(rng.choice(12, 2, replace=False))
        words[row, first] = 1 if label[row] else 2
        words[row, second] = 2 if label[row] else 1
    return {"words": words, "label": label}
