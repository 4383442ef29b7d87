"""One training step of two small networks: the planned step against NumPy by hand.

    OPENBLAS_NUM_THREADS=1 python benchmarks/step.py

W1 is an MLP 2-16-16-1 with tanh, batch 32, squared error; W2 an MLP 64-128-64-10 with
relu, batch 64, cross-entropy; both float32 with Adam. Contenders start from one point,
their losses and parameters are compared after five steps, then they are timed in turn
and the medians shown, in microseconds. "plain" is what people write; "tuned" writes
into memory allocated once and keeps Adam's vectors flat.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np

import symdiff as sd

Step = Callable[[np.ndarray, np.ndarray], float]
Arrays = dict[str, np.ndarray]
LR, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8


def w1() -> sd.Model:
    """MLP 2-16-16-1, tanh, squared error."""
    n = sd.dim("N")
    x, y = sd.input("x", (n, 2)), sd.input("y", (n, 1))
    h = sd.nn.dense(x, 16, activation="tanh", name="l0")
    h = sd.nn.dense(h, 16, activation="tanh", name="l1")
    out = sd.nn.dense(h, 1, name="l2")
    return sd.Model(
        "w1", [x], [y], out, loss=sd.nn.mse(out, y), optimizer=sd.optim.Adam()
    )


def w2() -> sd.Model:
    """MLP 64-128-64-10, relu, cross-entropy."""
    n = sd.dim("N")
    x, y = sd.input("x", (n, 64)), sd.input("y", (n,), dtype="int64", high=10)
    h = sd.nn.dense(x, 128, activation="relu", name="l0")
    h = sd.nn.dense(h, 64, activation="relu", name="l1")
    z = sd.nn.dense(h, 10, name="l2")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model("w2", [x], [y], z, loss=loss, optimizer=sd.optim.Adam())


# --- by hand --------------------------------------------------------------------------


def plain(params: Arrays, last: str) -> Step:
    """Return a step as people write it: a dict of arrays, fresh results everywhere."""
    p = {k: v.copy() for k, v in params.items()}
    m = {k: np.zeros_like(v) for k, v in p.items()}
    v = {k: np.zeros_like(a) for k, a in p.items()}
    count = [0]

    def step(x: np.ndarray, y: np.ndarray) -> float:
        h = [x]
        for i in (0, 1):
            a = h[-1] @ p[f"l{i}.W"] + p[f"l{i}.b"]
            h.append(np.tanh(a) if last == "mse" else np.maximum(a, 0))
        z = h[-1] @ p["l2.W"] + p["l2.b"]
        if last == "mse":
            loss = np.mean((z - y) ** 2)
            d = 2 * (z - y) / z.size
        else:
            rows = np.arange(len(y))
            e = np.exp(z - z.max(axis=1, keepdims=True))
            d = e / e.sum(axis=1, keepdims=True)
            loss = -np.log(d[rows, y]).mean()
            d[rows, y] -= 1
            d /= len(y)
        g = {}
        for i in (2, 1, 0):
            g[f"l{i}.W"], g[f"l{i}.b"] = h[i].T @ d, d.sum(axis=0)
            if i:
                d = d @ p[f"l{i}.W"].T
                d = d * (1 - h[i] ** 2) if last == "mse" else np.where(h[i] > 0, d, 0)
        count[0] += 1
        for k in p:
            m[k] = BETA1 * m[k] + (1 - BETA1) * g[k]
            v[k] = BETA2 * v[k] + (1 - BETA2) * g[k] ** 2
            m_hat, v_hat = (
                m[k] / (1 - BETA1 ** count[0]),
                v[k] / (1 - BETA2 ** count[0]),
            )
            p[k] = p[k] - LR * m_hat / (np.sqrt(v_hat) + EPS)
        return float(loss)

    step.params = p  # type: ignore[attr-defined]
    return step


def tuned(params: Arrays, last: str, rows: int) -> Step:
    """Return a step that allocates nothing large, with Adam on flat vectors."""
    flat = np.concatenate([a.ravel() for a in params.values()])
    grad, m, v, s, u = (np.zeros_like(flat) for _ in range(5))
    p, g, at = {}, {}, 0
    for k, a in params.items():
        p[k] = flat[at : at + a.size].reshape(a.shape)
        g[k] = grad[at : at + a.size].reshape(a.shape)
        at += a.size
    W, b = [p[f"l{i}.W"] for i in range(3)], [p[f"l{i}.b"] for i in range(3)]
    gW, gb = [g[f"l{i}.W"] for i in range(3)], [g[f"l{i}.b"] for i in range(3)]
    h = [np.empty((rows, w.shape[1]), flat.dtype) for w in W]
    d = [np.empty_like(a) for a in h]
    mask = [np.empty(a.shape, bool) for a in h]
    zeros = [np.zeros_like(a) for a in h]
    column, at_rows = np.empty((rows, 1), flat.dtype), np.arange(rows)
    count = [0]

    def step(x: np.ndarray, y: np.ndarray) -> float:
        a = x
        for i in range(3):
            a.dot(W[i], h[i])
            np.add(h[i], b[i], h[i])
            if i < 2 and last == "mse":
                np.tanh(h[i], h[i])
            elif i < 2:
                np.maximum(h[i], zeros[i], out=h[i])
            a = h[i]
        if last == "mse":
            np.subtract(h[2], y, d[2])
            r = d[2].ravel()
            loss = float(r.dot(r)) / r.size
            np.multiply(d[2], 2 / r.size, d[2])
        else:
            np.maximum.reduce(h[2], axis=1, keepdims=True, out=column)
            np.subtract(h[2], column, d[2])
            np.exp(d[2], d[2])
            np.add.reduce(d[2], axis=1, keepdims=True, out=column)
            np.divide(d[2], column, d[2])
            loss = -float(np.log(d[2][at_rows, y]).sum()) / rows
            d[2][at_rows, y] -= 1
            np.multiply(d[2], 1 / rows, d[2])
        for i in (2, 1, 0):
            below = h[i - 1] if i else x
            below.T.dot(d[i], gW[i])
            np.add.reduce(d[i], axis=0, out=gb[i])
            if not i:
                continue
            d[i].dot(W[i].T, d[i - 1])
            if last == "mse":
                np.multiply(below, below, below)
                np.subtract(1, below, below)
                np.multiply(d[i - 1], below, d[i - 1])
            else:
                np.greater(below, zeros[i - 1], mask[i - 1])
                np.multiply(d[i - 1], mask[i - 1], d[i - 1])
        count[0] += 1
        rate = LR * (1 - BETA2 ** count[0]) ** 0.5 / (1 - BETA1 ** count[0])
        np.multiply(m, BETA1, m)
        np.multiply(grad, 1 - BETA1, s)
        np.add(m, s, m)
        np.multiply(v, BETA2, v)
        np.multiply(grad, grad, s)
        np.multiply(s, 1 - BETA2, s)
        np.add(v, s, v)
        np.sqrt(v, s)
        np.add(s, EPS * (1 - BETA2 ** count[0]) ** 0.5, s)
        np.multiply(m, rate, u)
        np.divide(u, s, u)
        np.subtract(flat, u, flat)
        return loss

    step.params = p  # type: ignore[attr-defined]
    return step


# --- generated ------------------------------------------------------------------------


def generated(model: sd.Model, params: Arrays, rows: int) -> dict[str, Step]:
    """Return the package's step: checked, planned alone, and as readable lines."""
    package = sd.compile(model).load()
    train = importlib.import_module(f"{package.__name__}.train")
    planned = importlib.import_module(f"{package.__name__}._planned")
    states = [train.init_state(params) for _ in range(3)]
    alone = states[2]
    plan = planned.make_plan({"N": rows}, alone.flat_params.dtype)
    scratch = planned.make_scratch(alone.flat_params.size, alone.flat_params.dtype)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        found = planned.compute_grads(plan, alone.params, alone.grads, x, y)
        alone.step += 1
        flat = (alone.flat_params, alone.flat_grads, alone.flat_slots)
        planned.apply_update(*flat, alone.hyper, alone.step, scratch)
        return float(found["loss"])

    def checked(x: np.ndarray, y: np.ndarray) -> float:
        return float(train.train_step(states[0], x, y)["loss"])

    def readable(x: np.ndarray, y: np.ndarray) -> float:
        return float(train.train_step(states[1], x, y, planned=False)["loss"])

    steps: dict[str, Any] = {
        "planned": step,
        "train_step": checked,
        "readable": readable,
    }
    for f, state in zip((checked, readable, step), states, strict=True):
        f.params = state.params  # type: ignore[attr-defined]
    return steps


