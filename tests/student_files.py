"""What students hand in: right solutions in their own words, and their mistakes.

`SPECS` declares models; `SOLUTIONS` holds a backward pass for each as people write it,
not as it is generated; `MISTAKES` changes one place of a solution, and says the causes
that may be named for it and the node where it first shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import student_files_more as more

EXAMPLES = Path(__file__).parents[1] / "examples"

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
}

# What is kept of a convolution is up to the compiler, so students keep their own.
CONV_FORWARD = """\
def loss_and_residuals(params, x, y):
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    z1 = np.einsum("nchwij,ocij->nohw", windows, params["conv.W"])
    h = np.maximum(z1 + params["conv.b"][:, None, None], 0)
    z = h.reshape(len(x), -1) @ params["out.W"] + params["out.b"]
    z = z - z.max(axis=1, keepdims=True)
    total = np.exp(z).sum(axis=1, keepdims=True)
    loss = (np.log(total)[:, 0] - z[np.arange(len(x)), y]).mean()
    return loss, (x, h, np.exp(z) / total, y)


"""

SOLUTIONS = {
    "digits_mlp": """\
def backward(params, residuals, d_loss=1.0):
    x, h, p, y = residuals
    W1, W2 = params["hidden.W"], params["out.W"]
    n = x.shape[0]
    onehot = np.zeros_like(p)
    onehot[np.arange(n), y] = 1
    dz = (p - onehot) / n * d_loss
    dW2 = h.T @ dz + 2e-4 * d_loss * W2
    db2 = dz.sum(axis=0)
    dh = dz @ W2.T
    dz1 = dh * (h > 0)
    dW1 = x.T @ dz1 + 2e-4 * d_loss * W1
    db1 = dz1.sum(axis=0)
    return {"hidden.W": dW1, "hidden.b": db1, "out.W": dW2, "out.b": db2}
""",
    "linear_svm": """\
def backward(params, residuals, d_loss=1.0):
    x, margins, one_hot, y = residuals
    W = params["W"]
    n = len(x)
    inside = (margins > 0) & ~one_hot
    ds = inside.astype(x.dtype)
    ds[np.arange(n), y] = -ds.sum(axis=1)
    ds = d_loss * ds / n
    dW = x.T @ ds + 2e-3 * d_loss * W
    db = ds.sum(axis=0)
    return {"W": dW, "b": db}
""",
    "dropped": """\
def backward(params, residuals, d_loss=1.0):
    x, h, mask, product, p, y = residuals
    n = x.shape[0]
    dz = p.copy()
    dz[range(n), y] -= 1
    dz = d_loss * dz / n
    dW2 = product.T @ dz
    db2 = np.sum(dz, 0)
    dd = np.dot(dz, params["out.W"].T)
    dh = dd * mask
    da = dh * (h > 0)
    dW1 = x.T @ da
    db1 = np.sum(da, 0)
    return {"hidden.W": dW1, "hidden.b": db1, "out.W": dW2, "out.b": db2}
""",
    "residual": """\
def backward(params, residuals, d_loss=1.0):
    x, h, s, r, difference = residuals
    dy = 2 * difference / difference.size * d_loss
    dW3 = r.T @ dy
    db3 = dy.sum(axis=0)
    dr = dy @ params["last.W"].T
    da2 = dr * s * (1 - s)
    dW2 = h.T @ da2
    db2 = da2.sum(axis=0)
    dh = dr + da2 @ params["middle.W"].T
    da1 = dh * (1 - h**2)
    dW1 = x.T @ da1
    db1 = da1.sum(axis=0)
    return {
        "first.W": dW1,
        "first.b": db1,
        "middle.W": dW2,
        "middle.b": db2,
        "last.W": dW3,
        "last.b": db3,
    }
""",
    "conv": CONV_FORWARD
    + """\
def backward(params, residuals, d_loss=1.0):
    x, h, p, y = residuals
    n = x.shape[0]
    dz = p.copy()
    dz[np.arange(n), y] -= 1
    dz *= d_loss / n
    f = h.reshape(n, -1)
    dW = f.T @ dz
    db = dz.sum(axis=0)
    df = dz @ params["out.W"].T
    dh = df.reshape(h.shape)
    da = dh * (h > 0)
    dK = np.zeros_like(params["conv.W"])
    for i in range(3):
        for j in range(3):
            patch = x[:, 0, i : i + 3, j : j + 4]
            dK[:, 0, i, j] = np.einsum("nohw,nhw->o", da, patch)
    dc = da.sum(axis=(0, 2, 3))
    return {"conv.W": dK, "conv.b": dc, "out.W": dW, "out.b": db}
