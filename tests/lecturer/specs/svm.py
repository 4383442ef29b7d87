"""A linear classifier with the multi-class SVM loss spelled out, as CS231n has it."""

import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 12))
y = sd.input("y", (N,), dtype="int64", high=4)
W = sd.param("W", (12, 4), init=sd.init.normal(0.1))
scores = x @ W
correct = scores[sd.arange(N), y]
margins = sd.maximum(0, scores - correct[:, None] + 1)
loss = sd.sum(margins) / N - 1 + 1e-3 * sd.sum(W**2)  # the right class adds 1

model = sd.Model("svm", [x], [y], scores, loss=loss)
