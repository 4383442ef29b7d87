"""W3·max(0, W2·max(0, W1 x)) with a softmax loss, by hand."""

import numpy as np


def forward(params, x, y):
    """Return the loss, and what backward reads."""
    h1 = np.maximum(0, x @ params["W1"])
    h2 = np.maximum(0, h1 @ params["W2"])
    scores = h2 @ params["W3"]
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(x)), y]).mean(), (x, y, h1, h2, p)


def backward(params, cache):
    """Return the gradient by every parameter."""
    W2, W3 = params["W2"], params["W3"]
    x, y, h1, h2, p = cache
    N = len(x)

    # loss = mean(-log p[y])
    d_scores = p.copy()
    d_scores[np.arange(N), y] -= 1
    d_scores /= N

    # scores = h2 @ W3
    d_W3 = h2.T @ d_scores
    d_h2 = d_scores @ W3.T

    # h2 = max(0, h1 @ W2)
    d_a2 = d_h2 * (h2 > 0)
    d_W2 = h1.T @ d_a2
    d_h1 = d_a2 @ W2.T

    # h1 = max(0, x @ W1)
    d_a1 = d_h1 * (h1 > 0)
    d_W1 = x.T @ d_a1
    return {"W1": d_W1, "W2": d_W2, "W3": d_W3}
