"""ADBench's problems: values and derivatives equal to those of JAX and PyTorch."""

from __future__ import annotations

import runpy
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.oracle


@cache
def example(name: str) -> dict[str, Any]:
    """Return what an example defines."""
    return runpy.run_path(str(EXAMPLES / f"adbench_{name}.py"))


@cache
def jax_numpy() -> tuple[Any, Any]:
    """Return JAX, in double precision, and its NumPy."""
    jax = pytest.importorskip("jax", reason="JAX is not installed (extra [oracles])")
    jax.config.update("jax_enable_x64", True)
    return jax, jax.numpy


def assert_close(found: Any, expected: Any) -> None:
    """Compare relative to the largest element."""
    theirs = np.asarray(expected)
    assert found.shape == theirs.shape
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-9 * np.abs(theirs).max())


@pytest.mark.parametrize(("k", "d"), [(4, 3), (5, 1), (1, 6)])
def test_gmm(k, d):
    jax, jnp = jax_numpy()
    from jax.scipy.special import gammaln, logsumexp

    def objective(alphas, means, icf, X, gamma, m):
        n, d = X.shape
        k = len(alphas)
        rows, columns = np.tril_indices(d, -1)
        order = np.lexsort((rows, columns))  # column by column
        Q = jnp.zeros((k, d, d)).at[:, rows[order], columns[order]].set(icf[:, d:])
        Q = Q + jnp.exp(icf[:, :d])[:, :, None] * jnp.eye(d)
        centred = X[:, None] - means
        squares = jnp.sum(jnp.einsum("kij,nkj->nki", Q, centred) ** 2, -1)
        sums = jnp.sum(icf[:, :d], 1)
        likelihood = jnp.sum(logsumexp(alphas + sums - 0.5 * squares, axis=1))
        likelihood -= n * logsumexp(alphas) + 0.5 * n * d * jnp.log(2 * jnp.pi)
        p = d + m + 1
        log_gamma = 0.25 * d * (d - 1) * jnp.log(jnp.pi)
        log_gamma += sum(gammaln(0.5 * p + 0.5 * (1 - j)) for j in range(1, d + 1))
        constant = p * d * jnp.log(gamma / jnp.sqrt(2)) - log_gamma
        all_squares = jnp.sum(jnp.exp(icf[:, :d]) ** 2) + jnp.sum(icf[:, d:] ** 2)
        prior = 0.5 * gamma**2 * all_squares - m * jnp.sum(sums) - k * constant
        return likelihood + prior

    space = example("gmm")
    arguments = space["problem"](n=40, k=k, d=d)
    value, found = space["value_and_grad"](space["log_posterior"], (0, 1, 2))(
        *arguments
    )
    theirs = jax.value_and_grad(objective, (0, 1, 2))(*arguments)
    assert value == pytest.approx(float(theirs[0]), rel=1e-9)
    for ours, expected in zip(found, theirs[1], strict=True):
        assert_close(ours, expected)


def test_gmm_has_no_array_of_points_times_components_times_dimensions():
    space = example("gmm")
    gradient = space["value_and_grad"](space["log_posterior"], (0, 1, 2))
    gradient(*space["problem"](n=41, k=7, d=5))
    shapes = gradient.source.replace(" ", "")
    assert "(7,41)" in shapes
    assert "(7,41,5)" not in shapes
    assert "[41,7,5]" not in shapes


@pytest.mark.parametrize(("layers", "width", "count"), [(2, 6, 12), (1, 3, 2)])
def test_lstm(layers, width, count):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def objective(main, extra, state, sequence):
        states = list(state)
        total = 0.0
        for x, target in pairwise(sequence):
            h = x * extra[0]
            for i in range(0, len(main), 2):
                w, b = main[i], main[i + 1]
                forget = torch.sigmoid(h * w[0] + b[0])
                ingate = torch.sigmoid(states[i] * w[1] + b[1])
                outgate = torch.sigmoid(h * w[2] + b[2])
                change = torch.tanh(states[i] * w[3] + b[3])
                states[i + 1] = states[i + 1] * forget + ingate * change
                states[i] = outgate * torch.tanh(states[i + 1])
                h = states[i]
            y = h * extra[1] + extra[2]
            total = total + torch.sum(target * (y - torch.log(torch.exp(y).sum() + 2)))
        return -total / sequence[1:].numel()

    space = example("lstm")
    arguments = space["problem"](layers, width, count)
    value, found = space["value_and_grad"](space["objective"], (0, 1))(*arguments)
    tensors = [torch.tensor(a, requires_grad=i < 2) for i, a in enumerate(arguments)]
    theirs = objective(*tensors)
    theirs.backward()
    assert value == pytest.approx(theirs.item(), rel=1e-9)
    for ours, tensor in zip(found, tensors, strict=False):
        assert_close(ours, tensor.grad)


def test_ba():
    jax, jnp = jax_numpy()

    def error(camera, X, w, feature):
        rotation, theta = camera[:3], jnp.linalg.norm(camera[:3])
        axis = rotation / theta
        x = X - camera[3:6]
        turned = x * jnp.cos(theta) + jnp.cross(axis, x) * jnp.sin(theta)
        turned = turned + axis * jnp.dot(axis, x) * (1 - jnp.cos(theta))
        plane = turned[:2] / turned[2]
        r = jnp.sum(plane**2)
        plane = plane * (1 + camera[9] * r + camera[10] * r**2)
        return w * (plane * camera[6] + camera[7:9] - feature)

    space = example("ba")
    cameras, X, weights, observations, measured = space["problem"](4, 9, 30)
    rows = cameras[observations[:, 0]], X[observations[:, 1]], weights, measured
    found = space["compiled_blocks"](*rows)
    theirs = jax.vmap(jax.jacobian(error, (0, 1, 2)))(*rows)
    camera, point, weight = map(np.asarray, theirs)
    expected = np.concatenate([camera, point, weight[:, :, None]], axis=2)
    assert found.shape == (30, 2, 15)
    assert_close(found, expected)
    errors = space["compiled_residuals"](cameras, X, weights, observations, measured)
    assert_close(errors, jax.vmap(error)(*rows))
    np.testing.assert_allclose(
        space["compiled_weights"](weights), -2 * weights, rtol=1e-12
    )
