"""A linear-chain CRF: the negative log-likelihood of one sequence of labels."""

import symdiff as sd

LABELS = 4
T = sd.dim("T")
x = sd.input("x", (T, 6))
y = sd.input("y", (T,), dtype="int64", high=LABELS)
W = sd.param("W", (6, LABELS), init="glorot_uniform")
A = sd.param("A", (LABELS, LABELS))  # A[i, j] is the score of label j after label i
scores = x @ W


def step(alpha, score):
    return sd.logsumexp(alpha[:, None] + A, axis=0) + score, None


alpha, _ = sd.scan(step, scores[0], scores[1:])
path = sd.sum(sd.pick(scores, y)) + sd.sum(A[y[:-1], y[1:]])
loss = sd.logsumexp(alpha) - path

model = sd.Model("crf", [x], [y], scores, loss=loss)
