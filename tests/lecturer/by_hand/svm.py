"""The multi-class SVM loss spelled out, by hand."""

import numpy as np


def forward(params, x, y):
    """Return the loss, and what backward reads."""
    W, N = params["W"], len(x)
    scores = x @ W
    correct = scores[np.arange(N), y]
    margins = np.maximum(0, scores - correct[:, None] + 1)
    loss = margins.sum() / N - 1 + 1e-3 * (W**2).sum()
    return loss, (x, y, margins)


def backward(params, cache):
    """Return the gradient by W: an image's class is pushed up once for every class
    inside the margin.
    """
    x, y, margins = cache
    N = len(x)
    d_scores = (margins > 0) / N
    d_scores[np.arange(N), y] -= d_scores.sum(axis=1)
    return {"W": x.T @ d_scores + 2e-3 * params["W"]}
