"""More of what students hand in: the models and mistakes of `student_files` go on.

These were written before the grader had seen them, and tell how it does on mistakes
that it was not made for.
"""

from __future__ import annotations

SPECS = {
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
}

SOLUTIONS = {
    "logistic": """\
def backward(params, residuals, d_loss=1.0):
    x, z, e, t = residuals
    w = params["w"]
    n = len(z)
    prob = 1 / (1 + np.exp(-np.clip(z, -700, 700)))
    dz = d_loss * (prob - t) / n
    dw = x.T @ dz + 0.02 * d_loss * w
    db = dz.sum()
    return {"w": dw, "b": db}
""",
    "attention": """\
def backward(params, residuals, d_loss=1.0):
    x, q, k, v, p, difference = residuals
    n, steps, _ = x.shape
    dy = 2 * d_loss * difference / difference.size
    dv = p.transpose(0, 2, 1) @ dy
    dp = dy @ v.transpose(0, 2, 1)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    dq = ds @ k / 2
    dk = ds.transpose(0, 2, 1) @ q / 2
    dQ = np.einsum("nti,ntj->ij", x, dq)
    dK = np.einsum("nti,ntj->ij", x, dk)
    dV = np.einsum("nti,ntj->ij", x, dv)
    return {"Q": dQ, "K": dK, "V": dV}
""",
    "pooled": """\
def backward(params, residuals, d_loss=1.0):
    x, h, m, difference = residuals
    n = len(x)
    dy = 2 * difference * d_loss / n
    dV = m.T @ dy
    dm = dy @ params["V"].T
    best = h == m[:, None, :]
    dh = best * (dm / best.sum(axis=1))[:, None, :]
    da = dh * (h > 0)
    dW = np.einsum("nti,ntj->ij", x, da)
    return {"W": dW, "V": dV}
""",
    "gated": """\
def backward(params, residuals, d_loss=1.0):
    x, g, c, difference = residuals
    dy = difference * d_loss / x.shape[0]
    dg = dy * c
    dc = dy * g
    du = dc * (1 - c ** 2)
    dw = dg * g * (1 - g)
    return {"W": x.T @ dw, "U": x.T @ du}
""",
    "normal": """\
def backward(params, residuals, d_loss=1.0):
    x, centred, root, normalized, n, p, y = residuals
    size = len(x)
    dz = p.copy()
    dz[np.arange(size), y] -= 1
    dz *= d_loss / size
    dW2 = n.T @ dz
    db2 = dz.sum(axis=0)
    dn = dz @ params["last.W"].T
    dgamma = (dn * normalized).sum(axis=0)
    dbeta = dn.sum(axis=0)
    dhat = dn * params["norm.gamma"]
    mean1 = dhat.mean(axis=1, keepdims=True)
    mean2 = (dhat * normalized).mean(axis=1, keepdims=True)
    da = (dhat - mean1 - normalized * mean2) / root
    dW1 = x.T @ da
    db1 = da.sum(axis=0)
    return {"first.W": dW1, "first.b": db1, "norm.gamma": dgamma, "norm.beta": dbeta,
            "last.W": dW2, "last.b": db2}
""",
    "area": """\
def backward(residuals, d_out=1.0):
    x, y, r, s = residuals
    dr = d_out * s
    dx = dr * x / r + d_out * r * np.cos(x)
    dy = dr * y / r
    return Gradients(dx, dy)
""",
}

