"""ADBench's Gaussian mixture, from plain NumPy: `python examples/adbench_gmm.py`.

The log-posterior of a mixture of K Gaussians in D dimensions, with a Wishart prior on
their inverse covariances QᵀQ; Q is lower triangular, its diagonal an exponential, so
any parameters are valid. Formulas: Srajer, Kukelova & Fitzgibbon, "A benchmark of
selected algorithmic differentiation tools", Optimization Methods and Software 33
(2018), section 4.1. One component at a time, so that nothing of size N·K·D is ever
made: the largest arrays are N x D and N x K.
"""

import math

import numpy as np

import symdiff as sd
from symdiff.transforms import value_and_grad


def lower_triangles(icf, d):
    """Return Q of shape (K, D, D): log-diagonals first, then the columns below it."""
    below = icf[:, d:]
    columns, rows = np.triu_indices(d, 1)  # the strict lower triangle, column by column
    place = np.full((d, d), below.shape[1])
    place[rows, columns] = np.arange(below.shape[1])
    padded = np.concatenate([below, np.zeros((below.shape[0], 1))], axis=1)
    diagonal = np.exp(icf[:, :d])
    return padded[:, place] + diagonal[:, :, None] * np.eye(d)


def log_wishart_prior(icf, Q_diagonal, log_diagonal, gamma, m):
    """Return the log-density of the prior on every component's Q."""
    k, d = Q_diagonal.shape
    n = d + m + 1
    squares = np.sum(Q_diagonal**2) + np.sum(icf[:, d:] ** 2)
    constant = n * d * (np.log(gamma) - 0.5 * math.log(2))
    constant = constant - 0.25 * d * (d - 1) * math.log(math.pi)
    constant = constant - sum(math.lgamma(0.5 * (n - j)) for j in range(d))
    return 0.5 * gamma**2 * squares - m * np.sum(log_diagonal) - k * constant


def log_posterior(alphas, means, icf, X, gamma, m):
    """Return the objective of ADBench's gmm.

    alphas (K,) are log-weights, means (K, D), icf (K, D(D+1)/2), X (N, D).
    """
    n, d = X.shape
    log_diagonal = icf[:, :d]

    def distances(component):
        mean, Q = component
        return np.sum(((X - mean) @ Q.T) ** 2, axis=1)

    squares = sd.map(distances, (means, lower_triangles(icf, d)))  # (K, N)
    weights = alphas + np.sum(log_diagonal, axis=1)
    inner = weights[:, None] - 0.5 * squares
    likelihood = np.sum(sd.logsumexp(inner, axis=0)) - n * sd.logsumexp(alphas)
    prior = log_wishart_prior(icf, np.exp(log_diagonal), log_diagonal, gamma, m)
    return likelihood - 0.5 * n * d * math.log(2 * math.pi) + prior


def log_posterior_by_hand(alphas, means, icf, X, gamma, m):
    """The same objective in loops over points and components, sharing no code."""
    (n, d), k = X.shape, len(alphas)
    total = -0.5 * n * d * math.log(2 * math.pi)
    for x in X:
        terms = []
        for a, mean, parameters in zip(alphas, means, icf, strict=True):
            Q, next_one = np.diag(np.exp(parameters[:d])), d
            for column in range(d):
                for row in range(column + 1, d):
                    Q[row, column] = parameters[next_one]
                    next_one += 1
            z = Q @ (x - mean)
            terms.append(a + sum(parameters[:d]) - 0.5 * z @ z)
        total += np.logaddexp.reduce(terms)
    total -= n * np.logaddexp.reduce(alphas)
    for parameters in icf:
        diagonal, below = np.exp(parameters[:d]), parameters[d:]
        total += 0.5 * gamma**2 * (diagonal @ diagonal + below @ below)
        total -= m * sum(parameters[:d])
    p = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi)
    log_gamma += sum(math.lgamma(0.5 * p + 0.5 * (1 - j)) for j in range(1, d + 1))
    return total - k * (p * d * math.log(gamma / math.sqrt(2)) - log_gamma)


def problem(n, k, d, seed=0):
    """Return random parameters and data, and the prior's gamma and m."""
    rng = np.random.default_rng(seed)
    alphas, means = rng.normal(size=k), rng.normal(size=(k, d))
    icf = 0.5 * rng.normal(size=(k, d * (d + 1) // 2))
    return alphas, means, icf, rng.normal(size=(n, d)), 1.2, 2


def main():
    """Check value and gradient against loops and central differences."""
    gradient = value_and_grad(log_posterior, (0, 1, 2))
    arguments = problem(n=30, k=4, d=3)
    value, found = gradient(*arguments)
    check("log-posterior", log_posterior_by_hand(*arguments), value)
    rng, step = np.random.default_rng(1), 1e-5
    for i, name in enumerate(("alphas", "means", "icf")):
        direction = rng.normal(size=arguments[i].shape)
        sides = []
        for sign in (1, -1):
            moved = list(arguments)
            moved[i] = moved[i] + sign * step * direction
            sides.append(log_posterior_by_hand(*moved))
        slope = (sides[0] - sides[1]) / (2 * step)
        moved_by = np.sum(found[i] * direction)
        check(f"slope along {name}, by central differences", slope, moved_by, 1e-7)
    shifted = (arguments[0] + 3.0, *arguments[1:])
    check("adding 3 to every log-weight changes nothing", value, gradient(*shifted)[0])
    print(gradient.source)
    finish()


if __name__ == "__main__":
    from _report import check, finish

    main()
