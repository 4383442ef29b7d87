"""The same classifier with the library's loss."""

import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 12))
y = sd.input("y", (N,), dtype="int64", high=4)
W = sd.param("W", (12, 4), init=sd.init.normal(0.1))
b = sd.param("b", (4,))
scores = x @ W + b
loss = sd.nn.hinge(scores, y) + 1e-3 * sd.nn.l2(W)

model = sd.Model("hinge", [x], [y], scores, loss=loss)