# Of a model: old text, new text, causes that may be named, and nodes.
ROWS = {
    "logistic": [
        ("/ n\n", "\n", "missing mean", "d_z|product"),
        ("(prob - t)", "prob", ("fan-out", "term", "regulariser"), "d_z"),
        ("(prob - t)", "(t - prob)", "sign", "d_z"),
        ("(prob - t)", "(prob - t) * prob * (1 - prob)", "unknown", "d_z"),
        (" + 0.02 * d_loss * w", "", "regulariser", "d_w"),
        ("0.02", "0.01", "factor 2", "d_w"),
        ("db = dz.sum()", "db = dz", "not summed", "d_b"),
        ("db = dz.sum()", "db = dz.mean()", "mean instead of sum", "d_b"),
        ("d_loss * (prob", "(prob", "d_loss", "d_z|product"),
    ],
    "attention": [
        (
            "p * (dp - (dp * p).sum(axis=-1, keepdims=True))",
            "p * (1 - p) * dp",
            "not summed",
            "d_s",
        ),
        ("dp - (dp * p).sum(axis=-1, keepdims=True)", "dp", ("fan-out", "term"), "d_s"),
        ("axis=-1", "axis=1", "wrong axis", "d_s"),
        ("ds @ k / 2", "ds @ k", "wrong cotangent", "d_Q"),
        ("ds.transpose(0, 2, 1) @ q", "ds @ q", "transposed", "d_K"),
        ("p.transpose(0, 2, 1) @ dy", "p @ dy", "transposed", "d_V"),
        ("/ difference.size", "/ n", "factor", "d_y"),
        ("dp - (dp", "dp + (dp", "sign", "d_s"),
        ("dq = ds @ k / 2", "dq = ds @ q / 2", "wrong value", "d_Q"),
        ("p * (dp -", "(dp -", "local derivative", "d_s"),
    ],
    "pooled": [
        ("best * (dm", "1.0 * (dm", "mask", "d_h"),
        ("dh * (h > 0)", "dh", "mask", "d_W"),
        ("2 * difference", "difference", "factor 2", "d_y"),
        ("* d_loss / n", "* d_loss / (2 * n)", "factor 2", "d_y"),
        ("* d_loss / n", "* d_loss", "missing mean", "d_y"),
        (
            '"nti,ntj->ij", x, da',
            '"nti,ntj->ij", x, da / x.shape[1]',
            ("extra mean", "mean instead of sum"),
            "d_W",
        ),
    ],
    "gated": [
        ("dg = dy * c", "dg = dy * g", "wrong value", "d_g"),
        ("dc = dy * g", "dc = dy", "local derivative", "d_c"),
        ("dg = dy * c", "dg = dy", "local derivative", "d_g"),
        ("(1 - c ** 2)", "(1 - c)", "local derivative", "d_product"),
        ("dg * g * (1 - g)", "dg * (1 - g)", "local derivative", "d_W"),
        ("dg * g * (1 - g)", "dg * g * (1 - c)", "wrong value", "d_W"),
        (
            "dc * (1 - c ** 2)",
            "dy * (1 - c ** 2)",
            ("wrong cotangent", "local derivative"),
            "d_product|d_c",
        ),
        ("difference * d_loss", "2 * difference * d_loss", "twice", "d_y"),
        (
            "x.T @ du",
            "x.T @ dc",
            ("wrong cotangent", "local derivative"),
            "d_U|d_product",
        ),
    ],
    "normal": [
        (
            "dhat - mean1 - normalized * mean2",
            "dhat - mean1",
            ("fan-out", "term"),
            "d_centred",
        ),
        (
            "dhat - mean1 - normalized * mean2",
            "dhat - normalized * mean2",
            ("fan-out", "term"),
            "d_a",
        ),
        (
            "dhat - mean1 - normalized * mean2",
            "dhat",
            ("fan-out", "term"),
            "d_centred|d_a",
        ),
        (" / root\n", "\n", "local derivative", "d_root|d_centred"),
        ('dn * params["norm.gamma"]', "dn", "local derivative", "d_normalized"),
        ("(dn * normalized).sum", "(dn * centred).sum", "wrong value", "d_norm_gamma"),
        (
            "(dn * normalized).sum(axis=0)",
            "dn.sum(axis=0)",
            "local derivative",
            "d_norm_gamma",
        ),
        (
            "dbeta = dn.sum(axis=0)",
            "dbeta = (dn * params['norm.gamma']).sum(axis=0)",
            "wrong cotangent",
            "d_norm_beta",
        ),
        (
            "dbeta = dn.sum(axis=0)",
            "dbeta = dn.sum(axis=1)",
            "wrong axis",
            "d_norm_beta",
        ),
        ("n.T @ dz", "normalized.T @ dz", "wrong value", "d_last_W"),
        (".copy()", "", "in place", "residuals.p"),
    ],
    "area": [
        (" + d_out * r * np.cos(x)", "", "fan-out", "d_x"),
        ("dr * x / r +", "", "fan-out", "d_x"),
        ("np.cos(x)", "-np.cos(x)", "sign", "d_x|product"),
        ("dr * y / r", "dr * y / (2 * r)", ("factor 2", "fan-out"), "d_y"),
        ("dr * y / r", "dr * x / r", "wrong value", "d_y"),
        ("dr * y / r", "dr * y", "local derivative", "d_y|d_total"),
        ("dr = d_out * s", "dr = s", "d_loss", "d_r"),
    ],
    "digits_mlp": [
        (
            "/ n * d_loss\n    dW2 = h.T @ dz + 2e-4 * d_loss * W2",
            "* d_loss\n    dW2 = h.T @ dz",
            ("missing mean",),
            "d_z",
        ),
        (
            "dz1 = dh * (h > 0)\n    dW1 = x.T @ dz1 + 2e-4 * d_loss * W1",
            "dz1 = dh\n    dW1 = x.T @ dz1",
            "mask",
            "d_hidden_z",
        ),
    ],
}