""",
    "scanned": """\
def backward(params, residuals, d_loss=1.0):
    x, before, after, last, difference = residuals
    U, V = params["U"], params["V"]
    steps, n, _ = x.shape
    dy = 2 * difference / (2 * n) * d_loss
    dV = last.T @ dy
    dh = dy @ V.T
    dW, dU, db = np.zeros((3, 4)), np.zeros((4, 4)), np.zeros(4)
    for i in reversed(range(steps)):
        da = dh * (1 - after[i] ** 2)
        dW += x[i].T @ da
        dU += before[i].T @ da
        db += da.sum(axis=0)
        dh = da @ U.T
    return {"W": dW, "U": dU, "b": db, "V": dV}
""",
    "normed": """\
def backward(params, residuals, d_loss=1.0):
    x, a, root, r, difference = residuals
    n = len(x)
    dy = difference * d_loss / n
    dW2 = r.T @ dy
    db2 = dy.sum(axis=0)
    dr = dy @ params["last.W"].T
    droot = -(dr * a).sum(axis=1, keepdims=True) / root**2
    da = dr / root + droot * a / (4 * root)
    dW1 = x.T @ da
    db1 = da.sum(axis=0)
    return {"first.W": dW1, "first.b": db1, "last.W": dW2, "last.b": db2}
