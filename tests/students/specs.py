"""The models that students differentiate: `SPECS`, by name."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"

SPECS = {
    "digits_mlp": (EXAMPLES / "digits_mlp.py").read_text("utf-8"),
    "linear_svm": (EXAMPLES / "linear_svm.py").read_text("utf-8"),
    "dropped": """\
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 3))
y = sd.input("y", (N,), dtype="int64", high=4)
h = sd.nn.dense(x, 6, activation="relu", name="hidden")
d = sd.nn.dropout(h, 0.25)
z = sd.nn.dense(d, 4, name="out")
model = sd.Model(
    "dropped",
    inputs=[x],
    targets=[y],
    outputs=z,
    loss=sd.nn.softmax_cross_entropy(z, y),
)
""",
    "residual": """\
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 3))
t = sd.input("t", (N, 2))
h = sd.nn.dense(x, 4, activation="tanh", name="first")
r = h + sd.nn.dense(h, 4, activation="sigmoid", name="middle")
y = sd.nn.dense(r, 2, name="last")
model = sd.Model(
    "residual", inputs=[x], targets=[t], outputs=y, loss=sd.nn.mse(y, t)
)
""",
    "conv": """\
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 1, 5, 6))
y = sd.input("y", (N,), dtype="int64", high=3)
h = sd.nn.conv2d(x, 2, 3, activation="relu", name="conv")
f = sd.reshape(h, (N, -1))
z = sd.nn.dense(f, 3, name="out")
model = sd.Model(
    "conv",
    inputs=[x],
    targets=[y],
    outputs=z,
    loss=sd.nn.softmax_cross_entropy(z, y),
)
""",
    "scanned": """\
import symdiff as sd

T, N = sd.dim("T"), sd.dim("N")
x = sd.input("x", (T, N, 3))
t = sd.input("t", (N, 2))
W, U, b = sd.param("W", (3, 4)), sd.param("U", (4, 4)), sd.param("b", (4,))
V = sd.param("V", (4, 2))


def step(h, x_t):
    h = sd.tanh(x_t @ W + h @ U + b)
    return h, None


h, _ = sd.scan(step, sd.zeros((N, 4)), x)
y = h @ V
model = sd.Model(
    "scanned", inputs=[x], targets=[t], outputs=y, loss=sd.mean((y - t) ** 2)
)
""",
    "normed": """\
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 3))
t = sd.input("t", (N, 2))
a = sd.nn.dense(x, 4, name="first")
r = a / sd.sqrt(sd.mean(a * a, axis=1, keepdims=True) + 1e-3)
y = sd.nn.dense(r, 2, name="last")
model = sd.Model(
    "normed", inputs=[x], targets=[t], outputs=y, loss=sd.nn.mse(y, t)
)
""",
    "logistic": """\
import symdiff as sd
N = sd.dim("N")
x = sd.input("x", (N, 3))
t = sd.input("t", (N,), low=0, high=1)
w, b = sd.param("w", (3,)), sd.param("b", ())
z = x @ w + b
model = sd.Model("logistic", inputs=[x], targets=[t], outputs=sd.sigmoid(z),
    loss=sd.mean(sd.softplus(z) - t * z) + 0.01 * sd.sum(w**2))
""",
    "attention": """\
import symdiff as sd
N, T = sd.dim("N"), sd.dim("T")
x = sd.input("x", (N, T, 3))
t = sd.input("t", (N, T, 2))
Q, K, V = sd.param("Q", (3, 4)), sd.param("K", (3, 4)), sd.param("V", (3, 2))
q, k, v = x @ Q, x @ K, x @ V
s = q @ sd.swapaxes(k, 1, 2) / 2.0
p = sd.softmax(s, axis=-1)
y = p @ v
model = sd.Model("attention", inputs=[x], targets=[t], outputs=y, loss=sd.nn.mse(y, t))
""",
    "pooled": """\
