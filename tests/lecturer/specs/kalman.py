"""A Kalman filter's negative log-likelihood, the state a vector, by scan."""

import symdiff as sd

STATE, SEEN = 3, 2
T = sd.dim("T")
y = sd.input("y", (T, SEEN))
A = sd.param("A", (STATE, STATE), init="glorot_normal")
C = sd.param("C", (SEEN, STATE), init="glorot_normal")
log_q = sd.param("log_q", (STATE,))
log_r = sd.param("log_r", (SEEN,))
Q, R = sd.diag(sd.exp(log_q)), sd.diag(sd.exp(log_r))


def step(state, y_t):
    m, P = state
    m = A @ m
    P = A @ P @ A.T + Q
    e = y_t - C @ m
    S = C @ P @ C.T + R
    S_inv = sd.linalg.inv(S)
    K = P @ C.T @ S_inv
    nll = (e @ S_inv @ e + sd.linalg.slogdet(S)[1]) / 2
    return (m + K @ e, P - K @ C @ P), nll


_, nll = sd.scan(step, (sd.zeros(STATE), sd.eye(STATE)), y)
loss = sd.sum(nll)

model = sd.Model("kalman", [y], [], nll, loss=loss)