# --- comparing and timing -------------------------------------------------------------


def agree(steps: dict[str, Any], x: np.ndarray, y: np.ndarray) -> None:
    """Take five steps with each; exit where losses or parameters differ."""
    losses = {name: [step(x, y) for _ in range(5)] for name, step in steps.items()}
    first = next(iter(steps))
    for name, step in steps.items():
        close = np.allclose(losses[name], losses[first], rtol=1e-4)
        for k, a in steps[first].params.items():
            close = close and np.allclose(step.params[k], a, rtol=1e-3, atol=2e-4)
        if not close:
            sys.exit(f"{name} differs from {first}: {losses[name]}, {losses[first]}")


def medians(
    steps: dict[str, Any], x: np.ndarray, y: np.ndarray, rounds: int = 300
) -> dict[str, float]:
    """Return the median time of a step in microseconds; contenders take turns.

    A turn lasts about a millisecond, so that another process that takes the core spoils
    whole turns, which the median drops, and not a part of each.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    turns: dict[str, int] = dict.fromkeys(steps, 5)
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(turns[name]):
                step(x, y)
            times[name].append((time.perf_counter() - start) / turns[name] * 1e6)
            turns[name] = max(1, int(1000 / min(times[name])))
    return {name: float(np.median(found)) for name, found in times.items()}


def main() -> None:
    """Compare, time and print."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = np.random.default_rng(0)
    for model, rows, last in ((w1(), 32, "mse"), (w2(), 64, "cross-entropy")):
        x = rng.normal(size=(rows, model.inputs[0].shape[1])).astype(np.float32)
        y = rng.integers(0, 10, rows) if last != "mse" else x[:, :1] * x[:, 1:2]
        package = sd.compile(model).load()
        params = package.init_params(0)
        steps: dict[str, Any] = {
            "tuned": tuned(params, last, rows),
            "plain": plain(params, last),
        }
        steps |= generated(model, params, rows)
        agree(steps, x, y)
        found = medians(steps, x, y)
        shown = ", ".join(
            f"{k} {t:.1f} ({t / found['tuned']:.2f})" for k, t in found.items()
        )
        print(f"{model.name}: {shown}")


if __name__ == "__main__":
    main()
