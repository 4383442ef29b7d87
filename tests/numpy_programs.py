"""A page of plain NumPy functions, as scientists write them, with data to run them on.

In: arrays. Out: a scalar. Nothing here knows of symbolic tensors; loops that depend on
values use `sd.scan` and `sd.while_loop`, inner gradients `transforms.grad`. The same
text runs under JAX with the three imports below replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import symdiff as sd
from symdiff.transforms import grad

# --- statistics -----------------------------------------------------------------------


def logistic_regression(w, b, X, y):
    """Mean negative log-likelihood with a ridge; y holds 0 and 1 as integers."""
    z = X @ w + b
    return np.mean(np.logaddexp(0, z) - y * z) + 0.1 * np.sum(w**2)


def multinomial(params, X, y):
    """A two-layer classifier, the label's log-probability picked by an index array."""
    h = np.tanh(X @ params["W1"] + params["b1"])
    z = h @ params["W2"] + params["b2"]
    z = z - np.max(z, axis=1, keepdims=True)
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(X.shape[0]), y])


def log_sum_exp(a, axis):
    top = np.max(a, axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(a - top), axis=axis))


def gaussian_mixture(logits, means, scales, X):
    """Log-likelihood of a mixture of axis-aligned Gaussians."""
    d = X.shape[1]
    z = (X[:, None, :] - means) / np.exp(scales)
    quadratic = -0.5 * np.sum(z**2, axis=2) - np.sum(scales, axis=1)
    weights = logits - log_sum_exp(logits, 0)
    inner = weights + quadratic - 0.5 * d * np.log(2 * np.pi)
    return np.sum(log_sum_exp(inner, 1))


def hidden_markov(start, transition, emission, observed):
    """The forward algorithm in logarithms, one step per observation."""
    start = start - log_sum_exp(start, 0)
    transition = transition - log_sum_exp(transition, 1)[:, None]
    emission = emission - log_sum_exp(emission, 1)[:, None]
    alpha = start + emission[:, observed[0]]
    for t in range(1, len(observed)):
        alpha = log_sum_exp(alpha[:, None] + transition, 0) + emission[:, observed[t]]
    return log_sum_exp(alpha, 0)


def hidden_markov_scan(start, transition, emission, observed):
    """The forward algorithm as a loop."""
    transition = transition - log_sum_exp(transition, 1)[:, None]
    emission = emission - log_sum_exp(emission, 1)[:, None]

    def step(alpha, likelihood):
        return log_sum_exp(alpha[:, None] + transition, 0) + likelihood, np.sum(alpha)

    rows = np.transpose(emission[:, observed])
    alpha, totals = sd.scan(step, start + rows[0], rows[1:])
    return log_sum_exp(alpha, 0) + 0.01 * np.mean(totals)