""",
}


@dataclass(frozen=True)
class Mistake:
    """A change to a solution; ``causes`` and ``nodes`` that are right to name."""

    model: str
    old: str
    new: str
    causes: tuple[str, ...]
    nodes: tuple[str, ...]

    @property
    def label(self) -> str:
        """What tests call it."""
        return f"{self.model}: {self.old.strip()} -> {self.new.strip() or 'nothing'}"


def _mistakes(
    model: str, *rows: tuple[str, str, str | tuple[str, ...], str]
) -> list[Mistake]:
    return [
        Mistake(
            model,
            old,
            new,
            (causes,) if isinstance(causes, str) else causes,
            tuple(nodes.split("|")),
        )
        for old, new, causes, nodes in rows
    ]


MISTAKES = [
    *_mistakes(
        "digits_mlp",
        (" / n *", " *", "missing mean", "d_z"),
        ("(p - onehot)", "p", "one-hot", "d_z"),
        ("(p - onehot) / n * d_loss", "(p - onehot) / n", "d_loss", "d_z"),
        ("(p - onehot)", "(onehot - p)", "sign", "d_z"),
        ("+ 2e-4 * d_loss * W2", "", "regulariser", "d_out_W"),
        ("+ 2e-4 * d_loss * W1", "", "regulariser", "d_hidden_W"),
        ("2e-4 * d_loss * W1", "1e-4 * d_loss * W1", "factor 2", "d_hidden_W"),
        ("2e-4 * d_loss * W2", "2e-4 * W2", "d_loss", "d_out_W"),
        ("+ 2e-4 * d_loss * W2", "- 2e-4 * d_loss * W2", "sign", "d_out_W"),
        ("2e-4 * d_loss * W2", "2 * d_loss * W2", ("strength", "factor"), "d_out_W"),
        ("dh * (h > 0)", "dh", "mask", "d_hidden_z"),
        ("dh * (h > 0)", "dh * (h >= 0)", "mask", "d_hidden_z"),
        ("(h > 0)", "(h <= 0)", "inverted mask", "d_hidden_z"),
        ("dh * (h > 0)", "dh * h", "local derivative", "d_hidden_z"),
        ("dh * (h > 0)", "1.0 * (h > 0)", "upstream", "d_hidden_z"),
        ("db2 = dz.sum(axis=0)", "db2 = dz.sum(axis=1)", "wrong axis", "d_out_b"),
        ("db1 = dz1.sum(axis=0)", "db1 = dz1", "not summed", "d_hidden_b"),
        (
            "db1 = dz1.sum(axis=0)",
            "db1 = dz1.mean(axis=0)",
            "mean instead of sum",
            "d_hidden_b",
        ),
        ("db2 = dz.sum(axis=0)", "db2 = dz.sum()", "wrong axis", "d_out_b"),
        ("h.T @ dz +", "h.T @ dz / n +", "extra mean", "d_out_W"),
        ("dz @ W2.T", "dz @ W2", "transposed", "d_h"),
        ("x.T @ dz1 +", "dz1.T @ x +", ("broadcast", "transposed"), "d_hidden_W"),
        (
            """onehot = np.zeros_like(p)
    onehot[np.arange(n), y] = 1
    dz = (p - onehot) / n * d_loss""",
            "p[np.arange(n), y] -= 1\n    dz = p / n * d_loss",
            "in place",
            "residuals.p",
        ),
        (
            "db1 = dz1.sum(axis=0)",
            "db1 = dh.sum(axis=0)",
            "wrong cotangent",
            "d_hidden_b",
        ),
    ),
    *_mistakes(
        "linear_svm",
        ("ds / n", "ds", "missing mean", "d_scores"),
        ("d_loss * ds", "ds", "d_loss", "d_scores"),
        (
            "    ds[np.arange(n), y] = -ds.sum(axis=1)\n",
            "",
            ("term", "fan-out"),
            "d_scores",
        ),
        ("= -ds.sum", "= ds.sum", "sign", "d_scores"),
        (" + 2e-3 * d_loss * W", "", "regulariser", "d_W"),
        ("2e-3", "1e-3", "factor 2", "d_W"),
        ("db = ds.sum(axis=0)", "db = ds.sum(axis=1)", "wrong axis", "d_b"),
        ("db = ds.sum(axis=0)", "db = ds", "not summed", "d_b"),
        ("(margins > 0) & ~one_hot", "~one_hot", "mask", "d_scores"),
        ("(margins > 0)", "(margins <= 0)", "inverted mask", "d_scores"),
        ("x.T @ ds", "-x.T @ ds", "sign", "d_W"),
        ("x.T @ ds", "x.T @ ds / n", "extra mean", "d_W"),
    ),
    *_mistakes(
        "dropped",
        ("dd * mask", "dd", "mask", "d_h"),
        ("dd * mask", "dd * (mask > 0)", "mask scale", "d_h"),
        ("dh * (h > 0)", "dh", "mask", "d_hidden_z"),
        ("product.T @ dz", "h.T @ dz", "wrong value", "d_out_W"),
        ("    dz[range(n), y] -= 1\n", "", "one-hot", "d_z_2"),
        ("dz / n", "dz", "missing mean", "d_z_2"),
        ("np.sum(dz, 0)", "np.mean(dz, 0)", "mean instead of sum", "d_out_b"),
        ("np.sum(da, 0)", "np.sum(dh, 0)", "wrong cotangent", "d_hidden_b"),
        ("dd * mask", "dd / 0.75", ("mask", "local derivative"), "d_h"),
        ("-= 1", "+= 1", "sign", "d_z_2"),
        ("-= 1", "-= 2", ("factor", "twice"), "d_z_2"),
    ),
    *_mistakes(
        "residual",
        ("dr + da2 @", "da2 @", "fan-out", "d_h"),
        ('dr + da2 @ params["middle.W"].T', "dr", "fan-out", "d_h"),
        ("(1 - h**2)", "(1 - h)", "local derivative", "d_first_z"),
        ("(1 - h**2)", "h * (1 - h)", "local derivative", "d_first_z"),
        ("* s * (1 - s)", "* s", "local derivative", "d_middle_z"),
        ("* s * (1 - s)", "* (1 - s)", "local derivative", "d_middle_z"),
        ("2 * difference", "difference", "factor 2", "d_y"),
        ("difference.size", "len(x)", "twice", "d_y"),
        ("/ difference.size", "", "factor", "d_y"),
        ("* d_loss", "", "d_loss", "d_y"),
        ('params["middle.W"].T', 'params["middle.W"]', "transposed", "d_h"),
        ("h.T @ da2", "da2.T @ h", "transposed", "d_middle_W"),
        ("h.T @ da2", "r.T @ da2", "wrong value", "d_middle_W"),
        ("r.T @ dy", "h.T @ dy", "wrong value", "d_last_W"),
        ("dr + da2", "dr - da2", "sign", "d_h"),
        ("dy = 2 *", "dy = -2 *", "sign", "d_y"),
        ("da2.sum(axis=0)", "da2.sum(axis=1)", "wrong axis", "d_middle_b"),
        (
            "db3 = dy.sum(axis=0)",
            "db3 = dy.mean(axis=0)",
            "mean instead of sum",
            "d_last_b",
        ),
        ("= da1.sum(axis=0)", "= dh.sum(axis=0)", "wrong cotangent", "d_first_b"),
        ("da1 = dh * (1 - h**2)", "da1 = dh", "local derivative", "d_first_z"),
        ("da1 = dh * (1 - h**2)", "da1 = 1 - h**2", "upstream", "d_first_z"),
        ("x.T @ da1", "x.T @ da1 * 3", "factor", "d_first_W"),
        ("(1 - h**2)", "(1 - np.tanh(h)**2)", ("wrong value", "unknown"), "d_first_z"),
    ),
    *_mistakes(
        "conv",
        ("dh * (h > 0)", "dh", "mask", "d_conv_z"),
        ("axis=(0, 2, 3)", "axis=(2, 3)", "not summed", "d_conv_b"),
        (
            "da.sum(axis=(0, 2, 3))",
            "da.mean(axis=(0, 2, 3))",
            "mean instead of sum",
            "d_conv_b",
        ),
        ("d_loss / n", "d_loss", "missing mean", "d_z"),
        ("    dz[np.arange(n), y] -= 1\n", "", "one-hot", "d_z"),
        ('"conv.W": dK', '"conv.W": dK[..., ::-1, ::-1]', "flipped", "d_conv_W"),
        ("df.reshape(h.shape)", 'df.reshape(h.shape, order="F")', "rearranged", "d_h"),
        (
            '"conv.W": dK',
            '"conv.W": dK.swapaxes(2, 3)',
            ("transposed", "rearranged"),
            "d_conv_W",
        ),
        (
            "da.sum(axis=(0, 2, 3))",
            "dh.sum(axis=(0, 2, 3))",
            "wrong cotangent",
            "d_conv_b",
        ),
        ("* (h > 0)", "* (h > 0) / n", "extra mean", "d_conv_z"),
    ),
    *_mistakes(
        "scanned",
        ("dW += x[i]", "dW = x[i]", "last step", "d_W"),
        ("db += da", "db = da", "last step", "d_b"),
        ("        dh = da @ U.T\n", "", "carry", "d_tanh"),
        ("da @ U.T", "da @ U", "transposed", "d_h_4"),
        ("(1 - after[i] ** 2)", "(1 - after[i])", "local derivative", "d_total"),
        ("before[i].T @ da", "after[i].T @ da", "wrong value", "d_U_2"),
        ("/ (2 * n)", "/ 2", "missing mean", "d_y"),
        ("2 * difference", "difference", "factor 2", "d_y"),
        ("da = dh * (1 - after[i] ** 2)", "da = dh", "local derivative", "d_total"),
        ("last.T @ dy", "before[-1].T @ dy", ("wrong value", "unknown"), "d_V"),
        ("dh = da @ U.T", "dh = dh @ U.T", "wrong cotangent", "d_h_4"),
    ),
    *_mistakes(
        "normed",
        (" + droot * a / (4 * root)", "", ("fan-out", "term"), "d_a"),
        ("= -(dr * a)", "= (dr * a)", "sign", "d_root"),
        ("root**2", "root", "local derivative", "d_root"),
        ("(4 * root)", "root", ("factor", "local derivative"), "d_a"),
        ("(4 * root)", "(8 * root)", ("factor 2", "fan-out"), "d_a|product"),
        ("dr / root +", "dr * root +", "local derivative", "d_a"),
        ("dr / root +", "dr +", "local derivative", "d_a"),
    ),
]

SPECS |= more.SPECS
SOLUTIONS |= more.SOLUTIONS
for model, rows in more.ALL:
    MISTAKES += _mistakes(model, *rows)  # type: ignore[arg-type]

# Right, and written in other ways.
ALTERNATIVES = [
    (
        "digits_mlp",
        """\
