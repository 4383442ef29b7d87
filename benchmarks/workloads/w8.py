"""W8: a mixture of Gaussians with full covariances, float64, in stable form.

ADBench's model: the mean over points of log Σₖ exp(αₖ + tr log Qₖ − ½‖Qₖ(x − μₖ)‖²) −
log Σₖ exp αₖ, negated, with a Wishart prior on the inverse covariances QᵀQ. Q is lower
triangular with exp(log_diagonal) on its diagonal. Once with all components at once, as
people write it, and once as `sd.map` over components.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import symdiff as sd
from benchmarks.case import Arrays, Batch, Case
from benchmarks.rules import SGD
from benchmarks.workloads.mixture import Best

RULE = SGD(1e-2)
GAMMA, M = 1.2, 2  # of the prior


@dataclass(frozen=True)
class Sizes:
    """Points, features, components."""

    n: int = 1000
    d: int = 10
    k: int = 25

    @property
    def below(self) -> int:
        """Entries below the diagonal."""
        return self.d * (self.d - 1) // 2


def place(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each entry below the diagonal is found, and which entries are."""
    found, strict = np.zeros((d, d), np.int64), np.tri(d, k=-1)
    found[np.tril_indices(d, -1)] = np.arange(d * (d - 1) // 2)
    return found, strict


def triangles(p: Any, d: int, exp: Any, constant: Any) -> Any:
    """Return Q, (k, d, d), in any library."""
    found, strict = place(d)
    diagonal = exp(p["log_diagonal"])[:, :, None] * constant(np.eye(d))
    return p["below"][:, found] * constant(strict) + diagonal


def objective(p: Any, squares: Any, n: int, lib: Any, logsumexp: Any) -> Any:
    """Return the loss, given the squares ‖Qₖ(x − μₖ)‖² as (n, k), in any library."""
    weights = p["alphas"] + lib.sum(p["log_diagonal"], axis=1)
    points = lib.mean(logsumexp(weights - 0.5 * squares, 1))
    diagonal = lib.sum(lib.exp(p["log_diagonal"]) ** 2)
    prior = 0.5 * GAMMA**2 * (diagonal + lib.sum(p["below"] ** 2))
    prior = prior - M * lib.sum(p["log_diagonal"])
    return logsumexp(p["alphas"], 0) - points + prior / n


def loss(p: Any, batch: Any, lib: Any, logsumexp: Any, constant: Any) -> Any:
    """Return the loss, all components at once, in any library."""
    x, Q = batch[0], triangles(p, batch[0].shape[1], lib.exp, constant)
    z = lib.einsum("kij,nkj->nki", Q, x[:, None, :] - p["means"])
    return objective(p, lib.sum(z**2, axis=2), len(x), lib, logsumexp)


# --- libraries ------------------------------------------------------------------------


def declare(sizes: Sizes, mapped: bool) -> sd.Model:
    n, d, k = sizes.n, sizes.d, sizes.k
    x = sd.input("x", (n, d))
    normal = sd.init.normal(0.5)
    shapes = {"alphas": (k,), "means": (k, d), "log_diagonal": (k, d)}
    shapes["below"] = (k, sizes.below)
    p = {name: sd.param(name, shape, init=normal) for name, shape in shapes.items()}
    Q = triangles(p, d, sd.exp, sd.constant)
    if mapped:

        def distances(component: Any) -> Any:
            mean, q = component
            return sd.sum(((x - mean) @ q.T) ** 2, axis=1)

        squares = sd.map(distances, (p["means"], Q)).T
    else:
        z = sd.einsum("kij,nkj->nki", Q, x[:, None, :] - p["means"])
        squares = sd.sum(z**2, axis=2)
    value = objective(p, squares, n, sd, lambda a, axis: sd.logsumexp(a, axis=axis))
    return sd.Model("w8", [x], [], squares, loss=value, optimizer=RULE.declared())


def torch_loss(torch: Any, p: Any, batch: Any) -> Any:
    return loss(p, batch, torch, torch.logsumexp, torch.from_numpy)


def jax_loss(numpy: Any, p: Any, batch: Any) -> Any:
    from jax.scipy.special import logsumexp

    return loss(p, batch, numpy, logsumexp, numpy.asarray)


def autograd_loss(numpy: Any, p: Any, batch: Any) -> Any:
    from autograd.scipy.special import logsumexp

    return loss(p, batch, numpy, logsumexp, np.asarray)


def plain(p: Arrays, batch: Batch) -> tuple[float, dict[str, np.ndarray]]:
    """Return loss and gradients with arrays of n·k·d numbers, as people write it."""
    (x,), (n, d) = batch, batch[0].shape
    Q = triangles(p, d, np.exp, np.asarray)
    centred = x[:, None, :] - p["means"]
    z = np.einsum("kij,nkj->nki", Q, centred, optimize=True)
    weights = p["alphas"] + p["log_diagonal"].sum(axis=1)
    inner = weights - 0.5 * np.sum(z**2, axis=2)
    top = inner.max(axis=1, keepdims=True)
    e = np.exp(inner - top)
    total = e.sum(axis=1, keepdims=True)
    d_inner = -e / total / n
    softmax = np.exp(p["alphas"] - p["alphas"].max())
    log_all = np.log(softmax.sum()) + p["alphas"].max()
    diagonal, scale = np.exp(p["log_diagonal"]), GAMMA**2 / n
    prior = 0.5 * scale * (np.sum(diagonal**2) + np.sum(p["below"] ** 2))
    value = log_all - np.mean(np.log(total) + top) + prior
    value -= M / n * np.sum(p["log_diagonal"])
    d_z = -d_inner[:, :, None] * z
    d_Q = np.einsum("nki,nkj->kij", d_z, centred, optimize=True)
    d_means = -np.einsum("nki,kij->kj", d_z, Q, optimize=True)
    d_weights = d_inner.sum(axis=0)
    rows, columns = np.tril_indices(d, -1)
    d_diagonal = np.einsum("kii->ki", d_Q) * diagonal + scale * diagonal**2
    return float(value), {
        "alphas": d_weights + softmax / softmax.sum(),
        "means": d_means,
        "log_diagonal": d_diagonal + d_weights[:, None] - M / n,
        "below": d_Q[:, rows, columns] + scale * p["below"],
    }


def cases(small: bool = False) -> list[Case]:
    """Return small and large, at once and mapped; ``small`` is for tests."""
    few = Sizes(30, 3, 4) if small else Sizes()
    many = Sizes(50, 4, 3) if small else Sizes(10_000, 32, 25)
    return [
        _case("W8", few, False),
        _case("W8 map", few, True),
        _case("W8 large", many, False),
        _case("W8 large map", many, True),
    ]


def _case(name: str, sizes: Sizes, mapped: bool) -> Case:
    x = np.random.default_rng(0).normal(size=(sizes.n, sizes.d))
    rule: Callable[..., Any] = partial(Best, RULE, GAMMA, M)
    words = " as sd.map" if mapped else ""
    return Case(
        name=name,
        title=f"Gaussian mixture{words}, {sizes.n} × {sizes.d}, k {sizes.k}, float64",
        declare=partial(declare, sizes, mapped),
        batch=(x,),
        rule=RULE,
        best=rule,
        plain=plain,
        torch=torch_loss,
        jax=jax_loss,
        autograd=autograd_loss,
        dtype="float64",
        heavy="large" in name,
    )
