"""W5: a convolutional network, conv 16 - pool - conv 32 - pool - dense, on 28 × 28."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import symdiff as sd
from benchmarks.case import Arrays, Batch, Case
from benchmarks.contenders import Torch
from benchmarks.rules import Adam
from benchmarks.workloads import mlp
from benchmarks.workloads.convolution import Best

RULE = Adam(1e-5)
NAMES = ("c0.W", "c0.b", "c1.W", "c1.b", "out.W", "out.b")
Grads = dict[str, np.ndarray]


def declare(side: int) -> sd.Model:
    n = sd.dim("N")
    x = sd.input("x", (n, 1, side, side))
    y = sd.input("y", (n,), dtype="int64", high=10)
    h = sd.nn.conv2d(x, 16, 3, padding=1, activation="relu", name="c0")
    h = sd.max_pool2d(h, 2)
    h = sd.nn.conv2d(h, 32, 3, padding=1, activation="relu", name="c1")
    h = sd.max_pool2d(h, 2)
    z = sd.nn.dense(sd.nn.flatten(h), 10, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model("w5", [x], [y], z, loss=loss, optimizer=RULE.declared())


# --- plain NumPy ----------------------------------------------------------------------


def patches(x: np.ndarray) -> np.ndarray:
    """Return the 3 × 3 neighbourhoods of every pixel, (n, c, h, w, 3, 3)."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))


def convolved(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    z = np.tensordot(patches(x), W, ([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2)
    return z + b[:, None, None]


def pooled(h: np.ndarray) -> np.ndarray:
    n, c, height, width = h.shape
    return h.reshape(n, c, height // 2, 2, width // 2, 2).max(axis=(3, 5))


def unpooled(d: np.ndarray, h: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the gradient before relu and pooling; where all are 0 it is 0."""
    wide = p.repeat(2, axis=2).repeat(2, axis=3)
    return np.where((h == wide) & (h > 0), d.repeat(2, axis=2).repeat(2, axis=3), 0)


def layer_grads(grads: Grads, name: str, x: np.ndarray, d: np.ndarray) -> None:
    grads[f"{name}.W"] = np.tensordot(d, patches(x), ([0, 2, 3], [0, 2, 3]))
    grads[f"{name}.b"] = d.sum(axis=(0, 2, 3))


def plain(p: Arrays, batch: Batch) -> tuple[float, Grads]:
    """Return loss and gradients as people write it, channels second."""
    x, y = batch
    h0 = np.maximum(convolved(x, p["c0.W"], p["c0.b"]), 0)
    p0 = pooled(h0)
    h1 = np.maximum(convolved(p0, p["c1.W"], p["c1.b"]), 0)
    p1 = pooled(h1)
    features = p1.reshape(len(x), -1)
    loss, d_z = mlp.softmax_plain(features @ p["out.W"] + p["out.b"], y)
    grads = {"out.W": features.T @ d_z, "out.b": d_z.sum(axis=0)}
    d = unpooled((d_z @ p["out.W"].T).reshape(p1.shape), h1, p1)
    layer_grads(grads, "c1", p0, d)
    flipped = p["c1.W"][:, :, ::-1, ::-1].swapaxes(0, 1)
    d = unpooled(convolved(d, flipped, np.zeros(16, x.dtype)), h0, p0)
    layer_grads(grads, "c0", x, d)
    return loss, grads


# --- libraries ------------------------------------------------------------------------


def torch_loss(torch: Any, p: Any, batch: Any, **memory: Any) -> Any:
    F, (x, y), (W0, b0, W1, b1, V, b) = (
        torch.nn.functional,
        batch,
        (p[k] for k in NAMES),
    )
    h = F.conv2d(x, W0, b0, padding=1)
    if memory:  # one channel has no order: what follows must be told
        h = h.contiguous(**memory)
    h = F.max_pool2d(torch.relu(h), 2)
    h = F.max_pool2d(torch.relu(F.conv2d(h, W1, b1, padding=1)), 2)
    return F.cross_entropy(F.linear(h.flatten(1), V, b), y)


def channels_last(params: Arrays, batch: Batch) -> Torch:
    """Return PyTorch with images and filters in its faster memory format."""
    import torch

    last = {"memory_format": torch.channels_last}
    made = Torch(partial(torch_loss, **last), RULE, params, batch, ("out.W",))
    for tensor in made.kept.values():
        if tensor.ndim == 4:
            tensor.data = tensor.data.contiguous(**last)
    return made


def jax_loss(numpy: Any, p: Any, batch: Any) -> Any:
    from jax import lax, nn

    (x, y), (W0, b0, W1, b1, V, b) = batch, (p[k] for k in NAMES)

    def layer(x: Any, W: Any, b: Any) -> Any:
        z = lax.conv(x, W, (1, 1), "SAME") + b[:, None, None]
        sizes = (1, 1, 2, 2)
        return lax.reduce_window(nn.relu(z), -numpy.inf, lax.max, sizes, sizes, "VALID")

    h = layer(layer(x, W0, b0), W1, b1)
    return mlp.classes(h.reshape(len(x), -1) @ V + b, y, numpy)


def cases(small: bool = False) -> list[Case]:
    """Return the case; ``small`` is for tests."""
    rows, side = (3, 8) if small else (32, 28)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 1, side, side)).astype(np.float32)
    return [
        Case(
            name="W5",
            title=f"CNN conv 16 - pool - conv 32 - pool - dense, batch {rows}, Adam",
            declare=partial(declare, side),
            batch=(x, rng.integers(0, 10, rows)),
            rule=RULE,
            best=partial(Best, RULE),
            plain=plain,
            torch=torch_loss,
            jax=jax_loss,
            others={"torch channels-last": channels_last},
            turned=("out.W",),
        )
    ]
