"""The log-likelihood of a mixture of Gaussians on the line, by hand."""

import numpy as np


def logsumexp(a):
    """Return log(sum(exp(a))) of the last axis, kept."""
    m = a.max(axis=-1, keepdims=True)
    return m + np.log(np.exp(a - m).sum(axis=-1, keepdims=True))


def forward(params, x):
    """Return the loss, and what backward reads."""
    log_pi = params["logits"] - logsumexp(params["logits"])
    sigma = np.exp(params["log_sigma"])
    z = (x - params["mu"]) / sigma
    log_p = log_pi - params["log_sigma"] - z**2 / 2
    log_likelihood = logsumexp(log_p)
    r = np.exp(log_p - log_likelihood)  # how much of each point is each component's
    return -log_likelihood.mean(), (r, z, sigma, np.exp(log_pi))


def backward(params, cache):
    """Return the gradient by every parameter."""
    r, z, sigma, pi = cache
    d_log_p = -r / len(r)
    d_logits = pi + d_log_p.sum(axis=0)
    d_mu = (d_log_p * z).sum(axis=0) / sigma
    d_log_sigma = (d_log_p * (z**2 - 1)).sum(axis=0)
    return {"logits": d_logits, "mu": d_mu, "log_sigma": d_log_sigma}
