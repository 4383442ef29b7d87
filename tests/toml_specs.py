"""Specs in TOML that are right, and the same models in Python.

`SPECS` maps a name to TOML; `PYTHON` maps some of those names to the spec that should
compile to the same text.
"""

SPECS: dict[str, str] = {}
PYTHON: dict[str, str] = {}

SPECS["mlp"] = """\
[model]
name = "mlp"

[inputs]
x = { shape = ["N", 6] }

[targets]
y = { shape = ["N"], dtype = "int64", high = 3 }

[equations]
h = "dense(x, 8, activation='relu', name='hidden')"
z = "dense(h, 3, name='out')"
loss = "softmax_cross_entropy(z, y) + 1e-4 * l2(weights())"

[outputs]
probs = "softmax(z)"

[metrics]
accuracy = "accuracy(z, y)"

[optimizer]
kind = "adam"
lr = 1e-3

[training]
epochs = 3
batch_size = 8
"""
PYTHON["mlp"] = """\
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 6))
y = sd.input("y", (N,), dtype="int64", high=3)
h = sd.nn.dense(x, 8, activation="relu", name="hidden")
z = sd.nn.dense(h, 3, name="out")
weights = [p for p in sd.params(z) if p.ndim > 1]
loss = sd.nn.softmax_cross_entropy(z, y) + 1e-4 * sd.nn.l2(weights)
model = sd.Model("mlp", inputs=[x], targets=[y], outputs={"probs": sd.nn.softmax(z)},
                 loss=loss, metrics={"accuracy": sd.nn.accuracy(z, y)},
                 optimizer=sd.optim.Adam(1e-3))
"""

SPECS["svm"] = """\
model.name = "svm"
inputs.x = ["N", 2]
targets.y = { shape = ["N"], dtype = "int64", high = 3 }
params = { W = { shape = [2, 3], init = "normal(0.01)" }, b = [3] }

[equations]
scores = "x @ W + b"
loss = "hinge(scores, y) + 1e-3 * l2(W)"

[outputs]
scores = "scores"

[metrics]
accuracy = "accuracy(scores, y)"

[optimizer]
kind = "SGD"
lr = 0.1
momentum = 0.9
"""
PYTHON["svm"] = """\
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 2))
y = sd.input("y", (N,), dtype="int64", high=3)
W = sd.param("W", (2, 3), init=sd.init.normal(0.01))
b = sd.param("b", (3,))
scores = x @ W + b
loss = sd.nn.hinge(scores, y) + 1e-3 * sd.nn.l2(W)
model = sd.Model("svm", inputs=[x], targets=[y], outputs={"scores": scores}, loss=loss,
                 metrics={"accuracy": sd.nn.accuracy(scores, y)},
                 optimizer=sd.optim.SGD(0.1, momentum=0.9))
"""

SPECS["cnn"] = """\
[model]
name = "cnn"
[inputs]
image = { shape = ["N", 1, 8, 8], low = 0, high = 1 }
[targets]
label = { shape = ["N"], dtype = "int64", high = 10 }
[equations]
a = "conv2d(image, 4, 3, padding='same', activation='relu', name='first')"
b = "batch_norm(a, axis=1, name='norm')"
c = "max_pool2d(b, 2)"
d = "dropout(flatten(c), 0.25)"
z = "dense(d, 10, name='out')"
loss = \"\"\"
softmax_cross_entropy(z, label)
+ 1e-4 * l2(params('*.W'))\"\"\"
[outputs]
probs = "softmax(z)"
top = "argmax(z, axis=1)"
[metrics]
accuracy = "accuracy(z, label)"
[optimizer]
kind = "adamw"
lr = "warmup(cosine(1e-3, steps=1000), steps=50)"
clip_norm = 1.0
ema = 0.99
groups = { "*.b" = { weight_decay = 0.0 } }
[training]
epochs = 2
validation_split = 0.1
patience = 3
plateau = { factor = 0.5, patience = 2 }
"""
PYTHON["cnn"] = """\
import symdiff as sd

N = sd.dim("N")
image = sd.input("image", (N, 1, 8, 8), low=0, high=1)
label = sd.input("label", (N,), dtype="int64", high=10)
a = sd.nn.conv2d(image, 4, 3, padding="same", activation="relu", name="first")
b = sd.nn.batch_norm(a, axis=1, name="norm")
c = sd.nn.max_pool2d(b, 2)
d = sd.nn.dropout(sd.nn.flatten(c), 0.25)
z = sd.nn.dense(d, 10, name="out")
loss = sd.nn.softmax_cross_entropy(z, label) + 1e-4 * sd.nn.l2(sd.params(z, "*.W"))
schedules = sd.optim.schedules
model = sd.Model("cnn", inputs=[image], targets=[label],
                 outputs={"probs": sd.nn.softmax(z), "top": sd.argmax(z, axis=1)},
                 loss=loss, metrics={"accuracy": sd.nn.accuracy(z, label)},
                 optimizer=sd.optim.AdamW(
                     schedules.warmup(schedules.cosine(1e-3, steps=1000), steps=50),
                     clip_norm=1.0, ema=0.99, groups={"*.b": {"weight_decay": 0.0}}))
"""

