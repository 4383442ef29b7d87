"""An LSTM, and a dense layer that reads its last hidden state, by hand."""

import numpy as np


def sigmoid(a):
    """Return 1 / (1 + exp(-a))."""
    return 1 / (1 + np.exp(-a))


def forward(params, x, y):
    """Return the loss, and what backward reads: the values of every step."""
    W, U, b = params["lstm.W"], params["lstm.U"], params["lstm.b"]
    h = c = np.zeros((len(x), len(U)))
    steps = []
    for x_t in x.swapaxes(0, 1):
        i, f, g, o = np.split(x_t @ W + h @ U + b, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        h_prev, c_prev = h, c
        c = f * c_prev + i * g
        tanh_c = np.tanh(c)
        h = o * tanh_c
        steps.append((x_t, h_prev, c_prev, i, f, g, o, tanh_c))
    guess = h @ params["out.W"] + params["out.b"]
    return ((guess - y) ** 2).mean(), (steps, h, guess, y)


def backward(params, cache):
    """Return the gradient by every parameter."""
    U = params["lstm.U"]
    steps, h, guess, y = cache
    grads = {name: np.zeros_like(value) for name, value in params.items()}

    # loss = mean((guess - y)**2)
    d_guess = 2 * (guess - y) / guess.size

    # guess = h @ W + b
    grads["out.W"] = h.T @ d_guess
    grads["out.b"] = d_guess.sum(axis=0)
    d_h = d_guess @ params["out.W"].T

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
        grads["lstm.W"] += x.T @ d_z
        grads["lstm.U"] += h_prev.T @ d_z
        grads["lstm.b"] += d_z.sum(axis=0)
        d_h = d_z @ U.T
    return grads
