"""A training step of the CNN and the GPT of the examples, against PyTorch on the CPU.

    OPENBLAS_NUM_THREADS=1 python benchmarks/lessons.py

Both start from the same weights, without dropout, take the same batches with plain Adam
and AdamW of a constant rate, and must agree in their losses over five steps. Then they
take turns on one core; shown are medians in milliseconds, and each over PyTorch's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

import symdiff as sd

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import gpt

Arrays = dict[str, np.ndarray]
ROUNDS = 40


def cnn() -> sd.Model:
    """examples/mnist_cnn.py without its dropout."""
    n = sd.dim("N")
    x = sd.input("x", (n, 1, 28, 28))
    y = sd.input("y", n, dtype="int64", high=10)
    h = sd.nn.conv2d(x, 8, 5, padding=2, activation="relu", name="strokes")
    h = sd.nn.conv2d(
        sd.max_pool2d(h, 2), 16, 5, padding=2, activation="relu", name="parts"
    )
    z = sd.nn.dense(sd.nn.flatten(sd.max_pool2d(h, 2)), 10, name="digit")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model("cnn", [x], [y], z, loss=loss, optimizer=sd.optim.Adam(1e-3))


def torch_cnn(p: dict[str, Any], x: Any, y: Any) -> Any:
    """The same in PyTorch."""
    h = F.relu(F.conv2d(x, p["strokes.W"], p["strokes.b"], padding=2))
    h = F.relu(F.conv2d(F.max_pool2d(h, 2), p["parts.W"], p["parts.b"], padding=2))
    z = F.max_pool2d(h, 2).flatten(1) @ p["digit.W"] + p["digit.b"]
    return F.cross_entropy(z, y)


def small_gpt() -> sd.Model:
    """The model of examples/gpt.py, with a rate that is constant."""
    m = gpt.model
    optimizer = sd.optim.AdamW(1e-3, weight_decay=0.1)
    return sd.Model("gpt", m.inputs, m.targets, m.outputs[0], loss=m.loss,
                    optimizer=optimizer)  # fmt: skip


def torch_gpt(p: dict[str, Any], x: Any, y: Any) -> Any:
    """The same in PyTorch, with its fused attention."""

    def norm(h: Any, name: str) -> Any:
        return F.layer_norm(h, h.shape[-1:], p[f"{name}.gamma"], p[f"{name}.beta"])

    h = p["tokens"][x] + p["places.W"][: x.shape[1]]
    for i in range(gpt.BLOCKS):
        a = f"block{i}.attention"
        seen = norm(h, f"block{i}.norm1")
        q, k, v = (
            (seen @ p[f"{a}.{s}.W"] + p[f"{a}.{s}.b"])
            .unflatten(-1, (gpt.HEADS, -1))
            .transpose(1, 2)
            for s in "qkv"
        )
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + found.transpose(1, 2).flatten(2) @ p[f"{a}.out.W"] + p[f"{a}.out.b"]
        wide = norm(h, f"block{i}.norm2") @ p[f"block{i}.up.W"] + p[f"block{i}.up.b"]
        wide = F.gelu(wide, approximate="tanh")
        h = h + wide @ p[f"block{i}.down.W"] + p[f"block{i}.down.b"]
    logits = norm(h, "norm") @ p["tokens"].T
    return F.cross_entropy(logits.flatten(0, 1), y.flatten())


def ours(model: sd.Model, params: Arrays, batch: Arrays) -> Callable[[], float]:
    """Return the generated step."""
    package = sd.compile(model).load()
    state = package.init_state(params)
    return lambda: package.train_step(state, **batch)["loss"]


def theirs(
    loss_of: Any, params: Arrays, batch: Arrays, decay: float, last: bool
) -> Any:
    """Return PyTorch's step; ``last`` keeps images with their channels last."""
    p = {k: torch.tensor(v, requires_grad=True) for k, v in params.items()}
    x, y = (torch.from_numpy(np.ascontiguousarray(a)) for a in batch.values())
    if last:
        x = x.to(memory_format=torch.channels_last)
        with torch.no_grad():
            for tensor in p.values():
                if tensor.ndim == 4:
                    tensor.data = tensor.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(p.values(), 1e-3, weight_decay=decay)

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(p, x, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def compared(name: str, steps: dict[str, Callable[[], float]]) -> None:
    """Check the first losses, take turns, and print medians and their ratios."""
    losses = {k: [step() for _ in range(5)] for k, step in steps.items()}
    for found in losses.values():
        if not np.allclose(found, losses["PyTorch"], rtol=1e-3):
            sys.exit(f"{name}: the losses differ: {losses}")
    times: dict[str, list[float]] = {k: [] for k in steps}
    for _ in range(ROUNDS):
        for k, step in steps.items():
            start = time.perf_counter()
            step()
            times[k].append(1e3 * (time.perf_counter() - start))
    base = float(np.median(times["PyTorch"]))
    told = [(k, float(np.median(t))) for k, t in times.items()]
    print(f"{name}: " + ", ".join(f"{k} {t:.1f} ms ({t / base:.2f})" for k, t in told))


def main() -> None:
    """Compare both models on one core."""
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = np.random.default_rng(0)
    images = np.maximum(rng.normal(size=(32, 1, 28, 28)), 0).astype(np.float32)
    batch = {"x": images, "y": rng.integers(0, 10, 32)}
    model = cnn()
    params = sd.compile(model).load().init_params(0)
    compared(
        "CNN, 32 images",
        {
            "symdiff": ours(model, params, batch),
            "PyTorch": theirs(torch_cnn, params, batch, 0.0, False),
            "PyTorch, channels last": theirs(torch_cnn, params, batch, 0.0, True),
        },
    )
    letters = rng.integers(0, len(gpt.ALPHABET), (gpt.BATCH, gpt.LENGTH + 1))
    batch = {"x": letters[:, :-1], "y": letters[:, 1:]}
    model = small_gpt()
    params = sd.compile(model).load().init_params(0)
    compared(
        f"GPT, {gpt.BATCH} rows of {gpt.LENGTH} letters",
        {
            "symdiff": ours(model, params, batch),
            "PyTorch": theirs(torch_gpt, params, batch, 0.1, False),
        },
    )


if __name__ == "__main__":
    main()
