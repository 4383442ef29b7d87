"""A linear-chain CRF's negative log-likelihood, by hand: forward-backward."""

import numpy as np


def logsumexp(a, axis):
    """Return log(sum(exp(a))) along an axis."""
    m = a.max(axis=axis)
    return m + np.log(np.exp(a - np.expand_dims(m, axis)).sum(axis=axis))


def forward(params, x, y):
    """Return the loss, and what backward reads."""
    A = params["A"]
    scores = x @ params["W"]
    alpha = np.empty_like(scores)
    alpha[0] = scores[0]
    for t in range(1, len(x)):
        alpha[t] = logsumexp(alpha[t - 1][:, None] + A, axis=0) + scores[t]
    path = scores[np.arange(len(x)), y].sum() + A[y[:-1], y[1:]].sum()
    log_Z = logsumexp(alpha[-1], axis=0)
    return log_Z - path, (x, y, scores, alpha, log_Z)


def backward(params, cache):
    """Return the gradient by every parameter."""
    x, y, scores, alpha, log_Z = cache
    A, T = params["A"], len(x)
    d_A, d_scores = np.zeros_like(A), np.empty_like(scores)

    # loss = logsumexp(alpha[-1]) - path
    d_alpha = np.exp(alpha[-1] - log_Z)
    for t in reversed(range(1, T)):
        # alpha[t] = logsumexp(alpha[t - 1][:, None] + A, axis=0) + scores[t]
        d_scores[t] = d_alpha
        share = np.exp(alpha[t - 1][:, None] + A - (alpha[t] - scores[t]))
        d_A += share * d_alpha
        d_alpha = share @ d_alpha
    d_scores[0] = d_alpha

    # path = sum(scores[t, y[t]]) + sum(A[y[t], y[t + 1]])
    d_scores[np.arange(T), y] -= 1
    np.add.at(d_A, (y[:-1], y[1:]), -1)
    return {"W": x.T @ d_scores, "A": d_A}
