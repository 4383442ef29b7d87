"""The library's LSTM, and a dense layer that reads its last hidden state."""

import symdiff as sd

N, T = sd.dim("N"), sd.dim("T")
x = sd.input("x", (N, T, 3))
y = sd.input("y", (N, 2))
h, _ = sd.nn.lstm(x, 5, name="lstm")
guess = sd.nn.dense(h[:, -1], 2, name="out")
loss = sd.nn.mse(guess, y)

model = sd.Model("lstm", [x], [y], guess, loss=loss)
