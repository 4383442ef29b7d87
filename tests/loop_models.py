"""Models whose loops people write by hand: an LSTM, a Kalman filter, a CRF.

In: nothing. Out: fresh models. The text of their gradients is held to what a lecturer
would write, by tests/loops/test_reading.py.
"""

from __future__ import annotations

from typing import Any

import symdiff as sd


def lstm() -> sd.Model:
    """Return an LSTM whose cell is a function for `scan`."""
    N = sd.dim("N")
    x = sd.input("x", (N, 12, 4))
    y = sd.input("y", (N,))
    Wx = sd.param("Wx", (4, 32), init=sd.init.normal(0.1))
    Wh = sd.param("Wh", (8, 32), init=sd.init.normal(0.1))
    b = sd.param("b", 32)
    V = sd.param("V", 8, init=sd.init.normal(0.1))

    def cell(state: Any, x_t: Any) -> Any:
        h, c = state
        a = x_t @ Wx + h @ Wh + b
        i, f, g, o = sd.split(a, 4, axis=1)
        c = sd.sigmoid(f) * c + sd.sigmoid(i) * sd.tanh(g)
        h = sd.sigmoid(o) * sd.tanh(c)
        return (h, c), None

    start = (sd.zeros((N, 8)), sd.zeros((N, 8)))
    (h, _), _ = sd.scan(cell, start, sd.swapaxes(x, 0, 1))
    pred = h @ V
    return sd.Model("lstm", [x], [y], outputs=pred, loss=sd.mean((pred - y) ** 2))


def kalman() -> sd.Model:
    """Return the likelihood of a filter with three states and two observations."""
    z = sd.input("z", (sd.dim("T"), 2))
    A = sd.param("A", (3, 3), init=sd.init.normal(0.3))
    C = sd.param("C", (2, 3), init=sd.init.normal(0.3))
    logq, logr, m0 = sd.param("logq", 3), sd.param("logr", 2), sd.param("m0", 3)

    def step(state: Any, z_t: Any) -> Any:
        m, P = state
        Q = sd.exp(logq) * sd.eye(3)
        R = sd.exp(logr) * sd.eye(2)
        m = A @ m
        P = A @ P @ A.T + Q
        v = z_t - C @ m
        S = C @ P @ C.T + R
        K = sd.linalg.solve(S, C @ P).T
        m = m + K @ v
        P = P - K @ C @ P
        nll = 0.5 * (sd.log(sd.linalg.det(S)) + v @ sd.linalg.solve(S, v))
        return (m, P), nll

    (m, _), nll = sd.scan(step, (m0, sd.eye(3)), z)
    return sd.Model("kalman", [z], outputs=m, loss=sd.sum(nll))


def crf() -> sd.Model:
    """Return the likelihood of a chain of tags, by the forward algorithm."""
    T, K = sd.dim("T"), 5
    x = sd.input("x", (T, 7))
    tags = sd.input("tags", (T,), dtype="int64", high=K)
    W = sd.param("W", (7, K), init=sd.init.normal(0.1))
    trans = sd.param("trans", (K, K), init=sd.init.normal(0.1))
    emit = x @ W

    def forward_step(alpha: Any, e_t: Any) -> Any:
        alpha = sd.logsumexp(alpha[:, None] + trans, axis=0) + e_t
        return alpha, None

    alpha, _ = sd.scan(forward_step, emit[0], emit[1:])
    score = sd.sum(sd.take_along_axis(emit, tags[:, None], axis=1))
    score = score + sd.sum(trans[tags[:-1], tags[1:]])
    loss = sd.logsumexp(alpha) - score
    return sd.Model("crf", [x], [tags], outputs=emit, loss=loss)


MODELS = {"lstm": lstm, "kalman": kalman, "crf": crf}
