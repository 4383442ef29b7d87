"""Causal attention of several heads behind a layer norm, a residual, by hand."""

import numpy as np

HEADS, EPS = 4, 1e-5


def split_heads(z):
    """Return (N, T, units) as (N, heads, T, units of a head)."""
    N, T, units = z.shape
    return z.reshape(N, T, HEADS, units // HEADS).swapaxes(1, 2)


def join_heads(z):
    """Return (N, heads, T, units of a head) as (N, T, units)."""
    N, _, T, _ = z.shape
    return z.swapaxes(1, 2).reshape(N, T, -1)


def dense(p, name, x):
    """Return x @ W + b."""
    return x @ p[f"{name}.W"] + p[f"{name}.b"]


def dense_backward(p, grads, name, x, d_out):
    """Store the gradients by W and b; return the one by x."""
    grads[f"{name}.W"] = np.tensordot(x, d_out, axes=([0, 1], [0, 1]))
    grads[f"{name}.b"] = d_out.sum(axis=(0, 1))
    return d_out @ p[f"{name}.W"].T


def forward(params, h, y):
    """Return the loss, and what backward reads."""
    T = h.shape[1]
    std = np.sqrt(h.var(axis=2, keepdims=True) + EPS)
    h_hat = (h - h.mean(axis=2, keepdims=True)) / std
    seen = params["norm.gamma"] * h_hat + params["norm.beta"]
    q, k, v = (split_heads(dense(params, f"attention.{s}", seen)) for s in "qkv")
    scores = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1])
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    e = np.exp(scores - scores.max(axis=3, keepdims=True))
    shares = e / e.sum(axis=3, keepdims=True)
    heads = join_heads(shares @ v)
    out = h + dense(params, "attention.out", heads)
    return ((out - y) ** 2).mean(), (h_hat, seen, q, k, v, shares, heads, out, y)


def backward(params, cache):
    """Return the gradient by every parameter."""
    h_hat, seen, q, k, v, shares, heads, out, y = cache
    grads = {}

    # loss = mean((out - y)**2)
    d_out = 2 * (out - y) / out.size

    # out = h + dense(heads); heads = shares @ v
    d_heads = dense_backward(params, grads, "attention.out", heads, d_out)
    d_attended = split_heads(d_heads)
    d_shares = d_attended @ v.swapaxes(2, 3)
    d_v = shares.swapaxes(2, 3) @ d_attended

    # shares = softmax(q @ k.T / sqrt(d)), 0 where a later step is hidden
    inner = (d_shares * shares).sum(axis=3, keepdims=True)
    d_scores = shares * (d_shares - inner) / np.sqrt(q.shape[-1])
    d_q = d_scores @ k
    d_k = d_scores.swapaxes(2, 3) @ q

    # q, k, v = dense(seen)
    d_seen = 0
    for name, d_z in (("q", d_q), ("k", d_k), ("v", d_v)):
        d_z = join_heads(d_z)
        d_seen = d_seen + dense_backward(params, grads, f"attention.{name}", seen, d_z)

    # seen = gamma * h_hat + beta
    grads["norm.gamma"] = (d_seen * h_hat).sum(axis=(0, 1))
    grads["norm.beta"] = d_seen.sum(axis=(0, 1))
    return grads
