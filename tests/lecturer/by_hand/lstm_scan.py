"""An LSTM read at its last step, by hand."""

import numpy as np


def sigmoid(a):
    """Return 1 / (1 + exp(-a))."""
    return 1 / (1 + np.exp(-a))


def forward(params, x, y):
    """Return the loss, and what backward reads: the values of every step."""
    W, U, b = params["W"], params["U"], params["b"]
    h = c = np.zeros(y.shape)
    steps = []
    for x_t in x:
        i, f, g, o = np.split(x_t @ W + h @ U + b, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        h_prev, c_prev = h, c
        c = f * c_prev + i * g
        tanh_c = np.tanh(c)
        h = o * tanh_c
        steps.append((x_t, h_prev, c_prev, i, f, g, o, tanh_c))
    return ((h - y) ** 2).mean(), (steps, h, y)


def backward(params, cache):
    """Return the gradient by every parameter."""
    U = params["U"]
    steps, h, y = cache
    d_W, d_U, d_b = (np.zeros_like(params[name]) for name in ("W", "U", "b"))
    d_h = 2 * (h - y) / h.size
    d_c = np.zeros_like(d_h)
    for x, h_prev, c_prev, i, f, g, o, tanh_c in reversed(steps):
        # h = o * tanh(c)
        d_o = d_h * tanh_c
        d_c = d_c + d_h * o * (1 - tanh_c**2)

        # c = f * c_prev + i * g
        d_i, d_f, d_g = d_c * g, d_c * c_prev, d_c * i
        d_c = d_c * f

        # i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of the parts of z
        d_z = np.concatenate(
            [d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g**2), d_o * o * (1 - o)],
            axis=1,
        )

        # z = x @ W + h_prev @ U + b
        d_W += x.T @ d_z
        d_U += h_prev.T @ d_z
        d_b += d_z.sum(axis=0)
        d_h = d_z @ U.T
    return {"W": d_W, "U": d_U, "b": d_b}
