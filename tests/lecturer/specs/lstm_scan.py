"""An LSTM whose step is written out, repeated by scan; the last h is the guess."""

import symdiff as sd

UNITS = 5
N, T = sd.dim("N"), sd.dim("T")
x = sd.input("x", (T, N, 3))
y = sd.input("y", (N, UNITS))
W = sd.param("W", (3, 4 * UNITS), init="glorot_uniform")
U = sd.param("U", (UNITS, 4 * UNITS), init="glorot_uniform")
b = sd.param("b", (4 * UNITS,))


def step(state, x_t):
    h, c = state
    i, f, g, o = sd.split(x_t @ W + h @ U + b, 4, axis=1)
    c = sd.sigmoid(f) * c + sd.sigmoid(i) * sd.tanh(g)
    h = sd.sigmoid(o) * sd.tanh(c)
    return (h, c), None


start = sd.zeros((N, UNITS))
(h, c), _ = sd.scan(step, (start, start), x)
loss = sd.mean((h - y) ** 2)

model = sd.Model("lstm_scan", [x], [y], h, loss=loss)
