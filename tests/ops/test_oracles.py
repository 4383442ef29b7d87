"""Gradients at the hard points of ops, against JAX and PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sample_checks import feed_of, leaf, run

from symdiff.ops.core.operands import API

pytestmark = pytest.mark.oracle
INF = np.inf


def ours(function: Callable[..., Any], *arrays: np.ndarray) -> list[np.ndarray]:
    """Return the gradients of the sum of a function of tensors."""
    leaves = [leaf(f"x{i}", a.shape) for i, a in enumerate(arrays)]
    total = API["sum"](function(*leaves))
    return run(API["grad"](total, leaves), feed_of(leaves, arrays))


def torchs(function: Callable[..., Any], *arrays: np.ndarray) -> list[np.ndarray]:
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    function(torch, *tensors).sum().backward()
    return [t.grad.numpy() for t in tensors]


def jaxs(function: Callable[..., Any], *arrays: np.ndarray) -> list[np.ndarray]:
    jax = pytest.importorskip("jax")
    wide = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with wide(True):
        places = tuple(range(len(arrays)))
        found = jax.grad(lambda *x: function(jax, *x).sum(), places)(*arrays)
        return [np.asarray(g) for g in found]


def agree(found: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


EDGES = np.array([-2.0, -1.0, 0.5, 1.0, 3.0])
ZEROS = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 4.0], [1.0, 2.0, 3.0]])
LONG = np.array([1e30, -1e200, 1e-200, 3.0])


def test_clip_passes_on_its_bounds_as_torch() -> None:
    found = ours(lambda x: API["clip"](x, -1.0, 1.0), EDGES)
    agree(found, torchs(lambda torch, x: torch.clamp(x, -1.0, 1.0), EDGES))
    low, high = np.full(5, -1.0), np.array([1.0, 1.0, 1.0, 2.0, -5.0])
    found = ours(API["clip"], EDGES, low, high)
    agree(found, torchs(lambda torch, *x: torch.clamp(*x), EDGES, low, high))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", ["prod", "cumprod"])
def test_products_with_zeros(name: str, axis: int) -> None:
    wanted = torchs(lambda torch, x: getattr(torch, name)(x, axis), ZEROS)
    agree(ours(lambda x: API[name](x, axis), ZEROS), wanted)


def test_hypot_and_arctan2_do_not_overflow() -> None:
    other = LONG[::-1].copy()
    (a, b), h = ours(API["hypot"], LONG, other), np.hypot(LONG, other)
    agree([a, b], [LONG / h, other / h])
    a, b = ours(API["arctan2"], LONG, other)
    agree([a, b], [other / h / h, -LONG / h / h])


def test_logaddexp_of_infinities() -> None:
    a = np.array([-INF, -INF, 0.0, INF, 1000.0])
    b = np.array([-INF, 0.0, -INF, 0.0, 1000.0])
    found = ours(API["logaddexp"], a, b)
    agree(found, [[0.5, 0, 1, 1, 0.5], [0.5, 1, 0, 0, 0.5]])  # type: ignore[list-item]


def test_the_origin_of_norms() -> None:
    x = np.zeros((2, 3))
    for attrs in ({}, {"axis": 1}, {"axis": 1, "ord": 3}, {"axis": 1, "ord": 1.5}):
        agree(ours(lambda x, a=attrs: API["linalg.norm"](x, **a), x), [x])
    agree(ours(lambda x: API["std"](x, axis=1), x), [x])
    agree(ours(API["hypot"], x, x), [x, x])


@pytest.mark.parametrize("order", [1, 2, -2, INF, "nuc", "fro"])
def test_matrix_norms(order: Any) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    found = ours(lambda x: API["linalg.norm"](x, order), x)
    agree(found, torchs(lambda torch, x: torch.linalg.norm(x, order), x))


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "wrap", "edge", "mean"])
def test_pad(mode: str) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    widths = ((2, 1), (3, 0))
    weights = np.random.default_rng(1).normal(size=np.pad(x, widths).shape)
    found = ours(lambda x: API["pad"](x, widths, mode) * weights, x)
    wanted = jaxs(lambda jax, x: jax.numpy.pad(x, widths, mode) * weights, x)
    agree(found, wanted)


@pytest.mark.parametrize("name", ["erf", "erfc", "gammaln", "digamma"])
def test_second_derivatives_of_special_functions(name: str) -> None:
    x = np.array([0.3, 1.0, 2.5, 7.0])
    torch = pytest.importorskip("torch")
    t = torch.tensor(x, requires_grad=True)
    f = {"gammaln": torch.lgamma}.get(name) or getattr(torch, name)
    (first,) = torch.autograd.grad(f(t).sum(), t, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), t)
    v = leaf("x", (4,))
    gradient = API["grad"](API["sum"](API[name](v)), v)
    (found,) = run([API["grad"](API["sum"](gradient), v)], {v.node: x})
    np.testing.assert_allclose(found, second.numpy(), rtol=1e-9)
