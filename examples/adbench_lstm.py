"""ADBench's LSTM, from plain NumPy: `python examples/adbench_lstm.py`.

A stack of layers, each gate a scale and a shift per unit, predicts the next of a
sequence of characters; the objective is the mean negative log-likelihood, with 2 added
inside the logarithm. Formulas: ADBench (github.com/microsoft/ADBench), problem "lstm",
after Srajer, Kukelova & Fitzgibbon, Optimization Methods and Software 33 (2018). Time
is a loop (`sd.scan`), whatever its length; the layers are written out.
"""

import numpy as np

import symdiff as sd
from symdiff.transforms import value_and_grad


def sigmoid(x):
    """Return the logistic function."""
    return 1 / (1 + np.exp(-x))


def layer(weight, bias, hidden, cell, x):
    """Return hidden and cell state after one step; weight and bias are (4, B)."""
    forget = sigmoid(x * weight[0] + bias[0])
    ingate = sigmoid(hidden * weight[1] + bias[1])
    outgate = sigmoid(x * weight[2] + bias[2])
    change = np.tanh(hidden * weight[3] + bias[3])
    cell = cell * forget + ingate * change
    return outgate * np.tanh(cell), cell


def predict(main, extra, state, x):
    """Return the next prediction and state: main (2L, 4, B), extra (3, B), state (2L,
    B).
    """
    x = x * extra[0]
    new = []
    for i in range(0, len(main), 2):
        hidden, cell = layer(main[i], main[i + 1], state[i], state[i + 1], x)
        new += [hidden, cell]
        x = hidden
    return x * extra[1] + extra[2], new


def objective(main, extra, state, sequence):
    """Return the loss over a sequence of shape (T, B)."""

    def step(state, pair):
        x, target = pair
        y, state = predict(main, extra, state, x)
        log_probability = y - np.log(np.sum(np.exp(y)) + 2)
        return state, np.sum(target * log_probability)

    start = [state[i] for i in range(len(state))]
    _, totals = sd.scan(step, start, (sequence[:-1], sequence[1:]))
    return -np.sum(totals) / sequence[1:].size


def objective_by_hand(main, extra, state, sequence):
    """The same objective number by number, sharing no code."""
    from math import exp, log, tanh

    count, width = sequence.shape
    state = [list(map(float, row)) for row in state]
    total = 0.0
    for t in range(count - 1):
        x = [float(sequence[t, b] * extra[0, b]) for b in range(width)]
        for i in range(0, len(main), 2):
            w, v = main[i], main[i + 1]
            for b in range(width):
                h, c = state[i][b], state[i + 1][b]
                forget = 1 / (1 + exp(-(x[b] * w[0, b] + v[0, b])))
                ingate = 1 / (1 + exp(-(h * w[1, b] + v[1, b])))
                outgate = 1 / (1 + exp(-(x[b] * w[2, b] + v[2, b])))
                c = c * forget + ingate * tanh(h * w[3, b] + v[3, b])
                state[i][b], state[i + 1][b] = outgate * tanh(c), c
            x = state[i]
        y = [x[b] * extra[1, b] + extra[2, b] for b in range(width)]
        normaliser = log(2 + sum(exp(v) for v in y))
        total += sum(sequence[t + 1, b] * (y[b] - normaliser) for b in range(width))
    return -total / ((count - 1) * width)


def problem(layers, width, count, seed=0):
    """Return random weights and state, and a sequence of one-hot rows."""
    rng = np.random.default_rng(seed)
    main = 0.5 * rng.normal(size=(2 * layers, 4, width))
    extra, state = rng.normal(size=(3, width)), rng.normal(size=(2 * layers, width))
    return main, extra, state, np.eye(width)[rng.integers(0, width, count)]


def main():
    """Check value and gradient against scalar loops and central differences."""
    gradient = value_and_grad(objective, (0, 1))
    arguments = problem(layers=2, width=6, count=12)
    value, found = gradient(*arguments)
    check("loss", objective_by_hand(*arguments), value)
    rng, step = np.random.default_rng(1), 1e-5
    for i, name in enumerate(("main", "extra")):
        for trial in (1, 2):
            direction = rng.normal(size=arguments[i].shape)
            sides = []
            for sign in (1, -1):
                moved = list(arguments)
                moved[i] = moved[i] + sign * step * direction
                sides.append(objective_by_hand(*moved))
            slope = (sides[0] - sides[1]) / (2 * step)
            claim = f"slope along {name}, direction {trial}, by central differences"
            check(claim, slope, np.sum(found[i] * direction), 1e-8)
    print(gradient.source)
    finish()


if __name__ == "__main__":
    from _report import check, finish

    main()