SPECS["lstm"] = """\
[model]
name = "lstm_model"
[inputs]
words = { shape = ["N", "T"], dtype = "int64", high = 50 }
lengths = { shape = ["N"], dtype = "int64", low = 1, high = "T + 1" }
[targets]
y = { shape = ["N"], dtype = "int64", high = 2 }
[equations]
e = "embedding(words, 50, 4, name='words')"
"h, last" = "lstm(e, 5, lengths=lengths, name='cell')"
z = "dense(last[0], 2, name='out')"
loss = "softmax_cross_entropy(z, y)"
[outputs]
z = "z"
[optimizer]
kind = "rmsprop"
lr = 0.01
clip_value = 1.0
frozen = "words.*"
"""
PYTHON["lstm"] = """\
import symdiff as sd

N, T = sd.dim("N"), sd.dim("T")
words = sd.input("words", (N, T), dtype="int64", high=50)
lengths = sd.input("lengths", (N,), dtype="int64", low=1, high=T + 1)
y = sd.input("y", (N,), dtype="int64", high=2)
e = sd.nn.embedding(words, 50, 4, name="words")
h, last = sd.nn.lstm(e, 5, lengths=lengths, name="cell")
z = sd.nn.dense(last[0], 2, name="out")
loss = sd.nn.softmax_cross_entropy(z, y)
model = sd.Model("lstm_model", inputs=[words, lengths], targets=[y], outputs={"z": z},
                 loss=loss, optimizer=sd.optim.RMSprop(0.01, clip_value=1.0,
                                                       frozen="words.*"))
"""

SPECS["function"] = """\
[function]
name = "logistic"
wrt = ["w"]
[inputs]
w = ["D"]
X = ["N", "D"]
t = { shape = ["N"], sample = "uniform(0, 1)" }
[constants]
strength = 0.5
[equations]
margin = "X @ w"
cost = "sum(softplus(margin) - t * margin) + strength * sum(w**2)"
slope = "grad(cost, w)"
[outputs]
cost = "cost"
slope = "slope"
"""
PYTHON["function"] = """\
import symdiff as sd

N, D = sd.dim("N"), sd.dim("D")
w = sd.input("w", D)
X = sd.input("X", (N, D))
t = sd.input("t", N, sample=sd.init.uniform(0, 1))
strength = 0.5
margin = X @ w
cost = sd.sum(sd.softplus(margin) - t * margin) + strength * sd.sum(w**2)
slope = sd.grad(cost, w)
model = sd.Function("logistic", [w, X, t], {"cost": cost, "slope": slope})
"""

SPECS["states"] = """\
[model]
name = "counting"
[inputs]
x = ["N", 3]
[targets]
t = ["N"]
[params.layer]
w = { shape = [3], init = [0.1, 0.2, 0.3] }
[states]
steps = { shape = [], init = 0 }
mean = { shape = [3] }
[constants]
scale = [1.0, 2.0, 0.5]
[equations]
centred = "(x - mean) * scale"
y = "centred @ layer.w"
loss = "mean((y - t)**2) + where(steps > 10, 0.0, 1e-3) * l1(layer.w)"
[outputs]
y = "y"
[updates]
steps = "steps + 1"
mean = "0.9 * mean + 0.1 * x.mean(axis=0)"
[optimizer]
kind = "nesterov"
max_norm = { "*" = 3.0 }
"""
PYTHON["states"] = """\
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 3))
t = sd.input("t", N)
w = sd.param("layer.w", 3, init=[0.1, 0.2, 0.3])
steps = sd.state("steps", (), init=0)
mean = sd.state("mean", 3)
scale = sd.constant([1.0, 2.0, 0.5])
centred = (x - mean) * scale
y = centred @ w
loss = sd.mean((y - t)**2) + sd.where(steps > 10, 0.0, 1e-3) * sd.nn.l1(w)
model = sd.Model("counting", [x], [t], {"y": y}, loss,
                 optimizer=sd.optim.Nesterov(max_norm={"*": 3.0}),
                 updates={steps: steps + 1, mean: 0.9 * mean + 0.1 * x.mean(axis=0)})
"""

SPECS["attention"] = """\
[model]
name = "attend"
doc = "Two blocks of attention, and a table that is used twice."
[inputs]
ids = { shape = ["N", "T"], dtype = "int64", high = 20 }
[targets]
next = { shape = ["N", "T"], dtype = "int64", high = 20 }
[params]
table = { shape = [20, 8], init = "normal(0.02)" }
[equations]
e = "take(table, ids, axis=0)"
a = "e + multi_head_attention(layer_norm(e, name='norm_1'), 2, causal=True, name='att')"
f = '''a + dense(
    dense(layer_norm(a, name="norm_2"), 16, activation="gelu", name="up"),
    8, name="down")'''
z = "rms_norm(f, name='norm_3') @ table.T"
loss = "softmax_cross_entropy(reshape(z, (-1, 20)), reshape(next, (-1,)))"
[outputs]
z = "z"
[optimizer]
kind = "lion"
lr = "one_cycle(1e-3, steps=200)"
"""

SPECS["ops"] = """\
[function]
name = "many_ops"
[inputs]
a = ["N", 4]
b = [4, 4]
m = { shape = ["N"], dtype = "bool" }
[equations]
s = "linalg.solve(b @ b.T + 5 * eye(4), a.T).T"
"u, v" = "split(s, 2, axis=-1)"
w = "where(m[:, None] & (u > 0), u, exp(-v**2))"
c = "concatenate([w, cumsum(u, axis=0)[::-1]], axis=1)"
k = "np.einsum('ij,jk->ik', c, sd.stack([b[0], b[-1], b[1], b[2]]))"
n = "(N * 1.0) / 2"
[outputs]
k = "k * n"
total = "k.sum(axis=(0, 1), keepdims=True)[0, 0] % 3"
logdet = "linalg.slogdet(b @ b.T + identity(4))[1]"
"""