import symdiff as sd
N, T = sd.dim("N"), sd.dim("T")
x = sd.input("x", (N, T, 3))
t = sd.input("t", (N, 2))
W, V = sd.param("W", (3, 4)), sd.param("V", (4, 2))
h = sd.relu(x @ W)
m = sd.max(h, axis=1)
y = m @ V
model = sd.Model("pooled", inputs=[x], targets=[t], outputs=y,
    loss=sd.mean(sd.sum((y - t) ** 2, axis=1)))
""",
    "gated": """\
import symdiff as sd
N = sd.dim("N")
x = sd.input("x", (N, 3))
t = sd.input("t", (N, 4))
W, U = sd.param("W", (3, 4)), sd.param("U", (3, 4))
g = sd.sigmoid(x @ W)
c = sd.tanh(x @ U)
y = g * c
model = sd.Model("gated", inputs=[x], targets=[t], outputs=y,
    loss=0.5 * sd.sum((y - t) ** 2) / N)
""",
    "normal": """\
import symdiff as sd
N = sd.dim("N")
x = sd.input("x", (N, 3))
y = sd.input("y", (N,), dtype="int64", high=3)
a = sd.nn.dense(x, 4, name="first")
n = sd.nn.layer_norm(a, name="norm")
z = sd.nn.dense(n, 3, name="last")
model = sd.Model("normal", inputs=[x], targets=[y], outputs=z,
    loss=sd.nn.softmax_cross_entropy(z, y))
""",
    "area": """\
import symdiff as sd
N = sd.dim("N")
x, y = sd.input("x", (N,)), sd.input("y", (N,))
r = sd.sqrt(x * x + y * y + 1.0)
model = sd.Function("area", [x, y], sd.sum(r * sd.sin(x)))
""",
    "embed": """\
import symdiff as sd
N, T = sd.dim("N"), sd.dim("T")
k = sd.input("k", (N, T), dtype="int64", high=6)
y = sd.input("y", (N,), dtype="int64", high=3)
E, W, b = sd.param("E", (6, 4)), sd.param("W", (4, 3)), sd.param("b", (3,))
m = sd.mean(E[k], axis=1)
z = sd.tanh(m) @ W + b
model = sd.Model("embed", inputs=[k], targets=[y], outputs=z,
    loss=sd.nn.softmax_cross_entropy(z, y) + 0.05 * sd.nn.l2(E))
""",
    "batch": """\
import symdiff as sd
N = sd.dim("N")
x, t = sd.input("x", (N, 3)), sd.input("t", (N,))
W = sd.param("W", (3, 4))
g, c, v = sd.param("g", (4,)), sd.param("c", (4,)), sd.param("v", (4,))
a = x @ W
d = a - sd.mean(a, axis=0)
s = sd.sqrt(sd.mean(d * d, axis=0) + 1e-2)
h = sd.relu(d / s * g + c)
e = h @ v - t
model = sd.Model("batch", inputs=[x], targets=[t], outputs=h @ v,
    loss=sd.mean(e ** 2))
""",
    "twins": """\
import symdiff as sd
N = sd.dim("N")
p, q = sd.input("p", (N, 3)), sd.input("q", (N, 3))
t = sd.input("t", (N,))
W = sd.param("W", (3, 5))
u, v = sd.tanh(p @ W), sd.tanh(q @ W)
d = u - v
r = sd.sum(d * d, axis=1)
model = sd.Model("twins", inputs=[p, q], targets=[t], outputs=r,
    loss=sd.mean((r - t) ** 2))
""",
    "gates": """\
import symdiff as sd
N, T = sd.dim("N"), sd.dim("T")
x, t = sd.input("x", (N, T, 3)), sd.input("t", (N, 2))
V = sd.param("V", (4, 2))
h, _ = sd.nn.lstm(x, 4, name="cell")
y = h[:, -1] @ V
model = sd.Model("gates", inputs=[x], targets=[t], outputs=y, loss=sd.nn.mse(y, t))
""",
}
