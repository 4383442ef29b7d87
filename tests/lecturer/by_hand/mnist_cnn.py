"""Two convolutions with max-pooling, dropout and a softmax, by hand.

A convolution is a product with the patches of its padded input, and goes back by adding
each patch's gradient where the patch was.
"""

import numpy as np


def patches(x, k):
    """Return the k x k patches around all pixels of x: (N, H, W, C, k, k)."""
    p = k // 2
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(2, 3))
    return seen.transpose(0, 2, 3, 1, 4, 5)


def conv(seen, W, b):
    """Return a convolution of patches with W (K, C, k, k)."""
    z = np.tensordot(seen, W, axes=([3, 4, 5], [1, 2, 3])) + b
    return z.transpose(0, 3, 1, 2)


def conv_backward(d_z, seen):
    """Return the gradients by W and b of a convolution."""
    d_W = np.tensordot(d_z, seen, axes=([0, 2, 3], [0, 1, 2]))
    return d_W, d_z.sum(axis=(0, 2, 3))


def conv_input_backward(d_z, W):
    """Return the gradient by the input of a convolution."""
    N, _, H, width = d_z.shape
    _, C, k, _ = W.shape
    p = k // 2
    d_padded = np.zeros((N, C, H + 2 * p, width + 2 * p))
    for i, j in np.ndindex(k, k):
        d_patch = np.tensordot(d_z, W[:, :, i, j], axes=([1], [0]))
        d_padded[:, :, i : i + H, j : j + width] += d_patch.transpose(0, 3, 1, 2)
    return d_padded[:, :, p : p + H, p : p + width]


def pool(x):
    """Return the maxima of blocks of 2 x 2 pixels."""
    N, C, H, width = x.shape
    return x.reshape(N, C, H // 2, 2, width // 2, 2).max(axis=(3, 5))


def unpool(out):
    """Return pixels twice as wide and high."""
    return out.repeat(2, axis=2).repeat(2, axis=3)


def pool_backward(d_out, x, out):
    """Return the gradient by x: each block's goes to its maximum."""
    return unpool(d_out) * (x == unpool(out))


def forward(params, x, y, mask):
    """Return the loss, and what backward reads; mask is 0 or 1/keep."""
    N = len(x)
    seen = patches(x, 5)
    strokes = np.maximum(conv(seen, params["strokes.W"], params["strokes.b"]), 0)
    halved = pool(strokes)
    seen2 = patches(halved, 5)
    parts = np.maximum(conv(seen2, params["parts.W"], params["parts.b"]), 0)
    quarter = pool(parts)
    kept = quarter.reshape(N, -1) * mask
    z = kept @ params["digit.W"] + params["digit.b"]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(N), y]).mean()
    return loss, (seen, strokes, halved, seen2, parts, quarter, kept, mask, p, y)


def backward(params, cache):
    """Return the gradient by every parameter."""
    seen, strokes, halved, seen2, parts, quarter, kept, mask, p, y = cache
    N = len(y)
    grads = {}

    # loss = mean(-log p[y])
    d_z = p.copy()
    d_z[np.arange(N), y] -= 1
    d_z /= N

    # z = (quarter * mask) @ W + b
    grads["digit.W"] = kept.T @ d_z
    grads["digit.b"] = d_z.sum(axis=0)
    d_quarter = (d_z @ params["digit.W"].T * mask).reshape(quarter.shape)

    # parts = relu(conv(halved, W, b)), quarter = pool(parts); equal maxima are all 0,
    # where relu passes nothing
    d_parts = pool_backward(d_quarter, parts, quarter) * (parts > 0)
    grads["parts.W"], grads["parts.b"] = conv_backward(d_parts, seen2)
    d_halved = conv_input_backward(d_parts, params["parts.W"])

    # strokes = relu(conv(x, W, b)), halved = pool(strokes)
    d_strokes = pool_backward(d_halved, strokes, halved) * (strokes > 0)
    grads["strokes.W"], grads["strokes.b"] = conv_backward(d_strokes, seen)
    return grads