# Written when the grader had seen those above.
ROWS_LATER = {
    "attention": [
        ("x, dk)", "x, dq)", "unknown", ""),  # "is the gradient of Q"
        ("ds @ k / 2", "ds @ k / 4", ("factor 2", "factor"), "d_Q|d_product"),
        ("dy @ v.transpose(0, 2, 1)", "-(dy @ v.transpose(0, 2, 1))", "sign", "d_p"),
        (
            "ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))",
            "ds = dp - (dp * p).sum(axis=-1, keepdims=True)",
            "local derivative",
            "d_s",
        ),
        ("(dp * p).sum(axis=-1", "dp.sum(axis=-1", "local derivative", "d_s"),
        (
            '"nti,ntj->ij", x, dv)',
            '"nti,ntj->ij", x, dv) / steps',
            ("extra mean", "mean instead of sum"),
            "d_V",
        ),
    ],
    "pooled": [
        ("m.T @ dy", "h.mean(axis=1).T @ dy", ("unknown", "wrong value"), "d_V"),
        ("m.T @ dy", "m.T @ dy / n", "extra mean", "d_V"),
        ("dm = dy @", "dm = -dy @", "sign", "d_m"),
    ],
    "scanned": [
        (
            "db += da.sum(axis=0)",
            "db += da.mean(axis=0)",
            "mean instead of sum",
            "d_b|d_b_2",
        ),
        ("dU += before[i].T @ da", "dU -= before[i].T @ da", "sign", "d_U|d_U_2"),
        (
            "for i in reversed(range(steps))",
            "for i in range(steps)",
            "unknown",
            "",  # the first wrong turn of a loop is not looked for
        ),
        ("dW += x[i].T @ da", "dW += x[i].T @ dh", "wrong cotangent", "d_W_2|d_W"),
        ("dh = dy @ V.T", "dh = 2 * dy @ V.T", "twice", "d_h|d_tanh"),
        ("dV = last.T @ dy", "dV = last.T @ dy / n", "extra mean", "d_V"),
    ],
    "conv": [
        (
            "dc = da.sum(axis=(0, 2, 3))",
            "dc = da.sum(axis=(0, 1, 2))",
            "wrong axis",
            "d_conv_b",
        ),
        ("dh = df.reshape(h.shape)", "dh = -df.reshape(h.shape)", "sign", "d_h"),
        (
            'np.einsum("nohw,nhw->o", da, patch)',
            'np.einsum("nohw,nhw->o", dh, patch)',
            "wrong cotangent",
            "d_conv_W",
        ),
        ("dz *= d_loss / n", "dz *= 1 / n", "d_loss", "d_z"),
        (
            "x[:, 0, i : i + 3, j : j + 4]",
            "x[:, 0, j : j + 3, i : i + 4]",
            "rearranged",
            "d_conv_W",
        ),
    ],
    "normal": [
        (
            "(dhat - mean1 - normalized * mean2) / root",
            "(dhat - mean1 + normalized * mean2) / root",
            "sign",
            "d_centred|d_root",
        ),
        ("/ root\n", "* root\n", ("unknown", "local derivative"), ""),
        (
            "mean1 = dhat.mean(axis=1, keepdims=True)",
            "mean1 = dhat.mean(axis=0, keepdims=True)",
            "unknown",
            "",  # between d_normalized and d_a, by another way than the derived one
        ),
        (
            "mean1 = dhat.mean(axis=1, keepdims=True)",
            "mean1 = dhat.sum(axis=1, keepdims=True)",
            ("sum instead of mean", "factor", "local derivative"),
            "d_a",
        ),
        (
            "(dhat * normalized).mean",
            "(dhat * normalized).sum",
            ("sum instead of mean", "factor"),
            "d_centred|d_root|d_a",
        ),
    ],
    "dropped": [
        (
            'np.dot(dz, params["out.W"].T)',
            'np.dot(dz, params["out.W"].T) / n',
            "extra mean",
            "d_h",
        ),
        (
            "dh = dd * mask",
            "dh = dd * mask * mask",
            ("factor", "mask scale", "unknown"),
            "d_h",
        ),
        ("x.T @ da", "x.T @ dh", "wrong cotangent", "d_hidden_W"),
        (
            "product.T @ dz",
            "product.T @ p",
            ("wrong cotangent", "one-hot", "wrong value", "unknown"),
            "d_out_W",
        ),
    ],
    "logistic": [
        (
            "prob = 1 / (1 + np.exp(-np.clip(z, -700, 700)))",
            "prob = 1 / (1 + np.exp(np.clip(z, -700, 700)))",
            ("sign", "inverted mask", "unknown", "local derivative"),
            "d_z",
        ),
        ("x.T @ dz", "x.T @ (dz / n)", "extra mean", "d_w"),
        ("0.02 * d_loss * w", "0.02 * w", "d_loss", "d_w"),
    ],
    "area": [
        ("dr = d_out * s", "dr = -d_out * s", "sign", "d_r"),
        ("d_out * r * np.cos(x)", "d_out * np.cos(x)", "local derivative", "d_x"),
        ("np.cos(x)", "np.sin(x)", "local derivative", "d_x"),
    ],
}

