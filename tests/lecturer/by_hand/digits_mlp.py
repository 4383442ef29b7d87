"""A layer of relu, a softmax, and weight decay, by hand."""

import numpy as np

DECAY = 1e-4


def forward(params, x, y):
    """Return the loss, and what backward reads."""
    W1, W2 = params["hidden.W"], params["out.W"]
    h = np.maximum(x @ W1 + params["hidden.b"], 0)
    z = h @ W2 + params["out.b"]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    likelihood = p[np.arange(len(x)), y]
    loss = -np.log(likelihood).mean() + DECAY * ((W1**2).sum() + (W2**2).sum())
    return loss, (x, y, h, p)


def backward(params, cache):
    """Return the gradient by every parameter."""
    W1, W2 = params["hidden.W"], params["out.W"]
    x, y, h, p = cache
    N = len(x)

    # loss = mean(-log p[y]) + decay * (sum(W1**2) + sum(W2**2))
    d_z = p.copy()
    d_z[np.arange(N), y] -= 1
    d_z /= N

    # z = h @ W2 + b2
    d_W2 = h.T @ d_z + 2 * DECAY * W2
    d_b2 = d_z.sum(axis=0)
    d_h = d_z @ W2.T

    # h = relu(x @ W1 + b1)
    d_a = d_h * (h > 0)
    d_W1 = x.T @ d_a + 2 * DECAY * W1
    d_b1 = d_a.sum(axis=0)
    return {"hidden.W": d_W1, "hidden.b": d_b1, "out.W": d_W2, "out.b": d_b2}
