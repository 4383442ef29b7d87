"""A layer with batch normalisation, a softmax, by hand."""

import numpy as np

EPS = 1e-5


def forward(params, x, y):
    """Return the loss, and what backward reads."""
    z = x @ params["hidden.W"] + params["hidden.b"]
    std = np.sqrt(z.var(axis=0) + EPS)
    z_hat = (z - z.mean(axis=0)) / std
    h = np.maximum(params["norm.gamma"] * z_hat + params["norm.beta"], 0)
    scores = h @ params["out.W"] + params["out.b"]
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(x)), y]).mean(), (x, y, z_hat, std, h, p)


def backward(params, cache):
    """Return the gradient by every parameter."""
    x, y, z_hat, std, h, p = cache
    N = len(x)
    grads = {}

    # loss = mean(-log p[y])
    d_scores = p.copy()
    d_scores[np.arange(N), y] -= 1
    d_scores /= N

    # scores = h @ W + b
    grads["out.W"] = h.T @ d_scores
    grads["out.b"] = d_scores.sum(axis=0)
    d_h = d_scores @ params["out.W"].T

    # h = relu(gamma * z_hat + beta)
    d_n = d_h * (h > 0)
    grads["norm.gamma"] = (d_n * z_hat).sum(axis=0)
    grads["norm.beta"] = d_n.sum(axis=0)

    # z_hat = (z - mean(z)) / std(z)
    d_z_hat = d_n * params["norm.gamma"]
    centred = d_z_hat - d_z_hat.mean(axis=0)
    d_z = (centred - z_hat * (d_z_hat * z_hat).mean(axis=0)) / std

    # z = x @ W + b
    grads["hidden.W"] = x.T @ d_z
    grads["hidden.b"] = d_z.sum(axis=0)
    return grads
