"""A layer with batch normalisation behind it, and a layer that classifies."""

import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 12))
y = sd.input("y", (N,), dtype="int64", high=4)
z = sd.nn.dense(x, 10, name="hidden")
h = sd.relu(sd.nn.batch_norm(z, name="norm"))
scores = sd.nn.dense(h, 4, name="out")
loss = sd.nn.softmax_cross_entropy(scores, y)

model = sd.Model("batch_norm_mlp", [x], [y], scores, loss=loss)
