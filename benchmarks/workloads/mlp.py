"""Perceptrons with layers l0, l1, l2, in every library's own words.

W1, W2 and W3 share them; each has a hand-tuned step of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.case import Arrays, Batch

LAYERS = ("l0", "l1", "l2")


def classes(z: Any, y: Any, numpy: Any) -> Any:
    """Return the mean cross-entropy of logits, in any library with NumPy's names."""
    z = z - numpy.max(z, axis=1, keepdims=True)
    logs = numpy.log(numpy.sum(numpy.exp(z), axis=1))
    return numpy.mean(logs - z[numpy.arange(len(y)), y])


def logits(numpy: Any, p: Mapping[str, Any], x: Any, activation: Any) -> Any:
    """Return the last layer's values."""
    for name in LAYERS[:-1]:
        x = activation(x @ p[f"{name}.W"] + p[f"{name}.b"])
    return x @ p["l2.W"] + p["l2.b"]


def torch_logits(torch: Any, p: Mapping[str, Any], x: Any, activation: Any) -> Any:
    """Return the last layer's values, each layer one call of PyTorch."""
    for name in LAYERS[:-1]:
        x = activation(torch.addmm(p[f"{name}.b"], x, p[f"{name}.W"]))
    return torch.addmm(p["l2.b"], x, p["l2.W"])


def backward(
    p: Arrays, values: list[np.ndarray], d: np.ndarray, slope: Any
) -> dict[str, np.ndarray]:
    """Return gradients by plain NumPy; ``values`` are each layer's inputs."""
    grads = {}
    for i, name in reversed(list(enumerate(LAYERS))):
        h = values[i]
        grads[f"{name}.W"], grads[f"{name}.b"] = h.T @ d, d.sum(axis=0)
        if i:
            d = slope(d @ p[f"{name}.W"].T, h)
    return grads


def softmax_plain(z: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean cross-entropy and its gradient, by plain NumPy."""
    rows = np.arange(len(y))
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    total = e.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(total[:, 0]) - z[rows, y])
    d = e / total
    d[rows, y] -= 1
    return float(loss), d / len(y)


def relu_plain(p: Arrays, batch: Batch) -> tuple[float, dict[str, np.ndarray]]:
    """Return loss and gradients with relu and cross-entropy, as people write it."""
    x, y = batch
    values = [x]
    for name in LAYERS[:-1]:
        values.append(np.maximum(values[-1] @ p[f"{name}.W"] + p[f"{name}.b"], 0))
    loss, d = softmax_plain(values[-1] @ p["l2.W"] + p["l2.b"], y)
    return loss, backward(p, values, d, lambda d, h: np.where(h > 0, d, 0))