SPECS |= {
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
u, w = sd.tanh(p @ W), sd.tanh(q @ W)
d = u - w
r = sd.sum(d * d, axis=1)
model = sd.Model("twins", inputs=[p, q], targets=[t], outputs=r,
    loss=sd.mean((r - t) ** 2))
""",
}

SOLUTIONS |= {
    "embed": """\
def backward(params, residuals, d_loss=1.0):
    k, u, p, y = residuals
    n, steps = k.shape
    dz = p - np.eye(3)[y]
    dz = dz * d_loss / n
    dW = u.T @ dz
    db = dz.sum(axis=0)
    du = dz @ params["W"].T
    dm = du * (1 - u**2)
    dE = 0.1 * d_loss * params["E"]
    share = np.repeat(dm[:, None, :] / steps, steps, axis=1)
    np.add.at(dE, k, share)
    return {"E": dE, "W": dW, "b": db}
""",
    "batch": """\
def backward(params, residuals, d_loss=1.0):
    x, d, s, hat, h, e = residuals
    g, v = params["g"], params["v"]
    n = len(x)
    de = 2 * e * d_loss / n
    dv = h.T @ de
    dh = np.outer(de, v)
    do = dh * (h > 0)
    dg = (do * hat).sum(axis=0)
    dc = do.sum(axis=0)
    dhat = do * g
    da = (dhat - dhat.mean(axis=0) - hat * (dhat * hat).mean(axis=0)) / s
    return {"W": x.T @ da, "g": dg, "c": dc, "v": dv}
""",
    "twins": """\
def backward(params, residuals, d_loss=1.0):
    p, q, u, w, d, diff = residuals
    n = len(p)
    dr = 2 * diff * d_loss / n
    dd = 2 * dr[:, None] * d
    du = dd * (1 - u**2)
    dw = -dd * (1 - w**2)
    dW = p.T @ du + q.T @ dw
    return {"W": dW}
""",
}

# And last, these.
ROWS_LAST = {
    "embed": [
        ("np.add.at(dE, k, share)", "dE[k] += share", "repeated index", "d_E"),
        (
            " / steps, steps",
            ", steps",
            ("factor", "extra mean", "missing mean", "local derivative"),
            "d_E|d_m",
        ),
        (
            '0.1 * d_loss * params["E"]',
            'np.zeros_like(params["E"])',
            "regulariser",
            "d_E",
        ),
        ("0.1 * d_loss", "0.05 * d_loss", "factor 2", "d_E"),
        ("dm = du * (1 - u**2)", "dm = du", "local derivative", "d_m"),
        ("(1 - u**2)", "(1 - u)", "local derivative", "d_m"),
        ("    np.add.at(dE, k, share)\n", "", ("term", "fan-out"), "d_E"),
        ("u.T @ dz", "-u.T @ dz", "sign", "d_W"),
        ("d_loss / n", "d_loss", "missing mean", "d_z"),
        ("np.eye(3)[y]", "np.eye(3)[y - 1]", "unknown", "d_z"),
    ],
    "batch": [
        ("dhat - dhat.mean(axis=0) - hat", "dhat - hat", ("fan-out", "term"), "d_a"),
        (" - hat * (dhat * hat).mean(axis=0)", "", ("fan-out", "term"), "d_d"),
        ("do * g\n", "do\n", "local derivative", "d_ratio"),
        ("(do * hat).sum", "(do * d).sum", "wrong value", "d_g"),
        ("dc = do.sum", "dc = dh.sum", "wrong cotangent", "d_c"),
        ("dh * (h > 0)", "dh", "mask", "d_total"),
        ("2 * e", "e", "factor 2", "d_e"),
        (
            "dg = (do * hat).sum(axis=0)",
            "dg = (do * hat).mean(axis=0)",
            "mean instead of sum",
            "d_g",
        ),
        (" / s\n", "\n", ("unknown", "local derivative"), ""),
        ("h.T @ de", "hat.T @ de", "wrong value", "d_v"),
    ],
    "twins": [
        ("dw = -dd", "dw = dd", "sign", "d_product"),
        ("+ q.T @ dw", "", "fan-out", "d_W"),
        ("p.T @ du +", "", "fan-out", "d_W"),
        ("2 * dr", "dr", ("factor 2", "fan-out"), "d_d"),
        ("q.T @ dw", "p.T @ dw", "wrong value", "d_W"),
        ("(1 - w**2)", "(1 - u**2)", "wrong value", "d_product"),
        ("+ q.T @ dw", "- q.T @ dw", "sign", "d_W|d_product"),
        ("d_loss / n", "d_loss", "missing mean", "d_r"),
        ("dr[:, None]", "dr", "broadcast", "d_d"),
    ],
}

ALL = [*ROWS.items(), *ROWS_LATER.items(), *ROWS_LAST.items()]