def gaussian_process(log_scales, noise, X, y):
    """Marginal likelihood under a squared exponential kernel (Rasmussen & Williams)."""
    Z = X * np.exp(log_scales)
    squares = np.sum(Z**2, axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * np.dot(Z, Z.T)
    K = np.exp(-0.5 * distances) + np.exp(2 * noise) * np.eye(len(y))
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(K, y)
    logdet = 2 * np.sum(np.log(np.diagonal(L)))
    return 0.5 * (y @ alpha + logdet + len(y) * np.log(2 * np.pi))


def kalman(A, C, log_q, log_r, observed):
    """Log-likelihood of a linear Gaussian state space model."""
    n, m = A.shape[0], C.shape[0]
    mean, cov = np.zeros(n), np.eye(n)
    Q, R = np.diag(np.exp(log_q)), np.diag(np.exp(log_r))
    total = 0.0
    for y in observed:
        mean, cov = A @ mean, A @ cov @ A.T + Q
        S = C @ cov @ C.T + R
        error = y - C @ mean
        _, logdet = np.linalg.slogdet(S)
        total = total - 0.5 * (error @ np.linalg.solve(S, error) + logdet)
        gain = np.linalg.solve(S, C @ cov).T
        mean, cov = mean + gain @ error, cov - gain @ S @ gain.T
    return total - 0.5 * len(observed) * m * np.log(2 * np.pi)


def independent_components(W, X):
    """ICA: log-likelihood of sources with density 1 / (pi cosh s)."""
    S = X @ W.T
    _, logdet = np.linalg.slogdet(W)
    log_cosh = np.abs(S) + np.log1p(np.exp(-2 * np.abs(S))) - np.log(2.0)
    return X.shape[0] * logdet - np.sum(log_cosh)


def poisson_regression(w, X, counts, exposure):
    """Rates times an exposure; integer counts."""
    eta = X @ w + np.log(exposure)
    return np.sum(np.exp(eta) - counts * eta)


def garch(omega, alpha, beta, returns):
    """The likelihood of a GARCH(1, 1) recursion, scalars carried by a Python loop."""
    variance, total = np.var(returns), 0.0
    for r in returns:
        total = total + np.log(variance) + r**2 / variance
        variance = omega + alpha * r**2 + beta * variance
    return 0.5 * total


def low_rank_normal(mean, factor, log_diagonal, X):
    """Normal with covariance FFᵀ + D, its inverse and determinant by Woodbury."""
    inverse = np.exp(-log_diagonal)
    capacity = np.eye(factor.shape[1]) + factor.T @ (inverse[:, None] * factor)
    _, logdet = np.linalg.slogdet(capacity)
    delta = (X - mean) * inverse
    inner = np.linalg.solve(capacity, (delta @ factor).T)
    quadratic = np.einsum("nd,nd->", delta, X - mean)
    quadratic = quadratic - np.einsum("nk,kn->", delta @ factor, inner)
    return -0.5 * (quadratic + X.shape[0] * (logdet + np.sum(log_diagonal)))


# --- learning -------------------------------------------------------------------------


def variational_autoencoder(params, X, noise):
    """Evidence lower bound, Bernoulli pixels, the noise given."""
    encoder, decoder = params
    hidden = np.maximum(X @ encoder["W"] + encoder["b"], 0)
    mean, log_var = np.split(hidden @ encoder["out"], 2, axis=1)
    z = mean + np.exp(0.5 * log_var) * noise
    logits = np.tanh(z @ decoder["W"]) @ decoder["out"]
    likelihood = np.sum(X * logits - np.logaddexp(0, logits), axis=-1)
    kl = 0.5 * np.sum(np.exp(log_var) + mean**2 - 1 - log_var, axis=-1)
    return np.mean(likelihood - kl)


def factorisation(U, V, ratings, seen):
    """Matrix factorisation over the entries that a mask marks."""
    error = np.where(seen, ratings - U @ V.T, 0.0)
    return np.sum(error**2) + 0.1 * (np.sum(U**2) + np.linalg.norm(V) ** 2)


def sinkhorn(x, y, log_weights):
    """Entropic transport cost between two point sets."""
    cost = np.sum((x[:, None] - y[None]) ** 2, axis=-1)
    a = log_weights - log_sum_exp(log_weights, 0)
    b = np.full(y.shape[0], -np.log(y.shape[0]))
    f, g = np.zeros(x.shape[0]), np.zeros(y.shape[0])
    for _ in range(10):
        f = -log_sum_exp((g + b)[None, :] - cost / 0.5, 1)
        g = -log_sum_exp((f + a)[:, None] - cost / 0.5, 0)
    plan = np.exp(f[:, None] + g[None] + a[:, None] + b[None] - cost / 0.5)
    return np.sum(plan * cost)


def lstm(params, sequence, target):
    """A long short-term memory layer over a sequence, as a loop."""

    def step(carry, x):
        h, c = carry
        gates = x @ params["Wx"] + h @ params["Wh"] + params["b"]
        i, f, o, g = np.split(gates, 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        return (h, c), h

    zeros = np.zeros(params["Wh"].shape[0])
    _, outputs = sd.scan(step, (zeros, zeros), sequence)
    return np.mean((outputs @ params["out"] - target) ** 2)


def attention(params, X):
    """One causal attention head."""
    q, k, v = X @ params["q"], X @ params["k"], X @ params["v"]
    scores = np.einsum("id,jd->ij", q, k) / np.sqrt(q.shape[-1])
    scores = np.where(np.tri(len(X), dtype=bool), scores, -1e9)
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return np.mean((weights @ v) ** 2)


def contrastive(X, W):
    """Cosine similarities in a softmax over the batch."""
    Z = X @ W
    Z = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    S = Z @ Z.T - 10.0 * np.eye(X.shape[0])
    return np.mean(log_sum_exp(S, 1) - S[:, 0])


# --- physics --------------------------------------------------------------------------


def neural_ode(params, state, target):
    """Classical Runge-Kutta through a small network, unrolled."""

    def velocity(s):
        return np.tanh(s @ params[0]) @ params[1]

    for _ in range(8):
        k1 = velocity(state)
        k2 = velocity(state + 0.05 * k1)
        k3 = velocity(state + 0.05 * k2)
        k4 = velocity(state + 0.1 * k3)
        state = state + 0.1 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sum((state - target) ** 2)


def neural_ode_scan(params, state, target):
    """Two hundred Euler steps as a loop."""

    def step(s, _):
        return s + 0.01 * np.tanh(s @ params[0]) @ params[1], None

    state, _ = sd.scan(step, state, None, length=200)
    return np.sum((state - target) ** 2)


def heat(diffusion, u, target):
    """An explicit scheme on a ring, conductivity per cell."""
    for _ in range(10):
        flux = diffusion * (np.roll(u, -1) - u)
        u = u + 0.2 * (flux - np.roll(flux, 1))
    return np.mean((u - target) ** 2)


def n_body(positions, masses):
    """Gravitational energy of a cloud, softened."""
    delta = positions[:, None, :] - positions[None, :, :]
    distance = np.sqrt(np.sum(delta**2, axis=-1) + 0.01)
    pairs = np.outer(masses, masses) / distance
    return -0.5 * (np.sum(pairs) - np.trace(pairs))


def vibrations(stiffness, masses):
    """The sum of logarithms of a chain's eigenfrequencies."""
    n = len(masses)
    K = np.diag(stiffness[:-1] + stiffness[1:]) - np.diag(stiffness[1:-1], 1)
    K = K - np.diag(stiffness[1:-1], -1)
    root = 1 / np.sqrt(masses)
    values = np.linalg.eigvalsh(root[:, None] * K * root)
    return np.sum(np.log(values)) / n + np.prod(masses)


# --- optimisation ---------------------------------------------------------------------


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0)


def newton_root(a):
    """Cube roots by Newton's iteration, the derivative taken inside."""

    def equation(x, a):
        return np.sum(x**3 - a) + np.sum(0.0 * x)

    x = np.ones(a.shape)
    for _ in range(6):
        x = x - (x**3 - a) / grad(equation)(x, a)
    return np.sum(np.sin(x))


def tuned_ridge(log_ridge, X, y, X_new, y_new):
    """Loss on new data after gradient descent that stops by itself."""

    def loss(w):
        return np.mean((X @ w - y) ** 2) + np.sum(np.exp(log_ridge) * w**2)

    def going(carry):
        _, g, step = carry
        return (step < 60) & (np.sum(g**2) > 1e-6)

    def descend(carry):
        w, g, step = carry
        w = w - 0.2 * g
        return w, grad(loss)(w), step + 1

    start = np.zeros(X.shape[1])
    w, _, _ = sd.while_loop(going, descend, (start, grad(loss)(start), np.array(0)))
    return np.mean((X_new @ w - y_new) ** 2)


def soft_alignment(x, y):
    """Soft dynamic time warping, a table of scalars filled by Python loops."""
    big = 1e3
    table = [[0.0] + [big] * len(y)]
    for i in range(len(x)):
        row = [big]
        for j in range(len(y)):
            before = [table[i][j], table[i][j + 1], row[j]]
            low = -np.log(sum(np.exp(-b) for b in before))
            row.append((x[i] - y[j]) ** 2 + low)
        table.append(row)
    return table[-1][-1]


# --- data -----------------------------------------------------------------------------

# name: the function, how many leading arguments to differentiate by, and the arguments
PROGRAMS: dict[str, tuple[Callable[..., Any], int, tuple[Any, ...]]] = {}


def _data() -> None:
    rng = np.random.default_rng(7)

    def n(*shape: int) -> Any:
        return rng.normal(size=shape)

    def small(*shape: int) -> Any:
        return 0.4 * rng.normal(size=shape)

    def add(function: Callable[..., Any], count: int, *args: Any) -> None:
        PROGRAMS[function.__name__] = (function, count, args)

    add(logistic_regression, 2, n(4), 0.3, n(9, 4), rng.integers(0, 2, 9))
    two_layers = {"W1": n(4, 5), "b1": n(5), "W2": n(5, 3), "b2": n(3)}
    add(multinomial, 1, two_layers, n(7, 4), rng.integers(0, 3, 7))
    add(gaussian_mixture, 3, n(3), n(3, 2), small(3, 2), n(8, 2))
    observed = rng.integers(0, 4, 6)
    add(hidden_markov, 3, n(3), n(3, 3), n(3, 4), observed)
    add(hidden_markov_scan, 3, n(3), n(3, 3), n(3, 4), observed)
    add(gaussian_process, 2, small(2), -1.0, n(6, 2), n(6))
    add(kalman, 4, small(3, 3), n(2, 3), small(3), small(2), n(5, 2))
    add(independent_components, 1, np.eye(3) + small(3, 3), n(7, 3))
    add(poisson_regression, 1, small(3), n(6, 3), rng.integers(0, 5, 6), 1 + n(6) ** 2)
    add(garch, 3, 0.1, 0.2, 0.7, n(8))
    add(low_rank_normal, 3, n(5), n(5, 2), small(5), n(6, 5))
    encoder = {"W": n(6, 5), "b": n(5), "out": small(5, 4)}
    decoder = {"W": n(2, 5), "out": n(5, 6)}
    pixels = rng.uniform(size=(4, 6))
    add(variational_autoencoder, 1, (encoder, decoder), pixels, n(4, 2))
    add(factorisation, 2, n(5, 2), n(4, 2), n(5, 4), rng.uniform(size=(5, 4)) < 0.7)
    add(sinkhorn, 3, n(4, 2), n(5, 2), n(4))
    cell = {"Wx": n(2, 12), "Wh": small(3, 12), "b": n(12), "out": n(3)}
    add(lstm, 1, cell, n(6, 2), n(6))
    add(attention, 1, {"q": n(4, 3), "k": n(4, 3), "v": n(4, 3)}, n(5, 4))
    add(contrastive, 2, n(5, 4), n(4, 3))
    add(neural_ode, 2, [n(2, 6), small(6, 2)], n(3, 2), n(3, 2))
    add(neural_ode_scan, 2, [n(2, 6), small(6, 2)], n(3, 2), n(3, 2))
    add(heat, 2, 1 + small(7) ** 2, n(7), n(7))
    add(n_body, 2, n(5, 3), 1 + n(5) ** 2)
    add(vibrations, 2, 1 + n(5) ** 2, 1 + n(4) ** 2)
    add(rosenbrock, 1, n(5))
    add(newton_root, 1, 1 + n(4) ** 2)
    ridge = (small(3), n(8, 3), n(8), n(5, 3), n(5))
    add(tuned_ridge, 1, *ridge)
    add(soft_alignment, 2, n(4), n(3))


_data()
