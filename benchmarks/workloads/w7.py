"""W7: a small GPT, two blocks of attention and gelu behind layer norms, AdamW."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import symdiff as sd
from benchmarks.case import Arrays, Case
from benchmarks.rules import Adam
from benchmarks.workloads import mlp
from benchmarks.workloads.plain_gpt import loss_and_grads
from benchmarks.workloads.transformer import Best

RULE = Adam(1e-5, decay=0.1)
EPS = 1e-5


@dataclass(frozen=True)
class Sizes:
    """Rows and letters of a batch, the alphabet, and the network."""

    rows: int = 8
    length: int = 64
    vocabulary: int = 64
    units: int = 64
    heads: int = 4
    blocks: int = 2


def declare(s: Sizes) -> sd.Model:
    n = sd.dim("N")
    x = sd.input("x", (n, s.length), dtype="int64", high=s.vocabulary)
    y = sd.input("y", (n, s.length), dtype="int64", high=s.vocabulary)

    def block(h: Any) -> Any:
        seen = sd.nn.layer_norm(h, name="norm1")
        h = h + sd.nn.multi_head_attention(seen, s.heads, causal=True)
        seen = sd.nn.layer_norm(h, name="norm2")
        wide = sd.nn.dense(seen, 4 * s.units, activation="gelu", name="up")
        return h + sd.nn.dense(wide, s.units, name="down")

    places = sd.param("places", (s.length, s.units), init=sd.init.normal(0.02))
    h = sd.nn.embedding(x, s.vocabulary, s.units, name="tokens") + places
    for i in range(s.blocks):
        with sd.scope(f"block{i}"):
            h = block(h)
    z = sd.nn.dense(sd.nn.layer_norm(h, name="norm"), s.vocabulary, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model("w7", [x], [y], z, loss=loss, optimizer=RULE.declared())


def torch_loss(s: Sizes, torch: Any, p: Any, batch: Any) -> Any:
    (x, y), F = batch, torch.nn.functional

    def norm(h: Any, name: str) -> Any:
        return F.layer_norm(h, h.shape[-1:], p[f"{name}.gamma"], p[f"{name}.beta"], EPS)

    def dense(h: Any, name: str) -> Any:
        return F.linear(h, p[f"{name}.W"], p[f"{name}.b"])

    def heads(h: Any) -> Any:
        return h.view(*h.shape[:2], s.heads, -1).transpose(1, 2)

    h = F.embedding(x, p["tokens.W"]) + p["places"]
    for i in range(s.blocks):
        name, seen = f"block{i}", norm(h, f"block{i}.norm1")
        q, k, v = (heads(dense(seen, f"{name}.attention.{letter}")) for letter in "qkv")
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        found = found.transpose(1, 2).reshape(h.shape)
        h = h + dense(found, f"{name}.attention.out")
        wide = dense(norm(h, f"{name}.norm2"), f"{name}.up")
        h = h + dense(F.gelu(wide, approximate="tanh"), f"{name}.down")
    z = dense(norm(h, "norm"), "out")
    return F.cross_entropy(z.flatten(0, 1), y.flatten())


def jax_loss(s: Sizes, numpy: Any, p: Any, batch: Any) -> Any:
    from jax import nn

    x, y = batch
    visible = np.tri(s.length, dtype=bool)

    def norm(h: Any, name: str) -> Any:
        h = h - numpy.mean(h, axis=-1, keepdims=True)
        variance = numpy.mean(h * h, axis=-1, keepdims=True)
        return p[f"{name}.gamma"] * h / numpy.sqrt(variance + EPS) + p[f"{name}.beta"]

    def dense(h: Any, name: str) -> Any:
        return h @ p[f"{name}.W"] + p[f"{name}.b"]

    h = p["tokens.W"][x] + p["places"]
    for i in range(s.blocks):
        name, seen = f"block{i}", norm(h, f"block{i}.norm1")
        shape = (*h.shape[:2], s.heads, -1)
        q, k, v = (
            dense(seen, f"{name}.attention.{letter}").reshape(shape).swapaxes(1, 2)
            for letter in "qkv"
        )
        scores = q @ k.swapaxes(2, 3) / math.sqrt(q.shape[-1])
        shares = nn.softmax(numpy.where(visible, scores, -numpy.inf))
        found = (shares @ v).swapaxes(1, 2).reshape(h.shape)
        h = h + dense(found, f"{name}.attention.out")
        wide = nn.gelu(dense(norm(h, f"{name}.norm2"), f"{name}.up"), approximate=True)
        h = h + dense(wide, f"{name}.down")
    z = dense(norm(h, "norm"), "out")
    return mlp.classes(z.reshape(-1, z.shape[-1]), y.reshape(-1), numpy)


def turned(params: list[str]) -> tuple[str, ...]:
    """Return the weights that PyTorch holds as (out, in)."""
    return tuple(k for k in params if k.endswith(".W") and k != "tokens.W")


def cases(small: bool = False) -> list[Case]:
    """Return the case; ``small`` is for tests."""
    s = Sizes(2, 5, 6, 8, 2, 2) if small else Sizes()
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, s.vocabulary, (2, s.rows, s.length))
    names = [str(p.name) for p in declare(s).params.values()]

    def plain(p: Arrays, batch: Any) -> Any:
        return loss_and_grads(s.heads, s.blocks, p, batch)

    return [
        Case(
            name="W7",
            title=f"GPT, {s.blocks} blocks of {s.units}, {s.rows} × {s.length}, AdamW",
            declare=partial(declare, s),
            batch=(x, y),
            rule=RULE,
            best=partial(Best, RULE, s.heads, s.blocks),
            plain=plain,
            torch=partial(torch_loss, s),
            jax=partial(jax_loss, s),
            turned=turned(names),
        )
    ]
