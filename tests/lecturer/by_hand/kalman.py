"""A Kalman filter's negative log-likelihood, by hand.

P, S and their inverses are symmetric, which backward makes use of.
"""

import numpy as np


def forward(params, y):
    """Return the loss, and what backward reads: the values of every step."""
    A, C = params["A"], params["C"]
    Q, R = np.diag(np.exp(params["log_q"])), np.diag(np.exp(params["log_r"]))
    m, P = np.zeros(len(A)), np.eye(len(A))
    loss, steps = 0, []
    for y_t in y:
        m_prev, P_prev = m, P
        m = A @ m_prev
        P = A @ P_prev @ A.T + Q
        e = y_t - C @ m
        S = C @ P @ C.T + R
        S_inv = np.linalg.inv(S)
        K = P @ C.T @ S_inv
        loss += (e @ S_inv @ e + np.linalg.slogdet(S)[1]) / 2
        steps.append((m_prev, P_prev, m, P, e, S_inv, K))
        m, P = m + K @ e, P - K @ C @ P
    return loss, steps


def backward(params, steps):
    """Return the gradient by every parameter."""
    A, C = params["A"], params["C"]
    d_A, d_C = np.zeros_like(A), np.zeros_like(C)
    d_Q, d_R = np.zeros((len(A), len(A))), np.zeros((len(C), len(C)))
    d_m, d_P = np.zeros(len(A)), np.zeros_like(A)
    for m_prev, P_prev, m, P, e, S_inv, K in reversed(steps):
        # m_next = m + K e and P_next = P - K C P
        d_K = np.outer(d_m, e) - d_P @ P @ C.T
        d_C -= K.T @ d_P @ P
        d_e = K.T @ d_m
        d_P = d_P - C.T @ K.T @ d_P

        # loss += (e' S_inv e + log det S) / 2
        v = S_inv @ e
        d_e += v
        d_S = (S_inv - np.outer(v, v)) / 2

        # K = P C' S_inv
        d_K_S = d_K @ S_inv
        d_P += d_K_S @ C
        d_C += d_K_S.T @ P
        d_S -= K.T @ d_K_S

        # S = C P C' + R and e = y - C m
        d_R += d_S
        d_C += (d_S + d_S.T) @ C @ P - np.outer(d_e, m)
        d_P += C.T @ d_S @ C
        d_m = d_m - C.T @ d_e

        # P = A P_prev A' + Q and m = A m_prev
        d_Q += d_P
        d_A += (d_P + d_P.T) @ A @ P_prev + np.outer(d_m, m_prev)
        d_P = A.T @ d_P @ A
        d_m = A.T @ d_m
    d_log_q = np.diag(d_Q) * np.exp(params["log_q"])
    d_log_r = np.diag(d_R) * np.exp(params["log_r"])
    return {"A": d_A, "C": d_C, "log_q": d_log_q, "log_r": d_log_r}
