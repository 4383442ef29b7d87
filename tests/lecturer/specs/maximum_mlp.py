"""W3·max(0, W2·max(0, W1 x)) of CS231n's notes, in rows, with a softmax loss."""

import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 12))
y = sd.input("y", (N,), dtype="int64", high=4)
W1 = sd.param("W1", (12, 10), init="he_normal")
W2 = sd.param("W2", (10, 8), init="he_normal")
W3 = sd.param("W3", (8, 4), init="he_normal")
h1 = sd.maximum(0, x @ W1)
h2 = sd.maximum(0, h1 @ W2)
scores = h2 @ W3
loss = sd.nn.softmax_cross_entropy(scores, y)

model = sd.Model("maximum_mlp", [x], [y], scores, loss=loss)