def backward(params, residuals, d_loss=1.0):
    \"\"\"An example at a time.\"\"\"
    x, h, p, y = residuals
    found = {name: np.zeros_like(array) for name, array in params.items()}
    for i in range(len(x)):
        e = p[i].copy()
        e[y[i]] -= 1
        e = e * d_loss / len(x)
        found["out.W"] += np.outer(h[i], e)
        found["out.b"] += e
        back = (params["out.W"] @ e) * np.sign(h[i])
        found["hidden.W"] += np.outer(x[i], back)
        found["hidden.b"] += back
    for name in ("hidden.W", "out.W"):
        found[name] += d_loss * 2e-4 * params[name]
    return found
""",
    ),
    (
        "digits_mlp",
        """\
def backward(params, residuals, d_loss=1.0):
    x, h, p, y = residuals
    delta = d_loss * (p - (y[:, None] == np.arange(10))) / len(y)
    hidden = np.where(h != 0, np.einsum("nk,hk->nh", delta, params["out.W"]), 0.0)
    return dict(
        [
            ("out.b", np.ones(len(x)) @ delta),
            ("out.W", h.T.dot(delta) + params["out.W"] * d_loss / 5e3),
            ("hidden.W", np.tensordot(x, hidden, (0, 0))
             + 1e-4 * (params["hidden.W"] + params["hidden.W"]) * d_loss),
            ("hidden.b", np.add.reduce(hidden)),
        ]
    )
""",
    ),
    (
        "digits_mlp",
        """\
def loss_and_residuals(params, x, y):
    z1 = x @ params["hidden.W"] + params["hidden.b"]
    a1 = np.where(z1 > 0, z1, 0)
    z2 = a1 @ params["out.W"] + params["out.b"]
    shifted = z2 - z2.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    penalty = sum((params[n] ** 2).sum() for n in ("hidden.W", "out.W"))
    loss = -log_p[np.arange(len(x)), y].mean() + 1e-4 * penalty
    return loss, {"x": x, "y": y, "z1": z1, "a1": a1, "log_p": log_p}


def backward(params, residuals, d_loss=1.0):
    kept = residuals
    n = len(kept["x"])
    g = np.exp(kept["log_p"])
    g[np.arange(n), kept["y"]] -= 1
    g *= d_loss / n
    grads = {"out.W": kept["a1"].T @ g, "out.b": g.sum(0)}
    g = g @ params["out.W"].T
    g[kept["z1"] <= 0] = 0
    grads["hidden.W"], grads["hidden.b"] = kept["x"].T @ g, g.sum(0)
    for n in ("hidden.W", "out.W"):
        grads[n] = grads[n] + 2 * 1e-4 * d_loss * params[n]
    return grads
""",
    ),
    (
        "linear_svm",
        """\
def backward(params, residuals, d_loss=1.0):
    x, margins, one_hot, y = residuals
    gW, gb = np.zeros((2, 3)), np.zeros(3)
    for i in range(len(x)):
        for j in range(3):
            if j != y[i] and margins[i, j] > 0:
                gW[:, j] += x[i]
                gW[:, y[i]] -= x[i]
                gb[j] += 1
                gb[y[i]] -= 1
    return {
        "b": d_loss * gb / len(x),
        "W": d_loss * (gW / len(x) + 0.002 * params["W"]),
    }
""",
    ),
    (
        "residual",
        """\
def backward(params, residuals, d_loss=1.0):
    x, h, s, r, difference = residuals
    up = np.ones_like(difference) * (d_loss / difference.shape[0]) * difference
    g = {}

    def affine(name, value, cotangent):
        g[name + ".W"] = np.einsum("ni,nj->ij", value, cotangent)
        g[name + ".b"] = np.einsum("nj->j", cotangent)
        return np.einsum("nj,ij->ni", cotangent, params[name + ".W"])

    up = affine("last", r, up)
    side = affine("middle", h, up * (s - s * s))
    up += side
    affine("first", x, up / np.cosh(np.arctanh(h)) ** 2)
    return g
""",
    ),
    (
        "scanned",
        """\
def backward(params, residuals, d_loss=1.0):
    x, before, after, last, difference = residuals
    grads = {k: np.zeros_like(v) for k, v in params.items()}
    g = difference * d_loss / len(difference)
    grads["V"] = last.T @ g
    g = g @ params["V"].T
    deltas = []
    for h in after[::-1]:
        g = g - g * h * h
        deltas.insert(0, g)
        g = g @ params["U"].T
    deltas = np.array(deltas)
    grads["W"] = np.einsum("tni,tnj->ij", x, deltas)
    grads["U"] = np.einsum("tni,tnj->ij", before, deltas)
    grads["b"] = deltas.sum((0, 1))
    return grads
""",
    ),
    (
        "conv",
        CONV_FORWARD
        + """\
def backward(params, residuals, d_loss=1.0):
    x, h, p, y = residuals
    n = len(x)
    g = d_loss / n * (p - np.eye(3)[y])
    flat = h.reshape(n, 24)
    back = (g @ params["out.W"].T).reshape(n, 2, 3, 4) * (h > 0)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    return {
        "conv.W": np.einsum("nohw,nchwij->ocij", back, windows),
        "conv.b": np.einsum("nohw->o", back),
        "out.W": flat.T @ g,
        "out.b": g.sum(0),
    }
""",
    ),
]
